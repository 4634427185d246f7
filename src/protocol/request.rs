//! Requests to the server: who is online, a page of history, a search, the rooms, a ping.

use super::fields::{self, Invalid, lenient};
use super::history::Cursor;
use super::id::{Session, Token};
use super::limits::PAGE_MESSAGES;
use super::names::{Nick, RoomName};
use super::search::SearchRequest;
use super::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

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
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub requester: Nick,
    pub timestamp: Option<Timestamp>,
    pub session: Option<Session>,
    pub token: Option<Token>,
    /// Of a history request; of any other its default.
    pub history: HistoryRequest,
    /// Of a search request; of any other its default.
    pub search: SearchRequest,
}

/// Which page: `room` (default lobby), `limit` (default the server's choice, at most 500), `before` or `after` a cursor; neither:
/// the newest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryRequest {
    pub room: RoomName,
    /// Messages at most, 0 to 500; `None`: as many as a joiner gets. 0 asks only where the history ends.
    pub limit: Option<usize>,
    pub before: Option<Cursor>,
    pub after: Option<Cursor>,
}

impl Default for HistoryRequest {
    fn default() -> Self {
        HistoryRequest { room: RoomName::lobby(), limit: None, before: None, after: None }
    }
}

impl Request {
    pub fn parse(payload: &[u8], kind: RequestKind) -> Result<Request, Invalid> {
        #[derive(Deserialize)]
        struct Fields {
            requester: Nick,
            #[serde(default, deserialize_with = "lenient")]
            timestamp: Option<Timestamp>,
            #[serde(default, deserialize_with = "lenient")]
            session: Option<Session>,
            #[serde(default, deserialize_with = "lenient")]
            request: Option<Token>,
        }
        let fields: Fields = fields::read(payload)?;
        Ok(Request {
            requester: fields.requester,
            timestamp: fields.timestamp,
            session: fields.session,
            token: fields.request,
            history: match kind {
                RequestKind::History => HistoryRequest::parse(payload)?,
                _ => HistoryRequest::default(),
            },
            search: match kind {
                RequestKind::Search => fields::read(payload)?,
                _ => SearchRequest::default(),
            },
        })
    }

    /// Writes a request of this kind; only a history request carries the fields of
    /// [`HistoryRequest`], only a search those of [`SearchRequest`].
    pub fn to_json(&self, kind: RequestKind) -> Vec<u8> {
        #[derive(Serialize)]
        struct Out<'a> {
            requester: &'a Nick,
            #[serde(skip_serializing_if = "Option::is_none")]
            timestamp: Option<&'a Timestamp>,
            #[serde(skip_serializing_if = "Option::is_none")]
            session: Option<&'a Session>,
            #[serde(skip_serializing_if = "Option::is_none")]
            request: Option<&'a Token>,
            #[serde(skip_serializing_if = "Option::is_none")]
            room: Option<&'a RoomName>,
            #[serde(skip_serializing_if = "Option::is_none")]
            limit: Option<usize>,
            #[serde(skip_serializing_if = "Option::is_none")]
            before: Option<&'a Cursor>,
            #[serde(skip_serializing_if = "Option::is_none")]
            after: Option<&'a Cursor>,
            #[serde(flatten, skip_serializing_if = "Option::is_none")]
            search: Option<&'a SearchRequest>,
        }
        let page = (kind == RequestKind::History).then_some(&self.history);
        fields::write(&Out {
            requester: &self.requester,
            timestamp: self.timestamp.as_ref(),
            session: self.session.as_ref(),
            request: self.token.as_ref(),
            room: page.map(|page| &page.room),
            limit: page.and_then(|page| page.limit),
            before: page.and_then(|page| page.before.as_ref()),
            after: page.and_then(|page| page.after.as_ref()),
            search: (kind == RequestKind::Search).then_some(&self.search),
        })
    }
}

impl HistoryRequest {
    fn parse(payload: &[u8]) -> Result<HistoryRequest, Invalid> {
        #[derive(Deserialize)]
        struct Fields {
            #[serde(default)]
            room: Option<RoomName>,
            #[serde(default, deserialize_with = "fields::limit")]
            limit: Option<u64>,
            #[serde(default)]
            before: Option<Cursor>,
            #[serde(default)]
            after: Option<Cursor>,
        }
        let fields: Fields = fields::read(payload)?;
        let capped = |limit: u64| usize::try_from(limit).unwrap_or(usize::MAX).min(PAGE_MESSAGES);
        Ok(HistoryRequest {
            room: fields.room.unwrap_or_else(RoomName::lobby),
            limit: fields.limit.map(capped),
            before: fields.before,
            after: fields.after,
        })
    }
}
