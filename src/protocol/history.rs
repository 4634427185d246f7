//! Pages of history: what a joiner gets, and what a reader pages through.

use super::fields::{self, Invalid, is_false, json_string, lenient, lenient_list, lenient_or_default};
use super::id::{Epoch, MessageId, SentId, Session, Token};
use super::limits::REPLY_BYTES;
use super::names::{Nick, RoomName};
use super::timestamp::Timestamp;
use serde::{Deserialize, Serialize, Serializer};
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
pub struct Entry {
    #[serde(rename = "username")]
    pub nick: Nick,
    #[serde(rename = "message")]
    pub text: String,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    #[serde(default, deserialize_with = "lenient_or_default", skip_serializing_if = "is_false")]
    pub action: bool,
    #[serde(default, deserialize_with = "lenient_or_default", skip_serializing_if = "is_false")]
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

/// How a message is written in a reply, with its room if the reply is not about one room.
#[derive(Serialize)]
#[serde(tag = "type", rename = "chat")]
pub(super) struct WrittenEntry<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room: Option<&'a RoomName>,
    #[serde(flatten)]
    pub entry: &'a Entry,
}

/// A page, oldest message first:
/// `{"type":"history","messages":[…],"timestamp","request","room","epoch","from","to","complete","gap"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename = "history")]
pub struct History {
    #[serde(serialize_with = "write_entries")]
    pub messages: Vec<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// Which request it answers; `None` from an original server, and to an original client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Token>,
    /// Only a server of ours tells it.
    #[serde(flatten)]
    pub span: Option<Span>,
}

fn write_entries<S: Serializer>(entries: &[Entry], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(entries.iter().map(|entry| WrittenEntry { room: None, entry }))
}

/// Where a page lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Span {
    pub room: RoomName,
    pub epoch: Epoch,
    /// The page holds what was committed at the positions `from` + 1 to `to`.
    pub from: u64,
    pub to: u64,
    /// Nothing more lies in the requested direction (`after`: newer, otherwise older).
    pub complete: bool,
    /// Messages may be missing at the requested cursor. Either it belongs to another history, and this is the newest
    /// page; or the messages there were trimmed, and this is the page next to them.
    pub gap: bool,
}

impl History {
    /// Reads a payload whose `type` is known to be `history`. Elements that are no messages are skipped.
    pub fn parse(payload: &[u8]) -> Result<History, Invalid> {
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
        #[derive(Deserialize)]
        struct Fields {
            #[serde(deserialize_with = "lenient_list")]
            messages: Vec<AsPublished>,
            #[serde(default, deserialize_with = "lenient")]
            timestamp: Option<Timestamp>,
            #[serde(default, deserialize_with = "lenient")]
            request: Option<Token>,
            #[serde(default, deserialize_with = "lenient")]
            room: Option<RoomName>,
            #[serde(default, deserialize_with = "lenient")]
            epoch: Option<Epoch>,
            #[serde(default, deserialize_with = "lenient")]
            from: Option<u64>,
            #[serde(default, deserialize_with = "lenient")]
            to: Option<u64>,
            #[serde(default, deserialize_with = "lenient_or_default")]
            complete: bool,
            #[serde(default, deserialize_with = "lenient_or_default")]
            gap: bool,
        }
        let Fields { messages, timestamp, request, room, epoch, from, to, complete, gap } = fields::read(payload)?;
        let messages = messages.into_iter().map(|AsPublished { entry, session, seq }| {
            let sent = || session.zip(seq).and_then(|(session, seq)| SentId::new(session, seq)).map(MessageId::Sent);
            Entry { id: entry.id.clone().or_else(sent), ..entry }
        });
        let span = || Some(Span { room: room?, epoch: epoch?, from: from?, to: to?, complete, gap });
        Ok(History { messages: messages.collect(), timestamp, request, span: span() })
    }
}

fields::to_json!(History);

impl Entry {
    /// The bytes that it takes in a page, including its comma.
    pub fn wire_bytes(&self) -> usize {
        fields::write(self).len() + r#""type":"chat",,"#.len()
    }
}

/// How many of these messages, taken in this order, fit into a page of [`REPLY_BYTES`]; at least one.
pub fn fitting<'a>(entries: impl Iterator<Item = &'a Entry>) -> usize {
    fitting_bytes(entries.map(Entry::wire_bytes))
}

/// How many elements of these sizes fit into a reply of [`REPLY_BYTES`]; at least one.
pub(super) fn fitting_bytes(sizes: impl Iterator<Item = usize>) -> usize {
    /// Room for a reply's own fields.
    const FRAME_BYTES: usize = 512;
    let mut bytes = FRAME_BYTES;
    let mut count = 0;
    for size in sizes {
        bytes += size;
        if bytes > REPLY_BYTES && count > 0 {
            break;
        }
        count += 1;
    }
    count
}
