//! Pure: what the chat is told and what it has done: plain values between it, its shell and the store.

use crate::link::Publication;
use crate::protocol::{Cursor, Epoch, Nick, NickKey, RoomName, SearchQuery, Session, Token, Topics};
use crate::server::core::roster::Change;
use crate::server::store::sqlite::{Committed, Direct, Keep, Page, PageQuery, SearchPage};
use std::time::Duration;

/// How this chat is run.
#[derive(Debug, Clone)]
pub struct Config {
    pub topics: Topics,
    /// The silence after which somebody is taken for gone.
    pub timeout: Duration,
    /// Messages that a joiner gets.
    pub history_limit: usize,
    /// Random per run.
    pub instance: String,
    /// The history's.
    pub epoch: Epoch,
    /// The history outlives the server.
    pub durable: bool,
}

/// What happens to the chat.
#[derive(Debug)]
pub enum Input<'a> {
    /// The broker can be reached, for the first time or again.
    Connected,
    Lost,
    Message {
        topic: &'a str,
        payload: &'a [u8],
    },
    /// The broker holds a message on this topic. It is not heard: it would be counted again with every connection.
    Retained {
        topic: &'a str,
    },
    /// What was to be kept is in the database.
    Committed {
        committed: Committed,
        /// How long each of the messages waited since it arrived.
        delays: Vec<Duration>,
    },
    /// The answer to [`Question::Page`].
    Page {
        page: Page,
        reply: ReplyTo,
    },
    /// The answer to [`Question::Rooms`], with the number of their messages.
    Rooms {
        rooms: Vec<(RoomName, u64)>,
        reply: ReplyTo,
    },
    /// The answer to [`Question::Search`].
    Found {
        found: SearchPage,
        reply: ReplyTo,
    },
    /// The answer to [`Question::Waiting`], oldest first.
    Waiting {
        to: NickKey,
        after: i64,
        found: Vec<Direct>,
    },
    /// The database has forgotten these rooms, which had been empty for long.
    RoomsForgotten(Vec<RoomName>),
    /// So many messages were turned away unread, because too much waits to be committed.
    TurnedAway(u64),
    Tick,
    /// It is [`Chat::next_due`].
    Due,
    /// The server is about to stop: what is to be told is told now.
    Leaving,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub enum Output {
    Publish(Publication),
    /// Keep this, and tell with [`Input::Committed`] when it is.
    Keep(Keep),
    /// Keep these presences.
    Seats(Vec<Change>),
    /// Answer this from the database, after what was to be kept before.
    Ask(Question),
}

/// What the database is asked.
#[derive(Debug, Clone)]
pub enum Question {
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
    /// The direct messages that wait for somebody, after that row.
    Waiting {
        to: NickKey,
        after: i64,
    },
}

/// Who asked, and with which token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    pub(super) requester: Nick,
    /// `None`: an original client, which gets the original's fields on the original's topic.
    pub(super) session: Option<Session>,
    pub(super) token: Option<Token>,
}

impl ReplyTo {
    pub fn requester(&self) -> &NickKey {
        self.requester.key()
    }
}

#[cfg(test)]
impl ReplyTo {
    pub fn for_tests(requester: Nick) -> ReplyTo {
        ReplyTo { requester, session: None, token: None }
    }
}
