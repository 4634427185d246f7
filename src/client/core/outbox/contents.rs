//! The contents of an outbox.

use super::{CAPACITY_BYTES, Outbox, OwnMessage, WINDOW};
use crate::protocol::limits::PAYLOAD_BYTES;

impl Outbox {
    /// All messages, in order.
    pub fn messages(&self) -> impl Iterator<Item = &OwnMessage> {
        self.entries.values().map(|entry| &entry.message)
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
}
