//! Pure: the marks of one room that are not met yet: of each, which of its messages were not seen. `cursors` owns it.

use crate::protocol::{Cursor, Epoch, Mark, NickKey, Ranges, SentId, Session};
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

/// How long what a mark tells of may still be under way.
pub const UNDER_WAY: Duration = Duration::from_secs(2);
/// Marks that wait, and messages that they tell of. Past that the oldest is let go, which leaves a hole to be filled.
const WAITING: usize = 64;
const MISSING: usize = 20_000;
/// A mark of more messages than a server has for it in a fifth of a second says only how far the room has come.
const TELLING: u64 = 10_000;
/// How many messages without an id are counted, and for how long. One that no mark told of by then may never have
/// reached the server; counted for ever, it would stand for one that was missed.
const COUNTED: usize = 10_000;
const COUNTED_FOR: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct Marks {
    /// In order of arrival.
    waiting: VecDeque<Waiting>,
    heard: Heard,
    arrived: u64,
}

#[derive(Debug)]
struct Waiting {
    /// Counts the marks of the room.
    number: u64,
    epoch: Epoch,
    from: u64,
    to: u64,
    /// Messages that were not seen.
    missing: HashSet<(NickKey, SentId)>,
    /// Messages without an id that were not heard, by nick.
    uncounted: BTreeMap<NickKey, u64>,
    /// Some of it was found by counting.
    by_count: bool,
    until: Instant,
}

/// A mark of which everything was seen.
#[derive(Debug, PartialEq, Eq)]
pub struct Met {
    pub from: u64,
    pub to: u64,
    pub by_count: bool,
}

/// Why something has to be fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hole {
    /// Messages of which nothing, or nothing in time, was seen.
    Unseen,
    /// One of those without an id: counting cannot say which.
    Uncounted,
}

impl Marks {
    /// How many have arrived.
    pub fn arrived(&self) -> u64 {
        self.arrived
    }

    /// `seen`: whether a message was shown.
    pub fn add(&mut self, now: Instant, mark: Mark, seen: impl Fn(&NickKey, &SentId) -> bool) {
        self.arrived += 1;
        let again =
            |waiting: &Waiting| waiting.epoch == mark.epoch && waiting.from <= mark.from && mark.to <= waiting.to;
        if self.waiting.iter().any(again) {
            return;
        }
        let mut waiting = Waiting {
            number: self.arrived,
            epoch: mark.epoch,
            from: mark.from,
            to: mark.to,
            missing: HashSet::new(),
            uncounted: BTreeMap::new(),
            by_count: false,
            until: now + UNDER_WAY,
        };
        match mark.to - mark.from <= TELLING {
            true => {
                for (key, said) in mark.ids {
                    let ids = said.sent.iter().flat_map(|(session, ranges)| ids(session, ranges));
                    let unseen = ids.filter(|id| !seen(&key, id)).map(|id| (key.clone(), id));
                    waiting.missing.extend(unseen);
                    waiting.by_count |= said.nameless > 0;
                    let uncounted = said.nameless - self.heard.take(now, &key, said.nameless);
                    if uncounted > 0 {
                        waiting.uncounted.insert(key, uncounted);
                    }
                }
            }
            false => waiting.from = waiting.to,
        }
        self.waiting.push_back(waiting);
        while self.waiting.len() > WAITING
            || self.waiting.iter().map(|mark| mark.missing.len()).sum::<usize>() > MISSING
        {
            self.waiting.pop_front();
        }
    }

    /// A message with an id is shown.
    pub fn saw(&mut self, key: &NickKey, id: &SentId) {
        if !self.waiting.is_empty() {
            let id = (key.clone(), id.clone());
            for mark in &mut self.waiting {
                mark.missing.remove(&id);
            }
        }
    }

    /// A message without an id has come live.
    pub fn heard(&mut self, now: Instant, key: &NickKey) {
        for mark in &mut self.waiting {
            if let Some(uncounted) = mark.uncounted.get_mut(key) {
                *uncounted -= 1;
                if *uncounted == 0 {
                    mark.uncounted.remove(key);
                }
                return;
            }
        }
        self.heard.add(now, key);
    }

