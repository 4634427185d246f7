//! What an outbox may hand out or must retransmit, and when.

use super::Outbox;
use std::time::Instant;

impl Outbox {
    /// When [`Outbox::expire`] has work.
    pub fn next_expiry(&self, server_is_there: bool) -> Option<Instant> {
        self.awaited(server_is_there).next().map(|(again_at, _)| again_at)
    }

    /// When [`Outbox::take`] can return the next message, if only the pace holds it back.
    pub fn next_turn(&self, now: Instant, rate: Option<u64>) -> Option<Instant> {
        self.next_waiting().map(|_| self.pace.next(rate).unwrap_or(now))
    }

    /// The message that goes out next; `None`: none waits, or too many are under way.
    pub(super) fn next_waiting(&self) -> Option<u64> {
        let is_held = !self.unacknowledged.is_empty() && self.suspicion.is_cautious();
        self.lineup.next(self.under_way.len()).filter(|_| !is_held)
    }

    /// The messages under way that somebody is there to answer, and when they are retransmitted: earliest first.
    pub(super) fn awaited(&self, server_is_there: bool) -> impl Iterator<Item = (Instant, u64)> {
        let is_awaited =
            move |ticket| self.entries.get(&ticket).is_some_and(|entry| server_is_there || !entry.acknowledged);
        self.under_way.iter().copied().filter(move |(_, ticket)| is_awaited(*ticket))
    }

    /// When the oldest unsettled message of this run was taken.
    pub fn oldest(&self) -> Option<Instant> {
        self.entries.range(self.first_ticket..).next()?.1.since
    }
}
