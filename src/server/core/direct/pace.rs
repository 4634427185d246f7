//! How many messages may be under way to one addressee, and how long a receipt may take. A broker keeps only so many
//! messages for each client and silently drops the rest. So receipts widen the window and drops narrow it, as in TCP.

use std::time::{Duration, Instant};

/// The most messages under way to one addressee.
pub const MOST: usize = 100;
/// The window at first: brokers that keep few messages for a client keep about ten.
const FIRST: usize = 8;
/// The window after a silence: more than one, because a message that is never received must not block others.
const AFTER_SILENCE: usize = 4;
/// How long the first receipt may take, and the longest wait while others arrive. It doubles while none arrives at all.
const FIRST_WAIT: Duration = Duration::from_secs(10);
const LONGEST_WAIT: Duration = Duration::from_secs(5 * 60);
/// After the first receipts, one may take this many round trips, but at least this time.
const ROUND_TRIPS: u32 = 8;
const SHORTEST_WAIT: Duration = Duration::from_secs(1);
/// The wait before the retransmission of a message that was dropped twice, and its limit. It doubles each time. A
/// client that cannot read one message but receives all others does not get that one after each of them.
const DROPPED_TWICE: Duration = Duration::from_millis(250);
const DROPPED_OFTEN: Duration = Duration::from_secs(4);

#[derive(Debug)]
pub struct DirectPace {
    window: usize,
    /// Receipts since the window grew. It grows by one after as many receipts as its width.
    receipts: usize,
    /// The number of the last message sent, and of the last one when the window shrank.
    sent: u64,
    shrunk_at: u64,
    /// The longest recent time from a message to its receipt.
    round_trip: Option<Duration>,
    wait: Duration,
    silent_since: Option<Instant>,
}

impl Default for DirectPace {
    fn default() -> DirectPace {
        let (receipts, sent, shrunk_at) = (0, 0, 0);
        DirectPace { window: FIRST, receipts, sent, shrunk_at, round_trip: None, wait: FIRST_WAIT, silent_since: None }
    }
}

impl DirectPace {
    /// How many more may be sent while this many are under way.
    pub fn room(&self, under_way: usize) -> usize {
        self.window.saturating_sub(under_way)
    }

    /// Whether it is time to ask for more. Each question costs a database access.
    pub fn has_room(&self, under_way: usize) -> bool {
        2 * self.room(under_way) >= self.window
    }

    /// A message is sent. Returns its number.
    pub fn send(&mut self) -> u64 {
        self.sent += 1;
        self.sent
    }

    /// A receipt arrived. `after`: the time since the transmission, if there was only one.
    pub fn received(&mut self, after: Option<Duration>) {
        self.receipts += 1;
        if self.receipts >= self.window {
            self.receipts = 0;
            self.window = (self.window + 1).min(MOST);
        }
        if let Some(after) = after {
            let fading = self.round_trip.map_or(after, |before| (before * 3 + after) / 4);
            self.round_trip = Some(fading.max(after));
        }
        let wait = self.round_trip.map(|round_trip| round_trip * ROUND_TRIPS);
        self.wait = wait.map_or(FIRST_WAIT, |wait| wait.clamp(SHORTEST_WAIT, FIRST_WAIT));
    }

    /// The broker dropped the message with this number. Further drops among messages under way at the same time count
    /// as the same event.
    pub fn dropped(&mut self, number: u64) {
        if number > self.shrunk_at {
            self.window = (self.window / 2).max(1);
            (self.receipts, self.shrunk_at) = (0, self.sent);
        }
    }

    /// A receipt is overdue. Of several at about the same time, only the first counts.
    pub fn silent(&mut self, now: Instant) {
        if self.silent_since.is_none_or(|since| now.saturating_duration_since(since) >= self.wait) {
            self.silent_since = Some(now);
            self.wait = (self.wait * 2).min(LONGEST_WAIT);
            self.window = self.window.min(AFTER_SILENCE);
            (self.receipts, self.shrunk_at) = (0, self.sent);
        }
    }

    /// How long a receipt may take now.
    pub fn wait(&self) -> Duration {
        self.wait
    }

    /// The wait between the last transmission of a dropped message and the next one.
    pub fn before_again(times: u32) -> Duration {
        let doubled = times.checked_sub(2).map(|beyond| DROPPED_TWICE * (1 << beyond.min(4)));
        doubled.map_or(Duration::ZERO, |wait| wait.min(DROPPED_OFTEN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::an_instant;

    #[test]
    fn receipts_let_more_follow_and_losses_fewer() {
        let mut pace = DirectPace::default();
        assert_eq!((pace.room(0), pace.room(8), pace.has_room(4), pace.has_room(5)), (8, 0, true, false));
        assert_eq!((0..20).map(|_| pace.send()).last(), Some(20));
        (0..8 + 9).for_each(|_| pace.received(None));
        assert_eq!(pace.room(0), 10, "one more for as many as it is wide");
        // All of one burst are one event.
        (12..=20).for_each(|number| pace.dropped(number));
        assert_eq!(pace.room(0), 5);
        for _ in 0..5 {
            let number = pace.send();
            pace.dropped(number);
        }
        assert_eq!(pace.room(0), 1);
        (0..100_000).for_each(|_| pace.received(None));
        assert_eq!(pace.room(0), MOST);
    }

    #[test]
    fn the_wait_follows_the_round_trips() {
        let mut pace = DirectPace::default();
        let mut after = |milliseconds: u64| {
            pace.received(Some(Duration::from_millis(milliseconds)));
            pace.wait().as_millis()
        };
        assert_eq!([5, 200, 20, 20, 9_000].map(&mut after), [1_000, 1_600, 1_240, 1_000, 10_000]);
    }

    #[test]
    fn a_silence_doubles_the_wait_until_a_receipt_comes() {
        let mut pace = DirectPace::default();
        let start = an_instant();
        let mut now = start;
        for seconds in [10, 20, 40, 80, 160, 300, 300] {
            assert_eq!(pace.wait(), Duration::from_secs(seconds));
            now += Duration::from_secs(seconds);
            pace.silent(now);
            pace.silent(now + Duration::from_secs(1));
        }
        assert_eq!(pace.room(0), AFTER_SILENCE);
        pace.received(None);
        assert_eq!(pace.wait(), FIRST_WAIT);
    }

    #[test]
    fn a_message_dropped_repeatedly_is_retransmitted_with_back_off() {
        let waits = [0, 1, 2, 3, 4, 5, 50].map(|times| DirectPace::before_again(times).as_millis());
        assert_eq!(waits, [0, 0, 250, 500, 1_000, 2_000, 4_000]);
    }
}
