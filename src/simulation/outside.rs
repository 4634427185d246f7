//! The network and the broker together: everything outside of the nodes. It moves packets between the two until one
//! arrives at a node.

use super::broker::{ModelBroker, Output, Recovery};
use super::network::{ConnId, Delivered, Endpoint, Network, Parcel};
use super::packet::Packet;
use super::trace::Trace;
use super::world::{Micros, NodeId};
use std::collections::BTreeSet;

pub struct Outside {
    network: Network,
    broker: ModelBroker,
    broker_frozen_until: Micros,
    /// Connections whose buffers towards the node are full.
    full: BTreeSet<ConnId>,
}

/// Something has arrived at a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Incoming {
    pub node: NodeId,
    pub conn: ConnId,
    pub parcel: Parcel,
}

impl Outside {
    pub fn new(network: Network, broker: ModelBroker) -> Outside {
        Outside { network, broker, broker_frozen_until: 0, full: BTreeSet::new() }
    }

    /// For its tally and its faults that concern no connection.
    pub fn broker(&mut self) -> &mut ModelBroker {
        &mut self.broker
    }

    /// For its faults.
    pub fn network(&mut self) -> &mut Network {
        &mut self.network
    }

    // ---- a node's view ----

    /// A new connection; the broker, if it is up, hears of it by the CONNECT.
    pub fn open(&mut self, node: NodeId) -> ConnId {
        self.network.open(node)
    }

    pub fn send(&mut self, now: Micros, conn: ConnId, packet: Packet) {
        self.network.send(now, conn, Endpoint::Broker, packet);
    }

    /// The node, or its system because its process is gone, closes a connection.
    pub fn close(&mut self, now: Micros, conn: ConnId) {
        self.network.close(now, conn, Endpoint::Node);
    }

    // ---- time ----

    /// When [`Outside::turn`] has something to do.
    pub fn due(&self) -> Option<Micros> {
        [self.network.due(), self.broker_due()].into_iter().flatten().min()
    }

    /// Does what is due at `now`, up to the next arrival at a node; `None`: there is no further one.
    pub fn turn(&mut self, now: Micros, trace: &mut Trace) -> Option<Incoming> {
        loop {
            let broker_due = self.broker_due().filter(|at| *at <= now);
            if broker_due.is_some_and(|at| self.network.due().is_none_or(|arrival| at <= arrival)) {
                let outputs = self.broker.turn(now);
                self.carry_out(now, outputs, trace);
                continue;
            }
            let Delivered { conn, node, to, parcel } = self.network.turn(now)?;
            match to {
                Endpoint::Broker => {
                    trace.note(now, node, format_args!("> {} {parcel}", conn.0));
                    let outputs = self.broker.handle(now, conn, node, parcel);
                    self.carry_out(now, outputs, trace);
                }
                Endpoint::Node => {
                    trace.note(now, node, format_args!("< {} {parcel}", conn.0));
                    self.look_for_room(now, conn, trace);
                    return Some(Incoming { node, conn, parcel });
                }
            }
        }
    }

    // ---- faults ----

    pub fn crash_broker(&mut self, now: Micros, recovery: Recovery, trace: &mut Trace) {
        // A frozen process that is killed does not stay frozen.
        self.freeze_broker(now);
        let outputs = self.broker.crash(recovery);
        self.carry_out(now, outputs, trace);
    }

    pub fn restart_broker(&mut self, now: Micros) {
        self.broker.restart(now);
    }

    /// The broker's process does nothing until then.
    pub fn freeze_broker(&mut self, until: Micros) {
        self.broker_frozen_until = until;
        self.network.freeze_broker(until);
    }

    /// The operator ends a node's connections.
    pub fn kick(&mut self, now: Micros, node: NodeId, trace: &mut Trace) {
        let outputs = self.broker.kick(now, node);
        self.carry_out(now, outputs, trace);
    }

    /// No fault goes on, and the broker runs.
    pub fn heal(&mut self, now: Micros) {
        self.freeze_broker(now);
        self.network.heal();
        self.broker.heal();
        if !self.broker.is_up() {
            self.broker.restart(now);
        }
    }

    // ---- inside ----

    fn broker_due(&self) -> Option<Micros> {
        self.broker.due().map(|at| at.max(self.broker_frozen_until))
    }

    fn carry_out(&mut self, now: Micros, outputs: Vec<Output>, trace: &mut Trace) {
        for output in outputs {
            match output {
                Output::Send(conn, packet) => {
                    self.network.send(now, conn, Endpoint::Node, packet);
                    if !self.network.has_room(conn, Endpoint::Node) && self.full.insert(conn) {
                        // A broker that has no room sends nothing.
                        let _ = self.broker.set_full(conn, true);
                    }
                }
                Output::Close(conn) => {
                    self.full.remove(&conn);
                    self.network.close(now, conn, Endpoint::Broker);
                }
                Output::Note(text) => trace.note(now, "broker", text),
            }
        }
    }

    fn look_for_room(&mut self, now: Micros, conn: ConnId, trace: &mut Trace) {
        if self.network.has_room(conn, Endpoint::Node) && self.full.remove(&conn) {
            let outputs = self.broker.set_full(conn, false);
            self.carry_out(now, outputs, trace);
        }
    }
}

#[cfg(test)]
mod tests;
