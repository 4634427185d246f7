//! The connections of the broker: how they begin, and what their ends do.

use super::manners::Speaks;
use super::session::BrokerSession;
use super::will::LastWill;
use super::{ModelBroker, Output};
use crate::link::Version;
use crate::simulation::network::ConnId;
use crate::simulation::packet::{Connect, Packet, Publish};
use crate::simulation::world::{Micros, NodeId, S};
use std::rc::Rc;

/// A connection on which a CONNECT was accepted.
pub struct Attached {
    pub client_id: Rc<str>,
    pub node: NodeId,
    pub version: Version,
    /// The node of the cluster that it ends at.
    pub home: usize,
    pub will: Option<Publish>,
    /// 0: for ever.
    pub keep_alive: Micros,
    pub last_received: Micros,
    /// The network takes no more for now.
    pub is_full: bool,
}

impl ModelBroker {
    pub(super) fn connect(&mut self, now: Micros, conn: ConnId, node: NodeId, connect: Connect) {
        match self.manners.speaks {
            Speaks::Both => {}
            _ if connect.version != Version::V5 => {}
            Speaks::Refuses5(code) => {
                self.reached.insert("a broker that refuses MQTT 5");
                self.send(conn, Packet::Connack { session_present: false, code });
                return self.outputs.push(Output::Close(conn));
            }
            Speaks::Closes5 => return self.outputs.push(Output::Close(conn)),
            Speaks::Ignores5 => return,
        }
        let client_id = connect.client_id;
        if let Some(earlier) = self.store.sessions.get(&client_id).and_then(|session| session.conn) {
            self.take_over(now, earlier);
        }
        if !self.manners.wills_outlast_return {
            self.wills.cancel(&client_id);
        }
        if connect.clean {
            self.store.sessions.remove(&client_id);
        }
        let session_present = self.store.sessions.contains_key(&client_id);
        if session_present {
            self.reached.insert("a broker's session that was present");
        }
        let home = self.rng.below(self.manners.cluster.nodes) as usize;
        let fresh = || BrokerSession::new(node, home, connect.is_kept);
        let session = self.store.sessions.entry(client_id.clone()).or_insert_with(fresh);
        (session.node, session.home, session.conn, session.is_kept) = (node, home, Some(conn), connect.is_kept);
        let again = session.send_again();
        let attached = Attached {
            client_id: client_id.clone(),
            node,
            version: connect.version,
            home,
            will: connect.will,
            keep_alive: Micros::from(connect.keep_alive_seconds) * S,
            last_received: now,
            is_full: false,
        };
        self.attached.insert(conn, attached);
        self.send(conn, Packet::Connack { session_present, code: 0 });
        again.into_iter().for_each(|packet| self.send(conn, packet));
        self.send_queued(&client_id);
    }

    /// Another connection comes with the client identifier of this one.
    fn take_over(&mut self, now: Micros, conn: ConnId) {
        /// "ClientSession taken over".
        const TAKEN_OVER: u8 = 0x8E;
        if self.attached.get(&conn).is_some_and(|attached| attached.version == Version::V5) {
            self.send(conn, Packet::Disconnect { code: TAKEN_OVER });
        }
        self.refuse(now, conn, "taken over");
    }

    /// The operator ends a node's connections.
    pub fn kick(&mut self, now: Micros, node: NodeId) -> Vec<Output> {
        let is_its = |attached: &Attached| attached.node == node;
        let conns: Vec<ConnId> =
            self.attached.iter().filter(|(_, attached)| is_its(attached)).map(|(conn, _)| *conn).collect();
        for conn in conns {
            self.refuse(now, conn, "kicked");
        }
        std::mem::take(&mut self.outputs)
    }

    /// The broker ends a connection.
    pub(super) fn refuse(&mut self, now: Micros, conn: ConnId, why: &str) {
        self.outputs.push(Output::Note(format!("ends connection {}: {why}", conn.0)));
        self.end(now, conn);
        self.outputs.push(Output::Close(conn));
    }

    /// A connection has ended, and without a DISCONNECT its will is due.
    pub(super) fn end(&mut self, now: Micros, conn: ConnId) {
        let Some(attached) = self.attached.remove(&conn) else { return };
        let client_id = attached.client_id;
        if let Some(session) = self.store.sessions.get_mut(&client_id)
            && session.conn == Some(conn)
        {
            session.conn = None;
            if !session.is_kept {
                self.store.sessions.remove(&client_id);
            }
        }
        let Some(publish) = attached.will else { return };
        let delay = match self.next_wills.remove(&attached.node) {
            Some(Some(delay)) => delay,
            Some(None) => return self.outputs.push(Output::Note(format!("drops the will of {client_id}"))),
            None if self.rng.chance(50) => 0,
            None => self.rng.range(0, self.manners.will_delay),
        };
        self.wills.add(now + delay, LastWill { client_id, home: attached.home, publish });
    }
}

impl Attached {
    /// When the broker ends it if nothing more is received.
    pub fn expires(&self) -> Option<Micros> {
        (self.keep_alive > 0).then(|| self.last_received + self.keep_alive * 3 / 2)
    }
}
