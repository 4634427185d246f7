//! Finds a message over which the broker closes the connection each time. MQTT 3.1.1 has no other way to refuse one.
//! Retransmitted forever, it would block every message behind it. If connections keep breaking with the same message
//! first in line, messages go out one at a time. If the connection still breaks over it, the message is given up.

use super::WINDOW;
use std::time::Duration;

/// After this many broken connections with the same message in front, messages go out one at a time.
const CAUTIOUS: u32 = 3;
/// After this many more, broken at once with only this message under way, it is given up. By then several minutes of
/// trying have passed, and a connection that is merely bad has let an acknowledgement through.
const STRIKES: u32 = 5;
/// The meaning of "at once".
const AT_ONCE: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub struct Suspicion {
    /// The ticket of the first message without an acknowledgement when the connection broke.
    suspect: Option<u64>,
    breaks: u32,
    strikes: u32,
    /// Messages go out one at a time for this many acknowledgements. As many messages as that may be in front of the
    /// suspect.
    caution: usize,
}

impl Suspicion {
    /// Whether messages must go out one at a time.
    pub fn is_cautious(&self) -> bool {
        self.caution > 0
    }

    /// The connection broke while this was the first message without an acknowledgement. `alone`: how long it had been
    /// under way, if it was the only one. Returns whether to give it up.
    pub fn connection_broke(&mut self, first: u64, alone: Option<Duration>) -> bool {
        if self.suspect != Some(first) {
            self.acquit();
            self.suspect = Some(first);
        }
        let at_once = self.is_cautious() && alone.is_some_and(|time| time < AT_ONCE);
        self.strikes = if at_once { self.strikes + 1 } else { 0 };
        self.breaks += 1;
        if self.breaks >= CAUTIOUS {
            self.caution = WINDOW;
        }
        let gives_up = self.strikes >= STRIKES;
        if gives_up {
            self.acquit();
        }
        gives_up
    }

    /// The broker has acknowledged this message.
    pub fn acknowledged(&mut self, ticket: u64) {
        self.caution = self.caution.saturating_sub(1);
        self.gone(ticket);
    }

    /// This message has left the outbox.
    pub fn gone(&mut self, ticket: u64) {
        if self.suspect == Some(ticket) {
            self.acquit();
        }
    }

    fn acquit(&mut self) {
        (self.suspect, self.breaks, self.strikes) = (None, 0, 0);
    }
}
