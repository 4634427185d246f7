//! What a conversation tells the user: values that `view` turns into text and `json` into events.

pub use crate::protocol::Place;
use crate::protocol::{
    ChatMessage, ErrorReply, History, MessageId, Nick, Notice, OnlineUsers, Pong, RoomName, Rooms, SearchResult,
    ServerInfo, Timestamp,
};

use chrono::{DateTime, FixedOffset};
use std::time::Duration;

/// One piece of news.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    Said(Said),
    /// Somebody joined, left or timed out.
    Presence(Notice),
    /// Who is online, in answer to a request.
    Users {
        list: OnlineUsers,
        /// The user asked for it.
        by_user: bool,
    },
    Rooms(Rooms),
    /// A page of history is complete: its messages were told before, except for known ones.
    Page {
        room: RoomName,
        page: History,
        /// The user asked for it.
        by_user: bool,
        /// Another page follows.
        more: bool,
    },
    /// The server refused something.
    Refused(ErrorReply),
    /// Something is wrong with a command.
    Error(String),
    /// The server's description.
    Server(ServerInfo),
    /// The round-trip time to the broker.
    BrokerRoundTrip(Duration),
    /// The round-trip time to the server.
    ServerRoundTrip {
        pong: Pong,
        time: Duration,
    },
    /// The first attempt to connect to this broker begins. For people only.
    Connecting(String),
    Connected {
        /// The broker's address, for people.
        broker: String,
        again: bool,
    },
    /// And why.
    Disconnected(String),
    /// The next attempt begins after this time.
    Reconnecting(Duration),
    /// The broker has one of the user's messages.
    Sent(MessageId),
    /// The addressee has one of the user's direct messages.
    Delivered(MessageId),
    /// The addressee of one of the user's direct messages is away; the server keeps the message.
    Waiting {
        id: MessageId,
        to: Nick,
    },
    /// Messages of this room may be missing between what was told and what follows: the server no longer has them, or
    /// it now has another history.
    Gap(RoomName),
    /// What follows in this room was said since an earlier run. For people only.
    Unread(RoomName),
    /// The result of a search.
    Found(SearchResult),
    /// The server has stored one of the user's messages.
    Stored(MessageId),
    /// The user's messages take longer than usual. Told once, to people.
    Delayed(Obstacle),
    /// After a delay, all messages are stored, or the broker has them if there has never been a server.
    AllArrived {
        stored: bool,
        /// Some failed, which was told.
        others_failed: bool,
    },
    /// A line for people; programs may ignore it.
    Hint(String),
    /// A line that the user asked for.
    Answer(String),
}

/// What the user's messages wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// A connection.
    Connection,
    /// The broker's confirmation.
    Broker,
    /// The chat server, which is away.
    Server,
    /// The chat server's confirmation, although it is online.
    Silence,
}

/// A message in a room, or a direct message.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub nick: Nick,
    pub place: Place,
    pub text: String,
    /// As the sender wrote it.
    pub timestamp: Option<Timestamp>,
    /// The time to show: the sender's, else the server's, else the client's.
    pub at: DateTime<FixedOffset>,
    pub id: Option<MessageId>,
    pub action: bool,
    pub late: bool,
    /// This run of the client sent it.
    pub own: bool,
    /// It was said before the user joined, or belongs to a requested page. What is fetched because it was missed counts as
    /// live.
    pub history: bool,
    /// Its position in the room's history, if it came in a page.
    pub pos: Option<u64>,
}

impl Said {
    /// A message that has just been received, at `now`.
    pub fn live(now: DateTime<FixedOffset>, message: ChatMessage<impl Into<Place>>) -> Said {
        let ChatMessage { nick, to, text, timestamp, id, action, late } = message;
        Said {
            at: timestamp.as_ref().and_then(Timestamp::at).unwrap_or(now),
            nick,
            place: to.into(),
            text,
            timestamp,
            id: id.map(MessageId::Sent),
            action,
            late,
            own: false,
            history: false,
            pos: None,
        }
    }
}
