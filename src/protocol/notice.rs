//! What the server says: notices, lists, welcomes, errors and what it is.

use super::chat::Private;
use super::delivery::{Mark, Receipt, Stored, Waiting};
use super::fields::{self, Invalid, is_false, lenient, lenient_list, truth};
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
/// "users_list"}`; several merged in a storm carry `"usernames":[…],"count":n` too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    #[serde(rename = "type")]
    pub kind: NoticeKind,
    /// The first of those it tells of.
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
    /// Those it tells of where they are several, at most [`super::limits::NOTICE_NAMES`].
    #[serde(rename = "usernames", default, deserialize_with = "lenient_list", skip_serializing_if = "Vec::is_empty")]
    pub nicks: Vec<Nick>,
    /// How many it tells of where they are several.
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

    pub fn to_json(&self) -> Vec<u8> {
        fields::write(self)
    }
}

/// Reply to a users request, and retained on chat/users: `{"type":"online_users","users":[…],"count","timestamp"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// There are more than the list names.
    #[serde(default, deserialize_with = "truth", skip_serializing_if = "is_false")]
    pub truncated: bool,
}

/// Reply to a rooms request: `{"type":"rooms","rooms":[{"name","members","messages"}]}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// People present in it.
    pub members: u64,
    /// Messages in its history.
    pub messages: u64,
}

/// The answer to a join: `{"type":"welcome","session","online_users","timestamp"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Another message of the sender has the id: this one is to be sent under another.
    IdTaken,
    NotStored,
    /// A code of a later version.
    #[serde(other)]
    Other,
}

/// `{"type":"error","code","message","session","request"?,"of"?}`; `of` is a message's id and settles it for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// The answer to a ping: `{"type":"pong","request","timestamp"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Its history outlives it; without this a restart forgets everything. It says `stored` in both cases.
    #[serde(default, deserialize_with = "truth")]
    pub durable: bool,
    /// How often a client is to send a heartbeat.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub heartbeat_seconds: Option<u64>,
    /// After how much silence somebody is timed out.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u64>,
    /// Messages that a joiner gets.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub history_limit: Option<usize>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub max_page: Option<usize>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub max_message_chars: Option<usize>,
    /// Messages that one nick may send per second, where that is limited.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub rate: Option<u64>,
}

/// Everything that a server says to clients, by its `type`.
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
    /// A direct message of somebody else, which waited at the server.
    Private(Private),
    /// The server has delivered a direct message to a client that cannot say so itself.
    Receipt(Receipt),
    /// A type of a later version: to be ignored.
    Unknown,
}

impl FromServer {
    pub fn parse(payload: &[u8]) -> Result<FromServer, Invalid> {
        #[derive(Deserialize)]
        struct Kind {
            r#type: String,
        }
        let kind: Kind = fields::read(payload)?;
        Ok(match kind.r#type.as_str() {
            "user_join" | "user_leave" | "user_timeout" => FromServer::Notice(fields::read(payload)?),
            "online_users" => FromServer::OnlineUsers(fields::read(payload)?),
            "history" => FromServer::History(History::parse(payload)?),
            "rooms" => FromServer::Rooms(fields::read(payload)?),
            "welcome" => FromServer::Welcome(fields::read(payload)?),
            "error" => FromServer::Error(fields::read(payload)?),
            "pong" => FromServer::Pong(fields::read(payload)?),
            "server" => FromServer::Server(fields::read(payload)?),
            "stored" => FromServer::Stored(fields::read(payload)?),
            "mark" => FromServer::Mark(Mark::parse(payload)?),
            "waiting" => FromServer::Waiting(fields::read(payload)?),
            "search_result" => FromServer::SearchResult(SearchResult::parse(payload)?),
            "private" => Private::parse(payload)?.map_or(FromServer::Unknown, FromServer::Private),
            "receipt" => FromServer::Receipt(fields::read(payload)?),
            _ => FromServer::Unknown,
        })
    }
}

/// Payloads whose `type` is fixed: written with it in front, as the original does.
macro_rules! typed_json {
    ($($name:ident $kind:literal)*) => { $(
        impl $name {
            pub fn to_json(&self) -> Vec<u8> {
                #[derive(Serialize)]
                struct Out<'a> {
                    r#type: &'static str,
                    #[serde(flatten)]
                    fields: &'a $name,
                }
                fields::write(&Out { r#type: $kind, fields: self })
            }
        }
    )* };
}

typed_json!(
    OnlineUsers "online_users" Rooms "rooms" Welcome "welcome" ErrorReply "error" Pong "pong" ServerInfo "server"
    Stored "stored" Mark "mark" Waiting "waiting" SearchResult "search_result" Receipt "receipt"
);
