//! Pure: the marks of each room, which tell how far its history reaches, and when to publish them. The first mark goes
//! out at once, later ones are combined within [`INTERVAL`]. A mark is repeated later for those who missed the last
//! one.

use crate::protocol::limits::REPLY_BYTES;
use crate::protocol::{Epoch, Mark, MarkIds, NickKey, RoomName, SentId};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// The shortest time between two marks of a room.
const INTERVAL: Duration = Duration::from_millis(200);
/// When a mark is repeated, each time counted from the one before: 10 s and 60 s after the last news.
const REPEATS: [Duration; 2] = [Duration::from_secs(10), Duration::from_secs(50)];
/// How much longer a reconnect repeats it: the last repeats may have gone into a connection that was dead already.
const UNNOTICED: Duration = Duration::from_secs(120);
/// A mark of more messages names no senders: no receiver remembers more messages.
const MESSAGES: u64 = 10_000;

#[derive(Debug)]
pub struct RoomMarks {
    epoch: Epoch,
    /// Rooms with a mark to publish, now or later.
    rooms: HashMap<RoomName, MarkedRoom>,
    /// When each of them is due.
    times: BTreeSet<(Instant, RoomName)>,
}

#[derive(Debug)]
struct MarkedRoom {
    /// When its next mark is due.
    at: Instant,
    /// The earliest time of its next mark.
    next: Instant,
    /// The positions `from` + 1 to `to` are not announced yet.
    from: u64,
    to: u64,
    /// Who sent them; `None` if the mark does not say.
    ids: Option<BTreeMap<NickKey, MarkIds>>,
    /// How often the mark was repeated since the last news or connection; `None`: it is not published yet.
    repeated: Option<usize>,
}

impl RoomMarks {
    pub fn new(epoch: Epoch) -> RoomMarks {
        RoomMarks { epoch, rooms: HashMap::new(), times: BTreeSet::new() }
    }

    /// An earlier run of the server brought the room up to this position, and may not have announced it.
    pub fn resume(&mut self, name: RoomName, pos: u64, now: Instant) {
        let room = MarkedRoom { at: now, next: now, from: pos, to: pos, ids: Some(BTreeMap::new()), repeated: None };
        self.times.insert((now, name.clone()));
        self.rooms.insert(name, room);
    }

    /// Messages of these senders are in the database, at the positions `from` + 1 to `to` of the room.
    pub fn add(&mut self, name: RoomName, from: u64, to: u64, ids: Vec<(NickKey, Option<SentId>)>, now: Instant) {
        let new = || MarkedRoom { at: now, next: now, from, to: from, ids: Some(BTreeMap::new()), repeated: None };
        let room = self.rooms.entry(name.clone()).or_insert_with(new);
        // If another program added messages between, their senders are unknown.
        if room.to != from || to - room.from > MESSAGES {
            room.ids = None;
        }
        room.to = to;
        room.repeated = None;
        if let Some(told) = &mut room.ids {
            for (key, id) in ids {
                let said = told.entry(key).or_default();
                match id {
                    Some(id) => drop(said.sent.entry(id.session).or_default().insert(id.seq)),
                    None => said.nameless += 1,
                }
            }
        }
        self.times.remove(&(room.at, name.clone()));
        room.at = room.next.max(now);
        self.times.insert((room.at, name));
    }

    /// Forgets the room.
    pub fn forget(&mut self, name: &RoomName) {
        if let Some(room) = self.rooms.remove(name) {
            self.times.remove(&(room.at, name.clone()));
        }
    }

    /// The marks to publish now, as rooms and payloads.
    pub fn due(&mut self, now: Instant) -> Vec<(RoomName, Vec<u8>)> {
        let mut due = Vec::new();
        while self.times.first().is_some_and(|(at, _)| *at <= now) {
            let Some((_, name)) = self.times.pop_first() else { break };
            let Some(room) = self.rooms.get_mut(&name) else { continue };
            if room.repeated == Some(REPEATS.len()) {
                self.rooms.remove(&name);
                continue;
            }
            due.push((name.clone(), room.mark(&name, &self.epoch)));
            room.next = now + INTERVAL;
            let wait = room.repeated.and_then(|repeated| REPEATS.get(repeated)).unwrap_or(&UNNOTICED);
            room.at = now + *wait;
            self.times.insert((room.at, name));
        }
        due
    }

    /// The last marks may have reached nobody. All rooms with news of the last minutes publish theirs now and start over
    /// with the repeats.
    pub fn repeat(&mut self, now: Instant) {
        self.rooms.values_mut().for_each(|room| room.repeated = None);
        self.hurry(now);
    }