    /// One that had come live was found in a page: it stands for no other any more.
    pub fn found(&mut self, now: Instant, key: &NickKey) {
        self.heard.take(now, key, 1);
    }

    /// Takes a mark that begins at or before the cursor, ends behind it, and is met.
    pub fn take_met(&mut self, cursor: &Cursor) -> Option<Met> {
        self.waiting.retain(|mark| mark.epoch != cursor.epoch || mark.to > cursor.pos);
        let is_met = |mark: &Waiting| {
            let is_next = mark.epoch == cursor.epoch && mark.from <= cursor.pos;
            is_next && mark.missing.is_empty() && mark.uncounted.is_empty()
        };
        let at = self.waiting.iter().position(is_met)?;
        let mark = self.waiting.remove(at)?;
        Some(Met { from: mark.from, to: mark.to, by_count: mark.by_count })
    }

    /// A page told of everything that there was when so many marks had arrived.
    pub fn answered(&mut self, arrived: u64) {
        self.waiting.retain(|mark| mark.number > arrived);
    }

    /// What the marks say is missing after the cursor, and does not come by itself.
    pub fn hole(&self, now: Instant, cursor: &Cursor) -> Option<Hole> {
        let mut reach = cursor.pos;
        for mark in &self.waiting {
            if mark.epoch != cursor.epoch || mark.from > reach {
                return Some(Hole::Unseen);
            }
            reach = reach.max(mark.to);
            if now >= mark.until {
                return Some(if mark.missing.is_empty() { Hole::Uncounted } else { Hole::Unseen });
            }
        }
        None
    }

    /// From when on [`Marks::hole`] tells of something.
    pub fn hole_due(&self, now: Instant, cursor: &Cursor) -> Option<Instant> {
        let mut reach = cursor.pos;
        let mut due = None;
        for mark in &self.waiting {
            if mark.epoch != cursor.epoch || mark.from > reach {
                return Some(now);
            }
            reach = reach.max(mark.to);
            due = Some(due.map_or(mark.until, |due: Instant| due.min(mark.until)));
        }
        due
    }

    /// The connection is gone.
    pub fn lost(&mut self) {
        self.waiting.clear();
        self.heard = Heard::default();
    }
}

fn ids(session: &Session, ranges: &Ranges) -> impl Iterator<Item = SentId> {
    ranges.numbers().map(|seq| SentId { session: session.clone(), seq })
}

/// Messages without an id that came live and that no mark has told of, by nick.
#[derive(Debug, Default)]
struct Heard {
    counts: HashMap<NickKey, u64>,
    order: VecDeque<(NickKey, Instant)>,
}

impl Heard {
    fn add(&mut self, now: Instant, key: &NickKey) {
        *self.counts.entry(key.clone()).or_insert(0) += 1;
        self.order.push_back((key.clone(), now));
        self.expire(now);
    }

    /// Takes up to `count` of a nick's; how many there were.
    fn take(&mut self, now: Instant, key: &NickKey, count: u64) -> u64 {
        self.expire(now);
        self.reduce(key, count)
    }

    fn reduce(&mut self, key: &NickKey, count: u64) -> u64 {
        let Some(there) = self.counts.get_mut(key) else { return 0 };
        let taken = count.min(*there);
        *there -= taken;
        if *there == 0 {
            self.counts.remove(key);
        }
        taken
    }

