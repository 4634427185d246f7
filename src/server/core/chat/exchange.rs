//! What the chat is told and what it wants done: plain values.

use crate::link::Publication;
use crate::protocol::Topics;
use crate::server::core::record::{Keep, SeatChange, StoreAnswer, StoreQuestion};
use std::time::Duration;

/// How the chat is run.
#[derive(Debug, Clone)]
pub struct Config {
    pub topics: Topics,
    /// After this much silence somebody counts as gone.
    pub timeout: Duration,
    /// How many messages a page has if the request does not say.
    pub history_limit: usize,
    /// Random per run.
    pub instance: String,
    /// The history outlives the server.
    pub durable: bool,
}

/// What happens to the chat.
#[derive(Debug)]
pub enum Input<'a> {
    /// The connection to the broker is up, for the first time or again.
    Connected,
    Lost,
    Message {
        topic: &'a str,
        payload: &'a [u8],
    },
    /// The broker holds a retained message on this topic. It is not handled as a message: it would be counted again
    /// with every connection.
    Retained {
        topic: &'a str,
    },
    /// What the store says.
    Store(StoreAnswer),
    /// This many messages were turned away unread, because too much waits to be committed.
    TurnedAway(u64),
    Tick,
    /// It is [`ServerChat::next_due`].
    Due,
    /// The server is about to stop: everything that is to be told is told now.
    Leaving,
}

/// What the chat wants done, in this order.
#[derive(Debug, Clone)]
pub enum Output {
    Publish(Publication),
    /// Keep this, and say with [`StoreAnswer::Committed`] when it is.
    Keep(Keep),
    /// Keep these presences.
    Seats(Vec<SeatChange>),
    /// Answer this from the database, after everything before is committed.
    Ask(StoreQuestion),
}
