//! Pure: which senders get which confirmations (`stored`), and when. The first message of a session is confirmed at
//! once. Later ones are confirmed together within [`INTERVAL`], or as soon as [`ENOUGH`] of them wait. So even a sender
//! of thousands per second does not wait for room in its window.

use crate::protocol::{NickKey, Ranges, SentId, Session, Stored};
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

/// The shortest time between two payloads to a session, while few of its messages wait.
const INTERVAL: Duration = Duration::from_millis(200);
/// With this many messages a payload is due at once: a quarter of what a client may have under way.
const ENOUGH: u64 = 256;
/// The most ranges in one payload: 10 KiB of the longest numbers.
const RANGES: usize = 256;

/// A sender. The same session under another nick is another sender.
type Sender = (NickKey, Session);

#[derive(Debug, Default)]
pub struct Acks {
    /// Senders that wait, or were told within the last [`INTERVAL`].
    senders: HashMap<Sender, SenderAcks>,
    /// When each of them may be told again, in order. Only the latest entry of a sender counts.
    times: VecDeque<(Instant, Sender)>,
    /// How many of `senders` wait.
    waiting: usize,
    /// Senders that are due now.
    ready: Vec<Sender>,
    /// Payloads that are full and due now.
    overflow: Vec<(NickKey, Stored)>,
}

#[derive(Debug)]
struct SenderAcks {
    /// When the sender may be told again.
    next: Option<Instant>,
    seq: Ranges,
    count: u64,
}

impl Acks {
    /// A message is in the database.
    pub fn add(&mut self, key: NickKey, id: SentId) {
        let sender = (key, id.session);
        if !self.senders.contains_key(&sender) {
            self.senders.insert(sender.clone(), SenderAcks { next: None, seq: Ranges::default(), count: 0 });
        }
        let Some(told) = self.senders.get_mut(&sender) else { return };
        let first = told.seq.is_empty();
        told.count += u64::from(told.seq.insert(id.seq));
        if told.seq.ranges().len() > RANGES {
            told.count = 0;
            let seq = std::mem::take(&mut told.seq);
            self.waiting -= 1;
            self.overflow.push((sender.0, Stored { session: sender.1, seq }));
            return;
        }
        self.waiting += usize::from(first);
        if (first && told.next.is_none()) || told.count == ENOUGH {
            self.ready.push(sender);
        }
    }

    /// The confirmations that are due now.
    pub fn due(&mut self, now: Instant) -> Vec<(NickKey, Stored)> {
        let mut due = std::mem::take(&mut self.overflow);
        for sender in std::mem::take(&mut self.ready) {
            due.extend(self.tell(sender, now));
        }
        while self.times.front().is_some_and(|(at, _)| *at <= now) {
            let Some((at, sender)) = self.times.pop_front() else { break };
            match self.senders.get(&sender) {
                Some(told) if told.next != Some(at) => {}
                Some(told) if told.seq.is_empty() => drop(self.senders.remove(&sender)),
                _ => due.extend(self.tell(sender, now)),
            }
        }
        due
    }

    /// Makes everything due now.
    pub fn hurry(&mut self) {
        let waiting = self.senders.iter().filter(|(_, told)| !told.seq.is_empty());
        self.ready.extend(waiting.map(|(sender, _)| sender.clone()));
        self.ready.sort();
    }

    /// The next deadline of [`Acks::due`].
    pub fn next_due(&self) -> Option<Instant> {
        (self.waiting > 0).then(|| self.times.front().map(|(at, _)| *at)).flatten()
    }

