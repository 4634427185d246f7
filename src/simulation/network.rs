//! The connections between the nodes and the broker: for each direction an ordered stream of packets, as TCP's, and the
//! faults that a network has. It never reorders a stream and never loses part of one that goes on: a connection on which
//! something is lost delivers nothing more.

use super::packet::Packet;
use super::rng::Rng;
use super::world::{MS, Micros, NodeId};
use std::collections::{BTreeMap, VecDeque};
use std::fmt::{self, Display};

/// A connection; numbers are not used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnId(pub u32);

/// One end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Endpoint {
    Node,
    Broker,
}

/// What one end gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parcel {
    Packet(Packet),
    /// The other end closed the connection, or the network did.
    Closed,
}

/// A parcel that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    pub conn: ConnId,
    pub node: NodeId,
    /// The end at which it arrived.
    pub to: Endpoint,
    pub parcel: Parcel,
}

pub struct Network {
    rng: Rng,
    latency: Latency,
    /// Bytes that may be under way in one direction of a connection before its sender must wait.
    buffer: usize,
    circuits: BTreeMap<ConnId, Circuit>,
    routes: BTreeMap<NodeId, Route>,
    broker_frozen_until: Micros,
    opened: u32,
    sent: u64,
}

/// How long a packet takes one way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Latency {
    pub least: Micros,
    pub most: Micros,
    /// Per cent of the packets that take up to 40 ms longer.
    pub hiccups: u64,
}

impl Latency {
    /// A local network.
    pub const LOCAL: Latency = Latency { least: 80, most: 700, hiccups: 2 };
}

struct Circuit {
    node: NodeId,
    /// By receiving end.
    pipes: [Pipe; 2],
    /// What is sent is lost, at both ends.
    is_severed: bool,
}

/// One direction of a connection.
#[derive(Default)]
struct Pipe {
    /// The receiving end has closed the connection, or learned that it is closed.
    is_closed: bool,
    /// With the earliest time of arrival and the number of sending, in the order of both.
    under_way: VecDeque<(Micros, u64, Parcel)>,
    bytes: usize,
}

/// The network between a node and the broker.
#[derive(Default)]
struct Route {
    /// Nothing gets through until then, by receiving end.
    blocked_until: [Micros; 2],
    /// The node does not read until then.
    frozen_until: Micros,
    /// What is added to each way until then.
    slow: (Micros, Micros),
}

impl Network {
    /// `buffer`: how many bytes may wait in one direction of a connection before [`Network::has_room`] says no.
    pub fn new(latency: Latency, buffer: usize, rng: Rng) -> Network {
        Network {
            rng,
            latency,
            buffer,
            circuits: BTreeMap::new(),
            routes: BTreeMap::new(),
            broker_frozen_until: 0,
            opened: 0,
            sent: 0,
        }
    }

    /// A new connection. The broker's end hears of it by the first packet.
    pub fn open(&mut self, node: NodeId) -> ConnId {
        self.opened += 1;
        let conn = ConnId(self.opened);
        self.circuits.insert(conn, Circuit { node, pipes: Default::default(), is_severed: false });
        conn
    }

    /// Puts a packet on its way. It is lost if the connection is closed or severed.
    pub fn send(&mut self, now: Micros, conn: ConnId, to: Endpoint, packet: Packet) {
        let delay = self.delay(now, conn);
        self.put(now + delay, conn, to, Parcel::Packet(packet));
    }

    /// One end closes the connection. What it sent before still arrives, what it has not read is lost.
    pub fn close(&mut self, now: Micros, conn: ConnId, by: Endpoint) {
        let delay = self.delay(now, conn);
        let Some(circuit) = self.circuits.get_mut(&conn) else { return };
        circuit.pipes[by as usize].shut();
        self.put(now + delay, conn, by.other(), Parcel::Closed);
        self.forget_if_closed(conn);
    }

    /// Whether a sender may go on writing.
    pub fn has_room(&self, conn: ConnId, to: Endpoint) -> bool {
        self.circuits.get(&conn).is_none_or(|circuit| circuit.pipes[to as usize].bytes < self.buffer)
    }

    /// The open connections of a node, as seen from `at`, oldest first.
    pub fn connections_of(&self, node: NodeId, at: Endpoint) -> Vec<ConnId> {
        let is_open = |circuit: &Circuit| circuit.node == node && !circuit.pipes[at as usize].is_closed;
        self.circuits.iter().filter(|(_, circuit)| is_open(circuit)).map(|(conn, _)| *conn).collect()
    }

    /// When the next parcel arrives.
    pub fn due(&self) -> Option<Micros> {
        self.next().map(|(at, ..)| at)
    }

    /// The next parcel that arrives until `now`.
    pub fn turn(&mut self, now: Micros) -> Option<Delivered> {
        let (_, _, conn, to) = self.next().filter(|(at, ..)| *at <= now)?;
        let circuit = self.circuits.get_mut(&conn)?;
        let node = circuit.node;
        let pipe = &mut circuit.pipes[to as usize];
        let (_, _, parcel) = pipe.under_way.pop_front()?;
        match &parcel {
            Parcel::Packet(packet) => pipe.bytes -= packet.size(),
            Parcel::Closed => {
                pipe.shut();
                // Nobody is left to send anything to the other end; unless that knows, it believes in the connection.
                self.forget_if_closed(conn);
            }
        }
        Some(Delivered { conn, node, to, parcel })
    }

