//! What a conversation has to tell: plain values that `view` turns into lines of text and `json` into events.

use crate::protocol::{
    ErrorReply, History, MessageId, Nick, Notice, OnlineUsers, Pong, RoomName, Rooms, SearchResult, ServerInfo,
    Timestamp,
};
use chrono::{DateTime, FixedOffset};
use serde_json::Value;
use std::time::Duration;

/// One thing to tell. `reference` is what the program that asked called its question.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    Said(Said),
    /// Somebody joined, left or timed out.
    Presence(Notice),
    /// Who is online, in answer to a request.
    Users {
        list: OnlineUsers,
        /// Somebody has asked for it.
        by_user: bool,
        reference: Option<Value>,
    },
    Rooms {
        list: Rooms,
        reference: Option<Value>,
    },
    /// A page of history is told: all its messages came before, those that were known left out.
    Page {
        room: RoomName,
        page: History,
        /// Somebody has asked for it.
        by_user: bool,
        /// Another one follows.
        more: bool,
        reference: Option<Value>,
    },
    /// The server refused something.
    Refused {
        error: ErrorReply,
        reference: Option<Value>,
    },
    /// Something is wrong with what was asked of us.
    Error {
        text: String,
        reference: Option<Value>,
    },
    /// The server told what it is.
    Server(ServerInfo),
    /// How long the way to the broker and back takes.
    BrokerRoundTrip {
        time: Duration,
        reference: Option<Value>,
    },
    /// And through the server.
    ServerRoundTrip {
        pong: Pong,
        time: Duration,
        reference: Option<Value>,
    },
    /// The first attempt begins. Only people want to know.
    Connecting {
        broker: String,
    },
    Connected {
        /// Where to, for people.
        broker: String,
        again: bool,
    },
    Disconnected {
        reason: String,
    },
    Reconnecting {
        delay: Duration,
    },
    /// The broker has a message of ours.
    Sent {
        id: MessageId,
        reference: Option<Value>,
    },
    /// The addressee of a direct message of ours has it.
    Delivered {
        id: MessageId,
        reference: Option<Value>,
    },
    /// The addressee of a direct message of ours is away; the server keeps it.
    Waiting {
        id: MessageId,
        to: Nick,
        reference: Option<Value>,
    },
    /// Between what was told and what follows something is missing that cannot be had any more.
    Gap {
        room: RoomName,
    },
    /// What follows in this room was said since an earlier run. Only people want to know.
    Unread {
        room: RoomName,
    },
    /// What was found, in answer to a request.
    Found {
        result: SearchResult,
        reference: Option<Value>,
    },
    /// The server has a message of ours in its history.
    Stored {
        id: MessageId,
        reference: Option<Value>,
    },
    /// Messages of ours take longer than usual, told once, to people.
    Delayed(Obstacle),
    /// And now none does any more: all are stored, or the broker has them if there never was a server.
    AllArrived {
        stored: bool,
        /// But for some that never will be, of which it was told.
        others_failed: bool,
    },
    /// A line for people; programs may pass over it.
    Hint(String),
    /// A line that somebody at a terminal has asked for.
    Answer(String),
}

/// What messages of ours wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obstacle {
    /// There is no connection.
    Connection,
    /// The broker does not say that it has them.
    Broker,
    /// The chat's server is away.
    Server,
    /// It is there and does not say that it has stored them.
    Silence,
}

/// A message, in a room or to somebody.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    pub nick: Nick,
    pub place: Place,
    pub text: String,
    /// As the sender wrote it.
    pub timestamp: Option<Timestamp>,
    /// The moment to show: the sender's, or where that is not told the server's or ours.
    pub at: DateTime<FixedOffset>,
    pub id: Option<MessageId>,
    pub action: bool,
    pub late: bool,
    /// It is from this run of the client.
    pub own: bool,
    /// It was said before we came, or a page was asked for; what is fetched because it was missed is as good as live.
    pub history: bool,
    /// Its place in the room's history, where a page tells it.
    pub pos: Option<u64>,
    pub reference: Option<Value>,
}

impl Said {
    /// A message that has just come. A time that is not told is `now`, when it came.
    pub fn live(
        now: DateTime<FixedOffset>,
        nick: Nick,
        place: Place,
        text: String,
        timestamp: Option<Timestamp>,
    ) -> Said {
        Said {
            at: timestamp.as_ref().and_then(Timestamp::at).unwrap_or(now),
            nick,
            place,
            text,
            timestamp,
            id: None,
            action: false,
            late: false,
            own: false,
            history: false,
            pos: None,
            reference: None,
        }
    }
}

/// Where a message was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Room(RoomName),
    /// A direct message to this nick.
    Direct(Nick),
}
