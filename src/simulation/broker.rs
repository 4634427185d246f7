//! A model of an MQTT broker, of one node or of a cluster, with the manners of real ones. It takes what arrives on its
//! connections and the passing of time, and returns what to send and which connections to close.
//!
//! It keeps MQTT's laws: it acknowledges, keeps sessions, and never reorders the messages of one publisher on one topic
//! (of equal quality of service) to one subscriber. Everything else depends on its [`Manners`] and on the faults.

mod attached;
pub mod filter;
pub mod manners;
mod retained;
mod routing;
mod session;
#[cfg(test)]
mod tests;
mod transit;
mod will;

use super::network::{ConnId, Parcel};
use super::packet::{Packet, Publish};
use super::rng::Rng;
use super::world::{Micros, NodeId};
use crate::link::{Subscription, Version};
use attached::Attached;
use manners::Manners;
use retained::Retained;
use session::BrokerSession;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use transit::Transit;
use will::{LastWill, Wills};

/// What a broker comes back with after a crash, if its manners let it keep anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Recovery {
    Everything,
    /// What it had at the last [`ModelBroker::save`].
    Saved,
    Nothing,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Output {
    Send(ConnId, Packet),
    Close(ConnId),
    /// For the trace: something that no packet shows.
    Note(String),
}

/// What a broker has done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Messages that came from publishers, wills included.
    pub published: u64,
    /// Messages that were sent to subscribers, each time that they were.
    pub delivered: u64,
    /// Deliveries that were dropped: a full queue, a loss, a subscriber of QoS 0 that is away.
    pub dropped: u64,
}

pub struct ModelBroker {
    manners: Manners,
    rng: Rng,
    is_up: bool,
    attached: BTreeMap<ConnId, Attached>,
    store: Lasting,
    saved: Option<Lasting>,
    /// Retained messages so far.
    retained_count: u64,
    transit: Transit,
    wills: Wills,
    /// What the next will of a node's does: comes so late, or not at all.
    next_wills: BTreeMap<NodeId, Option<Micros>>,
    /// Per cent of a node's deliveries that are dropped, and until when.
    losses: BTreeMap<NodeId, (u64, Micros)>,
    outputs: Vec<Output>,
    counts: Counts,
    /// Of `reach::ALL`.
    reached: BTreeSet<&'static str>,
}

/// What may outlive the broker's process.
#[derive(Clone)]
struct Lasting {
    sessions: BTreeMap<Rc<str>, BrokerSession>,
    retained: Retained,
}

impl ModelBroker {
    pub fn new(manners: Manners, rng: Rng) -> ModelBroker {
        let store = Lasting::new(&manners);
        ModelBroker {
            manners,
            rng,
            is_up: true,
            attached: BTreeMap::new(),
            store,
            saved: None,
            retained_count: 0,
            transit: Transit::default(),
            wills: Wills::default(),
            next_wills: BTreeMap::new(),
            losses: BTreeMap::new(),
            outputs: Vec::new(),
            counts: Counts::default(),
            reached: BTreeSet::new(),
        }
    }

    pub fn is_up(&self) -> bool {
        self.is_up
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    pub fn reached(&self) -> impl Iterator<Item = &'static str> {
        self.reached.iter().copied()
    }

    /// Something has arrived on a connection of `node`.
    pub fn handle(&mut self, now: Micros, conn: ConnId, node: NodeId, parcel: Parcel) -> Vec<Output> {
        match parcel {
            Parcel::Closed => self.end(now, conn),
            Parcel::Packet(packet) => self.received(now, conn, node, packet),
        }
        std::mem::take(&mut self.outputs)
    }

    /// When [`ModelBroker::turn`] has something to do.
    pub fn due(&self) -> Option<Micros> {
        if !self.is_up {
            return None;
        }
        let keep_alive = self.attached.values().filter_map(Attached::expires).min();
        [keep_alive, self.wills.due(), self.transit.due()].into_iter().flatten().min()
    }

    /// Does what is due at `now`.
    pub fn turn(&mut self, now: Micros) -> Vec<Output> {
        while let Some(will) = self.wills.next(now) {
            self.publish(now, &will.client_id, true, will.home, &will.publish);
        }
        while let Some(relay) = self.transit.arrived(now) {
            self.arrived(now, relay);
        }
        let is_silent = |attached: &Attached| attached.expires().is_some_and(|at| at <= now);
        let silent: Vec<ConnId> =
            self.attached.iter().filter(|(_, attached)| is_silent(attached)).map(|(conn, _)| *conn).collect();
        for conn in silent {
            self.refuse(now, conn, "keep alive");
        }
        std::mem::take(&mut self.outputs)
    }

    /// The network takes no more on a connection, or does again.
    pub fn set_full(&mut self, conn: ConnId, is_full: bool) -> Vec<Output> {
        if let Some(attached) = self.attached.get_mut(&conn) {
            attached.is_full = is_full;
            let client_id = attached.client_id.clone();
            self.send_queued(&client_id);
        }
        std::mem::take(&mut self.outputs)
    }

    // ---- faults ----

    /// Writes down what [`Recovery::Saved`] brings back.
    pub fn save(&mut self) {
        self.saved = Some(self.store.clone());
    }

