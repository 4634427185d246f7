//! What people say: messages to a room, and direct messages.

use super::fields::{self, Invalid, Maybe, is_default, lenient, lenient_or_default};
use super::id::{MAX_SEQ, SentId, Session};
use super::names::{Nick, RoomName};
use super::text;
use super::timestamp::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

/// A message to a room or to a person. `To` says which of the two, or is the [`Place`] if both are possible.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatMessage<To> {
    pub nick: Nick,
    pub to: To,
    pub text: String,
    /// `None` if the sender gave none that can be read.
    pub timestamp: Option<Timestamp>,
    /// `None` for a message of an original client.
    pub id: Option<SentId>,
    /// It was sent with /me.
    pub action: bool,
    /// It is sent again.
    pub late: bool,
}

/// A message to a room, the lobby included:
/// `{"type":"chat","username","message","timestamp","session","seq","room"}`, with `"action":true` for /me and
/// `"late":true` if it is sent again. The original's fields come first, in its order.
pub type Chat = ChatMessage<RoomName>;

/// A direct message: `{"type":"private","username","to","message","timestamp","session","seq"}`.
pub type Private = ChatMessage<Nick>;

/// Where a message was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Room(RoomName),
    /// A direct message to this nick.
    Direct(Nick),
}

impl From<RoomName> for Place {
    fn from(room: RoomName) -> Place {
        Place::Room(room)
    }
}

impl From<Nick> for Place {
    fn from(nick: Nick) -> Place {
        Place::Direct(nick)
    }
}

/// The fields of both. Which of them are required depends on the type, so they are checked after it.
#[derive(Deserialize)]
struct ChatFields {
    r#type: String,
    #[serde(default, deserialize_with = "lenient")]
    username: Option<Nick>,
    #[serde(default, deserialize_with = "lenient")]
    message: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    to: Option<Nick>,
    #[serde(default, deserialize_with = "lenient")]
    timestamp: Option<Timestamp>,
    // If these are malformed, the message must not count as one without an id: a repetition would be stored again.
    #[serde(default)]
    session: Option<Maybe<Session>>,
    #[serde(default)]
    seq: Option<Maybe<u64>>,
    #[serde(default, deserialize_with = "lenient_or_default")]
    action: bool,
    #[serde(default, deserialize_with = "lenient_or_default")]
    late: bool,
}

fn required<T>(field: Option<T>, name: &str) -> Result<T, Invalid> {
    field.ok_or_else(|| Invalid::Malformed(format!("no valid `{name}`")))
}

/// The id of a message that names both a session and a number.
fn sent_id(session: Option<Maybe<Session>>, seq: Option<Maybe<u64>>) -> Result<Option<SentId>, Invalid> {
    let malformed = |text: &str| Invalid::Malformed(text.to_owned());
    let session = match session {
        Some(Maybe::Other(_)) => return Err(malformed("`session` must be 12 characters of a-z and 0-9")),
        Some(Maybe::Fits(session)) => Some(session),
        None => None,
    };
    let seq = match seq {
        Some(Maybe::Fits(seq)) if (1..=MAX_SEQ).contains(&seq) => Some(seq),
        Some(_) => return Err(malformed("`seq` must be a whole number from 1 to 9007199254740992")),
        None => None,
    };
    Ok(session.zip(seq).and_then(|(session, seq)| SentId::new(session, seq)))
}

impl<To> ChatMessage<To> {
    pub fn new(nick: Nick, to: To, text: String) -> ChatMessage<To> {
        ChatMessage { nick, to, text, timestamp: None, id: None, action: false, late: false }
    }

    /// Reads a payload of the given type. `to`: where it goes, from the payload's addressee. `Ok(None)`: it has another
    /// type and must be ignored.
    fn read(
        payload: &[u8],
        kind: &str,
        to: impl FnOnce(Option<Nick>) -> Result<To, Invalid>,
    ) -> Result<Option<ChatMessage<To>>, Invalid> {
        let fields: ChatFields = fields::read(payload)?;
        if fields.r#type != kind {
            return Ok(None);
        }
        let (nick, text) = (required(fields.username, "username")?, required(fields.message, "message")?);
        if !text::fits(&text) {
            return Err(Invalid::TextTooLong);
        }
        let (to, id) = (to(fields.to)?, sent_id(fields.session, fields.seq)?);
        let ChatFields { timestamp, action, late, .. } = fields;
        Ok(Some(ChatMessage { nick, to, text, timestamp, id, action, late }))
    }
}

impl Chat {
    /// Reads a message from the topic of `room`, which overrides the payload's own. `Ok(None)`: another type.
    pub fn parse(payload: &[u8], room: RoomName) -> Result<Option<Chat>, Invalid> {
        ChatMessage::read(payload, "chat", |_| Ok(room))
    }
}

impl Private {
    /// `Ok(None)`: another type.
    pub fn parse(payload: &[u8]) -> Result<Option<Private>, Invalid> {
        ChatMessage::read(payload, "private", |to| required(to, "to"))
    }
}

impl ChatMessage<Place> {
    /// Reads a message to this room, or a direct message. `Ok(None)`: another type.
    pub fn parse(payload: &[u8], room: Option<RoomName>) -> Result<Option<ChatMessage<Place>>, Invalid> {
        match room {
            Some(room) => ChatMessage::read(payload, "chat", |_| Ok(Place::Room(room))),
            None => ChatMessage::read(payload, "private", |to| required(to, "to").map(Place::Direct)),
        }
    }

    /// `None` for a direct message.
    pub fn room(&self) -> Option<&RoomName> {
        match &self.to {
            Place::Room(room) => Some(room),
            Place::Direct(_) => None,
        }
    }
}

impl<To: Clone + Into<Place>> Serialize for ChatMessage<To> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Written<'a> {
            r#type: &'a str,
            username: &'a Nick,
            #[serde(skip_serializing_if = "Option::is_none")]
            to: Option<&'a Nick>,
            message: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            timestamp: Option<&'a Timestamp>,
            #[serde(flatten)]
            id: Option<&'a SentId>,
            #[serde(skip_serializing_if = "Option::is_none")]
            room: Option<&'a RoomName>,
            #[serde(skip_serializing_if = "is_default")]
            action: bool,
            #[serde(skip_serializing_if = "is_default")]
            late: bool,
        }
        let place = self.to.clone().into();
        let (r#type, room, to) = match &place {
            Place::Room(room) => ("chat", Some(room), None),
            Place::Direct(to) => ("private", None, Some(to)),
        };
        let ChatMessage { nick: username, text: message, action, late, .. } = self;
        let (timestamp, id) = (self.timestamp.as_ref(), self.id.as_ref());
        let (action, late) = (*action, *late);
        Written { r#type, username, to, message, timestamp, id, room, action, late }.serialize(serializer)
    }
}

impl<To: Clone + Into<Place>> ChatMessage<To> {
    pub fn to_json(&self) -> Vec<u8> {
        fields::write(self)
    }
}
