//! Pure: the newest message of each nick, and whether an arriving message is older than it but of another run of its
//! sender. Within a run the numbers decide. Between two runs their identifiers say nothing, so positions and clocks
//! decide. `seen` uses it.

use crate::protocol::{Entry, Mark, MessageId, NickKey, SentId, Timestamp};
use chrono::{DateTime, FixedOffset, TimeDelta};
use std::collections::HashMap;
use std::time::Instant;

/// A message nearly always arrives this soon after the server received it.
const UNDER_WAY: TimeDelta = TimeDelta::seconds(1);
/// And this soon after it was written, even if it was retransmitted.
const SLOWEST: TimeDelta = TimeDelta::minutes(5);
/// The most nicks whose newest message is known.
const SPEAKERS: usize = 1_000;

#[derive(Debug, Default)]
pub struct Newest {
    live: HashMap<NickKey, Live>,
    /// The last position of each nick that a page has shown, without retransmitted messages.
    paged: HashMap<NickKey, u64>,
    /// What the server's clock showed, and when.
    server_clock: Option<(Instant, DateTime<FixedOffset>)>,
}

/// The newest live message of a nick, and its run.
#[derive(Debug)]
struct Live {
    id: SentId,
    arrival: Arrival,
    /// When it arrived.
    heard: Instant,
    /// When it was written, by its sender's clock.
    at: Option<DateTime<FixedOffset>>,
    /// Its position in the history. Until that is known, the last known position of its run. The runs of a sender
    /// follow each other, so anything after this position is of a later run.
    pos: Option<u64>,
    /// A position at or before which the history has a message of its run: a mark named it, or it was retransmitted,
    /// perhaps long after it was said. Anything after it is of a later run. Positions before it prove nothing.
    by: Option<u64>,
}

/// How it arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrival {
    /// This client sent it.
    Here,
    /// On this connection, when it was said.
    Live,
    /// On an earlier connection, or retransmitted. What was missed may have been said before it or after.
    Unclear,
}

impl Newest {
    /// A message arrived live. A retransmitted one may be old: if it is of another run than the newest live one, it
    /// counts only if it is newer by its sender's clock.
    pub fn heard(
        &mut self,
        now: Instant,
        key: &NickKey,
        id: &SentId,
        at: Option<DateTime<FixedOffset>>,
        sent_again: bool,
    ) {
        let is_old = |live: &Live| live.id.session != id.session && !is_before(live.at, at);
        match sent_again {
            false => self.add(now, key, id, at, Arrival::Live),
            true if self.live.get(key).is_some_and(is_old) => {}
            true => self.add(now, key, id, at, Arrival::Unclear),
        }
    }

    /// This client sent a message.
    pub fn said(&mut self, now: Instant, key: &NickKey, id: &SentId, at: Option<DateTime<FixedOffset>>) {
        self.add(now, key, id, at, Arrival::Here);
    }

    fn add(&mut self, now: Instant, key: &NickKey, id: &SentId, at: Option<DateTime<FixedOffset>>, arrival: Arrival) {
        // Order does not matter for a sender that uses this many nicks.
        let has_room = self.live.len() < SPEAKERS;
        match self.live.get_mut(key) {
            Some(live) if live.id.session == id.session => {
                if at > live.at {
                    live.heard = now;
                }
                (live.id.seq, live.at) = (live.id.seq.max(id.seq), live.at.max(at));
                live.arrival = if arrival == Arrival::Unclear { live.arrival } else { arrival };
            }
            None if !has_room => {}
            _ => {
                self.live.insert(key.clone(), Live { id: id.clone(), arrival, heard: now, at, pos: None, by: None });
            }
        }
    }

    /// A new connection begins.
    pub fn connection_is_another(&mut self) {
        let live = self.live.values_mut().filter(|live| live.arrival == Arrival::Live);
        live.for_each(|live| live.arrival = Arrival::Unclear);
    }

    /// Pages come from another history: positions in the old one say nothing.
    pub fn history_is_another(&mut self) {
        self.live.values_mut().for_each(|live| (live.pos, live.by) = (None, None));
        self.paged.clear();
    }