    /// Its process is gone, and with it everything that the recovery does not bring back.
    pub fn crash(&mut self, recovery: Recovery) -> Vec<Output> {
        self.is_up = false;
        self.transit.clear();
        self.wills.clear();
        for (conn, attached) in std::mem::take(&mut self.attached) {
            self.outputs.push(Output::Close(conn));
            if let Some(publish) = attached.will.filter(|_| self.manners.wills_after_restart) {
                // Not due before the restart.
                self.wills.add(Micros::MAX, LastWill { client_id: attached.client_id, home: attached.home, publish });
            }
        }
        let empty = Lasting::new(&self.manners);
        match recovery {
            Recovery::Everything => {}
            Recovery::Saved => self.store = self.saved.clone().unwrap_or_else(|| empty.clone()),
            Recovery::Nothing => self.store = empty.clone(),
        }
        if !self.manners.keeps_retained {
            self.store.retained = empty.retained;
        }
        let keeps = self.manners.keeps_sessions;
        self.store.sessions.retain(|_, session| keeps && session.is_kept);
        self.store.sessions.values_mut().for_each(|session| session.conn = None);
        std::mem::take(&mut self.outputs)
    }

    pub fn restart(&mut self, now: Micros) {
        self.is_up = true;
        self.wills.release(now);
    }

    /// Drops so many per cent of what a node would get, on a connection that stays up.
    pub fn lose(&mut self, node: NodeId, percent: u64, until: Micros) {
        self.losses.insert(node, (percent, until));
    }

    /// The next will of a node comes so late, or not at all.
    pub fn delay_next_will(&mut self, node: NodeId, delay: Option<Micros>) {
        self.next_wills.insert(node, delay);
    }

    /// No fault goes on.
    pub fn heal(&mut self) {
        self.losses.clear();
        self.next_wills.clear();
        (self.manners.losses, self.manners.lost_wills) = (0, 0);
    }

    // ---- packets ----

    fn received(&mut self, now: Micros, conn: ConnId, node: NodeId, packet: Packet) {
        if !self.is_up {
            return self.outputs.push(Output::Close(conn));
        }
        if self.manners.max_packet > 0 && packet.size() > self.manners.max_packet {
            return self.refuse(now, conn, "packet too large");
        }
        let Some(attached) = self.attached.get_mut(&conn) else {
            return match packet {
                Packet::Connect(connect) => self.connect(now, conn, node, *connect),
                _ => self.refuse(now, conn, "not connected"),
            };
        };
        attached.last_received = now;
        let (client_id, version) = (attached.client_id.clone(), attached.version);
        match packet {
            Packet::Subscribe { id, subscriptions } => self.subscribe(now, conn, id, subscriptions),
            Packet::Unsubscribe { id, filters } => {
                if let Some(session) = self.store.sessions.get_mut(&client_id) {
                    filters.iter().for_each(|filter| session.unsubscribe(filter));
                }
                self.send(conn, Packet::Unsuback { id });
            }
            Packet::Publish(publish) => self.accept(now, conn, publish),
            Packet::Puback { id, .. } | Packet::Pubcomp { id } => {
                self.session(&client_id, |session| session.finish(id));
                self.send_queued(&client_id);
            }
            // A refusal ends it.
            Packet::Pubrec { id, code } if code >= 0x80 => {
                self.session(&client_id, |session| session.finish(id));
                self.send_queued(&client_id);
            }
            Packet::Pubrec { id, .. } => {
                self.session(&client_id, |session| session.release(id));
                self.send(conn, Packet::Pubrel { id });
            }
            Packet::Pubrel { id } => {
                self.session(&client_id, |session| session.received_to_the_end(id));
                self.send(conn, Packet::Pubcomp { id });
            }
            Packet::Pingreq => self.send(conn, Packet::Pingresp),
            Packet::Disconnect { code } => {
                // 4, of MQTT 5: "disconnect with will message".
                if let Some(attached) = self.attached.get_mut(&conn)
                    && !(version == Version::V5 && code == 4)
                {
                    attached.will = None;
                }
                self.end(now, conn);
                self.outputs.push(Output::Close(conn));
            }
            _ => self.refuse(now, conn, "protocol error"),
        }
    }

    fn subscribe(&mut self, now: Micros, conn: ConnId, id: u16, subscriptions: Vec<Subscription>) {
        if subscriptions.iter().any(|wanted| !filter::is_filter(&wanted.filter)) {
            return self.refuse(now, conn, "not a filter");
        }
        let Some(attached) = self.attached.get(&conn) else { return };
        let (client_id, home, is_5) = (attached.client_id.clone(), attached.home, attached.version == Version::V5);
        let mut codes = Vec::new();
        let mut retained = Vec::new();
        for subscription in subscriptions {
            if self.manners.closed_filters.contains(&subscription.filter) {
                codes.push(if is_5 { 0x87 } else { 0x80 });
                continue;
            }
            let qos = subscription.qos.min(self.manners.grants);
            codes.push(qos as u8);
            if self.manners.retains_for_wildcards || filter::is_name(&subscription.filter) {
                let kept = self.store.retained.matching(home, &subscription.filter);
                retained.extend(kept.into_iter().map(|kept| Publish { qos: qos.min(kept.qos), ..kept }));
            }
            let granted = Subscription { qos, no_local: subscription.no_local && is_5, ..subscription };
            self.session(&client_id, |session| session.subscribe(granted));
        }
        let is_early = self.rng.chance(self.manners.early_retained);
        if !is_early {
            self.send(conn, Packet::Suback { id, codes: codes.clone() });
        }
        retained.into_iter().for_each(|publish| self.deliver(now, &client_id, publish));
        if is_early {
            self.send(conn, Packet::Suback { id, codes });
        }
    }

    // ---- connections ----

    fn send(&mut self, conn: ConnId, packet: Packet) {
        self.outputs.push(Output::Send(conn, packet));
    }

    fn session(&mut self, client_id: &str, change: impl FnOnce(&mut BrokerSession)) {
        if let Some(session) = self.store.sessions.get_mut(client_id) {
            change(session);
        }
    }
}

impl Lasting {
    fn new(manners: &Manners) -> Lasting {
        Lasting { sessions: BTreeMap::new(), retained: Retained::new(manners.cluster.nodes as usize) }
    }
}
