//! Pages of history: what a joiner gets, and what a reader pages through.

use super::fields::{self, is_default, json_string, lenient, lenient_list, lenient_or_default};
use super::id::{Epoch, MessageId, SentId, Session, Token};
use super::limits::REPLY_BYTES;
use super::names::{Nick, RoomName};
use super::timestamp::Timestamp;
use chrono::{DateTime, FixedOffset};
use serde::{Deserialize, Deserializer, Serialize};
use std::fmt;

/// A position between two messages of a room's history, written `epoch:pos`: the messages up to and including `pos` lie
/// before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    pub epoch: Epoch,
    pub pos: u64,
}

impl Cursor {
    pub fn parse(text: &str) -> Option<Cursor> {
        let (epoch, pos) = text.split_once(':')?;
        let pos = pos.bytes().all(|b| b.is_ascii_digit()).then(|| pos.parse().ok())??;
        // SQLite's integers are signed.
        (pos <= i64::MAX as u64).then_some(Cursor { epoch: Epoch::parse(epoch)?, pos })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.epoch, self.pos)
    }
}

const CURSOR: &str = "a cursor must be an epoch, a : and a number";
json_string!(Cursor, Cursor::to_string, CURSOR, |text| Cursor::parse(text).ok_or(CURSOR));

/// One message of a page. The first three fields are always present: the original client fails on a missing one. The
/// others come from a server of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "chat")]
pub struct Entry {
    #[serde(rename = "username")]
    pub nick: Nick,
    #[serde(rename = "message")]
    pub text: String,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    #[serde(default, deserialize_with = "lenient_or_default", skip_serializing_if = "is_default")]
    pub action: bool,
    #[serde(default, deserialize_with = "lenient_or_default", skip_serializing_if = "is_default")]
    pub late: bool,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub id: Option<MessageId>,
    /// Its position in the room, from 1, in order of commit.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub pos: Option<u64>,
    /// When the server received it.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub received: Option<Timestamp>,
}

impl Entry {
    /// When it was said: by its sender's clock or, as an original client's time has no zone, by the server's.
    pub fn at(&self) -> Option<DateTime<FixedOffset>> {
        [&self.timestamp, &self.received].into_iter().flatten().find_map(Timestamp::at)
    }
}

/// A page, oldest message first:
/// `{"type":"history","messages":[…],"timestamp","request","room","epoch","from","to","complete","gap"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "history")]
pub struct History {
    #[serde(deserialize_with = "read_entries")]
    pub messages: Vec<Entry>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// Which request it answers; `None` from an original server, and to an original client.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub request: Option<Token>,
    /// Only a server of ours sets it. If one of its fields is missing, it is `None`.
    #[serde(flatten)]
    pub span: Option<Span>,
}

/// Where a page lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    pub room: RoomName,
    pub epoch: Epoch,
    /// The page holds what was committed at the positions `from` + 1 to `to`.
    pub from: u64,
    pub to: u64,
    /// Nothing more lies in the requested direction (`after`: newer, otherwise older).
    #[serde(default, deserialize_with = "lenient_or_default")]
    pub complete: bool,
    /// Messages may be missing at the requested cursor. Either it belongs to another history, and this is the newest
    /// page; or the messages there were trimmed, and this is the page next to them.
    #[serde(default, deserialize_with = "lenient_or_default")]
    pub gap: bool,
}

/// Skips elements that are no messages.
fn read_entries<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Entry>, D::Error> {
    /// An original server returns what was published, with the parts of the id.
    #[derive(Deserialize)]
    struct AsPublished {
        #[serde(flatten)]
        entry: Entry,
        #[serde(default, deserialize_with = "lenient")]
        session: Option<Session>,
        #[serde(default, deserialize_with = "lenient")]
        seq: Option<u64>,
    }
    let entry = |AsPublished { entry, session, seq }| {
        let sent = || session.zip(seq).and_then(|(session, seq)| SentId::new(session, seq)).map(MessageId::Sent);
        Entry { id: entry.id.clone().or_else(sent), ..entry }
    };
    Ok(lenient_list(deserializer)?.into_iter().map(entry).collect())
}

fields::to_json!(History);

/// How many of these elements, taken in this order, fit into a list in a reply of [`REPLY_BYTES`]; at least one.
pub fn fitting<'a, T: Serialize + 'a>(elements: impl IntoIterator<Item = &'a T>) -> usize {
    /// Room for a reply's own fields.
    const FRAME_BYTES: usize = 512;
    let mut bytes = FRAME_BYTES;
    let fits = |element: &&T| {
        let is_first = bytes == FRAME_BYTES;
        bytes += fields::write(element).len() + 1;
        bytes <= REPLY_BYTES || is_first
    };
    elements.into_iter().take_while(fits).count()
}
