//! What a broker keeps for one client identifier: subscriptions, the queue, and what is in flight.

use super::filter;
use crate::link::{Qos, Subscription};
use crate::simulation::network::ConnId;
use crate::simulation::packet::{Packet, Publish};
use crate::simulation::world::NodeId;
use std::collections::{BTreeSet, VecDeque};

#[derive(Debug, Clone)]
pub struct BrokerSession {
    /// Whose it is.
    pub node: NodeId,
    /// The connection that it is used on.
    pub conn: Option<ConnId>,
    /// The node of the cluster that the connection ends at, or the last one did.
    pub home: usize,
    /// It outlives its connection.
    pub is_kept: bool,
    subscriptions: Vec<Subscription>,
    waiting: VecDeque<Publish>,
    in_flight: VecDeque<InFlight>,
    last_id: u16,
    /// Of publications of the client's with QoS 2: received and not released.
    received: BTreeSet<u16>,
}

/// A message that the client has not acknowledged to the end.
#[derive(Debug, Clone)]
enum InFlight {
    Sent(Publish),
    /// Of QoS 2: the client has it, and does not know yet that it will not come again.
    Released(u16),
}

impl BrokerSession {
    pub fn new(node: NodeId, home: usize, is_kept: bool) -> BrokerSession {
        BrokerSession {
            node,
            conn: None,
            home,
            is_kept,
            subscriptions: Vec::new(),
            waiting: VecDeque::new(),
            in_flight: VecDeque::new(),
            last_id: 0,
            received: BTreeSet::new(),
        }
    }

    // ---- subscriptions ----

    pub fn subscribe(&mut self, subscription: Subscription) {
        self.unsubscribe(&subscription.filter);
        self.subscriptions.push(subscription);
    }

    pub fn unsubscribe(&mut self, filter: &str) {
        self.subscriptions.retain(|known| known.filter != filter);
    }

    /// The qualities of service of the subscriptions that a message is for, highest first.
    pub fn wants(&self, topic: &str, is_own: bool) -> Vec<Qos> {
        let fits = |known: &&Subscription| filter::matches(&known.filter, topic) && !(known.no_local && is_own);
        let mut levels: Vec<Qos> = self.subscriptions.iter().filter(fits).map(|known| known.qos).collect();
        levels.sort_unstable_by(|one, other| other.cmp(one));
        levels
    }

    // ---- to the client ----

    /// Queues a message of QoS 1 or 2, unless `limit` messages wait.
    pub fn queue(&mut self, publish: Publish, limit: usize) -> bool {
        let has_room = self.waiting.len() < limit;
        if has_room {
            self.waiting.push_back(publish);
        }
        has_room
    }

    /// The next message to send, if fewer than `window` are in flight.
    pub fn send_next(&mut self, window: usize) -> Option<Packet> {
        if self.in_flight.len() >= window {
            return None;
        }
        let publish = self.waiting.pop_front()?;
        let publish = Publish { id: self.free_id(), ..publish };
        self.in_flight.push_back(InFlight::Sent(publish.clone()));
        Some(Packet::Publish(publish))
    }

    /// Everything that is in flight once more, in its order.
    pub fn send_again(&self) -> Vec<Packet> {
        let again = |known: &InFlight| match known {
            InFlight::Sent(publish) => Packet::Publish(Publish { dup: true, ..publish.clone() }),
            InFlight::Released(id) => Packet::Pubrel { id: *id },
        };
        self.in_flight.iter().map(again).collect()
    }

    /// The client has acknowledged a message of QoS 1, or completed one of QoS 2.
    pub fn finish(&mut self, id: u16) {
        self.in_flight.retain(|known| known.id() != id);
    }

    /// The client has received a message of QoS 2.
    pub fn release(&mut self, id: u16) {
        if let Some(known) = self.in_flight.iter_mut().find(|known| known.id() == id) {
            *known = InFlight::Released(id);
        }
    }

    fn free_id(&mut self) -> u16 {
        loop {
            self.last_id = self.last_id.checked_add(1).unwrap_or(1);
            if self.in_flight.iter().all(|known| known.id() != self.last_id) {
                return self.last_id;
            }
        }
    }

    // ---- from the client ----

    /// The client publishes with QoS 2; `false` if it did before and repeats it.
    pub fn receive(&mut self, id: u16) -> bool {
        self.received.insert(id)
    }

    pub fn received_to_the_end(&mut self, id: u16) {
        self.received.remove(&id);
    }
}

impl InFlight {
    fn id(&self) -> u16 {
        match self {
            InFlight::Sent(publish) => publish.id,
            InFlight::Released(id) => *id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> BrokerSession {
        BrokerSession::new(NodeId(1), 0, true)
    }

    fn message(text: &str) -> Publish {
        Publish::new("a", text.as_bytes(), Qos::AtLeastOnce, false)
    }

    fn sent(packets: &[Packet]) -> Vec<String> {
        packets.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_queue_drops_what_is_beyond_its_limit_and_the_window_holds_back() {
        let mut session = session();
        let taken: Vec<bool> = ["1", "2", "3"].iter().map(|text| session.queue(message(text), 2)).collect();
        assert_eq!(taken, [true, true, false]);
        assert_eq!(session.send_next(1).map(|packet| packet.to_string()).as_deref(), Some("PUBLISH 1 q1 a 1"));
        assert_eq!(session.send_next(1), None);
        assert!(session.queue(message("4"), 2), "one place is free");
        session.finish(1);
        assert_eq!(session.send_next(1).map(|packet| packet.to_string()).as_deref(), Some("PUBLISH 2 q1 a 2"));
    }

    #[test]
    fn what_is_in_flight_comes_again_in_its_order() {
        let mut session = session();
        for text in ["1", "2", "3"] {
            session.queue(message(text), 9);
            session.send_next(9);
        }
        session.finish(2);
        assert_eq!(sent(&session.send_again()), ["PUBLISH 1 q1d a 1", "PUBLISH 3 q1d a 3"]);
    }

    #[test]
    fn a_message_of_qos_2_is_released_once_it_is_received() {
        let mut session = session();
        session.queue(Publish { qos: Qos::ExactlyOnce, ..message("1") }, 9);
        session.send_next(9);
        session.release(1);
        assert_eq!(sent(&session.send_again()), ["PUBREL 1"]);
        session.finish(1);
        assert!(session.send_again().is_empty());
        assert!(session.receive(7) && !session.receive(7));
        session.received_to_the_end(7);
        assert!(session.receive(7));
    }

    #[test]
    fn identifiers_in_flight_are_not_given_twice() {
        let mut session = session();
        session.queue(message("kept"), 9);
        session.send_next(9);
        for _ in 0..70_000 {
            session.queue(message("x"), 9);
            let Some(Packet::Publish(publish)) = session.send_next(9) else { panic!("there is room") };
            assert_ne!(publish.id, 1);
            session.finish(publish.id);
        }
    }

    #[test]
    fn a_subscription_replaces_the_one_to_the_same_filter() {
        let mut session = session();
        session.subscribe(Subscription::new("a/#".to_owned(), Qos::AtMostOnce));
        session.subscribe(Subscription { no_local: true, ..Subscription::new("a/#".to_owned(), Qos::AtLeastOnce) });
        session.subscribe(Subscription::new("a/b".to_owned(), Qos::AtMostOnce));
        assert_eq!(session.wants("a/b", false), [Qos::AtLeastOnce, Qos::AtMostOnce]);
        assert_eq!(session.wants("a/b", true), [Qos::AtMostOnce]);
        session.unsubscribe("a/b");
        assert!(session.wants("a/b", true).is_empty());
    }
}