    /// The server's clock shows this time now.
    pub fn server_clock_is(&mut self, now: Instant, time: DateTime<FixedOffset>) {
        self.server_clock = Some((now, time));
    }

    /// Learns from a page where messages lie.
    pub fn look_at(&mut self, page: &[Entry]) {
        for entry in page {
            let (Some(MessageId::Sent(id)), Some(pos)) = (&entry.id, entry.pos) else { continue };
            match self.live.get_mut(entry.nick.key()) {
                Some(live) if live.id.session != id.session || live.id.seq < id.seq => {}
                Some(live) if entry.late => live.is_stored_by(pos),
                Some(live) => live.pos = live.pos.max(Some(pos)),
                None => {}
            }
        }
    }

    /// Learns from a mark by where its messages lie.
    pub fn look_at_mark(&mut self, mark: &Mark) {
        for (key, said) in &mark.ids {
            if let Some(live) = self.live.get_mut(key)
                && said.sent.get(&live.id.session).is_some_and(|numbers| numbers.numbers().next() <= Some(live.id.seq))
            {
                live.is_stored_by(mark.to);
            }
        }
    }

    /// A message of a page was shown, and is not late.
    pub fn shown(&mut self, entry: &Entry) {
        let key = entry.nick.key();
        if let Some(pos) = entry.pos.filter(|_| !entry.late)
            && (self.paged.len() < SPEAKERS || self.paged.contains_key(key))
        {
            self.paged.insert(key.clone(), pos);
        }
    }

    /// Whether a message of a page is older than one of its sender that an earlier page has shown, or than the newest
    /// live one of another run.
    pub fn overtakes(&self, entry: &Entry, id: &SentId) -> bool {
        if self.paged.get(entry.nick.key()).zip(entry.pos).is_some_and(|(shown, pos)| *shown > pos) {
            return true;
        }
        let Some(live) = self.live.get(entry.nick.key()).filter(|live| live.id.session != id.session) else {
            return false;
        };
        match (live.pos, live.by, entry.pos) {
            (Some(known), _, Some(pos)) => known > pos,
            (None, Some(by), Some(pos)) if by < pos => false,
            // The live one may never be stored, so only clocks are left. The sender's may have been set back between
            // the two.
            _ if live.arrival == Arrival::Unclear => {
                is_before(entry.timestamp.as_ref().and_then(Timestamp::at), live.at) || self.server_had(entry, live)
            }
            // The message was stored only since. A clock proves nothing: it may have been set back between the two
            // runs.
            _ => true,
        }
    }

    /// Whether the server had received a message of a page before the live one arrived, if their sender's clock was set
    /// in between. Such a clock differs from the server's at the time.
    fn server_had(&self, entry: &Entry, live: &Live) -> bool {
        let had = || {
            let (now, time) = self.server_clock?;
            let (written, live_written) = (entry.timestamp.as_ref()?.at()?, live.at?);
            let received = entry.received.as_ref()?.at()?;
            let live_came = time - TimeDelta::from_std(now.saturating_duration_since(live.heard)).ok()?;
            let was_set = ((live_came - live_written) - (received - written)).abs() > SLOWEST;
            // A receive time in the future means that the server's own clock was set back since.
            Some(was_set && (received + UNDER_WAY < live_came || received > time))
        };
        had().unwrap_or(false)
    }

    /// Whether a live message is of an earlier run of this client, and not of another program with its nick.
    pub fn overtakes_live(&self, key: &NickKey, id: &SentId, at: Option<DateTime<FixedOffset>>) -> bool {
        let own = self.live.get(key).filter(|live| live.arrival == Arrival::Here && live.id.session != id.session);
        own.is_some_and(|live| is_before(at, live.at))
    }
}

impl Live {
    fn is_stored_by(&mut self, pos: u64) {
        self.by = Some(self.by.map_or(pos, |by| by.min(pos)));
    }
}

