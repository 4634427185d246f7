//! What happens to the server, and what its driver must do: plain values.

use super::record::{StoreAnswer, StoreTask};
use crate::link::{Event as LinkEvent, Publication};
use std::time::Duration;

/// Everything that the main thread waits for.
#[derive(Debug)]
pub enum ServiceEvent {
    /// From the connection to the broker.
    Link(LinkEvent),
    /// The second connection, for the last publications, is up, or it failed, and why.
    Second(Result<(), String>),
    /// [`ServiceEffect::HangUp`] is done, and everything that arrived on the connection was handled.
    HungUp,
    Store(StoreAnswer),
    /// Twice a second. This many messages were turned away at the door since the last tick.
    Tick {
        turned_away: u64,
    },
    /// [`super::service::Service::next_due`] has passed.
    Due,
    /// A signal asks the server to stop. A second one asks it to stop at once.
    Stop,
}

/// What the driver must do, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ServiceEffect {
    /// Publish on the connection in use; without one, drop it.
    Publish(Publication),
    Store(StoreTask),
    /// Open a second connection without subscriptions, and report [`ServiceEvent::Second`].
    OpenSecond {
        client_id: String,
        will: Publication,
    },
    /// Give up the second connection.
    DropSecond,
    /// Close the connection in use with these last publications, within this time. If a second one is up, it is in use
    /// from now on. Handle all that arrived on the closed one, then report [`ServiceEvent::HungUp`].
    HangUp {
        last: Option<Publication>,
        within: Duration,
    },
    /// The run is over. Nothing follows.
    Exit(ServerExit),
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerExit {
    /// A signal ended it.
    Stopped,
    /// Another server serves the chat.
    AnotherServer,
    /// The link gave up; the exit code for its last failure.
    LinkEnded { code: u8 },
}
