//! Pure: a memory of bounded size. `seen` uses it.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;

/// The last items, numbered in order of arrival. The same item can occur more than once.
#[derive(Debug)]
pub struct Recent<T> {
    numbers: HashMap<T, VecDeque<u64>>,
    order: BTreeMap<u64, T>,
    last: u64,
    capacity: usize,
}

impl<T: Eq + Hash + Clone> Recent<T> {
    pub fn of_at_most(capacity: usize) -> Recent<T> {
        Recent { numbers: HashMap::new(), order: BTreeMap::new(), last: 0, capacity }
    }

    pub fn count(&self, item: &T) -> usize {
        self.numbers.get(item).map_or(0, VecDeque::len)
    }

    /// Returns its number.
    pub fn add(&mut self, item: T) -> u64 {
        self.last += 1;
        self.numbers.entry(item.clone()).or_default().push_back(self.last);
        self.order.insert(self.last, item);
        if self.order.len() > self.capacity
            && let Some((number, _)) = self.order.first_key_value()
        {
            self.forget(*number);
        }
        self.last
    }

    /// Removes the oldest occurrence; whether there was one.
    pub fn remove(&mut self, item: &T) -> bool {
        let Some(numbers) = self.numbers.get_mut(item) else { return false };
        if let Some(number) = numbers.pop_front() {
            self.order.remove(&number);
        }
        if numbers.is_empty() {
            self.numbers.remove(item);
        }
        true
    }

    /// Removes all items up to this number.
    pub fn forget(&mut self, number: u64) {
        while let Some((oldest, item)) = self.order.first_key_value()
            && *oldest <= number
        {
            let item = item.clone();
            self.remove(&item);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REMEMBERED: usize = 100;

    #[test]
    fn only_so_many_are_remembered() {
        let mut recent = Recent::of_at_most(REMEMBERED);
        for number in 0..=REMEMBERED {
            recent.add(number);
        }
        assert_eq!((recent.count(&0), recent.count(&1)), (0, 1));
        assert_eq!((recent.numbers.len(), recent.order.len()), (REMEMBERED, REMEMBERED));
    }

    #[test]
    fn what_is_forgotten_is_the_oldest_of_its_kind() {
        let mut recent = Recent::of_at_most(REMEMBERED);
        let numbers = ["a", "b", "a", "a"].map(|item| recent.add(item));
        assert!(recent.remove(&"a"));
        recent.forget(numbers[1]);
        assert_eq!((recent.count(&"a"), recent.count(&"b")), (2, 0));
        assert!(!recent.remove(&"b"));
        recent.forget(numbers[2]);
        assert!(recent.remove(&"a") && !recent.remove(&"a"));
        assert!(recent.order.is_empty() && recent.numbers.is_empty());
    }
}
