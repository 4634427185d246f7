//! Whether the outbox on disk keeps everything, and when a write that failed is retried.

use std::time::{Duration, Instant};

/// The disk may have room again: the wait before the first retry, and the longest.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct OutboxDisk {
    /// There is an outbox on disk.
    exists: bool,
    /// It could not be written, and the user was told.
    has_failed: bool,
    retry_at: Option<Instant>,
    pause: Duration,
    /// When it was last retried.
    retried: Option<Instant>,
}

impl OutboxDisk {
    pub fn new(exists: bool) -> OutboxDisk {
        OutboxDisk { exists, has_failed: false, retry_at: None, pause: FIRST_RETRY, retried: None }
    }

    pub fn exists(&self) -> bool {
        self.exists
    }

    /// Whether later runs get everything that is unconfirmed.
    pub fn keeps_all(&self) -> bool {
        self.exists && !self.has_failed
    }

    /// A write has failed. Returns whether that is news to the user.
    pub fn failed(&mut self, now: Instant) -> bool {
        if self.retry_at.is_none() {
            let again = self.retried == Some(now);
            self.pause = if again { (self.pause * 2).min(LONGEST_RETRY) } else { FIRST_RETRY };
            self.retry_at = Some(now + self.pause);
        }
        !std::mem::replace(&mut self.has_failed, true)
    }

    /// When the next retry is due.
    pub fn due(&self) -> Option<Instant> {
        self.retry_at
    }

    /// Whether to retry now.
    pub fn retries(&mut self, now: Instant) -> bool {
        let is_due = self.retry_at.take_if(|at| now >= *at).is_some();
        if is_due {
            self.retried = Some(now);
        }
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_news_once_and_retried_more_and_more_rarely() {
        let (mut disk, start) = (OutboxDisk::new(true), Instant::now());
        assert!(disk.keeps_all());
        assert!(disk.failed(start));
        assert!(!disk.keeps_all());
        let mut now = start;
        for pause in [1, 2, 4, 8, 16, 32, 60, 60] {
            // What fails before the retry changes nothing.
            assert!(!disk.failed(now + Duration::from_millis(1)));
            assert_eq!(disk.due(), Some(now + Duration::from_secs(pause)));
            now += Duration::from_secs(pause);
            assert!(disk.retries(now) && !disk.retries(now));
            disk.failed(now);
        }
        now += Duration::from_secs(60);
        assert!(disk.retries(now));
        assert_eq!(disk.due(), None, "it worked");
        assert!(!disk.failed(now + Duration::from_secs(5)));
        assert_eq!(disk.due(), Some(now + Duration::from_secs(6)), "the next failure is another one");
    }
}
