//! The client side of one MQTT connection: what stands for the MQTT library below a link. It keeps packet identifiers and
//! knows which acknowledgement answers which operation, sends PINGREQs, and notices a dead connection. It decides nothing
//! else; a node gives it what arrives and carries out what it returns.

use super::network::Parcel;
use super::packet::{Connect, Packet, Publish};
use super::world::{Micros, S};
use crate::link::{BROKE, Message, Publication, Qos, Subscription};
use std::collections::{BTreeMap, BTreeSet};

/// How long the broker may take to answer CONNECT.
const CONNECT_TIMEOUT: Micros = 10 * S;

/// Something to do. All of it is done in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MqttOutput {
    Send(Packet),
    /// Close the connection.
    Close,
    Tell(MqttEvent),
}

/// What whoever connects learns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MqttEvent {
    Connected {
        session_present: bool,
    },
    /// The broker answered CONNECT with this code.
    Refused {
        code: u8,
    },
    /// There was no answer to CONNECT: the connection ended (`silent`), or the time is over.
    Unanswered {
        silent: bool,
    },
    /// Whether each filter of the request was granted.
    Subscribed {
        operation: u64,
        granted: Vec<bool>,
    },
    /// The broker has it; at QoS 0, it was sent.
    Published {
        operation: u64,
    },
    /// The broker does not take it, and says this code.
    Rejected {
        operation: u64,
        code: u8,
    },
    Message(Message),
    /// The connection is gone. What was under way may or may not have arrived.
    Down {
        reason: String,
    },
}

pub struct MqttClient {
    state: State,
    /// 0: no PINGREQs.
    keep_alive: Micros,
    last_sent: Micros,
    last_received: Micros,
    pinged: Option<Micros>,
    last_id: u16,
    /// By packet identifier.
    awaited: BTreeMap<u16, Operation>,
    /// Messages of QoS 2 that have arrived and are not released.
    arrived: BTreeSet<u16>,
    outputs: Vec<MqttOutput>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Connecting { until: Micros },
    Up,
    Ended,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Subscribe(u64),
    Unsubscribe,
    Publish(u64),
}

impl MqttClient {
    /// A client that connects; the packet is its CONNECT.
    pub fn new(now: Micros, connect: Connect) -> (MqttClient, Packet) {
        let client = MqttClient {
            state: State::Connecting { until: now + CONNECT_TIMEOUT },
            keep_alive: Micros::from(connect.keep_alive_seconds) * S,
            last_sent: now,
            last_received: now,
            pinged: None,
            last_id: 0,
            awaited: BTreeMap::new(),
            arrived: BTreeSet::new(),
            outputs: Vec::new(),
        };
        (client, Packet::Connect(Box::new(connect)))
    }

    /// Nothing is sent, received or due any more.
    pub fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    // ---- what its owner wants; without effect unless the connection is up ----

    pub fn subscribe(&mut self, now: Micros, operation: u64, subscriptions: Vec<Subscription>) -> Vec<MqttOutput> {
        if self.state == State::Up {
            let id = self.await_answer(Operation::Subscribe(operation));
            self.send(now, Packet::Subscribe { id, subscriptions });
        }
        self.take()
    }

    pub fn unsubscribe(&mut self, now: Micros, filter: String) -> Vec<MqttOutput> {
        if self.state == State::Up {
            let id = self.await_answer(Operation::Unsubscribe);
            self.send(now, Packet::Unsubscribe { id, filters: vec![filter] });
        }
        self.take()
    }

    pub fn publish(&mut self, now: Micros, operation: u64, publication: &Publication) -> Vec<MqttOutput> {
        if self.state == State::Up {
            let Publication { topic, payload, qos, retain, .. } = publication;
            let mut publish = Publish::new(topic, payload, *qos, *retain);
            if *qos != Qos::AtMostOnce {
                publish.id = self.await_answer(Operation::Publish(operation));
            }
            self.send(now, Packet::Publish(publish));
            if *qos == Qos::AtMostOnce {
                self.tell(MqttEvent::Published { operation });
            }
        }
        self.take()
    }

    /// Nobody waits for the answer to this operation any more.
    pub fn forget(&mut self, operation: u64) {
        self.awaited.retain(|_, awaited| *awaited != Operation::Publish(operation));
    }

    /// Ends the connection so that no will is sent.
    pub fn disconnect(&mut self, now: Micros) -> Vec<MqttOutput> {
        if self.state == State::Up {
            self.send(now, Packet::Disconnect { code: 0 });
        }
        self.end();
        self.take()
    }

    /// Closes the connection without a word, as when the process ends.
    pub fn close(&mut self) -> Vec<MqttOutput> {
        self.end();
        self.take()
    }

    // ---- what happens to it ----

    pub fn received(&mut self, now: Micros, parcel: Parcel) -> Vec<MqttOutput> {
        if self.state != State::Ended {
            self.last_received = now;
            match parcel {
                Parcel::Closed => self.lost(BROKE.to_owned()),
                Parcel::Packet(packet) => self.packet(now, packet),
            }
        }
        self.take()
    }

