//! Nodes that publish and subscribe through faults: what holds whatever happens.

use super::*;
use crate::link::{Qos, Subscription, Version};
use crate::simulation::broker::manners::Manners;
use crate::simulation::network::Latency;
use crate::simulation::packet::{Connect, Publish};
use crate::simulation::rng::Rng;
use crate::simulation::world::{MS, S, World};
use std::collections::BTreeMap;

const NODES: usize = 4;
const PUBLICATIONS: u64 = 300;
const LENGTH: Micros = 60 * S;

enum Step {
    Connect(NodeId),
    /// A message from the first node to all.
    Publish(NodeId, u64),
    Fault,
    RestartBroker,
}

/// What the nodes did and got.
#[derive(Default)]
struct Ledger {
    acknowledged: usize,
    /// By receiver, sender and topic, in the order of arrival, repetitions included.
    received: BTreeMap<(NodeId, String, String), Vec<u64>>,
    hash: u64,
}

struct Run {
    world: World<Step>,
    outside: Outside,
    conns: BTreeMap<NodeId, ConnId>,
    rng: Rng,
    ledger: Ledger,
}

fn run(seed: u64, manners: Manners, with_faults: bool) -> Ledger {
    let mut world = World::new(seed, Trace::new(false));
    let outside =
        Outside::new(Network::new(Latency::LOCAL, 2_000, world.rng(1)), ModelBroker::new(manners, world.rng(2)));
    let mut rng = world.rng(3);
    for node in 0..NODES {
        world.schedule(0, Step::Connect(NodeId(node)));
    }
    for number in 0..PUBLICATIONS {
        let node = NodeId(rng.below(NODES as u64) as usize);
        world.schedule(S + number * LENGTH / PUBLICATIONS, Step::Publish(node, number));
    }
    for second in 1..LENGTH / S {
        if with_faults {
            world.schedule(second * S, Step::Fault);
        }
    }
    let mut run = Run { world, outside, conns: BTreeMap::new(), rng, ledger: Ledger::default() };
    run.go_on();
    run.ledger.hash = run.world.trace.hash();
    run.ledger
}

impl Run {
    fn go_on(&mut self) {
        while let Some(at) = [self.world.due(), self.outside.due()].into_iter().flatten().min() {
            if at > 2 * LENGTH {
                break;
            }
            match self.world.next_until(at) {
                Some(step) => self.step(step),
                None => {
                    if let Some(received) = self.outside.turn(self.world.now(), &mut self.world.trace) {
                        self.received(received);
                    }
                }
            }
        }
    }

    fn step(&mut self, step: Step) {
        let now = self.world.now();
        match step {
            Step::Connect(node) => {
                let conn = self.outside.open(node);
                self.conns.insert(node, conn);
                let connect = Connect {
                    client_id: format!("{node}").into(),
                    version: if node.0 == 0 { Version::V311 } else { Version::V5 },
                    clean: false,
                    is_kept: node.0 != 1,
                    // Enough without PINGREQ: acknowledgements count too.
                    keep_alive_seconds: 20,
                    will: Some(Publish::new("will", b"gone", Qos::AtLeastOnce, true)),
                };
                self.outside.send(now, conn, Packet::Connect(Box::new(connect)));
            }
            Step::Publish(node, number) => {
                let Some(conn) = self.conns.get(&node) else { return };
                let topic = format!("t/{}", self.rng.below(2));
                let id = number as u16 + 1;
                let publish = Publish::new(&topic, format!("{node} {number}").as_bytes(), Qos::AtLeastOnce, false);
                self.outside.send(now, *conn, Packet::Publish(Publish { id, ..publish }));
            }
            Step::Fault => self.fault(now),
            Step::RestartBroker => self.outside.restart_broker(now),
        }
    }

    fn fault(&mut self, now: Micros) {
        let node = NodeId(self.rng.below(NODES as u64) as usize);
        let until = now + self.rng.range(MS, 4 * S);
        match self.rng.below(9) {
            0 => self.outside.network().freeze(node, until),
            1 => self.outside.network().block(node, Endpoint::Broker, until),
            2 => self.outside.network().block(node, Endpoint::Node, until),
            3 => self.outside.network().slow(node, 300 * MS, until),
            4 => self.outside.network().sever(node, Some(now), Some(until)),
            5 => self.outside.freeze_broker(until),
            6 => self.outside.broker().lose(node, 50, until),
            7 => self.outside.kick(now, node, &mut self.world.trace),
            _ if self.outside.broker().is_up() => {
                let recovery = *self.rng.pick(&[Recovery::Everything, Recovery::Saved, Recovery::Nothing]);
                self.outside.crash_broker(now, recovery, &mut self.world.trace);
                self.world.schedule(until, Step::RestartBroker);
            }
            _ => self.outside.broker().save(),
        }
    }

    fn received(&mut self, Incoming { node, conn, parcel }: Incoming) {
        if self.conns.get(&node) != Some(&conn) {
            return;
        }
        let now = self.world.now();
        match parcel {
            Parcel::Closed => {
                self.conns.remove(&node);
                self.world.schedule(now + 100 * MS, Step::Connect(node));
            }
            Parcel::Packet(Packet::Connack { .. }) => {
                let subscriptions = vec![Subscription::new("t/#".to_owned(), Qos::AtLeastOnce)];
                self.outside.send(now, conn, Packet::Subscribe { id: 1, subscriptions });
            }
            Parcel::Packet(Packet::Publish(publish)) => {
                self.outside.send(now, conn, Packet::Puback { id: publish.id, code: 0 });
                let text = String::from_utf8_lossy(&publish.payload).into_owned();
                let (sender, number) = text.split_once(' ').expect("as it was published");
                let key = (node, sender.to_owned(), publish.topic.to_string());
                self.ledger.received.entry(key).or_default().push(number.parse().expect("a number"));
            }
            Parcel::Packet(Packet::Puback { .. }) => self.ledger.acknowledged += 1,
            Parcel::Packet(_) => {}
        }
    }
}

/// Each number where it appears first.
fn without_repetitions(numbers: &[u64]) -> Vec<u64> {
    let mut known = BTreeSet::new();
    numbers.iter().copied().filter(|number| known.insert(*number)).collect()
}

#[test]
fn one_publishers_messages_on_one_topic_keep_their_order_whatever_happens() {
    let mut arrived = 0;
    for seed in 0..60 {
        let ledger = run(seed, if seed % 2 == 0 { Manners::worst() } else { Manners::good() }, true);
        for (key, numbers) in &ledger.received {
            let numbers = without_repetitions(numbers);
            assert!(numbers.is_sorted(), "seed {seed}, {key:?}: {numbers:?}");
            arrived += numbers.len();
        }
    }
    assert!(arrived > 10_000, "{arrived}");
}

#[test]
fn without_faults_a_good_broker_loses_and_repeats_nothing() {
    let manners = Manners { cluster: Manners::worst().cluster, ..Manners::good() };
    for manners in [Manners::good(), manners] {
        let ledger = run(1, manners, false);
        let arrived: usize = ledger.received.values().map(Vec::len).sum();
        assert_eq!((ledger.acknowledged, arrived), (PUBLICATIONS as usize, PUBLICATIONS as usize * NODES));
    }
}

#[test]
fn the_seed_determines_a_run() {
    for seed in 0..5 {
        let hash = |seed| run(seed, Manners::worst(), true).hash;
        assert_eq!(hash(seed), hash(seed));
        assert_ne!(hash(seed), hash(seed + 1));
    }
}
