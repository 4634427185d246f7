//! The deadlines of an outbox.

use super::{Outbox, WINDOW};
use std::time::Instant;

impl Outbox {
    /// When [`Outbox::expire`] has work.
    pub fn next_expiry(&self, server_is_there: bool) -> Option<Instant> {
        let is_awaited = |ticket| self.entries.get(&ticket).is_some_and(|entry| server_is_there || !entry.acknowledged);
        self.under_way.iter().find(|(_, ticket)| is_awaited(*ticket)).map(|(again_at, _)| *again_at)
    }

    /// When [`Outbox::take`] can return the next message, if only the pace holds it back.
    pub fn next_turn(&self, now: Instant, rate: Option<u64>) -> Option<Instant> {
        let is_held = self.lineup.next().is_none()
            || self.under_way.len() >= WINDOW
            || !self.unacknowledged.is_empty() && self.suspicion.is_cautious();
        (!is_held).then(|| self.pace.next(rate).unwrap_or(now))
    }

    /// When the oldest unsettled message of this run was taken.
    pub fn oldest(&self) -> Option<Instant> {
        self.entries.range(self.first_ticket..).next()?.1.since
    }
}
