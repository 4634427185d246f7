//! The inputs and outputs of the chat: plain values.

use crate::link::Publication;
use crate::protocol::Topics;
use crate::server::core::record::{Keep, SeatChange, StoreAnswer, StoreQuestion};
use std::time::Duration;

/// The settings of the chat.
#[derive(Debug, Clone)]
pub struct Config {
    pub topics: Topics,
    /// How long somebody may be silent before they time out.
    pub timeout: Duration,
    /// The number of messages in a page if the request does not say.
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
    /// An answer of the store.
    Store(StoreAnswer),
    /// This many messages were turned away unread, because too much waits to be committed.
    TurnedAway(u64),
    Tick,
    /// [`ServerChat::next_due`] has passed.
    Due,
    /// The server is about to stop: everything pending is published now.
    Leaving,
}

/// What the service must do, in order.
#[derive(Debug, Clone)]
pub enum Output {
    Publish(Publication),
    /// Store this, and report [`StoreAnswer::Committed`] afterwards.
    Keep(Keep),
    /// Store these presences.
    Seats(Vec<SeatChange>),
    /// Answer this from the database, after everything before is committed.
    Ask(StoreQuestion),
}
