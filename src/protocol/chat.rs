//! What people say: messages to a room, and direct messages.

use super::fields::{self, Invalid, Maybe, is_false, lenient, lenient_or_default};
use super::id::{MAX_SEQ, SentId, Session};
use super::names::{Nick, RoomName};
use super::text;
use super::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// A message to a room, the lobby included:
/// `{"type":"chat","username","message","timestamp","session","seq","room"}`, with `"action":true` for /me and
/// `"late":true` if it is sent again. The original's fields come first, in its order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "chat")]
pub struct Chat {
    #[serde(rename = "username")]
    pub nick: Nick,
    #[serde(rename = "message")]
    pub text: String,
    /// `None` if the sender gave none that can be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// `None` for a message of an original client.
    #[serde(flatten)]
    pub id: Option<SentId>,
    pub room: RoomName,
    #[serde(skip_serializing_if = "is_false")]
    pub action: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub late: bool,
}

/// A direct message: `{"type":"private","username","to","message","timestamp","session","seq"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "private")]
pub struct Private {
    #[serde(rename = "username")]
    pub nick: Nick,
    pub to: Nick,
    #[serde(rename = "message")]
    pub text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    #[serde(flatten)]
    pub id: Option<SentId>,
    #[serde(skip_serializing_if = "is_false")]
    pub action: bool,
    #[serde(skip_serializing_if = "is_false")]
    pub late: bool,
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

/// Reads a payload of the given type. `Ok(None)`: it has another type and must be ignored.
fn read(payload: &[u8], kind: &str) -> Result<Option<(ChatFields, Nick, String)>, Invalid> {
    let mut fields: ChatFields = fields::read(payload)?;
    if fields.r#type != kind {
        return Ok(None);
    }
    let nick = required(fields.username.take(), "username")?;
    let message = required(fields.message.take(), "message")?;
    if text::fits(&message) { Ok(Some((fields, nick, message))) } else { Err(Invalid::TextTooLong) }
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

impl Chat {
    /// Reads a message from the topic of `room`, which overrides the payload's own. `Ok(None)`: another type.
    pub fn parse(payload: &[u8], room: RoomName) -> Result<Option<Chat>, Invalid> {
        let Some((fields, nick, text)) = read(payload, "chat")? else { return Ok(None) };
        let ChatFields { timestamp, session, seq, action, late, .. } = fields;
        Ok(Some(Chat { nick, text, timestamp, id: sent_id(session, seq)?, room, action, late }))
    }
}

impl Private {
    /// `Ok(None)`: another type.
    pub fn parse(payload: &[u8]) -> Result<Option<Private>, Invalid> {
        let Some((fields, nick, text)) = read(payload, "private")? else { return Ok(None) };
        let ChatFields { to, timestamp, session, seq, action, late, .. } = fields;
        let to = required(to, "to")?;
        Ok(Some(Private { nick, to, text, timestamp, id: sent_id(session, seq)?, action, late }))
    }
}

fields::to_json!(Chat Private);
