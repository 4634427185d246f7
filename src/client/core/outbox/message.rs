//! The user's own messages: a message to a room, or a direct one. Each knows its topic, and how an outbox on disk
//! stores it.

use crate::protocol::{Chat, Invalid, Nick, Private, RoomName, SentId, Topic};
use serde_json::Value;

/// What a message has on the wire besides its text.
const FRAME_BYTES: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OwnMessage {
    Chat(Chat),
    Private(Private),
}

/// A message as an outbox on disk holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// It always has an id.
    pub message: OwnMessage,
    /// The program's `ref` for it.
    pub reference: Option<Value>,
}

impl OwnMessage {
    /// Parses the result of [`OwnMessage::to_json`]. `room`: the room of a room message. `Ok(None)`: it is no message.
    pub fn parse(payload: &[u8], room: Option<RoomName>) -> Result<Option<OwnMessage>, Invalid> {
        Ok(match room {
            Some(room) => Chat::parse(payload, room)?.map(OwnMessage::Chat),
            None => Private::parse(payload)?.map(OwnMessage::Private),
        })
    }

    pub fn to_json(&self) -> Vec<u8> {
        match self {
            OwnMessage::Chat(chat) => chat.to_json(),
            OwnMessage::Private(private) => private.to_json(),
        }
    }

    /// A retransmitted lobby message uses the topic that original clients do not read, so they do not show it twice.
    pub fn topic(&self) -> Topic {
        match self {
            OwnMessage::Chat(chat) if !chat.room.is_lobby() => {
                Topic::Room { room: chat.room.clone(), sender: chat.nick.key().clone() }
            }
            OwnMessage::Chat(chat) => Topic::Messages { sender: chat.late.then(|| chat.nick.key().clone()) },
            OwnMessage::Private(private) => {
                Topic::Private { to: private.to.key().clone(), sender: private.nick.key().clone() }
            }
        }
    }

    pub fn text(&self) -> &str {
        match self {
            OwnMessage::Chat(chat) => &chat.text,
            OwnMessage::Private(private) => &private.text,
        }
    }

    /// `None` only before an outbox took it.
    /// About its size on the wire.
    pub(super) fn bytes(&self) -> usize {
        FRAME_BYTES + self.text().len()
    }

    pub fn id(&self) -> Option<&SentId> {
        match self {
            OwnMessage::Chat(chat) => chat.id.as_ref(),
            OwnMessage::Private(private) => private.id.as_ref(),
        }
    }

    /// `None` for a direct message.
    pub fn room(&self) -> Option<&RoomName> {
        match self {
            OwnMessage::Chat(chat) => Some(&chat.room),
            OwnMessage::Private(_) => None,
        }
    }

    pub(super) fn set_id(&mut self, id: SentId) {
        match self {
            OwnMessage::Chat(chat) => chat.id = Some(id),
            OwnMessage::Private(private) => private.id = Some(id),
        }
    }

    pub(super) fn is_late(&self) -> bool {
        match self {
            OwnMessage::Chat(chat) => chat.late,
            OwnMessage::Private(private) => private.late,
        }
    }

    pub(super) fn mark_late(&mut self) {
        match self {
            OwnMessage::Chat(chat) => chat.late = true,
            OwnMessage::Private(private) => private.late = true,
        }
    }

    pub(in crate::client) fn set_nick(&mut self, nick: &Nick) {
        match self {
            OwnMessage::Chat(chat) => chat.nick = nick.clone(),
            OwnMessage::Private(private) => private.nick = nick.clone(),
        }
    }
}
