//! A message at which the broker ends the connection, each time: MQTT 3.1.1 gives it no other way to refuse one. Sent again
//! for ever, it would keep everything behind it from going out. So where connections break again and again with the same
//! message first in line, messages go out one at a time, and one at which the connection then still breaks is given up.

use super::WINDOW;
use std::time::Duration;

/// Connections that break with the same message first before messages go out alone.
const CAUTIOUS: u32 = 3;
/// And so many more that break at once while it is alone under way, before it is given up: by then several minutes of
/// trying have passed, and a connection that is merely bad has let an acknowledgement through.
const STRIKES: u32 = 5;
/// What "at once" is.
const AT_ONCE: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
pub struct Suspicion {
    /// The ticket of the message that was first without an acknowledgement when the connection broke.
    suspect: Option<u64>,
    breaks: u32,
    strikes: u32,
    /// For so many acknowledgements messages still go out one at a time: as many as can be before the one looked for.
    caution: usize,
}

impl Suspicion {
    /// Messages are to go out one at a time.
    pub fn is_cautious(&self) -> bool {
        self.caution > 0
    }

    /// The connection broke while this was the first message without an acknowledgement. `alone`: no other was, and it had
    /// been under way for so long. Returns whether it is to be given up.
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

    /// The broker has this message.
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
