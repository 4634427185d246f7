//! Sets of message numbers as ranges: the messages of a session mostly arrive in one run, so ten thousand numbers take two.

use super::id::MAX_SEQ;
use serde::{Deserialize, Serialize};

/// Whole numbers from 1 to [`MAX_SEQ`]. On the wire a list of `[first,last]`, both inclusive: `[[5,9],[12,12]]`.
/// In order; between two ranges at least one number is missing.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(from = "Vec<(u64, u64)>")]
pub struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds a number; `false` if it was there.
    pub fn insert(&mut self, number: u64) -> bool {
        let is_new = !self.contains(number);
        self.insert_range(number, number);
        is_new
    }

    /// Adds the numbers `first` to `last`. Ignores what is no valid range.
    pub fn insert_range(&mut self, first: u64, last: u64) {
        if first == 0 || first > last || last > MAX_SEQ {
            return;
        }
        // The ranges that touch the new one become part of it.
        let start = self.0.partition_point(|range| range.1 + 1 < first);
        let end = self.0.partition_point(|range| range.0 <= last + 1);
        let touched = &self.0[start..end];
        let first = touched.first().map_or(first, |range| range.0.min(first));
        let last = touched.last().map_or(last, |range| range.1.max(last));
        self.0.splice(start..end, [(first, last)]);
    }

    pub fn contains(&self, number: u64) -> bool {
        let at = self.0.partition_point(|range| range.1 < number);
        self.0.get(at).is_some_and(|range| range.0 <= number)
    }

    /// How many numbers it holds.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|range| range.1 - range.0 + 1).sum()
    }

    /// The highest number.
    pub fn last(&self) -> Option<u64> {
        self.0.last().map(|range| range.1)
    }

    /// Removes this many of the lowest ranges.
    pub fn forget_lowest(&mut self, ranges: usize) {
        self.0.drain(..ranges.min(self.0.len()));
    }

    /// `(first, last)`, in order.
    pub fn ranges(&self) -> &[(u64, u64)] {
        &self.0
    }

    /// Every number, in order. If the set came from outside, check [`Ranges::count`] first.
    pub fn numbers(&self) -> impl Iterator<Item = u64> {
        self.0.iter().flat_map(|range| range.0..=range.1)
    }
}

impl FromIterator<u64> for Ranges {
    fn from_iter<I: IntoIterator<Item = u64>>(numbers: I) -> Ranges {
        let mut ranges = Ranges::default();
        numbers.into_iter().for_each(|number| ranges.insert_range(number, number));
        ranges
    }
}

impl From<Vec<(u64, u64)>> for Ranges {
    fn from(list: Vec<(u64, u64)>) -> Ranges {
        let mut ranges = Ranges::default();
        list.into_iter().for_each(|(first, last)| ranges.insert_range(first, last));
        ranges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(numbers: &[u64], json: &str) {
        let ranges: Ranges = numbers.iter().copied().collect();
        assert_eq!(serde_json::to_string(&ranges).unwrap(), json);
        assert_eq!(serde_json::from_str::<Ranges>(json).unwrap(), ranges);
        let mut sorted = numbers.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(ranges.numbers().collect::<Vec<_>>(), sorted);
        assert_eq!(ranges.count(), sorted.len() as u64);
        assert!((1..=20).all(|number| ranges.contains(number) == sorted.contains(&number)));
    }

    #[test]
    fn neighbours_are_one_range() {
        check(&[], "[]");
        check(&[5], "[[5,5]]");
        check(&[5, 6, 7], "[[5,7]]");
        check(&[7, 5, 6, 5], "[[5,7]]");
        check(&[1, 3, 5, 4], "[[1,1],[3,5]]");
        check(&[9, 1, 5, 2, 8], "[[1,2],[5,5],[8,9]]");
    }

    #[test]
    fn invalid_ranges_are_ignored() {
        let hostile = "[[0,3],[9,5],[4,18446744073709551615],[2,3],[1,2]]";
        assert_eq!(serde_json::from_str::<Ranges>(hostile).unwrap().ranges(), [(1, 3)]);
        let mut ranges = Ranges::default();
        assert!(ranges.insert(4) && !ranges.insert(4));
    }

    #[test]
    fn the_lowest_can_be_forgotten() {
        let mut ranges: Ranges = [1, 2, 4, 6, 9].into_iter().collect();
        assert_eq!(ranges.last(), Some(9));
        ranges.forget_lowest(2);
        assert_eq!(ranges.ranges(), [(6, 6), (9, 9)]);
        ranges.forget_lowest(3);
        assert_eq!(ranges.last(), None);
    }

    #[test]
    fn a_range_swallows_those_it_covers() {
        let mut ranges: Ranges = [1, 4, 6, 9].into_iter().collect();
        ranges.insert_range(3, 7);
        assert_eq!(ranges.ranges(), [(1, 1), (3, 7), (9, 9)]);
        ranges.insert_range(2, MAX_SEQ);
        assert_eq!(ranges.ranges(), [(1, MAX_SEQ)]);
    }
}
