//! Pure: a memory of bounded size. `seen` asks it what was shown.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;

/// The last ones of something, with how often each is there.
#[derive(Debug)]
pub struct Recent<T> {
    counts: HashMap<T, usize>,
    order: VecDeque<T>,
    capacity: usize,
}

impl<T: Eq + Hash + Clone> Recent<T> {
    pub fn of_at_most(capacity: usize) -> Recent<T> {
        Recent { counts: HashMap::new(), order: VecDeque::new(), capacity }
    }

    pub fn count(&self, item: &T) -> usize {
        self.counts.get(item).copied().unwrap_or(0)
    }

    pub fn add(&mut self, item: T) {
        *self.counts.entry(item.clone()).or_insert(0) += 1;
        self.order.push_back(item);
        if self.order.len() > self.capacity
            && let Some(oldest) = self.order.pop_front()
        {
            self.remove(&oldest);
        }
    }

    /// One of them less; whether there was one. Its place in the order stays until it is the oldest.
    pub fn remove(&mut self, item: &T) -> bool {
        match self.counts.get_mut(item) {
            Some(count) if *count > 1 => *count -= 1,
            Some(_) => drop(self.counts.remove(item)),
            None => return false,
        }
        true
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
        assert_eq!(recent.counts.len(), REMEMBERED);
    }
}
