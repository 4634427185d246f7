//! When a write that failed is retried by itself. The disk may have room again although nothing new is to be written.

use std::time::{Duration, Instant};

/// The wait before the first retry, and the longest.
const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Retry {
    at: Option<Instant>,
    /// The wait before the next retry.
    pause: Duration,
    was_told: bool,
}

impl Retry {
    pub fn new() -> Retry {
        Retry { at: None, pause: FIRST, was_told: false }
    }

    pub fn due(&self) -> Option<Instant> {
        self.at
    }

    /// It is written now, with everything that could not be written before. `is_due`: only because of that.
    pub fn begins(&mut self, is_due: bool) {
        self.at = None;
        if is_due {
            self.pause = (self.pause * 2).min(LONGEST);
        }
    }

    pub fn succeeded(&mut self) {
        (self.at, self.pause) = (None, FIRST);
    }

    /// What fails before the next retry does not put it off.
    pub fn failed(&mut self, now: Instant) {
        self.at.get_or_insert(now + self.pause);
    }

    /// Whether a failure is news to the user: only the first one is.
    pub fn is_news(&mut self) -> bool {
        !std::mem::replace(&mut self.was_told, true)
    }

    pub fn was_told(&self) -> bool {
        self.was_told
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::now::an_instant;

    #[test]
    fn a_failure_is_news_once_and_retried_more_and_more_rarely() {
        let (mut retry, mut now) = (Retry::new(), an_instant());
        assert!(retry.is_news() && !retry.is_news());
        for _ in 0..2 {
            retry.failed(now);
            for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
                retry.failed(now + Duration::from_millis(1));
                assert_eq!(retry.due(), Some(now + Duration::from_secs(pause)));
                now += Duration::from_secs(pause);
                retry.begins(true);
                assert_eq!(retry.due(), None);
                retry.failed(now);
            }
            retry.begins(false);
            retry.succeeded();
            assert_eq!(retry.due(), None);
        }
    }
}
