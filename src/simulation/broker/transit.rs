//! What is on its way between the nodes of a cluster. Messages overtake each other there, but never two of one publisher
//! on one topic to one subscriber: that is MQTT's law.

use crate::simulation::packet::Publish;
use crate::simulation::world::Micros;
use std::collections::BTreeMap;
use std::rc::Rc;

#[derive(Default)]
pub struct Transit {
    under_way: BTreeMap<(Micros, u64), Relay>,
    sent: u64,
}

/// Something that one node tells another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Relay {
    Message {
        lane: Lane,
        publish: Publish,
    },
    /// The `number`th retained message of the cluster.
    Retained {
        node: usize,
        number: u64,
        publish: Publish,
    },
}

/// Messages with an equal lane keep their order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lane {
    pub publisher: Rc<str>,
    pub is_will: bool,
    /// `None`: all topics share a lane.
    pub topic: Option<Rc<str>>,
    pub subscriber: Rc<str>,
}

impl Transit {
    /// Puts a message on its way; it arrives at `at` or, behind an earlier one of its lane, later.
    pub fn send(&mut self, at: Micros, lane: Lane, publish: Publish) {
        let at = self.last(&lane).map_or(at, |last| at.max(last));
        self.put(at, Relay::Message { lane, publish });
    }

    pub fn retain(&mut self, at: Micros, node: usize, number: u64, publish: Publish) {
        self.put(at, Relay::Retained { node, number, publish });
    }

    pub fn has(&self, lane: &Lane) -> bool {
        self.last(lane).is_some()
    }

    pub fn due(&self) -> Option<Micros> {
        self.under_way.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next relay that arrives until `now`.
    pub fn arrived(&mut self, now: Micros) -> Option<Relay> {
        self.due().filter(|at| *at <= now).and_then(|_| self.under_way.pop_first()).map(|(_, relay)| relay)
    }

    pub fn clear(&mut self) {
        self.under_way.clear();
    }

    fn put(&mut self, at: Micros, relay: Relay) {
        self.sent += 1;
        self.under_way.insert((at, self.sent), relay);
    }

    fn last(&self, lane: &Lane) -> Option<Micros> {
        let is_on_it = |relay: &Relay| matches!(relay, Relay::Message { lane: other, .. } if other == lane);
        self.under_way.iter().rev().find(|(_, relay)| is_on_it(relay)).map(|((at, _), _)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Qos;

    fn lane(topic: &str) -> Lane {
        Lane { publisher: "p".into(), is_will: false, topic: Some(topic.into()), subscriber: "s".into() }
    }

    fn message(text: &str) -> Publish {
        Publish::new("t", text.as_bytes(), Qos::AtLeastOnce, false)
    }

    fn arrived(transit: &mut Transit, now: Micros) -> Vec<String> {
        std::iter::from_fn(|| transit.arrived(now))
            .map(|relay| match relay {
                Relay::Message { publish, .. } => String::from_utf8_lossy(&publish.payload).into_owned(),
                Relay::Retained { node, .. } => format!("retained on {node}"),
            })
            .collect()
    }

    #[test]
    fn paths_overtake_each_other_and_keep_their_own_order() {
        let mut transit = Transit::default();
        transit.send(30, lane("a"), message("a1"));
        transit.send(10, lane("a"), message("a2"));
        transit.send(20, lane("b"), message("b1"));
        transit.retain(5, 1, 1, message(""));
        assert_eq!(arrived(&mut transit, 29), ["retained on 1", "b1"]);
        assert!(transit.has(&lane("a")) && !transit.has(&lane("b")));
        assert_eq!(transit.due(), Some(30));
        assert_eq!(arrived(&mut transit, 30), ["a1", "a2"]);
    }
}
