//! The wire format: the topics and payloads that all programs of a chat share (described in docs/protocol.md).
//!
//! Pure values. Parsing validates, so no other layer has to.

pub mod chat;
mod claim;
pub mod delivery;
mod fields;
pub mod history;
pub mod id;
pub mod limits;
pub mod names;
pub mod notice;
pub mod presence;
pub mod ranges;
pub mod request;
pub mod search;
pub mod text;
pub mod timestamp;
pub mod topics;

pub use chat::{Chat, ChatMessage, Place, Private};
pub use claim::Claim;
pub use delivery::{Mark, MarkIds, Receipt, ReceiptOf, Stored, Waiting};
pub use fields::{Invalid, in_own_words};
pub use history::{Cursor, Entry, History};
pub use id::{Epoch, MessageId, SentId, Session, Token};
pub use names::{Nick, NickKey, RoomName};
pub use notice::{
    ErrorCode, ErrorReply, FromServer, Notice, NoticeKind, OnlineUsers, Pong, RoomInfo, Rooms, ServerInfo, Status,
    Welcome,
};
pub use presence::{Action, Presence};
pub use ranges::Ranges;
pub use request::{HistoryRequest, Request, RequestKind};
pub use search::{Found, SearchQuery, SearchRequest, SearchResult};
pub use timestamp::Timestamp;
pub use topics::{Topic, Topics};
