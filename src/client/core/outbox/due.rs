//! When time alone changes something in an outbox.

use super::{Outbox, WINDOW};
use std::time::Instant;

impl Outbox {
    /// When [`Outbox::expire`] finds something.
    pub fn next_expiry(&self, server_is_there: bool) -> Option<Instant> {
        let is_awaited = |ticket| self.entries.get(&ticket).is_some_and(|entry| server_is_there || !entry.acknowledged);
        self.under_way.iter().find(|(_, ticket)| is_awaited(*ticket)).map(|(again_at, _)| *again_at)
    }

    /// When [`Outbox::take`] finds something, where only the pace keeps it back.
    pub fn next_turn(&self, now: Instant, rate: Option<u64>) -> Option<Instant> {
        let is_held = self.waiting.is_empty()
            || self.under_way.len() >= WINDOW
            || !self.unacknowledged.is_empty() && self.suspicion.is_cautious();
        (!is_held).then(|| self.pace.next(rate).unwrap_or(now))
    }

    /// Since when the first of this run's messages waits to be settled.
    pub fn oldest(&self) -> Option<Instant> {
        self.entries.range(self.first_ticket..).next()?.1.since
    }
}
