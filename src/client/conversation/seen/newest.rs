//! Pure: the newest live message of each nick, and whether one that comes after it was said before it, by another run of
//! its sender. Within a run the numbers tell; of two runs their identifiers say nothing. `seen` asks it.

use crate::protocol::{Entry, Mark, MessageId, NickKey, SentId, Timestamp};
use chrono::{DateTime, FixedOffset};
use std::collections::HashMap;

/// Nicks of which it knows the newest live message.
const SPEAKERS: usize = 1_000;

#[derive(Debug, Default)]
pub struct Newest(HashMap<NickKey, Live>);

/// The newest live message of a nick, and the run that it is of.
#[derive(Debug)]
struct Live {
    id: SentId,
    from: From,
    /// When it was written, by its sender's clock.
    at: Option<DateTime<FixedOffset>>,
    /// Where it lies in the history; before it was found there, the last of its run that was found. One run of a sender
    /// follows the other: what lies behind is of a later one.
    pos: Option<u64>,
    /// By here the history has one of its run: a mark names it, or it lies here and was sent again, perhaps long after it
    /// was said. What lies behind is of a later run; of what lies before that says nothing.
    by: Option<u64>,
}

/// How it came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    /// This client has sent it.
    Here,
    /// On this connection, when it was said.
    Live,
    /// On an earlier connection, or sent again: what was not heard may have been said before it or after.
    Unclear,
}

impl Newest {
    /// A message has come live. One that was sent again may be of long ago: of another run than the newest live one it counts
    /// only if it is newer by its sender's clock.
    pub fn heard(&mut self, key: &NickKey, id: &SentId, at: Option<DateTime<FixedOffset>>, sent_again: bool) {
        let is_old =
            |live: &Live| live.from != From::Unclear && live.id.session != id.session && !is_before(live.at, at);
        match sent_again {
            false => self.add(key, id, at, From::Live),
            true if self.0.get(key).is_some_and(is_old) => {}
            true => self.add(key, id, at, From::Unclear),
        }
    }

    /// This client has sent one.
    pub fn said(&mut self, key: &NickKey, id: &SentId, at: Option<DateTime<FixedOffset>>) {
        self.add(key, id, at, From::Here);
    }

    fn add(&mut self, key: &NickKey, id: &SentId, at: Option<DateTime<FixedOffset>>, from: From) {
        // Whoever speaks under so many nicks is no sender whose order matters.
        let has_room = self.0.len() < SPEAKERS;
        match self.0.get_mut(key) {
            Some(live) if live.id.session == id.session => {
                (live.id.seq, live.at) = (live.id.seq.max(id.seq), live.at.max(at));
                live.from = if from == From::Unclear { live.from } else { from };
            }
            None if !has_room => {}
            _ => {
                self.0.insert(key.clone(), Live { id: id.clone(), from, at, pos: None, by: None });
            }
        }
    }

    /// Another connection begins.
    pub fn connection_is_another(&mut self) {
        let live = self.0.values_mut().filter(|live| live.from == From::Live);
        live.for_each(|live| live.from = From::Unclear);
    }

    /// Pages come from another history: places in the last one say nothing.
    pub fn history_is_another(&mut self) {
        self.0.values_mut().for_each(|live| (live.pos, live.by) = (None, None));
    }

    /// Learns from a page where the messages lie.
    pub fn look_at(&mut self, page: &[Entry]) {
        for entry in page {
            let (Some(MessageId::Sent(id)), Some(pos)) = (&entry.id, entry.pos) else { continue };
            match self.0.get_mut(entry.nick.key()) {
                Some(live) if live.id.session != id.session || live.id.seq < id.seq => {}
                Some(live) if entry.late => live.is_stored_by(pos),
                Some(live) => live.pos = live.pos.max(Some(pos)),
                None => {}
            }
        }
    }

    /// Learns from a mark by where the messages that it names lie.
    pub fn look_at_mark(&mut self, mark: &Mark) {
        for (key, said) in &mark.ids {
            if let Some(live) = self.0.get_mut(key)
                && said.sent.get(&live.id.session).is_some_and(|numbers| numbers.numbers().next() <= Some(live.id.seq))
            {
                live.is_stored_by(mark.to);
            }
        }
    }

