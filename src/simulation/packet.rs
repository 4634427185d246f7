//! MQTT's packets as values: what travels between a node and the broker. Versions 3.1.1 and 5 share them.

use crate::link::{Qos, Subscription, Version};
use std::fmt::{self, Display};
use std::rc::Rc;

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Packet {
    Connect(Box<Connect>),
    /// `code`: 0, or the reason for the refusal.
    Connack {
        session_present: bool,
        code: u8,
    },
    Subscribe {
        id: u16,
        subscriptions: Vec<Subscription>,
    },
    /// One code for each subscription: the granted quality of service, or from 0x80 a refusal.
    Suback {
        id: u16,
        codes: Vec<u8>,
    },
    Unsubscribe {
        id: u16,
        filters: Vec<String>,
    },
    Unsuback {
        id: u16,
    },
    Publish(Publish),
    Puback {
        id: u16,
        code: u8,
    },
    Pubrec {
        id: u16,
        code: u8,
    },
    Pubrel {
        id: u16,
    },
    Pubcomp {
        id: u16,
    },
    Pingreq,
    Pingresp,
    /// `code`: 0, or why the broker (of MQTT 5) ends the connection.
    Disconnect {
        code: u8,
    },
}

/// What a client asks for when it connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connect {
    pub client_id: Rc<str>,
    /// `V311` or `V5`.
    pub version: Version,
    /// No session of an earlier connection is wanted.
    pub clean: bool,
    /// The session outlives the connection. Of MQTT 3.1.1 it does unless it is clean; MQTT 5 has a property for it.
    pub is_kept: bool,
    /// 0: the broker never looks.
    pub keep_alive_seconds: u16,
    pub will: Option<Publish>,
}

/// A message with what MQTT adds for one hop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publish {
    /// 0 at QoS 0.
    pub id: u16,
    pub topic: Rc<str>,
    pub payload: Rc<[u8]>,
    pub qos: Qos,
    pub retain: bool,
    pub dup: bool,
}

impl Publish {
    /// A message that is under way for the first time and has no identifier yet.
    pub fn new(topic: &str, payload: &[u8], qos: Qos, retain: bool) -> Publish {
        Publish { id: 0, topic: topic.into(), payload: payload.into(), qos, retain, dup: false }
    }
}

impl Packet {
    /// Roughly its length on the wire, in bytes.
    pub fn size(&self) -> usize {
        let publish = |publish: &Publish| publish.topic.len() + publish.payload.len() + 4;
        2 + match self {
            Packet::Connect(connect) => 16 + connect.client_id.len() + connect.will.as_ref().map_or(0, publish),
            Packet::Publish(message) => publish(message),
            Packet::Subscribe { subscriptions, .. } => {
                subscriptions.iter().map(|subscription| subscription.filter.len() + 3).sum()
            }
            Packet::Unsubscribe { filters, .. } => filters.iter().map(|filter| filter.len() + 2).sum(),
            Packet::Suback { codes, .. } => 2 + codes.len(),
            _ => 2,
        }
    }
}

impl Display for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Packet::Connect(connect) => {
                let Connect { client_id, version, clean, is_kept, keep_alive_seconds, will } = &**connect;
                write!(f, "CONNECT {client_id} {version:?} {clean} {is_kept} {keep_alive_seconds}")?;
                will.iter().try_for_each(|will| write!(f, " will {will}"))
            }
            Packet::Connack { session_present, code } => write!(f, "CONNACK {session_present} {code}"),
            Packet::Subscribe { id, subscriptions } => {
                write!(f, "SUBSCRIBE {id}")?;
                subscriptions.iter().try_for_each(|known| {
                    write!(f, " {} q{}{}", known.filter, known.qos as u8, if known.no_local { "n" } else { "" })
                })
            }
            Packet::Suback { id, codes } => write!(f, "SUBACK {id} {codes:?}"),
            Packet::Unsubscribe { id, filters } => write!(f, "UNSUBSCRIBE {id} {}", filters.join(" ")),
            Packet::Unsuback { id } => write!(f, "UNSUBACK {id}"),
            Packet::Publish(publish) => write!(f, "PUBLISH {publish}"),
            Packet::Puback { id, code } => write!(f, "PUBACK {id} {code}"),
            Packet::Pubrec { id, code } => write!(f, "PUBREC {id} {code}"),
            Packet::Pubrel { id } => write!(f, "PUBREL {id}"),
            Packet::Pubcomp { id } => write!(f, "PUBCOMP {id}"),
            Packet::Pingreq => f.write_str("PINGREQ"),
            Packet::Pingresp => f.write_str("PINGRESP"),
            Packet::Disconnect { code } => write!(f, "DISCONNECT {code}"),
        }
    }
}

impl Display for Publish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (retain, dup) = (if self.retain { "r" } else { "" }, if self.dup { "d" } else { "" });
        let payload = String::from_utf8_lossy(&self.payload);
        write!(f, "{} q{}{retain}{dup} {} {payload}", self.id, self.qos as u8, self.topic)
    }
}
