//! Pure: which messages were shown, by series and number. `seen` uses it. The numbers of series and of ranges are bounded.
//! It does not matter how many messages of a sender are missed, or in which order they arrive.

use crate::client::core::memo::{self, Series, Shown};
use crate::protocol::Ranges;
use std::collections::{BTreeMap, HashMap};

/// The most ranges of all series together. A sender whose numbers are full of holes takes no more than a few megabytes.
const RANGES: usize = 10 * memo::RANGES;

#[derive(Debug)]
pub struct Numbers {
    series: HashMap<Series, SeriesNumbers>,
    /// By the turn of their last change: the first one is dropped next.
    order: BTreeMap<u64, Series>,
    turn: u64,
    ranges: usize,
    capacity: usize,
}

#[derive(Debug, Default)]
struct SeriesNumbers {
    numbers: Ranges,
    turn: u64,
}

impl Numbers {
    /// `capacity`: the most series.
    pub fn of_at_most(capacity: usize) -> Numbers {
        Numbers { series: HashMap::new(), order: BTreeMap::new(), turn: 0, ranges: 0, capacity }
    }

    /// Replaces everything.
    pub fn replace(&mut self, shown: Shown) {
        *self = Numbers::of_at_most(self.capacity);
        for (series, numbers) in shown {
            self.change(series, |known| *known = numbers);
        }
    }

    pub fn has(&self, series: &Series, number: u64) -> bool {
        self.series.get(series).is_some_and(|seen| seen.numbers.contains(number))
    }

    /// The highest number of a series.
    pub fn newest(&self, series: &Series) -> Option<u64> {
        self.series.get(series)?.numbers.last()
    }

    /// `false`: it was there already.
    pub fn add(&mut self, series: Series, number: u64) -> bool {
        self.change(series, |numbers| memo::add(numbers, number))
    }

    fn change<T>(&mut self, series: Series, change: impl FnOnce(&mut Ranges) -> T) -> T {
        self.turn += 1;
        let seen = self.series.entry(series.clone()).or_default();
        self.order.remove(&std::mem::replace(&mut seen.turn, self.turn));
        self.order.insert(self.turn, series);
        let before = seen.numbers.ranges().len();
        let result = change(&mut seen.numbers);
        self.ranges = self.ranges + seen.numbers.ranges().len() - before;
        while (self.series.len() > self.capacity || self.ranges > RANGES)
            && let Some((_, oldest)) = self.order.pop_first()
        {
            let forgotten = self.series.remove(&oldest);
            self.ranges -= forgotten.map_or(0, |seen| seen.numbers.ranges().len());
        }
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Nick, SentId, Session};

    fn series(session: usize) -> Series {
        let id = SentId { session: Session::parse(&format!("{session:012}")).unwrap(), seq: 1 };
        Series::of_sent(Nick::parse("bob").unwrap().key(), &id)
    }

    #[test]
    fn the_least_recent_series_is_dropped() {
        let mut numbers = Numbers::of_at_most(3);
        for session in [1, 2, 3, 1, 4] {
            numbers.add(series(session), 5);
        }
        let has = [1, 2, 3, 4].map(|session| numbers.has(&series(session), 5));
        assert_eq!(has, [true, false, true, true]);
        assert!(!numbers.add(series(3), 5));
        assert_eq!((numbers.series.len(), numbers.order.len(), numbers.ranges), (3, 3, 3));
        numbers.replace(vec![(series(2), [5, 9].into_iter().collect())]);
        assert_eq!(numbers.newest(&series(2)), Some(9));
        assert_eq!((numbers.series.len(), numbers.order.len(), numbers.ranges), (1, 1, 2));
    }

    #[test]
    fn so_are_series_full_of_holes() {
        let mut numbers = Numbers::of_at_most(1_000);
        for session in 0..12 {
            for number in 0..memo::RANGES as u64 {
                numbers.add(series(session), 2 * number + 1);
            }
            assert!(numbers.ranges <= RANGES);
        }
        assert!(numbers.has(&series(11), 1) && !numbers.has(&series(0), 1));
    }
}
