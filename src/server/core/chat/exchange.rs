//! Pure: what the chat is told and what it has done: plain values between it, its shell and the store.

use crate::link::Publication;
use crate::protocol::Topics;
use crate::server::core::record::{Keep, SeatChange, StoreAnswer, StoreQuestion};
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
    /// What the store says.
    Store(StoreAnswer),
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
    /// Keep this, and say with [`StoreAnswer::Committed`] when it is.
    Keep(Keep),
    /// Keep these presences.
    Seats(Vec<SeatChange>),
    /// Answer this from the database, after what was to be kept before.
    Ask(StoreQuestion),
}
