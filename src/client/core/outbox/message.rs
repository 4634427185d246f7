//! The user's own messages. Each knows its topic, and how an outbox on disk stores it.

use crate::protocol::{ChatMessage, Place, Topic};
use serde_json::Value;

/// What a message has on the wire besides its text.
const FRAME_BYTES: usize = 200;

/// A message of the user. It has an id once an outbox took it.
pub type OwnMessage = ChatMessage<Place>;

/// A message as an outbox on disk holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// It always has an id.
    pub message: OwnMessage,
    /// The program's `ref` for it.
    pub reference: Option<Value>,
}

impl OwnMessage {
    /// A retransmitted lobby message uses the topic that original clients do not read, so they do not show it twice.
    pub fn topic(&self) -> Topic {
        let sender = self.nick.key().clone();
        match &self.to {
            Place::Room(room) if room.is_lobby() => Topic::Messages { sender: self.late.then_some(sender) },
            Place::Room(room) => Topic::Room { room: room.clone(), sender },
            Place::Direct(to) => Topic::Private { to: to.key().clone(), sender },
        }
    }

    /// About its size on the wire.
    pub(super) fn bytes(&self) -> usize {
        FRAME_BYTES + self.text.len()
    }
}
