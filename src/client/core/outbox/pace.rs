//! Limits messages to the rate that the chat server names, in any window of one second.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct Pace {
    /// When messages went out within the last second, oldest first. Empty without a limit.
    sent: VecDeque<Instant>,
}

impl Pace {
    /// Whether one more message may go out now; counts it. `rate`: messages per second; `None`: no limit.
    pub fn allows(&mut self, now: Instant, rate: Option<u64>) -> bool {
        let Some(rate) = rate else {
            self.sent.clear();
            return true;
        };
        while self.sent.front().is_some_and(|sent| now.saturating_duration_since(*sent) >= SECOND) {
            self.sent.pop_front();
        }
        // A limit of zero makes no sense; treat it as one.
        let may = (self.sent.len() as u64) < rate.max(1);
        if may {
            self.sent.push_back(now);
        }
        may
    }

    /// When the next message may go out; `None`: now.
    pub fn next(&self, rate: Option<u64>) -> Option<Instant> {
        let most = usize::try_from(rate?.max(1)).unwrap_or(usize::MAX);
        // The message of the last second whose slot must become free first.
        self.sent.len().checked_sub(most).and_then(|over| self.sent.get(over)).map(|sent| *sent + SECOND)
    }
}
