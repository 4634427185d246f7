//! What goes into the link's machine and what comes out of it.

use crate::link::{Event, Failure, Message, Publication, Qos, Subscription, Version};
use std::time::Duration;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    // ---- what the owner wants ----
    /// Dropped without a connection: whoever needs it published gives it again after [`Event::Connected`].
    Publish(Publication),
    /// Subscribe now and after every connect.
    Subscribe {
        filter: String,
        qos: Qos,
    },
    Unsubscribe {
        filter: String,
    },
    /// Publish what is queued and then `last`, disconnect after `within` at the latest.
    Close {
        last: Option<Publication>,
        within: Duration,
    },

    // ---- what became of the outputs ----
    /// The broker let this attempt in. `tls`: protocol version and cipher, if known.
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
    /// The answer to an [`Output::Explain`]: the first step that fails, if one does.
    Explained {
        generation: u64,
        walked: Result<(), Failure>,
    },
    /// The answer to an [`Output::Subscribe`]: whether each filter was granted, in the order of the request. `None`: the
    /// request failed without an answer.
    Subscribed {
        operation: u64,
        granted: Option<Vec<bool>>,
    },
    /// What became of an [`Output::Publish`].
    Settled {
        operation: u64,
        outcome: Settlement,
    },
    /// The connection of this generation is gone.
    Down {
        generation: u64,
        reason: String,
    },
    /// An [`Output::Disconnect`] is done, as well as it could be.
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
    /// Nothing happened, but [`super::Machine::due`] may have come.
    Tick,
}

/// Why an attempt failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotConnected {
    /// It could not be made with these settings.
    Unusable(Failure),
    /// The broker answered CONNECT with this code.
    Refused(u8),
    /// There was no answer, but this error. `silent`: the connection ended without a word, as a broker may end one that
    /// speaks a version it does not know.
    Failed { error: String, silent: bool },
}

/// What became of a publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The broker has it; at QoS 0, it was written.
    Published,
    /// The broker answered that it does not take it.
    Rejected { reason: String },
    /// It failed, and the broker may or may not have it.
    Unknown,
}

/// Something to do. Outputs are carried out in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    /// Connect; one of [`Input::Connected`] and [`Input::NotConnected`] answers. What there was before is of no use
    /// any more.
    Connect(Attempt),
    /// Find out why this attempt failed ([`crate::link::probe::walk`]); it may take long. [`Input::Explained`] answers.
    Explain {
        generation: u64,
    },
    /// Subscribe to all of these in one request; [`Input::Subscribed`] answers.
    Subscribe {
        operation: u64,
        subscriptions: Vec<Subscription>,
    },
    Unsubscribe {
        filter: String,
    },
    /// Publish; [`Input::Settled`] answers.
    Publish {
        operation: u64,
        publication: Publication,
    },
    /// Nobody waits for this operation any more.
    Forget {
        operation: u64,
    },
    /// End the connection with a DISCONNECT, so that no will is sent; [`Input::Disconnected`] answers.
    Disconnect {
        generation: u64,
    },
    /// The same, but nobody waits for it, and no message that still comes on this connection is passed on.
    GiveUp {
        generation: u64,
    },
    /// Nothing is left that whoever closed the link should wait for.
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
    /// The broker keeps the session (clean start or clean session otherwise).
    pub persistent: bool,
    pub will: Option<Publication>,
    /// It is for a look: messages on it are [`Input::Message`]. Those of other connections go to the owner.
    pub is_look: bool,
}