    /// Publishes now what waits for the end of its interval.
    pub fn hurry(&mut self, now: Instant) {
        for (name, room) in self.rooms.iter_mut().filter(|(_, room)| room.repeated.is_none()) {
            self.times.remove(&(room.at, name.clone()));
            room.at = now;
            self.times.insert((now, name.clone()));
        }
    }

    /// The next deadline of [`RoomMarks::due`].
    pub fn next_due(&self) -> Option<Instant> {
        self.times.first().map(|(at, _)| *at)
    }
}

impl MarkedRoom {
    /// The mark of new messages, or a repetition without names.
    fn mark(&mut self, name: &RoomName, epoch: &Epoch) -> Vec<u8> {
        self.repeated = Some(self.repeated.map_or(0, |repeated| repeated + 1));
        let mark = |from, ids| Mark { room: name.clone(), epoch: epoch.clone(), from, to: self.to, ids }.to_json();
        let named = self.ids.replace(BTreeMap::new()).map(|ids| mark(self.from, ids));
        let named = named.filter(|json| json.len() <= REPLY_BYTES);
        self.from = self.to;
        named.unwrap_or_else(|| mark(self.to, BTreeMap::new()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::an_instant;
    use crate::protocol::{Nick, Session};

    struct Desk {
        marks: RoomMarks,
        start: Instant,
        /// How far each room's history reaches.
        pos: HashMap<&'static str, u64>,
    }

    impl Desk {
        fn new() -> Desk {
            let epoch = Epoch::from_random([0; 12]);
            Desk { marks: RoomMarks::new(epoch), start: an_instant(), pos: HashMap::new() }
        }

        fn at(&self, millis: u64) -> Instant {
            self.start + Duration::from_millis(millis)
        }

        /// Stores messages of `nick`; with a session of 0, without ids.
        fn add(&mut self, at: u64, room: &'static str, nick: &str, session: u8, seqs: impl Iterator<Item = u64>) {
            let key = Nick::parse(nick).unwrap().key().clone();
            let id = |seq| SentId::new(Session::from_random([session; 12]), seq).filter(|_| session > 0);
            let ids: Vec<_> = seqs.map(|seq| (key.clone(), id(seq))).collect();
            let from = self.pos.get(room).copied().unwrap_or(0);
            let to = from + ids.len() as u64;
            self.pos.insert(room, to);
            self.marks.add(RoomName::parse(room).unwrap(), from, to, ids, self.at(at));
        }

        /// What is published at this time, as room, positions and ids. Checks that a receiver accepts each mark.
        fn due(&mut self, at: u64) -> Vec<(String, u64, u64, String)> {
            let marks = self.marks.due(self.at(at));
            let tell = |(room, json): (RoomName, Vec<u8>)| {
                assert!(json.len() <= REPLY_BYTES);
                let mark = Mark::parse(&json).unwrap();
                assert_eq!(mark.room, room);
                let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
                (mark.room.to_string(), mark.from, mark.to, value["ids"].to_string())
            };
            marks.into_iter().map(tell).collect()
        }
    }

    fn mark(room: &str, from: u64, to: u64, ids: &str) -> (String, u64, u64, String) {
        (room.to_owned(), from, to, ids.to_owned())
    }

    #[test]
    fn the_first_at_once_and_the_next_together() {
        let mut desk = Desk::new();
        desk.add(0, "lobby", "alice", 1, 5..=5);
        assert_eq!(desk.due(0), [mark("lobby", 0, 1, r#"{"alice":{"111111111111":[[5,5]]}}"#)]);
        desk.add(10, "lobby", "alice", 1, 6..=7);
        desk.add(20, "lobby", "Bob", 0, 1..=2);
        desk.add(20, "dev", "alice", 1, 8..=8);
        assert_eq!(desk.due(20), [mark("dev", 0, 1, r#"{"alice":{"111111111111":[[8,8]]}}"#)]);
        assert_eq!(desk.marks.next_due(), Some(desk.at(200)));
        let both = r#"{"alice":{"111111111111":[[6,7]]},"bob":{"":2}}"#;
        assert_eq!(desk.due(200), [mark("lobby", 1, 5, both)]);
    }

    #[test]
    fn a_mark_is_repeated_exactly_twice() {
        let mut desk = Desk::new();
        desk.add(0, "lobby", "alice", 1, 1..=3);
        desk.due(0);
        assert_eq!(desk.due(9_999), []);
        assert_eq!(desk.due(10_000), [mark("lobby", 3, 3, "{}")]);
        assert_eq!(desk.due(59_999), []);
        assert_eq!(desk.due(60_000), [mark("lobby", 3, 3, "{}")]);
        assert_eq!((desk.due(179_999), desk.marks.rooms.len()), (vec![], 1));
        assert_eq!((desk.due(180_000), desk.marks.rooms.len(), desk.marks.next_due()), (vec![], 0, None));
        desk.add(200_000, "lobby", "alice", 1, 4..=4);
        assert_eq!(desk.due(200_000).len(), 1);
        // A new mark postpones it.
        desk.add(205_000, "lobby", "alice", 1, 5..=5);
        assert_eq!((desk.due(205_000).len(), desk.due(214_999).len(), desk.due(215_000).len()), (1, 0, 1));
    }

    #[test]
    fn a_steady_flow_has_five_a_second() {
        let mut desk = Desk::new();
        let mut told = 0;
        let mut last = 0;
        for step in 0..1_000 {
            desk.add(step * 10, "lobby", "alice", 1, step + 1..=step + 1);
            for (_, from, to, _) in desk.due(step * 10) {
                assert_eq!(from, last);
                (told, last) = (told + 1, to);
            }
        }
        assert_eq!(told, 50);
    }

    #[test]
    fn large_or_unknown_marks_name_no_senders() {
        let mut desk = Desk::new();
        desk.add(0, "lobby", "alice", 1, (1..=9_000).map(|n| n * 1_000));
        assert_eq!(desk.due(0), [mark("lobby", 9_000, 9_000, "{}")]);
        desk.add(200, "lobby", "alice", 1, 1..=1);
        assert_eq!(desk.due(200), [mark("lobby", 9_000, 9_001, r#"{"alice":{"111111111111":[[1,1]]}}"#)]);
        desk.add(300, "lobby", "alice", 1, 1..=MESSAGES + 1);
        assert_eq!(desk.due(400), [mark("lobby", 19_002, 19_002, "{}")]);
        // Another program has stored messages in between.
        desk.add(500, "lobby", "alice", 1, 2..=2);
        *desk.pos.get_mut("lobby").unwrap() += 10;
        desk.add(500, "lobby", "alice", 1, 3..=3);
        assert_eq!(desk.due(600), [mark("lobby", 19_014, 19_014, "{}")]);
    }

    #[test]
    fn a_connection_that_was_dead_unnoticed_used_up_nothing() {
        let mut desk = Desk::new();
        desk.add(0, "lobby", "alice", 1, 1..=3);
        assert_eq!([0, 10_000, 60_000].map(|at| desk.due(at).len()), [1; 3]);
        let reconnected = desk.at(150_000);
        desk.marks.repeat(reconnected);
        assert_eq!([150_000, 160_000, 210_000, 400_000].map(|at| desk.due(at).len()), [1, 1, 1, 0]);
    }

    #[test]
    fn after_an_outage_all_marks_of_the_last_minutes_are_repeated() {
        let mut desk = Desk::new();
        desk.add(0, "lobby", "alice", 1, 1..=3);
        desk.due(0);
        desk.add(50, "dev", "alice", 1, 4..=4);
        let now = desk.at(60);
        desk.marks.repeat(now);
        let due = desk.due(60);
        assert_eq!(due.len(), 2);
        assert!(due.contains(&mark("lobby", 3, 3, "{}")));
        assert_eq!(desk.due(10_060).len(), 2);
    }

    #[test]
    fn a_clean_stop_publishes_only_marks_that_wait() {
        let mut desk = Desk::new();
        for room in ["lobby", "dev"] {
            desk.add(0, room, "alice", 1, 1..=3);
        }
        assert_eq!(desk.due(0).len(), 2);
        desk.add(50, "dev", "alice", 1, 4..=4);
        let now = desk.at(60);
        desk.marks.hurry(now);
        assert_eq!(desk.due(60), [mark("dev", 3, 4, r#"{"alice":{"111111111111":[[4,4]]}}"#)]);
    }

    #[test]
    fn short_connections_use_up_nothing() {
        let mut desk = Desk::new();
        desk.add(0, "lobby", "alice", 1, 1..=3);
        desk.due(0);
        for at in [1_000, 2_000, 3_000] {
            desk.marks.repeat(desk.at(at));
            assert_eq!(desk.due(at), [mark("lobby", 3, 3, "{}")]);
        }
        assert_eq!([13_000, 63_000, 183_000].map(|at| desk.due(at).len()), [1, 1, 0]);
    }

    #[test]
    fn marks_that_an_earlier_run_may_have_missed_are_published() {
        let mut desk = Desk::new();
        desk.pos.insert("lobby", 7);
        desk.marks.resume(RoomName::lobby(), 7, desk.start);
        assert_eq!(desk.due(0), [mark("lobby", 7, 7, "{}")]);
        desk.add(10, "lobby", "alice", 1, 1..=1);
        assert_eq!(desk.due(200), [mark("lobby", 7, 8, r#"{"alice":{"111111111111":[[1,1]]}}"#)]);
        assert_eq!([10_200, 60_200, 180_200].map(|at| desk.due(at).len()), [1, 1, 0]);
    }
}
