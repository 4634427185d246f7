//! How fast messages may go out where the chat's server names a limit: never more than that in any one second.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
pub struct Pace {
    /// When messages went out within the last second, oldest first. Empty where there is no limit.
    sent: VecDeque<Instant>,
}

impl Pace {
    /// Whether one more may go out now; it does then. `rate`: messages a second; `None`: as many as there are.
    pub fn allows(&mut self, now: Instant, rate: Option<u64>) -> bool {
        let Some(rate) = rate else {
            self.sent.clear();
            return true;
        };
        while self.sent.front().is_some_and(|sent| now.saturating_duration_since(*sent) >= SECOND) {
            self.sent.pop_front();
        }
        // A limit of none at all is none that makes sense.
        let may = (self.sent.len() as u64) < rate.max(1);
        if may {
            self.sent.push_back(now);
        }
        may
    }

    /// When one more may go out; `None`: now.
    pub fn next(&self, rate: Option<u64>) -> Option<Instant> {
        let most = usize::try_from(rate?.max(1)).unwrap_or(usize::MAX);
        // Among those of the last second, the one that must be over.
        self.sent.len().checked_sub(most).and_then(|over| self.sent.get(over)).map(|sent| *sent + SECOND)
    }
}
