//! The values that a link and its owner exchange.

use super::{Failure, Qos, Version};
use std::time::Duration;

/// What happens on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Connected and subscribed. Messages may arrive before it.
    Connected {
        /// The broker kept the session of this client identifier, and its queue.
        session_present: bool,
        /// `V5` or `V311`.
        version: Version,
        /// Counts the connections of this link, from 1. The will of this connection was made with it.
        conn: u32,
        /// Filters that the broker did not grant.
        refused: Vec<String>,
        /// Protocol version and cipher, as OpenSSL names them; `None` without TLS, or if they are unknown.
        tls: Option<(String, String)>,
    },
    /// A message of a subscription.
    Message(Message),
    /// The broker has acknowledged the publication with this ticket.
    Published { ticket: u64 },
    /// The broker refuses the publication with this ticket.
    Rejected { ticket: u64, reason: String },
    /// The broker did not grant a subscription that was made while the link was up.
    Refused { filter: String },
    /// An attempt to connect failed. [`Event::Waiting`] or [`Event::Ended`] follows.
    Failed(Failure),
    /// The connection is lost. Unacknowledged publications may or may not have arrived.
    Lost { reason: String },
    /// The next attempt starts after this time.
    Waiting { delay: Duration },
    /// The lookout forbids this link to connect, for this reason. [`Event::Ended`] follows if the link was never
    /// connected, else [`Event::Waiting`] and another look.
    Barred { why: String },
    /// The link gave up. No event follows.
    Ended,
}

/// An arrived message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
    /// The quality of service of its delivery: the lower of its publication's and its subscription's.
    pub qos: Qos,
    /// It was retained before we subscribed.
    pub retained: bool,
}

/// Something to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: Qos,
    pub retain: bool,
    /// Named in [`Event::Published`]; `None`: no report is needed, and a full queue need not take it.
    pub ticket: Option<u64>,
}

/// A subscription, renewed with every connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub filter: String,
    /// The highest quality of service for deliveries.
    pub qos: Qos,
    /// Leave out the link's own publications. Only MQTT 5 supports this; with 3.1.1, they are delivered too.
    pub no_local: bool,
}

impl Subscription {
    pub fn new(filter: String, qos: Qos) -> Subscription {
        Subscription { filter, qos, no_local: false }
    }
}

/// Makes the will of a connection from its number.
pub type WillOf = Box<dyn Fn(u32) -> Publication + Send>;

/// The largest packet that a link takes, in bytes. A chat's payload is at most half of it, which leaves the other half
/// for topic and properties. An MQTT 5 broker is told and keeps larger packets back. If one arrives anyway, it is
/// dropped.
pub const PACKET_BYTES: u32 = 128 * 1024;
/// The reason of [`Event::Lost`] if nothing more is known.
pub const BROKE: &str = "the connection broke";
/// The name under which the MQTT library logs.
pub const LIBRARY_LOG: &str = "paho_mqtt";
/// The value of [`Config::longest_wait`] for programs that may run many links. It spares a broker that comes back.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);
