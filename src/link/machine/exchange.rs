//! The inputs and outputs of the link's machine.

use crate::link::{Event, Failure, Message, Publication, Subscription, Version};
use std::time::Duration;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    // ---- orders of the owner ----
    /// Publish. Without a connection it is dropped; the owner publishes again after [`Event::Connected`].
    Publish(Publication),
    /// Subscribe now and after every connect.
    Subscribe(Subscription),
    Unsubscribe {
        filter: String,
    },
    /// Publish the queue and then `last`. Disconnect after `within` at the latest.
    Close {
        last: Option<Publication>,
        within: Duration,
    },

    // ---- results of outputs ----
    /// The broker accepted this attempt. `tls`: protocol version and cipher, if known.
    Connected {
        generation: u64,
        session_present: bool,
        tls: Option<(String, String)>,
    },
    /// This attempt failed.
    NotConnected {
        generation: u64,
        why: NotConnected,
    },
    /// The answer to [`Output::Explain`]: the first step that fails, if one does.
    Explained {
        generation: u64,
        walked: Result<(), Failure>,
    },
    /// The answer to [`Output::Subscribe`]: whether each filter was granted, in the order of the request. `None`: the
    /// request failed without an answer.
    Subscribed {
        operation: u64,
        granted: Option<Vec<bool>>,
    },
    /// The result of an [`Output::Publish`].
    Settled {
        operation: u64,
        outcome: Settlement,
    },
    /// The connection of this generation is lost.
    Down {
        generation: u64,
        reason: String,
    },
    /// An [`Output::Disconnect`] is done, as far as possible.
    Disconnected {
        generation: u64,
    },
    /// A message on the connection of a look. Those of other connections go to the owner.
    Message {
        generation: u64,
        message: Message,
    },

    // ---- time ----
    /// The first attempt need not wait any longer.
    Begin,
    /// A deadline may have passed: see [`super::Machine::due`].
    Tick,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotConnected {
    /// These settings allow no attempt.
    Unusable(Failure),
    /// The broker answered CONNECT with this code.
    Refused(u8),
    /// There was no answer, but this error. `silent`: the broker closed the connection without an answer, as some do
    /// for an unknown protocol version.
    Failed { error: String, silent: bool },
}

/// The result of a publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The broker has acknowledged it; at QoS 0, it was written.
    Published,
    /// The broker refuses it.
    Rejected { reason: String },
    /// It failed. The broker may or may not have it.
    Unknown,
}

/// What the driver must do, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Connect. [`Input::Connected`] or [`Input::NotConnected`] answers. The previous connection is no longer used.
    Connect(Attempt),
    /// Find out why this attempt failed ([`crate::link::probe::walk`]), which may take long. [`Input::Explained`]
    /// answers.
    Explain {
        generation: u64,
    },
    /// Subscribe to all of these in one request. [`Input::Subscribed`] answers.
    Subscribe {
        operation: u64,
        subscriptions: Vec<Subscription>,
    },
    Unsubscribe {
        filter: String,
    },
    /// Publish. [`Input::Settled`] answers.
    Publish {
        operation: u64,
        publication: Publication,
    },
    /// The answer to this operation is no longer needed.
    Forget {
        operation: u64,
    },
    /// End the connection with a DISCONNECT, which prevents the will. [`Input::Disconnected`] answers.
    Disconnect {
        generation: u64,
    },
    /// The same without an answer. Messages that still arrive on this connection are dropped.
    GiveUp {
        generation: u64,
    },
    /// The owner need not wait for the link any longer.
    LetGo,
    /// Tell the owner.
    Emit(Event),
}

/// An attempt to connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    /// Counts the attempts of this link, from 1.
    pub generation: u64,
    /// `V5` or `V311`.
    pub version: Version,
    pub client_id: String,
    /// The broker keeps the session. Otherwise: clean start or clean session.
    pub persistent: bool,
    pub will: Option<Publication>,
    /// The attempt belongs to a look: its messages are [`Input::Message`]. Those of other connections go to the owner.
    pub is_look: bool,
}