    fn tell(&mut self, sender: Sender, now: Instant) -> Option<(NickKey, Stored)> {
        let told = self.senders.get_mut(&sender)?;
        if told.seq.is_empty() {
            // Everything overflowed. Without an entry in `times`, nothing else would remove the sender.
            if told.next.is_none() {
                self.senders.remove(&sender);
            }
            return None;
        }
        let next = now + INTERVAL;
        told.next = Some(next);
        told.count = 0;
        let seq = std::mem::take(&mut told.seq);
        self.waiting -= 1;
        self.times.push_back((next, sender.clone()));
        Some((sender.0, Stored { session: sender.1, seq }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::an_instant;
    use crate::protocol::Nick;

    struct Desk {
        acks: Acks,
        start: Instant,
    }

    impl Desk {
        fn new() -> Desk {
            Desk { acks: Acks::default(), start: an_instant() }
        }

        fn add(&mut self, nick: &str, session: u8, seqs: impl IntoIterator<Item = u64>) {
            for seq in seqs {
                let id = SentId::new(Session::from_random([session; 12]), seq).unwrap();
                self.acks.add(Nick::parse(nick).unwrap().key().clone(), id);
            }
        }

        /// The confirmations this many milliseconds after the start, as `key: ranges`.
        fn due(&mut self, at: u64) -> Vec<String> {
            let due = self.acks.due(self.start + Duration::from_millis(at));
            due.iter().map(|(key, stored)| format!("{key}: {:?}", stored.seq.ranges())).collect()
        }

        fn next(&self) -> Option<u128> {
            self.acks.next_due().map(|at| at.duration_since(self.start).as_millis())
        }
    }

    #[test]
    fn the_first_is_told_at_once_and_the_next_together() {
        let mut desk = Desk::new();
        desk.add("alice", 1, [5]);
        assert_eq!(desk.due(0), ["alice: [(5, 5)]"]);
        desk.add("alice", 1, [6, 9]);
        desk.add("alice", 1, [7]);
        assert_eq!((desk.due(50), desk.next()), (vec![], Some(200)));
        assert_eq!(desk.due(200), ["alice: [(6, 7), (9, 9)]"]);
        assert_eq!((desk.due(400), desk.next()), (vec![], None));
        desk.add("alice", 1, [10]);
        assert_eq!(desk.due(400), ["alice: [(10, 10)]"]);
    }

    #[test]
    fn many_do_not_wait() {
        let mut desk = Desk::new();
        desk.add("alice", 1, [1]);
        desk.due(0);
        desk.add("alice", 1, 2..=256);
        assert_eq!(desk.due(10), [""; 0]);
        desk.add("alice", 1, [257]);
        assert_eq!(desk.due(20), ["alice: [(2, 257)]"]);
        desk.add("alice", 1, [258]);
        assert_eq!((desk.due(200), desk.due(219)), (vec![], vec![]), "200 ms after the last");
        assert_eq!(desk.due(220), ["alice: [(258, 258)]"]);
        // One confirmation for one commit of many.
        desk.add("alice", 1, 300..=4_000);
        assert_eq!(desk.due(230), ["alice: [(300, 4000)]"]);
    }

    #[test]
    fn in_a_hurry_all_confirmations_go_out_at_once() {
        let mut desk = Desk::new();
        desk.add("alice", 1, [1]);
        desk.add("bob", 1, [1]);
        desk.due(0);
        desk.add("alice", 1, [2, 3]);
        desk.acks.hurry();
        assert_eq!((desk.due(10), desk.next()), (vec!["alice: [(2, 3)]".to_owned()], None));
        desk.acks.hurry();
        assert_eq!(desk.due(20), [""; 0]);
    }

    #[test]
    fn sessions_and_nicks_are_told_each_of_their_own() {
        let mut desk = Desk::new();
        desk.add("alice", 1, [1]);
        desk.add("alice", 2, [1]);
        desk.add("bob", 1, [1]);
        assert_eq!(desk.due(0).len(), 3);
        desk.add("bob", 1, [2]);
        assert_eq!(desk.due(200), ["bob: [(2, 2)]"]);
    }

    #[test]
    fn holes_stay_holes_and_a_payload_stays_small() {
        let mut desk = Desk::new();
        desk.add("alice", 1, (1..=2_000).map(|n| n * 2));
        let start = desk.start;
        let told = desk.acks.due(start);
        assert_eq!(told.iter().map(|(_, stored)| stored.seq.count()).sum::<u64>(), 2_000);
        assert!(told.iter().all(|(_, stored)| stored.seq.ranges().len() <= RANGES + 1));
    }

    #[test]
    fn senders_that_are_quiet_are_forgotten() {
        let mut desk = Desk::new();
        for session in 0..30 {
            desk.add("alice", session, [1]);
        }
        assert_eq!(desk.due(0).len(), 30);
        assert_eq!((desk.due(201), desk.acks.senders.len(), desk.acks.times.len()), (vec![], 0, 0));
        // All its messages overflowed before any was confirmed.
        desk.add("alice", 99, (1..=RANGES as u64 + 1).map(|n| n * 2));
        assert_eq!((desk.due(300).len(), desk.acks.senders.len(), desk.next()), (1, 0, None));
        desk.add("alice", 99, [1]);
        assert_eq!(desk.due(301), ["alice: [(1, 1)]"]);
    }
}
