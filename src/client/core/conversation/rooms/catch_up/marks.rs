//! The unmet marks of one room: some of the messages that they announce were not received.

use crate::protocol::{Cursor, Epoch, Mark, NickKey, Ranges, SentId, Session};
use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

/// How long an announced message may still be under way.
pub const UNDER_WAY: Duration = Duration::from_secs(2);
/// The most waiting marks and missing messages. Beyond that, the oldest mark is dropped, which leaves a hole to fill.
const WAITING: usize = 64;
const MISSING: usize = 20_000;
/// A server announces what it stored within a fifth of a second. A mark of more messages than this is not believed.
const TELLING: u64 = 10_000;

#[derive(Debug, Default)]
pub struct Marks {
    /// In order of arrival.
    waiting: VecDeque<UnmetMark>,
    arrived: u64,
}

#[derive(Debug)]
struct UnmetMark {
    /// Counts the marks of the room.
    number: u64,
    epoch: Epoch,
    from: u64,
    to: u64,
    /// Announced messages that were not received.
    missing: HashSet<(NickKey, SentId)>,
    /// Until when missing messages may still arrive by themselves.
    until: Instant,
}

impl Marks {
    /// How many marks have arrived.
    pub fn arrived(&self) -> u64 {
        self.arrived
    }

    /// `seen`: whether a message was shown.
    pub fn add(&mut self, now: Instant, mark: Mark, seen: impl Fn(&NickKey, &SentId) -> bool) {
        self.arrived += 1;
        let again =
            |waiting: &UnmetMark| waiting.epoch == mark.epoch && waiting.from <= mark.from && mark.to <= waiting.to;
        if self.waiting.iter().any(again) {
            return;
        }
        let mut waiting = UnmetMark {
            number: self.arrived,
            epoch: mark.epoch,
            from: mark.from,
            to: mark.to,
            missing: HashSet::new(),
            until: now + UNDER_WAY,
        };
        // It is unknown which messages without an id were received, so only a page can tell.
        let names_all = mark.to - mark.from <= TELLING && mark.ids.values().all(|said| said.nameless == 0);
        match names_all {
            true => {
                for (key, said) in mark.ids {
                    let ids = said.sent.iter().flat_map(|(session, ranges)| ids(session, ranges));
                    let unseen = ids.filter(|id| !seen(&key, id)).map(|id| (key.clone(), id));
                    waiting.missing.extend(unseen);
                }
            }
            // Such a mark only says how far the room has come.
            false => waiting.from = waiting.to,
        }
        self.waiting.push_back(waiting);
        while self.waiting.len() > WAITING
            || self.waiting.iter().map(|mark| mark.missing.len()).sum::<usize>() > MISSING
        {
            self.waiting.pop_front();
        }
    }

    /// A message with an id was shown.
    pub fn saw(&mut self, key: &NickKey, id: &SentId) {
        if !self.waiting.is_empty() {
            let id = (key.clone(), id.clone());
            for mark in &mut self.waiting {
                mark.missing.remove(&id);
            }
        }
    }

    /// Takes a met mark that begins at or before the cursor and ends after it. Returns its end.
    pub fn take_met(&mut self, cursor: &Cursor) -> Option<u64> {
        self.waiting.retain(|mark| mark.epoch != cursor.epoch || mark.to > cursor.pos);
        let is_met =
            |mark: &UnmetMark| mark.epoch == cursor.epoch && mark.from <= cursor.pos && mark.missing.is_empty();
        let at = self.waiting.iter().position(is_met)?;
        self.waiting.remove(at).map(|mark| mark.to)
    }

    /// A page answers the first `arrived` marks.
    pub fn answered(&mut self, arrived: u64) {
        self.waiting.retain(|mark| mark.number > arrived);
    }

    /// When to fetch a page after the cursor, because missing messages do not arrive by themselves.
    pub fn hole_at(&self, now: Instant, cursor: &Cursor) -> Option<Instant> {
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

    /// The connection is lost.
    pub fn lost(&mut self) {
        self.waiting.clear();
    }
}

fn ids(session: &Session, ranges: &Ranges) -> impl Iterator<Item = SentId> {
    ranges.numbers().map(|seq| SentId { session: session.clone(), seq })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::an_instant;
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

    fn is_hole(marks: &Marks, now: Instant, pos: u64) -> bool {
        marks.hole_at(now, &cursor(pos)).is_some_and(|at| at <= now)
    }

    #[track_caller]
    fn check_met(marks: &mut Marks, pos: u64, expected: Option<u64>) {
        assert_eq!(marks.take_met(&cursor(pos)), expected);
    }

    #[test]
    fn a_mark_is_met_when_its_last_message_is_seen() {
        let (mut marks, now) = (Marks::default(), an_instant());
        marks.add(now, mark(3, 6, r#"{"bob":{"k3v9x2m1q8f0":[[1,3]]}}"#), |_, id| id.seq == 2);
        check_met(&mut marks, 3, None);
        marks.saw(&key("bob"), &id(1));
        marks.saw(&key("eve"), &id(3));
        check_met(&mut marks, 3, None);
        assert!(!is_hole(&marks, now, 3));
        assert!(is_hole(&marks, now + UNDER_WAY, 3));
        assert!(is_hole(&marks, now, 2), "3 is in no mark");
        marks.saw(&key("bob"), &id(3));
        check_met(&mut marks, 2, None);
        check_met(&mut marks, 5, Some(6));
        assert!(!is_hole(&marks, now + UNDER_WAY, 6));
    }

    #[test]
    fn only_a_page_meets_a_mark_without_ids() {
        let (mut marks, now) = (Marks::default(), an_instant());
        marks.add(now, mark(0, 3, r#"{"bob":{"":2,"k3v9x2m1q8f0":[[1,1]]}}"#), |_, _| true);
        check_met(&mut marks, 0, None);
        assert!(is_hole(&marks, now, 0));
        assert_eq!(marks.hole_at(now, &cursor(0)), Some(now));
        marks.answered(1);
        assert!(!is_hole(&marks, now, 0));
        check_met(&mut marks, 0, None);
    }

    #[test]
    fn the_same_again_is_no_news_and_all_is_bounded() {
        let (mut marks, now) = (Marks::default(), an_instant());
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
        assert!(is_hole(&marks, now, 0), "what was let go is a hole");
        let huge = format!(r#"{{"bob":{{"k3v9x2m1q8f0":[[1,{}]]}}}}"#, 1_u64 << 40);
        marks.add(now, mark(100, 100 + (1 << 40), &huge), |_, _| panic!("nobody counts so far"));
        assert!(marks.waiting.back().unwrap().missing.is_empty());
    }
}
