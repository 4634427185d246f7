//! Retained messages: the last one of each topic, on each node of a cluster.

use super::filter;
use crate::simulation::packet::Publish;
use std::collections::BTreeMap;
use std::rc::Rc;

#[derive(Debug, Clone)]
pub struct Retained {
    /// With the number of each message in the cluster: the nodes agree in the end on the latest. An empty one remains as a
    /// mark that its topic has none any more.
    nodes: Vec<BTreeMap<Rc<str>, (u64, Publish)>>,
}

impl Retained {
    pub fn new(nodes: usize) -> Retained {
        Retained { nodes: vec![BTreeMap::new(); nodes] }
    }

    /// A node learns of a message, the `number`th of the cluster.
    pub fn keep(&mut self, node: usize, number: u64, publish: &Publish) {
        let Some(kept) = self.nodes.get_mut(node) else { return };
        if kept.get(&publish.topic).is_none_or(|(known, _)| *known < number) {
            kept.insert(publish.topic.clone(), (number, publish.clone()));
        }
    }

    /// What a node sends for a subscription, by topic.
    pub fn matching(&self, node: usize, filter: &str) -> Vec<Publish> {
        let known = self.nodes.get(node).into_iter().flat_map(BTreeMap::values).map(|(_, publish)| publish);
        let fits = |publish: &&Publish| !publish.payload.is_empty() && filter::matches(filter, &publish.topic);
        known.filter(fits).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Qos;

    fn keep(retained: &mut Retained, node: usize, number: u64, text: &str) {
        retained.keep(node, number, &Publish::new("a/b", text.as_bytes(), Qos::AtLeastOnce, true));
    }

    fn kept(retained: &Retained, node: usize) -> Vec<String> {
        retained.matching(node, "a/#").iter().map(ToString::to_string).collect()
    }

    #[test]
    fn the_last_message_stays_until_an_empty_one_clears_it() {
        let mut retained = Retained::new(1);
        keep(&mut retained, 0, 1, "one");
        keep(&mut retained, 0, 2, "two");
        assert_eq!(kept(&retained, 0), ["0 q1r a/b two"]);
        assert!(retained.matching(0, "b/#").is_empty());
        keep(&mut retained, 0, 3, "");
        assert!(kept(&retained, 0).is_empty());
    }

    #[test]
    fn nodes_agree_in_whatever_order_they_learn() {
        let mut retained = Retained::new(2);
        for (node, number, text) in [(0, 1, "one"), (1, 2, "two"), (0, 2, "two"), (1, 1, "one")] {
            keep(&mut retained, node, number, text);
        }
        assert_eq!(kept(&retained, 0), ["0 q1r a/b two"]);
        assert_eq!(kept(&retained, 0), kept(&retained, 1));
    }
}
