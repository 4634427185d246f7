//! Links on the simulated network, with a broker that fails.

use super::*;
use crate::link::{Address, Qos, Settings, Subscription, Transport};
use crate::random::Random;
use crate::simulation::broker::manners::{Manners, Speaks};
use crate::simulation::broker::{ModelBroker, Recovery};
use crate::simulation::network::{Latency, Network};
use crate::simulation::trace::Trace;
use crate::simulation::world::{MS, S, World};
use std::time::Duration;

/// Two links, `a` of node 0 and `b` of node 1, that subscribe to everything below t/.
struct Pair {
    world: World<()>,
    outside: Outside,
    tethers: Vec<Tether>,
    /// What each was told, without waits.
    told: [Vec<String>; 2],
}

fn config(client_id: &str, version: Version, random: Random) -> Config {
    let will = || Publication {
        topic: "t/will".to_owned(),
        payload: b"gone".to_vec(),
        qos: Qos::AtLeastOnce,
        retain: false,
        ticket: None,
    };
    Config {
        settings: Settings {
            address: Address { transport: Transport::Tcp, host: "broker".to_owned(), port: 1883, path: String::new() },
            tls: None,
            username: None,
            password: None,
            keep_alive: Duration::from_secs(30),
            version,
        },
        client_id: client_id.to_owned(),
        persistent: client_id == "b",
        will: Some(Box::new(move |_| will())),
        subscriptions: vec![Subscription::new("t/#".to_owned(), Qos::AtLeastOnce)],
        patient: true,
        longest_wait: Duration::from_secs(8),
        random,
        lookout: None,
    }
}

fn pair(manners: Manners) -> Pair {
    let world = World::new(3, Trace::new(false));
    let network = Network::new(Latency::LOCAL, 100_000, world.rng(1));
    let outside = Outside::new(network, ModelBroker::new(manners, world.rng(2)));
    let tether = |number: usize, client_id| {
        let random = world.rng(10 + number as u64).random();
        Tether::new(NodeId(number), world.timeline, config(client_id, Version::Auto, random), 0)
    };
    let tethers = vec![tether(0, "a"), tether(1, "b")];
    Pair { world, outside, tethers, told: Default::default() }
}

impl Pair {
    fn take(&mut self, number: usize, events: Vec<Event>) {
        for event in events {
            let text = match event {
                Event::Connected { session_present, version, conn, .. } => {
                    format!("connected {conn} {version:?} {session_present}")
                }
                Event::Message(message) => {
                    format!("{} {}", message.topic, String::from_utf8_lossy(&message.payload))
                }
                Event::Published { ticket } => format!("published {ticket}"),
                Event::Lost { reason } => format!("lost: {reason}"),
                Event::Failed(failure) => format!("failed: {}", failure.what),
                Event::Waiting { .. } => continue,
                other => format!("{other:?}"),
            };
            self.told[number].push(text);
        }
    }

    fn give(&mut self, number: usize, input: Input) {
        let events = self.tethers[number].handle(self.world.now(), input, &mut self.outside);
        self.take(number, events);
    }

    fn publish(&mut self, number: usize, text: &str) {
        let (topic, payload) = ("t/x".to_owned(), text.as_bytes().to_vec());
        let publication = Publication { topic, payload, qos: Qos::AtLeastOnce, retain: false, ticket: Some(5) };
        self.give(number, Input::Publish(publication));
    }

    fn wait(&mut self, time: Micros) {
        let until = self.world.now() + time;
        loop {
            let dues = self.tethers.iter().map(Tether::due).chain([self.outside.due()]);
            let Some(due) = dues.flatten().min().filter(|due| *due <= until) else { break };
            let _ = self.world.next_until(due);
            let now = self.world.now();
            while let Some(received) = self.outside.turn(now, &mut self.world.trace) {
                let number = received.node.0;
                let events = self.tethers[number].received(now, received.conn, received.parcel, &mut self.outside);
                self.take(number, events);
            }
            for number in 0..2 {
                let events = self.tethers[number].turn(now, &mut self.outside);
                self.take(number, events);
            }
        }
        let _ = self.world.next_until(until);
    }

