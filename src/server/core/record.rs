//! The values that the chat and the store exchange. They are free of SQL, which lets any engine stand behind the store.

use crate::protocol::history::Span;
use crate::protocol::text::visible;
use crate::protocol::{
    ChatMessage, Cursor, Entry, Epoch, Nick, NickKey, Place, Private, RoomName, SearchQuery, SearchResult, SentId,
    Session, Token,
};
use std::time::{Duration, Instant};

/// Something to store. The history keeps this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Keep {
    /// A direct message is ignored without an id, because its delivery could not be confirmed.
    Message(Arrived),
    /// The direct message no longer waits, if it is addressed to `to`. If the message comes later, it never waits.
    Delivered {
        to: NickKey,
        sender: NickKey,
        id: SentId,
        /// When the receipt arrived, in Unix milliseconds.
        at: i64,
    },
}

impl Keep {
    /// The sender and id of the message, or of the message that the receipt is for; `None` without an id.
    pub fn id(&self) -> Option<(&NickKey, &SentId)> {
        match self {
            Keep::Message(Arrived { message, .. }) => message.id.as_ref().map(|id| (message.nick.key(), id)),
            Keep::Delivered { sender, id, .. } => Some((sender, id)),
        }
    }

    /// Describes it for the log, without its text.
    pub fn describe(&self) -> String {
        let what = match self {
            Keep::Message(Arrived { message, .. }) => match &message.to {
                Place::Room(room) => format!("message room={room} nick={}", message.nick.key()),
                Place::Direct(to) => format!("direct nick={} to={}", message.nick.key(), to.key()),
            },
            Keep::Delivered { to, sender, .. } => format!("receipt nick={} to={}", to.as_str(), sender.as_str()),
        };
        let id = self.id().map_or("-".to_owned(), |(_, id)| id.to_string());
        visible(&format!("{what} id={id}")).into_owned()
    }
}

/// A message to a room, or a direct one, as it arrived. A direct one is kept until it is delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// With the sender's time, or the server's if the sender's cannot be read.
    pub message: ChatMessage<Place>,
    /// When the server received it, in Unix milliseconds.
    pub received: i64,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// Messages that are in the database now, or were before, in order of arrival. Their senders get confirmations.
    pub stored: Vec<(NickKey, SentId)>,
    /// The new messages by room.
    pub progress: Vec<RoomProgress>,
    /// The direct messages among `stored` that wait: new ones, and repeated ones that still do.
    pub direct: Vec<WaitingDirect>,
    /// Messages that are not in the database. Their senders get errors.
    pub refused: Vec<Refused>,
    /// Stored receipts: addressee, sender and id.
    pub delivered: Vec<(NickKey, NickKey, SentId)>,
}

/// A message that is not stored, and never will be under this id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub sender: NickKey,
    pub id: SentId,
    pub why: StoreRefusal,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreRefusal {
    /// Waiting direct messages fill their share of the database.
    NoRoom { to: Nick },
    /// Another message of this sender has the id.
    IdTaken,
    /// The database takes other messages, but not this one.
    Unwritable,
}

/// The new messages of a room, at the positions `from` + 1 to `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomProgress {
    pub room: RoomName,
    pub from: u64,
    pub to: u64,
    /// In order of position.
    pub ids: Vec<(NickKey, Option<SentId>)>,
}

/// A direct message that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingDirect {
    pub private: Private,
    /// Ascends in order of arrival.
    pub row: i64,
}

/// One presence as stored in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptSeat {
    pub nick: Nick,
    pub session: Option<Session>,
    pub conn: u32,
    pub rooms: Vec<RoomName>,
}

/// The presences of one person, which replace those in the database. Empty when the person is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatChange {
    pub key: NickKey,
    pub seats: Vec<KeptSeat>,
}

/// What an earlier run of the server left in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EarlierRun {
    /// The epoch of the history.
    pub epoch: Epoch,
    pub seats: Vec<KeptSeat>,
    /// The rooms whose last marks may not have been published, and the positions of their newest messages.
    pub rooms: Vec<(RoomName, u64)>,
}

/// Tasks for the store, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreTask {
    /// Store this, and answer with [`StoreAnswer::Committed`].
    Keep(Keep),
    /// Store these presences, and answer with [`StoreAnswer::SeatsDone`]. Never empty.
    Seats(Vec<SeatChange>),
    /// Answer this after everything before is committed.
    Ask(StoreQuestion),
    /// Answer with [`StoreAnswer::Settled`] when everything before is committed.
    Settle,
}

/// What the store answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreAnswer {
    /// These are in the database and survive a power loss.
    Committed {
        committed: Committed,
        /// When the messages arrived from the broker, as far as it is known.
        arrived: Vec<Instant>,
    },
    /// All presences given so far are stored, except for those that could not be written.
    SeatsDone { dropped: Vec<SeatChange> },
    /// The answer to [`StoreTask::Settle`].
    Settled,
    /// The answer to [`StoreQuestion::Page`].
    Page { page: Page, reply: ReplyTo },
    /// The answer to [`StoreQuestion::Rooms`], with the number of messages in each room.
    Rooms { rooms: Vec<(RoomName, u64)>, reply: ReplyTo },
    /// The answer to [`StoreQuestion::Search`], without what is only about the reply.
    Found { found: SearchResult, reply: ReplyTo },
    /// The answer to [`StoreQuestion::Waiting`], oldest first.
    Waiting { to: NickKey, after: i64, found: Vec<WaitingDirect> },
    /// There is no answer: another search replaced this one, or the database cannot be read. The requester asks again.
    Unanswered { is_search: bool },
    /// Retention removed the last trace of these rooms, which had been empty for a long time.
    RoomsForgotten(Vec<RoomName>),
}

/// A question to the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreQuestion {
    Page {
        query: PageQuery,
        reply: ReplyTo,
    },
    Rooms {
        reply: ReplyTo,
    },
    Search {
        query: SearchQuery,
        limit: usize,
        before: Option<Cursor>,
        reply: ReplyTo,
    },
    /// The direct messages that wait for an addressee above this row, and the most of them to return.
    Waiting {
        to: NickKey,
        after: i64,
        limit: usize,
    },
}

impl StoreQuestion {
    pub fn is_search(&self) -> bool {
        matches!(self, StoreQuestion::Search { .. })
    }

    /// The answer if there is none.
    pub fn unanswered(&self) -> StoreAnswer {
        StoreAnswer::Unanswered { is_search: self.is_search() }
    }
}

/// Which page to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    pub room: RoomName,
    /// The most messages; 0 only asks where the history ends.
    pub limit: usize,
    pub position: PagePosition,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PagePosition {
    Newest,
    Before(Cursor),
    After(Cursor),
}

/// Who asked, and with which token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    pub requester: Nick,
    /// `None`: an original client, which gets the original's fields on the original's topic.
    pub session: Option<Session>,
    pub token: Option<Token>,
}

/// A page as the database returns it, the oldest message first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub messages: Vec<Entry>,
    pub span: Span,
}

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Older messages are removed, including direct messages that have waited this long.
    pub age: Option<Duration>,
    /// The most bytes of the database in use. Above this, the oldest messages are removed. Waiting direct messages have
    /// a share of their own, and none of them is removed. The file does not shrink: free pages are reused.
    pub size: Option<u64>,
}

/// What a step of retention did.
#[derive(Debug, PartialEq, Eq, Default)]
pub struct Trimmed {
    /// There is more to do now.
    pub more: bool,
    /// Rooms that are forgotten.
    pub rooms: Vec<RoomName>,
}
