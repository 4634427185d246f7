//! Pages of history: what a joiner gets, and what a reader pages through.

use super::fields::{self, Invalid, is_false, lenient, lenient_list, truth};
use super::id::{Epoch, MessageId, SentId, Session, Token};
use super::limits::REPLY_BYTES;
use super::names::{Nick, RoomName};
use super::timestamp::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// A place between two messages of a room's history, written `epoch:pos`: everything up to and with `pos` lies before it.
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

impl Serialize for Cursor {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        const FORM: &str = "a cursor must be an epoch, a : and a number";
        fields::from_text(deserializer, FORM, |text| Cursor::parse(text).ok_or(FORM))
    }
}

/// One message of a page. The original's four fields are always there, for its client fails on a missing one; the
/// others come from a server of ours.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    #[serde(rename = "username")]
    pub nick: Nick,
    #[serde(rename = "message")]
    pub text: String,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    #[serde(default, deserialize_with = "truth", skip_serializing_if = "is_false")]
    pub action: bool,
    #[serde(default, deserialize_with = "truth", skip_serializing_if = "is_false")]
    pub late: bool,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub id: Option<MessageId>,
    /// Its place in the room, from 1, in order of commit.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub pos: Option<u64>,
    /// When the server received it.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub received: Option<Timestamp>,
}

/// A page, oldest message first.
/// `{"type":"history","messages":[…],"timestamp","request","room","epoch","from","to","complete","gap"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    pub messages: Vec<Entry>,
    pub timestamp: Option<Timestamp>,
    /// What it answers; `None` from an original server, and to an original client.
    pub request: Option<Token>,
    /// What only a server of ours tells.
    pub span: Option<Span>,
}

/// Where a page lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    pub room: RoomName,
    pub epoch: Epoch,
    /// The page holds what was committed at the positions `from` + 1 to `to`.
    pub from: u64,
    pub to: u64,
    /// Nothing more lies in the direction that was asked for (`after`: newer; else older).
    pub complete: bool,
    /// Messages may be missing that lay at the cursor asked for. It belongs to another history: this is the newest page
    /// instead. Or what lay there was trimmed: this is what lies next to it.
    pub gap: bool,
}

impl History {
    /// Reads a payload whose `type` is known to be `history`. Elements that are no messages are skipped.
    pub fn parse(payload: &[u8]) -> Result<History, Invalid> {
        /// An original server gives back what was published, with the parts of the id.
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
            #[serde(default, deserialize_with = "truth")]
            complete: bool,
            #[serde(default, deserialize_with = "truth")]
            gap: bool,
        }
        let fields: Fields = fields::read(payload)?;
        let span = match (fields.room, fields.epoch, fields.from, fields.to) {
            (Some(room), Some(epoch), Some(from), Some(to)) => {
                Some(Span { room, epoch, from, to, complete: fields.complete, gap: fields.gap })
            }
            _ => None,
        };
        let messages = fields.messages.into_iter().map(|AsPublished { entry, session, seq }| {
            let sent = || session.zip(seq).and_then(|(session, seq)| SentId::new(session, seq)).map(MessageId::Sent);
            Entry { id: entry.id.clone().or_else(sent), ..entry }
        });
        Ok(History { messages: messages.collect(), timestamp: fields.timestamp, request: fields.request, span })
    }

    pub fn to_json(&self) -> Vec<u8> {
        #[derive(Serialize)]
        struct OutEntry<'a> {
            r#type: &'static str,
            #[serde(flatten)]
            entry: &'a Entry,
        }
        #[derive(Serialize)]
        struct Out<'a> {
            r#type: &'static str,
            messages: Vec<OutEntry<'a>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            timestamp: Option<&'a Timestamp>,
            #[serde(skip_serializing_if = "Option::is_none")]
            request: Option<&'a Token>,
            #[serde(flatten, skip_serializing_if = "Option::is_none")]
            span: Option<OutSpan<'a>>,
        }
        #[derive(Serialize)]
        struct OutSpan<'a> {
            room: &'a RoomName,
            epoch: &'a Epoch,
            from: u64,
            to: u64,
            complete: bool,
            gap: bool,
        }
        fields::write(&Out {
            r#type: "history",
            messages: self.messages.iter().map(|entry| OutEntry { r#type: "chat", entry }).collect(),
            timestamp: self.timestamp.as_ref(),
            request: self.request.as_ref(),
            span: self.span.as_ref().map(|span| OutSpan {
                room: &span.room,
                epoch: &span.epoch,
                from: span.from,
                to: span.to,
                complete: span.complete,
                gap: span.gap,
            }),
        })
    }
}

impl Entry {
    /// Bytes that it takes in a page, its comma included.
    pub fn wire_bytes(&self) -> usize {
        fields::write(self).len() + r#""type":"chat",,"#.len()
    }
}

/// How many of these messages, taken in this order, a page can hold within [`REPLY_BYTES`]; at least one.
pub fn fitting<'a>(entries: impl Iterator<Item = &'a Entry>) -> usize {
    fitting_bytes(entries.map(Entry::wire_bytes))
}

/// How many elements of these sizes a reply can hold within [`REPLY_BYTES`]; at least one.
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
