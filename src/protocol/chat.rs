//! What people say: chat messages to a room, and direct messages.

use super::fields::{self, Invalid, Maybe, is_false, lenient};
use super::id::{MAX_SEQ, SentId, Session};
use super::names::{Nick, RoomName};
use super::text;
use super::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

/// A message to a room, the lobby included.
/// `{"type":"chat","username","message","timestamp","session","seq","room"}`, `"action":true` for /me, `"late":true`
/// when sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chat {
    pub nick: Nick,
    pub text: String,
    /// `None` where the sender gave none that can be read.
    pub timestamp: Option<Timestamp>,
    /// `None` for a message of an original client.
    pub id: Option<SentId>,
    pub room: RoomName,
    pub action: bool,
    pub late: bool,
}

/// A direct message: `{"type":"private","username","to","message","timestamp","session","seq"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Private {
    pub nick: Nick,
    pub to: Nick,
    pub text: String,
    pub timestamp: Option<Timestamp>,
    pub id: Option<SentId>,
    pub action: bool,
    pub late: bool,
}

#[derive(Deserialize)]
struct ChatFields {
    #[serde(rename = "type")]
    kind: String,
    // Whether these are needed depends on the type, and so is judged after it.
    #[serde(default, deserialize_with = "lenient")]
    username: Option<Nick>,
    #[serde(default, deserialize_with = "lenient")]
    message: Option<String>,
    #[serde(default, deserialize_with = "lenient")]
    to: Option<Nick>,
    #[serde(default, deserialize_with = "lenient")]
    timestamp: Option<Timestamp>,
    // Of a wrong form, they make no message without an id: whoever sends one again would have it stored again.
    #[serde(default)]
    session: Option<Maybe<Session>>,
    #[serde(default)]
    seq: Option<Maybe<u64>>,
    #[serde(default, deserialize_with = "lenient")]
    action: Option<bool>,
    #[serde(default, deserialize_with = "lenient")]
    late: Option<bool>,
}

/// Both, as they are written: the original's fields first, in its order.
#[derive(Serialize)]
struct Out<'a> {
    r#type: &'static str,
    username: &'a Nick,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a Nick>,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp: Option<&'a Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<&'a Session>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room: Option<&'a RoomName>,
    #[serde(skip_serializing_if = "is_false")]
    action: bool,
    #[serde(skip_serializing_if = "is_false")]
    late: bool,
}

fn missing(field: &str) -> Invalid {
    Invalid::Malformed(format!("no valid `{field}`"))
}

/// Reads a payload of the given `type`; `Ok(None)` for one of another type, which is to be ignored.
fn read(payload: &[u8], kind: &str) -> Result<Option<(ChatFields, Nick, String)>, Invalid> {
    let mut fields: ChatFields = fields::read(payload)?;
    if fields.kind != kind {
        return Ok(None);
    }
    let nick = fields.username.take().ok_or_else(|| missing("username"))?;
    let message = fields.message.take().ok_or_else(|| missing("message"))?;
    match text::fits(&message) {
        true => Ok(Some((fields, nick, message))),
        false => Err(Invalid::TextTooLong),
    }
}

/// The id of a message, which names both its session and its number.
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
    /// Reads a message that came on the topic of `room`, which wins over the payload's own. `Ok(None)`: another type.
    pub fn parse(payload: &[u8], room: RoomName) -> Result<Option<Chat>, Invalid> {
        let Some((fields, nick, text)) = read(payload, "chat")? else { return Ok(None) };
        Ok(Some(Chat {
            nick,
            text,
            timestamp: fields.timestamp,
            id: sent_id(fields.session, fields.seq)?,
            room,
            action: fields.action.unwrap_or(false),
            late: fields.late.unwrap_or(false),
        }))
    }

    pub fn to_json(&self) -> Vec<u8> {
        fields::write(&Out {
            r#type: "chat",
            username: &self.nick,
            to: None,
            message: &self.text,
            timestamp: self.timestamp.as_ref(),
            session: self.id.as_ref().map(|id| &id.session),
            seq: self.id.as_ref().map(|id| id.seq),
            room: Some(&self.room),
            action: self.action,
            late: self.late,
        })
    }
}

impl Private {
    /// `Ok(None)`: another type.
    pub fn parse(payload: &[u8]) -> Result<Option<Private>, Invalid> {
        let Some((fields, nick, text)) = read(payload, "private")? else { return Ok(None) };
        Ok(Some(Private {
            nick,
            to: fields.to.ok_or_else(|| missing("to"))?,
            text,
            timestamp: fields.timestamp,
            id: sent_id(fields.session, fields.seq)?,
            action: fields.action.unwrap_or(false),
            late: fields.late.unwrap_or(false),
        }))
    }

    pub fn to_json(&self) -> Vec<u8> {
        fields::write(&Out {
            r#type: "private",
            username: &self.nick,
            to: Some(&self.to),
            message: &self.text,
            timestamp: self.timestamp.as_ref(),
            session: self.id.as_ref().map(|id| &id.session),
            seq: self.id.as_ref().map(|id| id.seq),
            room: None,
            action: self.action,
            late: self.late,
        })
    }
}