    /// When [`MqttClient::turn`] has something to do.
    pub fn due(&self) -> Option<Micros> {
        match self.state {
            State::Connecting { until } => Some(until),
            State::Up if self.keep_alive > 0 => {
                let quiet_since = self.pinged.unwrap_or(self.last_sent.min(self.last_received));
                Some(quiet_since + self.keep_alive)
            }
            State::Up | State::Ended => None,
        }
    }

    pub fn turn(&mut self, now: Micros) -> Vec<MqttOutput> {
        if self.due().is_some_and(|due| due <= now) {
            match self.state {
                State::Connecting { .. } => {
                    self.tell(MqttEvent::Unanswered { silent: false });
                    self.end();
                }
                State::Up if self.pinged.is_some() => self.lost(BROKE.to_owned()),
                State::Up => {
                    self.pinged = Some(now);
                    self.send(now, Packet::Pingreq);
                }
                State::Ended => {}
            }
        }
        self.take()
    }

    fn packet(&mut self, now: Micros, packet: Packet) {
        match (self.state, packet) {
            (State::Connecting { .. }, Packet::Connack { session_present, code: 0 }) => {
                self.state = State::Up;
                self.tell(MqttEvent::Connected { session_present });
            }
            (State::Connecting { .. }, Packet::Connack { code, .. }) => {
                self.tell(MqttEvent::Refused { code });
                self.end();
            }
            (State::Up, Packet::Suback { id, codes }) => {
                if let Some(Operation::Subscribe(operation)) = self.awaited.remove(&id) {
                    let granted = codes.into_iter().map(|code| code < 0x80).collect();
                    self.tell(MqttEvent::Subscribed { operation, granted });
                }
            }
            (State::Up, Packet::Unsuback { id }) => drop(self.awaited.remove(&id)),
            (State::Up, Packet::Puback { id, code } | Packet::Pubrec { id, code }) if code >= 0x80 => {
                if let Some(Operation::Publish(operation)) = self.awaited.remove(&id) {
                    self.tell(MqttEvent::Rejected { operation, code });
                }
            }
            (State::Up, Packet::Pubrec { id, .. }) => self.send(now, Packet::Pubrel { id }),
            (State::Up, Packet::Puback { id, .. } | Packet::Pubcomp { id }) => {
                if let Some(Operation::Publish(operation)) = self.awaited.remove(&id) {
                    self.tell(MqttEvent::Published { operation });
                }
            }
            (State::Up, Packet::Publish(publish)) => self.arrived(now, publish),
            (State::Up, Packet::Pubrel { id }) => {
                self.arrived.remove(&id);
                self.send(now, Packet::Pubcomp { id });
            }
            (State::Up, Packet::Pingresp) => self.pinged = None,
            (State::Up, Packet::Disconnect { code }) => self.lost(format!("ended by the broker: {code}")),
            // No broker sends it; a library takes it for a broken connection.
            _ => self.lost(BROKE.to_owned()),
        }
    }

    fn arrived(&mut self, now: Micros, publish: Publish) {
        let is_new = publish.qos != Qos::ExactlyOnce || self.arrived.insert(publish.id);
        if is_new {
            self.tell(MqttEvent::Message(Message {
                topic: publish.topic.to_string(),
                payload: publish.payload.to_vec(),
                qos: publish.qos,
                retained: publish.retain,
            }));
        }
        // As with the library: the message was passed on before it is acknowledged.
        match publish.qos {
            Qos::AtMostOnce => {}
            Qos::AtLeastOnce => self.send(now, Packet::Puback { id: publish.id, code: 0 }),
            Qos::ExactlyOnce => self.send(now, Packet::Pubrec { id: publish.id, code: 0 }),
        }
    }

    fn lost(&mut self, reason: String) {
        match self.state {
            State::Connecting { .. } => self.tell(MqttEvent::Unanswered { silent: true }),
            _ => self.tell(MqttEvent::Down { reason }),
        }
        self.end();
    }

    fn end(&mut self) {
        if self.state != State::Ended {
            self.state = State::Ended;
            self.outputs.push(MqttOutput::Close);
        }
    }

    fn await_answer(&mut self, operation: Operation) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if !self.awaited.contains_key(&self.last_id) {
                self.awaited.insert(self.last_id, operation);
                return self.last_id;
            }
        }
    }

    fn send(&mut self, now: Micros, packet: Packet) {
        self.last_sent = now;
        self.outputs.push(MqttOutput::Send(packet));
    }

    fn tell(&mut self, event: MqttEvent) {
        self.outputs.push(MqttOutput::Tell(event));
    }

    fn take(&mut self) -> Vec<MqttOutput> {
        std::mem::take(&mut self.outputs)
    }
}

#[cfg(test)]
mod tests;
