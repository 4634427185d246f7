//! The messages that wait to go out, and the limit on retransmissions.
//!
//! A broker that keeps few messages for the server acknowledges the rest of a burst and drops it. Retransmitted as a burst,
//! it is dropped again: ten messages pass each time. So after a silence of the server only few retransmissions may be under
//! way, and more as it confirms them. What goes out for the first time is not held back: the people in a room read it
//! although the server cannot store it yet.

use super::WINDOW;
use std::collections::BTreeSet;

/// The most retransmissions under way after a silence: brokers that keep few messages for a client keep about ten.
const FEW: usize = 8;

#[derive(Debug)]
pub struct Lineup {
    /// By ticket.
    fresh: BTreeSet<u64>,
    again: BTreeSet<u64>,
    /// Retransmissions under way, and how many there may be.
    under_way: usize,
    window: usize,
    /// Messages stored since the window grew. It grows by one after as many as its width.
    stored: usize,
}

impl Default for Lineup {
    fn default() -> Lineup {
        Lineup { fresh: BTreeSet::new(), again: BTreeSet::new(), under_way: 0, window: WINDOW, stored: 0 }
    }
}

impl Lineup {
    /// A message waits. `is_late`: for its retransmission.
    pub fn add(&mut self, ticket: u64, is_late: bool) {
        if is_late { &mut self.again } else { &mut self.fresh }.insert(ticket);
    }

    /// It waits no longer.
    pub fn remove(&mut self, ticket: u64) {
        self.fresh.remove(&ticket);
        self.again.remove(&ticket);
    }

    /// The oldest message that may go out while so many are under way. A message that waits for its retransmission keeps
    /// its place in the outbox's window: the broker may still have it in its queue.
    pub fn next(&self, all_under_way: usize) -> Option<u64> {
        let again = self.again.first().filter(|_| self.under_way < self.window && all_under_way < WINDOW);
        let fresh = self.fresh.first().filter(|_| all_under_way + self.again.len() < WINDOW);
        again.into_iter().chain(fresh).min().copied()
    }

    pub fn goes_out(&mut self, ticket: u64) {
        self.fresh.remove(&ticket);
        if self.again.remove(&ticket) {
            self.under_way += 1;
        }
    }

    /// A message is no longer under way. `was_late`: it was a retransmission.
    pub fn is_back(&mut self, was_late: bool) {
        self.under_way -= usize::from(was_late);
    }

    /// The server did not confirm messages that the broker had acknowledged.
    pub fn silent(&mut self) {
        (self.window, self.stored) = (FEW, 0);
    }

    pub fn stored(&mut self, count: usize) {
        self.stored += count;
        while self.stored >= self.window && self.window < WINDOW {
            self.stored -= self.window;
            self.window += 1;
        }
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        self.fresh.len() + self.again.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn go(lineup: &mut Lineup) -> Vec<u64> {
        std::iter::from_fn(|| lineup.next(0).inspect(|ticket| lineup.goes_out(*ticket))).collect()
    }

    #[test]
    fn messages_that_wait_for_their_retransmission_keep_their_place_in_the_window() {
        let mut lineup = Lineup::default();
        (1..=WINDOW as u64 - 10).for_each(|ticket| lineup.add(ticket, true));
        (2_001..=2_100).for_each(|ticket| lineup.add(ticket, false));
        lineup.silent();
        let mut under_way = 0;
        while let Some(ticket) = lineup.next(under_way) {
            lineup.goes_out(ticket);
            under_way += 1;
        }
        assert_eq!(under_way, FEW + 10, "few go again, and those for which there is room go for the first time");
    }

    #[test]
    fn after_a_silence_few_go_again_and_more_once_they_are_stored() {
        let mut lineup = Lineup::default();
        (1..=50).for_each(|ticket| lineup.add(ticket, true));
        lineup.add(51, false);
        lineup.silent();
        assert_eq!(go(&mut lineup), [1, 2, 3, 4, 5, 6, 7, 8, 51]);
        (0..7).for_each(|_| lineup.is_back(true));
        lineup.is_back(false);
        lineup.stored(8);
        assert_eq!(go(&mut lineup), [9, 10, 11, 12, 13, 14, 15, 16], "one more than before");
        lineup.stored(1_000_000);
        assert_eq!((go(&mut lineup).len(), lineup.window), (34, WINDOW));
    }
}