    fn told(&mut self, number: usize) -> Vec<String> {
        std::mem::take(&mut self.told[number])
    }
}

#[test]
fn a_publication_reaches_the_other_and_is_acknowledged() {
    let mut pair = pair(Manners::good());
    pair.wait(S);
    assert_eq!(pair.told(0), ["connected 1 V5 false"]);
    assert_eq!(pair.told(1), ["connected 1 V5 false"]);
    pair.publish(0, "hello");
    pair.wait(S);
    let mut told = pair.told(0);
    told.sort();
    assert_eq!(told, ["published 5", "t/x hello"]);
    assert_eq!(pair.told(1), ["t/x hello"]);
    pair.wait(3_600 * S);
    assert!(pair.told(0).is_empty() && pair.told(1).is_empty(), "a quiet connection stays");
}

#[test]
fn an_older_version_is_found_whatever_the_broker_says() {
    for speaks in [Speaks::Refuses5(1), Speaks::Refuses5(0x84), Speaks::Closes5, Speaks::Ignores5] {
        let mut pair = pair(Manners { speaks, ..Manners::good() });
        pair.wait(60 * S);
        assert_eq!(pair.told(0), ["connected 1 V311 false"], "{speaks:?}");
    }
}

#[test]
fn a_restart_of_the_broker_is_survived_and_told() {
    let mut pair = pair(Manners::good());
    pair.wait(S);
    pair.told = Default::default();
    let now = pair.world.now();
    pair.outside.crash_broker(now, Recovery::Everything, &mut pair.world.trace);
    pair.wait(100 * MS);
    assert_eq!(pair.told(1), ["lost: the connection broke"]);
    pair.publish(1, "lost");
    pair.wait(10 * S);
    assert_eq!(pair.told(1).first().map(String::as_str), Some("failed: nothing listens"));
    pair.outside.restart_broker(now);
    pair.wait(20 * S);
    assert_eq!(pair.told(1).last().map(String::as_str), Some("connected 2 V5 true"));
    assert_eq!(pair.told(0).last().map(String::as_str), Some("connected 2 V5 false"));
}

#[test]
fn a_silent_death_is_noticed_within_two_keep_alives() {
    let mut pair = pair(Manners::good());
    pair.wait(S);
    pair.told = Default::default();
    pair.outside.network().sever(NodeId(0), None, None);
    pair.wait(62 * S);
    let told = pair.told(0);
    assert_eq!(told.first().map(String::as_str), Some("lost: the connection broke"));
    assert!(told.contains(&"connected 2 V5 false".to_owned()), "{told:?}");
    assert_eq!(pair.told(1), ["t/will gone"]);
}

#[test]
fn only_who_closes_leaves_without_a_will() {
    let mut pair = pair(Manners::good());
    pair.wait(S);
    pair.told = Default::default();
    let last = Publication {
        topic: "t/last".to_owned(),
        payload: b"bye".to_vec(),
        qos: Qos::AtLeastOnce,
        retain: false,
        ticket: None,
    };
    pair.give(0, Input::Close { last: Some(last), within: Duration::from_secs(1) });
    pair.wait(S);
    assert_eq!(pair.told(0).last().map(String::as_str), Some("Ended"));
    assert!(pair.tethers[0].has_ended());
    assert_eq!(pair.told(1), ["t/last bye"]);

    let random = pair.world.rng(20).random();
    let now = pair.world.now();
    let again = Tether::new(NodeId(0), pair.world.timeline, config("a", Version::V5, random), now);
    pair.tethers[0] = again;
    pair.wait(S);
    assert_eq!(pair.told(0), ["connected 1 V5 false"]);
    let random = pair.world.rng(21).random();
    let later = Tether::new(NodeId(0), pair.world.timeline, config("a", Version::V5, random), now + 9 * S);
    std::mem::replace(&mut pair.tethers[0], later).kill(now + S, &mut pair.outside);
    pair.wait(S);
    assert_eq!(pair.told(1), ["t/will gone"]);
}
