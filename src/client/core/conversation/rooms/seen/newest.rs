//! Pure: the newest message of each nick, and whether an arriving message is older than it but of another run of its
//! sender. Within a run the numbers decide. Between two runs their identifiers say nothing, so positions and clocks
//! decide. `seen` uses it.

#[cfg(test)]
mod tests;

use crate::protocol::{Entry, Mark, MessageId, NickKey, SentId, Session, Timestamp};
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
    paged: HashMap<NickKey, Paged>,
    /// When the newest message of each nick that pages of an earlier history have shown was written, and its run.
    paged_before: HashMap<NickKey, (DateTime<FixedOffset>, Option<Session>)>,
    /// What the server's clock showed, and when.
    server_clock: Option<(Instant, DateTime<FixedOffset>)>,
}

#[derive(Debug)]
struct Paged {
    pos: u64,
    /// When it was written, by its sender's clock.
    at: Option<DateTime<FixedOffset>>,
    run: Option<Session>,
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
        for (key, Paged { at, run, .. }) in self.paged.drain() {
            let is_newer = self.paged_before.get(&key).is_none_or(|(before, _)| Some(*before) < at);
            let has_room = self.paged_before.len() < SPEAKERS || self.paged_before.contains_key(&key);
            if let Some(at) = at.filter(|_| is_newer && has_room) {
                self.paged_before.insert(key, (at, run));
            }
        }
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
            let run = match &entry.id {
                Some(MessageId::Sent(id)) => Some(id.session.clone()),
                _ => None,
            };
            self.paged.insert(key.clone(), Paged { pos, at: entry.timestamp.as_ref().and_then(Timestamp::at), run });
        }
    }

    /// Whether a message of a page is older than one of its sender that an earlier page has shown, or than the newest
    /// live one of another run.
    pub fn overtakes(&self, entry: &Entry, id: &SentId) -> bool {
        let at = entry.timestamp.as_ref().and_then(Timestamp::at);
        if self.paged.get(entry.nick.key()).zip(entry.pos).is_some_and(|(shown, pos)| shown.pos > pos) {
            return true;
        }
        // Of two runs in two histories, only the sender's clock tells the order.
        let before = self.paged_before.get(entry.nick.key()).filter(|(_, run)| run.as_ref() != Some(&id.session));
        if is_before(at, before.map(|(at, _)| *at)) {
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
            _ if live.arrival == Arrival::Unclear => is_before(at, live.at) || self.server_had(entry, live),
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
