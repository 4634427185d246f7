//! Requests to the server: who is online, a page of history, a search, the rooms, a ping.

use super::fields::{self, Invalid, lenient};
use super::history::Cursor;
use super::id::{Session, Token};
use super::limits::PAGE_MESSAGES;
use super::names::{Nick, RoomName};
use super::search::SearchRequest;
use super::timestamp::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

/// The topic level that says what is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RequestKind {
    Users,
    History,
    Rooms,
    Search,
    Ping,
}

impl RequestKind {
    pub const ALL: [RequestKind; 5] =
        [RequestKind::Users, RequestKind::History, RequestKind::Rooms, RequestKind::Search, RequestKind::Ping];

    pub fn parse(level: &str) -> Option<RequestKind> {
        RequestKind::ALL.into_iter().find(|kind| kind.as_str() == level)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            RequestKind::Users => "users",
            RequestKind::History => "history",
            RequestKind::Rooms => "rooms",
            RequestKind::Search => "search",
            RequestKind::Ping => "ping",
        }
    }
}

/// `{"requester","timestamp","session","request":"<token>",…}`; an original client sends the first two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    pub requester: Nick,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    #[serde(rename = "request", default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub token: Option<Token>,
    /// The default for any other request than one for history.
    #[serde(skip)]
    pub history: HistoryRequest,
    /// The default for any other request than a search.
    #[serde(skip)]
    pub search: SearchRequest,
}

/// Which page: the one `before` or `after` a cursor, or the newest if both are absent.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct HistoryRequest {
    /// The lobby if the request names none.
    #[serde(default, deserialize_with = "room")]
    pub room: RoomName,
    /// Messages at most, 0 to 500; `None`: as many as a joiner gets. 0 only asks where the history ends.
    #[serde(default, deserialize_with = "limit", skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Cursor>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Cursor>,
}

fn room<'de, D: Deserializer<'de>>(deserializer: D) -> Result<RoomName, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

fn limit<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<usize>, D::Error> {
    let limit: Option<u64> = fields::limit(deserializer)?;
    Ok(limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX).min(PAGE_MESSAGES)))
}

impl Request {
    pub fn parse(payload: &[u8], kind: RequestKind) -> Result<Request, Invalid> {
        let mut request: Request = fields::read(payload)?;
        match kind {
            RequestKind::History => request.history = fields::read(payload)?,
            RequestKind::Search => request.search = fields::read(payload)?,
            RequestKind::Users | RequestKind::Rooms | RequestKind::Ping => {}
        }
        Ok(request)
    }

    /// Writes a request of this kind. Only a request for history carries the fields of [`HistoryRequest`], only a search
    /// those of [`SearchRequest`].
    pub fn to_json(&self, kind: RequestKind) -> Vec<u8> {
        #[derive(Serialize)]
        struct Out<'a> {
            #[serde(flatten)]
            request: &'a Request,
            #[serde(flatten)]
            history: Option<&'a HistoryRequest>,
            #[serde(flatten)]
            search: Option<&'a SearchRequest>,
        }
        fields::write(&Out {
            request: self,
            history: (kind == RequestKind::History).then_some(&self.history),
            search: (kind == RequestKind::Search).then_some(&self.search),
        })
    }
}
