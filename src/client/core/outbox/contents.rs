//! The contents of an outbox, and what it may hand out or must retransmit, and when.

use super::{CAPACITY_BYTES, Outbox, OwnMessage, WINDOW};
use crate::protocol::limits::PAYLOAD_BYTES;
use crate::protocol::{SentId, Session};
use std::time::Instant;

impl Outbox {
    /// All messages, in order.
    pub fn messages(&self) -> impl Iterator<Item = &OwnMessage> {
        self.entries.values().map(|entry| &entry.message)
    }

    /// Whether a message with this id is in the outbox.
    pub fn has(&self, id: &SentId) -> bool {
        self.tickets.get(&id.session).is_some_and(|seqs| seqs.contains_key(&id.seq))
    }

    /// Whether this run assigns ids of this session.
    pub fn is_of_this_run(&self, session: &Session) -> bool {
        *session == self.session
    }

    /// Messages that went out, in this run or an earlier one. The server may have stored each of them.
    pub fn gone_out(&self) -> usize {
        self.entries.values().filter(|entry| entry.again_at.is_some() || entry.message.late).count()
    }

    /// Messages that the broker has acknowledged.
    pub fn acknowledged(&self) -> usize {
        self.entries.values().filter(|entry| entry.acknowledged).count()
    }

    /// Unsettled messages.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether it holds more than it can hand out. Programs should hold back further messages.
    pub fn is_busy(&self) -> bool {
        self.entries.len() >= 2 * WINDOW || self.bytes + PAYLOAD_BYTES > CAPACITY_BYTES
    }

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