    /// What was taken keeps its place in the order until its time: then one of the nick's is let go too early, which
    /// costs a question and no message.
    fn expire(&mut self, now: Instant) {
        while let Some((key, at)) = self.order.front()
            && (self.order.len() > COUNTED || now.saturating_duration_since(*at) >= COUNTED_FOR)
        {
            let key = key.clone();
            self.order.pop_front();
            self.reduce(&key, 1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Nick, Session};

    const EPOCH: &str = "rkrxc5f0sqnm";
    const SESSION: &str = "k3v9x2m1q8f0";

    fn key(nick: &str) -> NickKey {
        Nick::parse(nick).unwrap().key().clone()
    }

    fn id(seq: u64) -> SentId {
        SentId { session: Session::parse(SESSION).unwrap(), seq }
    }

    fn mark(from: u64, to: u64, ids: &str) -> Mark {
        let json = format!(r#"{{"type":"mark","room":"lobby","epoch":"{EPOCH}","from":{from},"to":{to},"ids":{ids}}}"#);
        Mark::parse(json.as_bytes()).unwrap()
    }

    fn cursor(pos: u64) -> Cursor {
        Cursor::parse(&format!("{EPOCH}:{pos}")).unwrap()
    }

    #[track_caller]
    fn check_met(marks: &mut Marks, pos: u64, expected: Option<(u64, u64, bool)>) {
        let met = marks.take_met(&cursor(pos)).map(|met| (met.from, met.to, met.by_count));
        assert_eq!(met, expected);
    }

    #[test]
    fn a_mark_is_met_when_its_last_message_is_seen() {
        let (mut marks, now) = (Marks::default(), Instant::now());
        marks.add(now, mark(3, 6, r#"{"bob":{"k3v9x2m1q8f0":[[1,3]]}}"#), |_, id| id.seq == 2);
        check_met(&mut marks, 3, None);
        marks.saw(&key("bob"), &id(1));
        marks.saw(&key("eve"), &id(3));
        check_met(&mut marks, 3, None);
        assert_eq!(marks.hole(now, &cursor(3)), None);
        assert_eq!(marks.hole(now + UNDER_WAY, &cursor(3)), Some(Hole::Unseen));
        assert_eq!(marks.hole(now, &cursor(2)), Some(Hole::Unseen), "3 is in no mark");
        marks.saw(&key("bob"), &id(3));
        check_met(&mut marks, 2, None);
        check_met(&mut marks, 5, Some((3, 6, false)));
        assert_eq!(marks.hole(now + UNDER_WAY, &cursor(6)), None);
    }

    #[test]
    fn those_without_an_id_are_counted() {
        let (mut marks, now) = (Marks::default(), Instant::now());
        marks.heard(now, &key("bob"));
        marks.add(now, mark(0, 3, r#"{"bob":{"":2},"carl":{"":1}}"#), |_, _| false);
        marks.heard(now, &key("carl"));
        check_met(&mut marks, 0, None);
        assert_eq!(marks.hole(now + UNDER_WAY, &cursor(0)), Some(Hole::Uncounted));
        marks.heard(now, &key("bob"));
        check_met(&mut marks, 0, Some((0, 3, true)));
        marks.heard(now, &key("bob"));
        marks.found(now, &key("bob"));
        marks.add(now, mark(3, 4, r#"{"bob":{"":1}}"#), |_, _| false);
        check_met(&mut marks, 3, None);
    }

    #[test]
    fn a_count_is_not_kept_for_ever() {
        let (mut marks, now) = (Marks::default(), Instant::now());
        marks.heard(now, &key("bob"));
        marks.add(now + COUNTED_FOR, mark(0, 1, r#"{"bob":{"":1}}"#), |_, _| false);
        check_met(&mut marks, 0, None);
        for _ in 0..2 * COUNTED {
            marks.heard(now, &key("eve"));
        }
        assert_eq!(marks.heard.order.len(), COUNTED);
    }

    #[test]
    fn the_same_again_is_no_news_and_all_is_bounded() {
        let (mut marks, now) = (Marks::default(), Instant::now());
        for _ in 0..2 {
            marks.add(now, mark(0, 2, r#"{"bob":{"k3v9x2m1q8f0":[[1,2]]}}"#), |_, _| false);
        }
        assert_eq!((marks.waiting.len(), marks.arrived()), (1, 2));
        marks.answered(2);
        for n in 0..100 {
            marks
                .add(now, mark(n, n + 1, &format!(r#"{{"bob":{{"k3v9x2m1q8f0":[[{0},{0}]]}}}}"#, n + 1)), |_, _| false);
        }
        assert_eq!(marks.waiting.len(), WAITING);
        assert_eq!(marks.hole(now, &cursor(0)), Some(Hole::Unseen), "what was let go is a hole");
        let huge = format!(r#"{{"bob":{{"k3v9x2m1q8f0":[[1,{}]]}}}}"#, 1_u64 << 40);
        marks.add(now, mark(100, 100 + (1 << 40), &huge), |_, _| panic!("nobody counts so far"));
        assert!(marks.waiting.back().unwrap().missing.is_empty());
    }
}
