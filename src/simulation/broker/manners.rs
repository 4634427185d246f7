//! How a broker behaves where MQTT leaves it a choice, and where real ones take more than that.

use crate::link::Qos;
use crate::simulation::world::{MS, Micros, S};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manners {
    pub speaks: Speaks,
    /// Messages that wait for a session beyond its window. Of more, the broker drops those of QoS 1 and 2 although it
    /// acknowledges them to their publishers.
    pub queue: usize,
    /// Messages of QoS 1 and 2 that are sent to a client and not acknowledged yet.
    pub window: usize,
    /// Whether sessions can survive a crash.
    pub keeps_sessions: bool,
    /// Whether retained messages can survive a crash.
    pub keeps_retained: bool,
    /// How late a will may come, at most; 0: at once.
    pub will_delay: Micros,
    /// A late will comes although its client is back.
    pub wills_outlast_return: bool,
    /// The wills of the connections that a crash ended come after the restart.
    pub wills_after_restart: bool,
    /// Per cent of the deliveries of wills that are dropped.
    pub lost_wills: u64,
    /// Per cent of the deliveries of QoS 1 after which everything in the window is sent once more.
    pub duplicates: u64,
    /// Per mille of the deliveries that are dropped on a connection that stays up.
    pub losses: u64,
    /// A message comes once for each subscription that matches.
    pub repeats_overlaps: bool,
    /// Per cent of the SUBSCRIBEs after which the retained messages come before the SUBACK.
    pub early_retained: u64,
    /// Retained messages come for subscriptions with wildcards too.
    pub retains_for_wildcards: bool,
    /// The highest quality of service that it grants.
    pub grants: Qos,
    /// A larger packet ends its connection; in bytes, 0: none is too large.
    pub max_packet: usize,
    /// Filters to which nobody may subscribe.
    pub closed_filters: Vec<String>,
    /// Filters of the topics to which nobody may publish.
    pub closed_topics: Vec<String>,
    pub cluster: Cluster,
}

/// Nodes that pass messages on to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    pub nodes: u64,
    /// How long a message takes from one node to another, at most.
    pub delay: Micros,
    /// Messages of one publisher on different topics may overtake each other.
    pub reorders_topics: bool,
}

/// Which versions of MQTT a broker takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    Both,
    /// It answers MQTT 5 with this code.
    Refuses5(u8),
    /// It ends a connection of MQTT 5.
    Closes5,
    /// It takes a CONNECT of MQTT 5 for a broken one of 3.1.1 and waits for the rest.
    Ignores5,
}

impl Manners {
    /// A well-behaved single broker.
    pub fn good() -> Manners {
        Manners {
            speaks: Speaks::Both,
            queue: 1_000,
            window: 20,
            keeps_sessions: true,
            keeps_retained: true,
            will_delay: 0,
            wills_outlast_return: false,
            wills_after_restart: false,
            lost_wills: 0,
            duplicates: 0,
            losses: 0,
            repeats_overlaps: false,
            early_retained: 0,
            retains_for_wildcards: true,
            grants: Qos::ExactlyOnce,
            max_packet: 0,
            closed_filters: Vec::new(),
            closed_topics: Vec::new(),
            cluster: Cluster { nodes: 1, delay: 0, reorders_topics: false },
        }
    }

    /// Everything at once that a broker can get away with.
    pub fn worst() -> Manners {
        Manners {
            queue: 10,
            keeps_sessions: false,
            keeps_retained: false,
            will_delay: 6 * S,
            wills_outlast_return: true,
            wills_after_restart: true,
            lost_wills: 5,
            duplicates: 10,
            losses: 10,
            repeats_overlaps: true,
            early_retained: 50,
            cluster: Cluster { nodes: 3, delay: 30 * MS, reorders_topics: true },
            ..Manners::good()
        }
    }
}
