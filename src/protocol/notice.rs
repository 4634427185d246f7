//! What the server says: notices, lists, welcomes, errors, and its own description.

use super::chat::Private;
use super::delivery::{Mark, Receipt, Stored, Waiting};
use super::fields::{self, Invalid, is_default, lenient, lenient_list, lenient_or_default};
use super::history::History;
use super::id::{MessageId, Session, Token};
use super::names::{Nick, RoomName};
use super::search::SearchResult;
use super::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum NoticeKind {
    #[serde(rename = "user_join")]
    Join,
    #[serde(rename = "user_leave")]
    Leave,
    #[serde(rename = "user_timeout")]
    Timeout,
}

impl NoticeKind {
    fn verb(self) -> &'static str {
        match self {
            NoticeKind::Join => "joined the chat",
            NoticeKind::Leave => "left the chat",
            NoticeKind::Timeout => "timed out",
        }
    }
}

/// On chat/system: `{"type":"user_join"|"user_leave"|"user_timeout","username","message","timestamp","online_users",
/// "users_list"}`; a notice that merges several also carries `"usernames":[…],"count":n`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    #[serde(rename = "type")]
    pub kind: NoticeKind,
    /// The first nick that it is about.
    #[serde(rename = "username")]
    pub nick: Nick,
    #[serde(default)]
    pub message: String,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// How many are online now.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub online_users: Option<u64>,
    #[serde(default, deserialize_with = "some_list", skip_serializing_if = "Option::is_none")]
    pub users_list: Option<Vec<Nick>>,
    /// All nicks that a merged notice is about, at most [`super::limits::NOTICE_NAMES`].
    #[serde(rename = "usernames", default, deserialize_with = "lenient_list", skip_serializing_if = "Vec::is_empty")]
    pub nicks: Vec<Nick>,
    /// How many nicks a merged notice is about.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

fn some_list<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Nick>>, D::Error> {
    lenient_list(deserializer).map(Some)
}

impl Notice {
    /// "alice joined the chat", "alice and 37 others joined the chat".
    pub fn text(kind: NoticeKind, first: &Nick, count: usize) -> String {
        match count {
            0 | 1 => format!("{first} {}", kind.verb()),
            2 => format!("{first} and 1 other {}", kind.verb()),
            n => format!("{first} and {} others {}", n - 1, kind.verb()),
        }
    }
}

/// Reply to a users request, and retained on chat/users: `{"type":"online_users","users":[…],"count","timestamp"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "online_users")]
pub struct OnlineUsers {
    /// At most [`super::limits::LISTED_USERS`].
    #[serde(deserialize_with = "lenient_list")]
    pub users: Vec<Nick>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub request: Option<Token>,
    /// More people are online than the list holds.
    #[serde(default, deserialize_with = "lenient_or_default", skip_serializing_if = "is_default")]
    pub truncated: bool,
}

/// Reply to a rooms request: `{"type":"rooms","rooms":[{"name","members","messages"}]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "rooms")]
pub struct Rooms {
    #[serde(deserialize_with = "lenient_list")]
    pub rooms: Vec<RoomInfo>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub request: Option<Token>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomInfo {
    pub name: RoomName,
    /// How many people are present in it.
    pub members: u64,
    /// How many messages its history holds.
    pub messages: u64,
}

/// The answer to a join: `{"type":"welcome","session","online_users","timestamp"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "welcome")]
pub struct Welcome {
    pub session: Session,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub online_users: Option<u64>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    NickInUse,
    BadNick,
    BadRequest,
    BadMessage,
    TooLarge,
    Full,
    /// Another message of the sender has this id: the message must be sent under a new one.
    IdTaken,
    NotStored,
    /// A code of a later version.
    #[serde(other)]
    Other,
}

/// `{"type":"error","code","message","session","request"?,"of"?}`; `of` is a message's id; the error settles that message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "error")]
pub struct ErrorReply {
    pub code: ErrorCode,
    #[serde(default)]
    pub message: String,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub request: Option<Token>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub of: Option<MessageId>,
}

impl ErrorReply {
    /// An error that concerns neither a request nor a message.
    pub fn new(code: ErrorCode, message: impl Into<String>, session: Option<Session>) -> ErrorReply {
        ErrorReply { code, message: message.into(), session, request: None, of: None }
    }
}

/// The answer to a ping: `{"type":"pong","request","timestamp"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "pong")]
pub struct Pong {
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub request: Option<Token>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    Online,
    Offline,
}

/// Retained on chat/server, and its will: `{"type":"server","status":"online"|"offline","instance","started","version",
/// "identity","durable","heartbeat_seconds":30,"timeout_seconds":60,"history_limit":50,"max_page":500,
/// "max_message_chars":4000,"rate"?}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename = "server")]
pub struct ServerInfo {
    pub status: Status,
    /// Random per run of the server.
    #[serde(default)]
    pub instance: String,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub started: Option<Timestamp>,
    #[serde(default)]
    pub version: String,
    /// `open`: sender levels are claims.
    #[serde(default)]
    pub identity: String,
    /// The history survives a restart of the server. The server says `stored` in both cases.
    #[serde(default, deserialize_with = "lenient_or_default")]
    pub durable: bool,
    /// How often a client should send a heartbeat.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub heartbeat_seconds: Option<u64>,
    /// How much silence times a session out.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    /// How many messages a joiner gets.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub history_limit: Option<usize>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub max_page: Option<usize>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub max_message_chars: Option<usize>,
    /// How many messages one nick may send per second, if that is limited.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub rate: Option<u64>,
}

/// Everything that a server says to clients, by `type`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FromServer {
    Notice(Notice),
    OnlineUsers(OnlineUsers),
    History(History),
    Rooms(Rooms),
    Welcome(Welcome),
    Error(ErrorReply),
    Pong(Pong),
    Server(ServerInfo),
    Stored(Stored),
    Mark(Mark),
    Waiting(Waiting),
    SearchResult(SearchResult),
    /// A direct message that waited at the server.
    Private(Private),
    /// The server has delivered a direct message to a client that sends no receipts.
    Receipt(Receipt),
    /// A type of a later version; ignore it.
    Unknown,
}

impl FromServer {
    pub fn parse(payload: &[u8]) -> Result<FromServer, Invalid> {
        Ok(match fields::kind(payload)?.as_str() {
            "user_join" | "user_leave" | "user_timeout" => FromServer::Notice(fields::read(payload)?),
            "online_users" => FromServer::OnlineUsers(fields::read(payload)?),
            "history" => FromServer::History(fields::read(payload)?),
            "rooms" => FromServer::Rooms(fields::read(payload)?),
            "welcome" => FromServer::Welcome(fields::read(payload)?),
            "error" => FromServer::Error(fields::read(payload)?),
            "pong" => FromServer::Pong(fields::read(payload)?),
            "server" => FromServer::Server(fields::read(payload)?),
            "stored" => FromServer::Stored(fields::read(payload)?),
            "mark" => FromServer::Mark(Mark::parse(payload)?),
            "waiting" => FromServer::Waiting(fields::read(payload)?),
            "search_result" => FromServer::SearchResult(fields::read(payload)?),
            "private" => Private::parse(payload)?.map_or(FromServer::Unknown, FromServer::Private),
            "receipt" => FromServer::Receipt(fields::read(payload)?),
            _ => FromServer::Unknown,
        })
    }
}

fields::to_json!(Notice OnlineUsers Rooms Welcome ErrorReply Pong ServerInfo);