    /// Whether a message of a page was said before the newest live one of its sender, which is of another run.
    pub fn overtakes(&self, entry: &Entry, id: &SentId) -> bool {
        let Some(live) = self.0.get(entry.nick.key()).filter(|live| live.id.session != id.session) else {
            return false;
        };
        match (live.pos, live.by, entry.pos) {
            (Some(known), _, Some(pos)) => known > pos,
            (None, Some(by), Some(pos)) if by < pos => false,
            // The live one may never be stored: its sender's clock is what is left.
            _ if live.from == From::Unclear => is_before(entry.timestamp.as_ref().and_then(Timestamp::at), live.at),
            // Stored only since. A clock would be no witness: it may have been set back between the two runs.
            _ => true,
        }
    }

    /// Whether one that comes live was said by an earlier run of this client, not by another program with its nick.
    pub fn overtakes_live(&self, key: &NickKey, id: &SentId, at: Option<DateTime<FixedOffset>>) -> bool {
        let own = self.0.get(key).filter(|live| live.from == From::Here && live.id.session != id.session);
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

    fn live(session: &str, seq: u64, time: &str) -> Newest {
        let mut newest = Newest::default();
        newest.heard(&alice(), &id(session, seq), at(time), false);
        newest
    }

    /// Checks which entries of the page are told to be late, by their places.
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
            // The mark says by where one of the old run lies: what is before that may have been said after it, or before.
            check(&mut marked, &[entry(NEW, 1, time, 4)], &[4]);
            let sent_again = Entry { late: true, ..entry(OLD, 2, NOON, 5) };
            check(&mut live(OLD, 3, NOON), &[sent_again, new], &[]);
        }
    }

    #[test]
    fn within_a_run_and_of_others_it_says_nothing() {
        let bob = Entry { nick: Nick::parse("bob").unwrap(), ..entry(OLD, 1, ELEVEN, 6) };
        let row = Entry { id: Some(MessageId::Row(7)), ..entry(OLD, 1, ELEVEN, 7) };
        check(&mut live(NEW, 3, NOON), &[entry(NEW, 1, NOON, 5), bob, row], &[]);
    }

    #[test]
    fn of_what_came_on_an_earlier_connection_the_clock_tells() {
        for (time, late) in [(ELEVEN, &[5][..]), (NOON, &[]), ("2026-11-22T13:00:00+01:00", &[]), ("no time", &[])] {
            let mut newest = live(NEW, 3, "2026-11-22T11:30:00Z");
            newest.connection_is_another();
            check(&mut newest, &[entry(OLD, 7, time, 5)], late);
        }
        // But where the history has it, that.
        let mut newest = live(NEW, 3, ELEVEN);
        newest.connection_is_another();
        check(&mut newest, &[entry(OLD, 7, NOON, 5), entry(NEW, 3, ELEVEN, 6)], &[5]);
        newest.history_is_another();
        check(&mut newest, &[entry(OLD, 7, NOON, 5)], &[]);
    }

    #[test]
    fn so_of_what_was_sent_again() {
        for (time, late) in [(ELEVEN, &[5][..]), (NOON, &[])] {
            let mut newest = Newest::default();
            newest.heard(&alice(), &id(NEW, 3), at("2026-11-22T11:30:00Z"), true);
            check(&mut newest, &[entry(OLD, 7, time, 5)], late);
        }
        // An old one does not hide what has come live.
        let mut newest = live(NEW, 3, NOON);
        newest.heard(&alice(), &id(OLD, 2), at(ELEVEN), true);
        check(&mut newest, &[entry(OLD, 7, ELEVEN, 5)], &[5]);
    }

    #[test]
    fn earlier_runs_of_ones_own_nick_are_late() {
        let mut newest = Newest::default();
        newest.said(&alice(), &id(NEW, 1), at(NOON));
        newest.connection_is_another();
        check(&mut newest, &[entry(OLD, 7, "2026-11-22T13:00:00Z", 5)], &[5]);
        assert!(newest.overtakes_live(&alice(), &id(OLD, 7), at(ELEVEN)));
        // Another program with this nick.
        assert!(!newest.overtakes_live(&alice(), &id(OLD, 7), at("2026-11-22T13:00:00Z")));
        assert!(!newest.overtakes_live(&alice(), &id(NEW, 2), at(ELEVEN)));
        assert!(!live(NEW, 1, NOON).overtakes_live(&alice(), &id(OLD, 7), at(ELEVEN)), "another's");
    }

    #[test]
    fn who_has_many_nicks_takes_no_more_room() {
        let mut newest = Newest::default();
        for number in 0..2 * SPEAKERS {
            let key = NickKey::parse(&format!("n{number}")).unwrap();
            newest.heard(&key, &id(NEW, 1), None, false);
        }
        assert_eq!(newest.0.len(), SPEAKERS);
    }
}
