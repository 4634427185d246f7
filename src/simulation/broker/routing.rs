//! The way of a message through the broker: from its publisher to the sessions, and from these to the subscribers.

use super::transit::{Lane, Relay};
use super::{Attached, ModelBroker, Output, filter};
use crate::link::{Qos, Version};
use crate::simulation::network::ConnId;
use crate::simulation::packet::{Packet, Publish};
use crate::simulation::world::Micros;
use std::rc::Rc;

impl ModelBroker {
    /// A client publishes.
    pub(super) fn accept(&mut self, now: Micros, conn: ConnId, publish: Publish) {
        /// "Not authorized".
        const CLOSED: u8 = 0x87;
        let Some(attached) = self.attached.get(&conn) else { return };
        let Attached { client_id, home, version, .. } = attached;
        let (client_id, home, version) = (client_id.clone(), *home, *version);
        let (id, qos) = (publish.id, publish.qos);
        if !filter::is_name(&publish.topic) || (id == 0) != (qos == Qos::AtMostOnce) {
            return self.refuse(now, conn, "not a publication");
        }
        let is_closed = self.manners.closed_topics.iter().any(|closed| filter::matches(closed, &publish.topic));
        let session = self.store.sessions.get_mut(&client_id);
        let is_new = qos != Qos::ExactlyOnce || is_closed || session.is_some_and(|session| session.receive(id));
        if is_closed {
            self.outputs.push(Output::Note(format!("takes nothing on {}", publish.topic)));
        } else if is_new {
            self.publish(now, &client_id, false, home, &publish);
        }
        // MQTT 3.1.1 cannot say no.
        let code = if is_closed && version == Version::V5 { CLOSED } else { 0 };
        match qos {
            Qos::AtMostOnce => {}
            Qos::AtLeastOnce => self.send(conn, Packet::Puback { id, code }),
            Qos::ExactlyOnce => self.send(conn, Packet::Pubrec { id, code }),
        }
    }

    /// Passes a message on to everybody who wants it. `home`: the node of the cluster that it has come to.
    pub(super) fn publish(&mut self, now: Micros, publisher: &Rc<str>, is_will: bool, home: usize, publish: &Publish) {
        self.counts.published += 1;
        if is_will {
            self.outputs.push(Output::Note(format!("publishes the will of {publisher} on {}", publish.topic)));
        }
        if publish.retain {
            self.retain(now, home, publish);
        }
        let most = if self.manners.repeats_overlaps { usize::MAX } else { 1 };
        let mut copies = Vec::new();
        for (subscriber, session) in &self.store.sessions {
            for qos in session.wants(&publish.topic, subscriber == publisher).into_iter().take(most) {
                copies.push((subscriber.clone(), session.home, qos.min(publish.qos)));
            }
        }
        for (subscriber, its_home, qos) in copies {
            let copy = Publish { id: 0, qos, retain: false, dup: false, ..publish.clone() };
            if is_will && self.rng.chance(self.manners.lost_wills) {
                self.reached.insert("a broker's lost will");
                self.drop(&subscriber, &copy, "a lost will");
            } else if self.manners.cluster.nodes > 1 {
                let topic = self.manners.cluster.reorders_topics.then(|| publish.topic.clone());
                let lane = Lane { publisher: publisher.clone(), is_will, topic, subscriber };
                self.pass_on(now, lane, its_home == home, copy);
            } else {
                self.deliver(now, &subscriber, copy);
            }
        }
    }

    fn pass_on(&mut self, now: Micros, lane: Lane, is_near: bool, publish: Publish) {
        if is_near && !self.transit.has(&lane) {
            return self.deliver(now, &lane.subscriber, publish);
        }
        let at = now + self.rng.range(0, self.manners.cluster.delay);
        self.transit.send(at, lane, publish);
    }

    fn retain(&mut self, now: Micros, home: usize, publish: &Publish) {
        self.retained_count += 1;
        let number = self.retained_count;
        let publish = Publish { id: 0, dup: false, ..publish.clone() };
        self.store.retained.keep(home, number, &publish);
        for node in (0..self.manners.cluster.nodes as usize).filter(|node| *node != home) {
            let at = now + self.rng.range(0, self.manners.cluster.delay);
            self.transit.retain(at, node, number, publish.clone());
        }
    }

    /// Something arrives at a node of the cluster from another.
    pub(super) fn arrived(&mut self, now: Micros, relay: Relay) {
        match relay {
            Relay::Message { lane, publish } => self.deliver(now, &lane.subscriber, publish),
            Relay::Retained { node, number, publish } => self.store.retained.keep(node, number, &publish),
        }
    }

    /// Sends a message to a subscriber, or queues it.
    pub(super) fn deliver(&mut self, now: Micros, subscriber: &Rc<str>, publish: Publish) {
        let Some(session) = self.store.sessions.get_mut(subscriber) else { return };
        let (percent, until) = self.losses.get(&session.node).copied().unwrap_or_default();
        let is_lost = (now < until && self.rng.chance(percent)) || self.rng.below(1_000) < self.manners.losses;
        if is_lost {
            self.reached.insert("a broker's random loss");
            return self.drop(subscriber, &publish, "lost");
        }
        if publish.qos != Qos::AtMostOnce {
            if session.queue(publish.clone(), self.manners.queue) {
                return self.send_queued(subscriber);
            }
            self.reached.insert("a broker that drops beyond its queue");
            return self.drop(subscriber, &publish, "the queue is full");
        }
        match session.conn {
            Some(conn) if self.attached.get(&conn).is_some_and(|attached| !attached.is_full) => {
                self.counts.delivered += 1;
                self.send(conn, Packet::Publish(publish));
            }
            _ => self.drop(subscriber, &publish, "cannot be sent now"),
        }
    }

    /// Sends what waits, as far as window and network allow.
    pub(super) fn send_queued(&mut self, client_id: &Rc<str>) {
        let Some(session) = self.store.sessions.get_mut(client_id) else { return };
        let Some(conn) = session.conn else { return };
        if self.attached.get(&conn).is_none_or(|attached| attached.is_full) {
            return;
        }
        while let Some(packet) = session.send_next(self.manners.window) {
            self.counts.delivered += 1;
            self.outputs.push(Output::Send(conn, packet));
            if self.rng.chance(self.manners.duplicates) {
                let again = session.send_again();
                self.reached.insert("a broker's duplicate");
                self.counts.delivered += again.len() as u64;
                self.outputs.extend(again.into_iter().map(|packet| Output::Send(conn, packet)));
            }
        }
    }

    fn drop(&mut self, subscriber: &Rc<str>, publish: &Publish, why: &str) {
        self.counts.dropped += 1;
        self.outputs.push(Output::Note(format!("drops for {subscriber}: {publish} ({why})")));
    }
}
