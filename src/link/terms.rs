//! What a link and its owner exchange: plain values.

use super::{Failure, Qos, Version};
use std::time::Duration;

/// What happens on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Connected and subscribed. Messages may arrive before it.
    Connected {
        /// The broker kept the session of this client identifier, and with it what was queued.
        session_present: bool,
        /// `V5` or `V311`.
        version: Version,
        /// Counts the connections of this link, from 1; the will of this connection was made with it.
        conn: u32,
        /// Filters that the broker did not grant.
        refused: Vec<String>,
        /// Protocol version and cipher, as OpenSSL names them; `None` without TLS, and where they are not known.
        tls: Option<(String, String)>,
    },
    /// A message of a subscription.
    Message(Message),
    /// The broker has what was published with this ticket.
    Published { ticket: u64 },
    /// The broker answered that it will not take what was published with this ticket.
    Rejected { ticket: u64, reason: String },
    /// The broker did not grant a filter that was subscribed to on a connection that is up.
    Refused { filter: String },
    /// An attempt to connect failed. [`Event::Waiting`] follows, or [`Event::Ended`].
    Failed(Failure),
    /// The connection is gone; what was published and not acknowledged may or may not have arrived.
    Lost { reason: String },
    /// The next attempt starts after this time.
    Waiting { delay: Duration },
    /// The lookout said that this link must not connect, and why. [`Event::Ended`] follows if it never was connected, else
    /// [`Event::Waiting`]: the lookout looks again.
    Barred { why: String },
    /// The link gave up: nothing more will come.
    Ended,
}

/// A message as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
    /// It was delivered with: the lower one of its publication's and its subscription's.
    pub qos: Qos,
    /// It was retained before the subscription, not published just now.
    pub retained: bool,
}

/// Something to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: Qos,
    pub retain: bool,
    /// Named in [`Event::Published`]; `None`: nobody wants to know.
    pub ticket: Option<u64>,
}

/// What is subscribed to with every connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub filter: String,
    /// The highest quality of service to deliver with.
    pub qos: Qos,
    /// Leave out what this link itself publishes. Only MQTT 5 knows how; of 3.1.1 the own messages come too.
    pub no_local: bool,
}

impl Subscription {
    pub fn new(filter: String, qos: Qos) -> Subscription {
        Subscription { filter, qos, no_local: false }
    }
}

/// Makes the will of a connection from its number.
pub type WillOf = Box<dyn Fn(u32) -> Publication + Send>;

/// Largest packet that a link takes, in bytes. A chat's payload is at most half of it, which leaves as much again for topic
/// and properties. A broker of MQTT 5 is told so and keeps larger ones back; what comes all the same is dropped.
pub const PACKET_BYTES: u32 = 128 * 1024;
/// The reason of [`Event::Lost`] where nothing is known but that the connection ended.
pub const BROKE: &str = "the connection broke";
/// The name under which the MQTT library logs.
pub const LIBRARY_LOG: &str = "paho_mqtt";
/// What [`Config::longest_wait`] is where there may be many links, so that a broker that comes back can breathe.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);