fn is_before(one: Option<DateTime<FixedOffset>>, other: Option<DateTime<FixedOffset>>) -> bool {
    one.zip(other).is_some_and(|(one, other)| one < other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{FromServer, Nick};

    /// Two runs of alice, whose clock was set back by an hour between them, or was not.
    const OLD: &str = "aaaaaaaaaaaa";
    const NEW: &str = "bbbbbbbbbbbb";
    const NOON: &str = "2026-11-22T12:00:00Z";
    const ELEVEN: &str = "2026-11-22T11:00:00Z";

    fn id(session: &str, seq: u64) -> SentId {
        match MessageId::parse(&format!("{session}-{seq}")) {
            Some(MessageId::Sent(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    fn alice() -> NickKey {
        NickKey::parse("alice").unwrap()
    }

    fn at(time: &str) -> Option<DateTime<FixedOffset>> {
        Timestamp::parse(time).unwrap().at()
    }

    fn entry(session: &str, seq: u64, time: &str, pos: u64) -> Entry {
        Entry {
            nick: Nick::parse("Alice").unwrap(),
            text: String::new(),
            timestamp: Timestamp::parse(time),
            action: false,
            late: false,
            id: Some(MessageId::Sent(id(session, seq))),
            pos: Some(pos),
            received: None,
        }
    }

    fn now() -> Instant {
        Instant::now()
    }

    fn live(session: &str, seq: u64, time: &str) -> Newest {
        let mut newest = Newest::default();
        newest.heard(now(), &alice(), &id(session, seq), at(time), false);
        newest
    }

    /// Checks which entries of the page are late, by their positions.
    #[track_caller]
    fn check(newest: &mut Newest, page: &[Entry], late: &[u64]) {
        newest.look_at(page);
        let overtaken = page.iter().filter(|entry| match &entry.id {
            Some(MessageId::Sent(id)) => newest.overtakes(entry, id),
            _ => false,
        });
        assert_eq!(overtaken.filter_map(|entry| entry.pos).collect::<Vec<_>>(), late);
    }

    fn mark(session: &str, from: u64, to: u64) -> Mark {
        let json = format!(
            r#"{{"type":"mark","room":"lobby","epoch":"rkrxc5f0sqnm","from":{from},"to":{to},"ids":{{"alice":{{"{session}":[[1,1]]}}}}}}"#
        );
        match FromServer::parse(json.as_bytes()) {
            Ok(FromServer::Mark(mark)) => mark,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_earlier_run_is_late_whatever_the_clock_says() {
        for time in [ELEVEN, NOON] {
            let old = entry(OLD, 7, NOON, 5);
            check(&mut live(NEW, 3, time), std::slice::from_ref(&old), &[5]);
            check(&mut live(NEW, 3, time), &[old.clone(), entry(NEW, 3, time, 6)], &[5]);
            check(&mut live(NEW, 3, time), &[old, entry(NEW, 2, time, 6)], &[5]);
        }
    }

    #[test]
    fn a_later_run_is_in_time_whatever_the_clock_says() {
        for time in [ELEVEN, NOON] {
            let new = entry(NEW, 1, time, 6);
            check(&mut live(OLD, 3, NOON), &[entry(OLD, 3, NOON, 5), new.clone()], &[]);
            let mut marked = live(OLD, 3, NOON);
            marked.look_at_mark(&mark(OLD, 4, 5));
            check(&mut marked, std::slice::from_ref(&new), &[]);
            // The mark names a position at or after the message of the old run. A message before that position may be
            // older or newer.
            check(&mut marked, &[entry(NEW, 1, time, 4)], &[4]);
            let sent_again = Entry { late: true, ..entry(OLD, 2, NOON, 5) };
            check(&mut live(OLD, 3, NOON), &[sent_again, new], &[]);
        }
    }

    #[test]
    fn the_newest_message_says_nothing_about_its_own_run_or_others() {
        let bob = Entry { nick: Nick::parse("bob").unwrap(), ..entry(OLD, 1, ELEVEN, 6) };
        let row = Entry { id: Some(MessageId::Row(7)), ..entry(OLD, 1, ELEVEN, 7) };
        check(&mut live(NEW, 3, NOON), &[entry(NEW, 1, NOON, 5), bob, row], &[]);
    }

    #[test]
    fn the_clock_orders_messages_of_earlier_connections() {
        for (time, late) in [(ELEVEN, &[5][..]), (NOON, &[]), ("2026-11-22T13:00:00+01:00", &[]), ("no time", &[])] {
            let mut newest = live(NEW, 3, "2026-11-22T11:30:00Z");
            newest.connection_is_another();
            check(&mut newest, &[entry(OLD, 7, time, 5)], late);
        }
        // If the history has it, that decides.
        let mut newest = live(NEW, 3, ELEVEN);
        newest.connection_is_another();
        check(&mut newest, &[entry(OLD, 7, NOON, 5), entry(NEW, 3, ELEVEN, 6)], &[5]);
        newest.history_is_another();
        check(&mut newest, &[entry(OLD, 7, NOON, 5)], &[]);
    }

    #[test]
    fn the_clock_orders_retransmitted_messages() {
        for (time, late) in [(ELEVEN, &[5][..]), (NOON, &[])] {
            let mut newest = Newest::default();
            newest.heard(now(), &alice(), &id(NEW, 3), at("2026-11-22T11:30:00Z"), true);
            check(&mut newest, &[entry(OLD, 7, time, 5)], late);
        }
        // An old one does not replace the newest live one, even if that came on an earlier connection.
        for is_another in [false, true] {
            let mut newest = live(NEW, 3, NOON);
            if is_another {
                newest.connection_is_another();
            }
            newest.heard(now(), &alice(), &id(OLD, 2), at(ELEVEN), true);
            check(&mut newest, &[entry(OLD, 7, ELEVEN, 5)], &[5]);
        }
    }

    /// A message of an earlier run has a later time, because the sender's clock was set back since. The live one, which
    /// was retransmitted, arrived at noon by the server's clock; the page was made at ten past.
    #[test]
    fn the_servers_clock_decides_if_the_senders_was_set() {
        let check = |time: &str, live_time: &str, received: &str, server_time: &str, expected: &[u64]| {
            let (mut newest, start) = (Newest::default(), now());
            newest.heard(start, &alice(), &id(NEW, 3), at(live_time), true);
            newest.server_clock_is(start + std::time::Duration::from_secs(600), at(server_time).unwrap());
            let entry = Entry { received: Timestamp::parse(received), ..entry(OLD, 7, time, 5) };
            check(&mut newest, &[entry], expected);
        };
        let (before, after, made) = ("2026-11-22T11:59:00Z", "2026-11-22T12:05:00Z", "2026-11-22T12:10:00Z");
        check(before, "2026-11-22T10:00:00Z", before, made, &[5]);
        // It may be newer than the live one, which was lost on its way to the server.
        check(after, "2026-11-22T10:00:00Z", after, made, &[]);
        // No clock was set: the live one only took long.
        check(before, "2026-11-22T11:58:00Z", before, made, &[]);
        // The server's clock was set back, too.
        check("2026-11-22T18:00:00Z", "2026-11-22T10:00:00Z", "2026-11-22T18:00:00Z", made, &[5]);
        check(before, "2026-11-22T10:00:00Z", "no time", made, &[]);
    }

    #[test]
    fn messages_of_own_earlier_runs_are_late() {
        let mut newest = Newest::default();
        newest.said(now(), &alice(), &id(NEW, 1), at(NOON));
        newest.connection_is_another();
        check(&mut newest, &[entry(OLD, 7, "2026-11-22T13:00:00Z", 5)], &[5]);
        assert!(newest.overtakes_live(&alice(), &id(OLD, 7), at(ELEVEN)));
        // Another program with this nick.
        assert!(!newest.overtakes_live(&alice(), &id(OLD, 7), at("2026-11-22T13:00:00Z")));
        assert!(!newest.overtakes_live(&alice(), &id(NEW, 2), at(ELEVEN)));
        assert!(!live(NEW, 1, NOON).overtakes_live(&alice(), &id(OLD, 7), at(ELEVEN)), "another's");
    }

    #[test]
    fn many_nicks_take_no_more_memory() {
        let mut newest = Newest::default();
        for number in 0..2 * SPEAKERS {
            let key = NickKey::parse(&format!("n{number}")).unwrap();
            newest.heard(now(), &key, &id(NEW, 1), None, false);
        }
        assert_eq!(newest.live.len(), SPEAKERS);
    }
}