    // ---- faults ----

    /// Each parcel that is sent until then takes `more` longer.
    pub fn slow(&mut self, node: NodeId, more: Micros, until: Micros) {
        self.route(node).slow = (more, until);
    }

    /// Holds back what goes to one end, as TCP does while packets are lost; all of it arrives when the block ends.
    pub fn block(&mut self, node: NodeId, to: Endpoint, until: Micros) {
        let blocked = &mut self.route(node).blocked_until[to as usize];
        *blocked = until.max(*blocked);
    }

    /// The node reads nothing until then.
    pub fn freeze(&mut self, node: NodeId, until: Micros) {
        self.route(node).frozen_until = until;
    }

    /// The broker reads nothing until then.
    pub fn freeze_broker(&mut self, until: Micros) {
        self.broker_frozen_until = until;
    }

    /// The node's connections end somewhere on the way: what is under way is lost. Each end learns of it at its time, or
    /// never: both at once is a reset, one of them a half-open connection, none a silent death.
    pub fn sever(&mut self, node: NodeId, node_learns: Option<Micros>, broker_learns: Option<Micros>) {
        let Network { circuits, sent, .. } = self;
        for circuit in circuits.values_mut().filter(|circuit| circuit.node == node && !circuit.is_severed) {
            circuit.is_severed = true;
            for (to, learns) in [(Endpoint::Node, node_learns), (Endpoint::Broker, broker_learns)] {
                let pipe = &mut circuit.pipes[to as usize];
                pipe.clear();
                if let Some(at) = learns.filter(|_| !pipe.is_closed) {
                    *sent += 1;
                    pipe.under_way.push_back((at, *sent, Parcel::Closed));
                }
            }
        }
    }

    /// No fault goes on; severed connections stay severed.
    pub fn heal(&mut self) {
        self.routes.clear();
        self.broker_frozen_until = 0;
    }

    // ---- inside ----

    fn route(&mut self, node: NodeId) -> &mut Route {
        self.routes.entry(node).or_default()
    }

    fn put(&mut self, at: Micros, conn: ConnId, to: Endpoint, parcel: Parcel) {
        let Some(circuit) = self.circuits.get_mut(&conn) else { return };
        let pipe = &mut circuit.pipes[to as usize];
        if circuit.is_severed || pipe.is_closed {
            return;
        }
        let at = pipe.under_way.back().map_or(at, |(before, ..)| at.max(*before));
        if let Parcel::Packet(packet) = &parcel {
            pipe.bytes += packet.size();
        }
        self.sent += 1;
        pipe.under_way.push_back((at, self.sent, parcel));
    }

    fn delay(&mut self, now: Micros, conn: ConnId) -> Micros {
        let hiccup = if self.rng.chance(self.latency.hiccups) { self.rng.range(MS, 40 * MS) } else { 0 };
        let usual = self.rng.range(self.latency.least, self.latency.most) + hiccup;
        let node = self.circuits.get(&conn).map(|circuit| circuit.node);
        match node.and_then(|node| self.routes.get(&node)).map(|route| route.slow) {
            Some((more, until)) if now < until => usual + more,
            _ => usual,
        }
    }

    /// What arrives next: when, its number, where. A run has few connections, so looking at all of them is fast.
    fn next(&self) -> Option<(Micros, u64, ConnId, Endpoint)> {
        let heads = self.circuits.iter().flat_map(|(conn, circuit)| {
            let route = self.routes.get(&circuit.node);
            [Endpoint::Node, Endpoint::Broker].into_iter().filter_map(move |to| {
                let (at, number, _) = circuit.pipes[to as usize].under_way.front()?;
                let blocked = route.map_or(0, |route| route.blocked_until[to as usize]);
                let frozen = match to {
                    Endpoint::Node => route.map_or(0, |route| route.frozen_until),
                    Endpoint::Broker => self.broker_frozen_until,
                };
                Some(((*at).max(blocked).max(frozen), *number, *conn, to))
            })
        });
        heads.min()
    }

    fn forget_if_closed(&mut self, conn: ConnId) {
        let is_closed = |circuit: &Circuit| circuit.pipes.iter().all(|pipe| pipe.is_closed);
        if self.circuits.get(&conn).is_some_and(is_closed) {
            self.circuits.remove(&conn);
        }
    }
}

impl Display for Parcel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Parcel::Packet(packet) => packet.fmt(f),
            Parcel::Closed => f.write_str("closed"),
        }
    }
}

impl Endpoint {
    pub fn other(self) -> Endpoint {
        match self {
            Endpoint::Node => Endpoint::Broker,
            Endpoint::Broker => Endpoint::Node,
        }
    }
}

impl Pipe {
    fn clear(&mut self) {
        self.under_way.clear();
        self.bytes = 0;
    }

    fn shut(&mut self) {
        self.clear();
        self.is_closed = true;
    }
}

#[cfg(test)]
mod tests;
