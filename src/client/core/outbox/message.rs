//! What can be sent: a message to a room or a direct one, its topic, and the way to text and back for an outbox on disk.

use crate::protocol::{Chat, Invalid, Nick, Private, RoomName, SentId, Topic};
use serde_json::Value;

/// What can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Chat(Chat),
    Private(Private),
}

/// A message as an outbox on disk holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Always with its id.
    pub message: Message,
    /// What the program that gave the message called it.
    pub reference: Option<Value>,
}

impl Message {
    /// Reads what [`Message::to_json`] wrote. `room`: of a message to one. `Ok(None)`: it is no message.
    pub fn parse(payload: &[u8], room: Option<RoomName>) -> Result<Option<Message>, Invalid> {
        Ok(match room {
            Some(room) => Chat::parse(payload, room)?.map(Message::Chat),
            None => Private::parse(payload)?.map(Message::Private),
        })
    }

    pub fn to_json(&self) -> Vec<u8> {
        match self {
            Message::Chat(chat) => chat.to_json(),
            Message::Private(private) => private.to_json(),
        }
    }

    /// Sent again, a lobby message takes the topic that original clients do not read: they see nothing twice.
    pub fn topic(&self) -> Topic {
        match self {
            Message::Chat(chat) if !chat.room.is_lobby() => {
                Topic::Room { room: chat.room.clone(), sender: chat.nick.key().clone() }
            }
            Message::Chat(chat) => Topic::Messages { sender: chat.late.then(|| chat.nick.key().clone()) },
            Message::Private(private) => {
                Topic::Private { to: private.to.key().clone(), sender: private.nick.key().clone() }
            }
        }
    }

    pub fn text(&self) -> &str {
        match self {
            Message::Chat(chat) => &chat.text,
            Message::Private(private) => &private.text,
        }
    }

    /// `None` only before an outbox took it.
    pub fn id(&self) -> Option<&SentId> {
        match self {
            Message::Chat(chat) => chat.id.as_ref(),
            Message::Private(private) => private.id.as_ref(),
        }
    }

    /// `None` of a direct message.
    pub fn room(&self) -> Option<&RoomName> {
        match self {
            Message::Chat(chat) => Some(&chat.room),
            Message::Private(_) => None,
        }
    }

    pub(super) fn set_id(&mut self, id: SentId) {
        match self {
            Message::Chat(chat) => chat.id = Some(id),
            Message::Private(private) => private.id = Some(id),
        }
    }

    pub(super) fn is_late(&self) -> bool {
        match self {
            Message::Chat(chat) => chat.late,
            Message::Private(private) => private.late,
        }
    }

    pub(super) fn mark_late(&mut self) {
        match self {
            Message::Chat(chat) => chat.late = true,
            Message::Private(private) => private.late = true,
        }
    }

    pub(in crate::client) fn set_nick(&mut self, nick: &Nick) {
        match self {
            Message::Chat(chat) => chat.nick = nick.clone(),
            Message::Private(private) => private.nick = nick.clone(),
        }
    }
}
