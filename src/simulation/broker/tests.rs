//! The broker with each of its manners, one packet at a time.

mod cluster;
mod sessions;
mod wills;

use super::manners::{Manners, Speaks};
use super::*;
use crate::link::Qos;
use crate::simulation::packet::Connect;
use crate::simulation::world::S;

/// A broker, and what it has sent to each connection and not been asked for yet.
struct Bench {
    broker: ModelBroker,
    now: Micros,
    sent: BTreeMap<ConnId, Vec<String>>,
}

fn connect(client_id: &str) -> Connect {
    Connect {
        client_id: client_id.into(),
        version: Version::V5,
        clean: false,
        is_kept: true,
        keep_alive_seconds: 60,
        will: None,
    }
}

fn message(topic: &str, text: &str) -> Publish {
    Publish { id: 9, ..Publish::new(topic, text.as_bytes(), Qos::AtLeastOnce, false) }
}

fn to_all(filter: &str) -> Subscription {
    Subscription::new(filter.to_owned(), Qos::AtLeastOnce)
}

impl Bench {
    fn new(manners: Manners) -> Bench {
        Bench { broker: ModelBroker::new(manners, Rng::new(7)), now: 0, sent: BTreeMap::new() }
    }

    fn carry_out(&mut self, outputs: Vec<Output>) {
        for output in outputs {
            match output {
                Output::Send(conn, packet) => self.sent.entry(conn).or_default().push(packet.to_string()),
                Output::Close(conn) => self.sent.entry(conn).or_default().push("closed".to_owned()),
                Output::Note(_) => {}
            }
        }
    }

    fn give(&mut self, conn: u32, packet: Packet) {
        let outputs = self.broker.handle(self.now, ConnId(conn), NodeId(conn as usize), Parcel::Packet(packet));
        self.carry_out(outputs);
    }

    fn break_off(&mut self, conn: u32) {
        let outputs = self.broker.handle(self.now, ConnId(conn), NodeId(conn as usize), Parcel::Closed);
        self.carry_out(outputs);
    }

    fn publish(&mut self, conn: u32, topic: &str, text: &str) {
        self.give(conn, Packet::Publish(message(topic, text)));
    }

    fn retain(&mut self, conn: u32, topic: &str, text: &str) {
        self.give(conn, Packet::Publish(Publish { retain: true, ..message(topic, text) }));
    }

    fn subscribe(&mut self, conn: u32, filter: &str) {
        self.give(conn, Packet::Subscribe { id: 1, subscriptions: vec![to_all(filter)] });
    }

    fn wait(&mut self, time: Micros) {
        let until = self.now + time;
        while let Some(due) = self.broker.due().filter(|due| *due <= until) {
            self.now = self.now.max(due);
            let outputs = self.broker.turn(self.now);
            self.carry_out(outputs);
        }
        self.now = until;
    }

    fn crash(&mut self, recovery: Recovery) {
        let outputs = self.broker.crash(recovery);
        self.carry_out(outputs);
        self.broker.restart(self.now);
    }

    /// What a connection got since the last call.
    fn got(&mut self, conn: u32) -> Vec<String> {
        self.sent.remove(&ConnId(conn)).unwrap_or_default()
    }

    /// A connection that has got its CONNACK.
    fn connected(&mut self, conn: u32, connect: Connect) {
        self.give(conn, Packet::Connect(Box::new(connect)));
        assert!(self.got(conn).last().is_some_and(|last| last.starts_with("CONNACK")), "let in");
    }

    /// A connection subscribed to this filter.
    fn subscribed(&mut self, conn: u32, connect: Connect, filter: &str) {
        self.connected(conn, connect);
        self.subscribe(conn, filter);
        assert_eq!(self.got(conn), ["SUBACK 1 [1]"]);
    }
}

#[test]
fn a_message_reaches_whoever_subscribed_at_the_lower_quality_of_service() {
    let mut bench = Bench::new(Manners::good());
    bench.connected(1, connect("a"));
    bench.subscribed(2, connect("b"), "x/+");
    bench.subscribed(3, connect("c"), "y");
    bench.publish(1, "x/1", "hello");
    bench.give(1, Packet::Publish(Publish::new("x/2", b"light", Qos::AtMostOnce, false)));
    assert_eq!(bench.got(1), ["PUBACK 9 0"]);
    assert_eq!(bench.got(2), ["PUBLISH 1 q1 x/1 hello", "PUBLISH 0 q0 x/2 light"]);
    assert!(bench.got(3).is_empty());
}

#[test]
fn a_message_of_qos_2_is_taken_once_and_delivered_in_three_steps() {
    let mut bench = Bench::new(Manners::good());
    bench.connected(1, connect("a"));
    bench.connected(2, connect("b"));
    let subscriptions = vec![Subscription::new("x".to_owned(), Qos::ExactlyOnce)];
    bench.give(2, Packet::Subscribe { id: 1, subscriptions });
    let publish = Publish { qos: Qos::ExactlyOnce, ..message("x", "hello") };
    bench.give(1, Packet::Publish(publish.clone()));
    bench.give(1, Packet::Publish(Publish { dup: true, ..publish }));
    bench.give(1, Packet::Pubrel { id: 9 });
    assert_eq!(bench.got(1), ["PUBREC 9 0", "PUBREC 9 0", "PUBCOMP 9"]);
    bench.give(2, Packet::Pubrec { id: 1, code: 0 });
    bench.give(2, Packet::Pubcomp { id: 1 });
    assert_eq!(bench.got(2), ["SUBACK 1 [2]", "PUBLISH 1 q2 x hello", "PUBREL 1"]);
}

#[test]
fn only_mqtt_5_leaves_out_what_a_client_published_itself() {
    for (version, copies) in [(Version::V311, 1), (Version::V5, 0)] {
        let mut bench = Bench::new(Manners::good());
        bench.connected(1, Connect { version, ..connect("a") });
        let subscriptions = vec![Subscription { no_local: true, ..to_all("x") }];
        bench.give(1, Packet::Subscribe { id: 1, subscriptions });
        bench.publish(1, "x", "own");
        assert_eq!(bench.got(1).iter().filter(|packet| packet.starts_with("PUBLISH")).count(), copies, "{version:?}");
    }
}

#[test]
fn overlapping_subscriptions_bring_a_message_once_or_twice() {
    for (repeats_overlaps, copies) in [(false, 1), (true, 2)] {
        let mut bench = Bench::new(Manners { repeats_overlaps, ..Manners::good() });
        bench.subscribed(1, connect("a"), "x/#");
        bench.subscribe(1, "x/1");
        bench.got(1);
        bench.connected(2, connect("b"));
        bench.publish(2, "x/1", "hello");
        assert_eq!(bench.got(1).len(), copies);
    }
}

#[test]
fn retained_messages_come_with_the_subscription_before_or_after_its_suback() {
    for early_retained in [0, 100] {
        let mut bench = Bench::new(Manners { early_retained, ..Manners::good() });
        bench.connected(1, connect("a"));
        bench.retain(1, "x", "old");
        bench.retain(1, "x", "new");
        bench.retain(1, "y", "gone");
        bench.retain(1, "y", "");
        bench.connected(2, connect("b"));
        bench.subscribe(2, "#");
        let mut got = bench.got(2);
        if early_retained > 0 {
            got.reverse();
        }
        assert_eq!(got, ["SUBACK 1 [1]", "PUBLISH 1 q1r x new"]);
        bench.retain(1, "x", "live");
        assert_eq!(bench.got(2), ["PUBLISH 2 q1 x live"], "it was not retained for this subscriber");
    }
}

#[test]
fn a_simple_broker_grants_less_and_retains_nothing_for_wildcards() {
    let manners = Manners { grants: Qos::AtLeastOnce, retains_for_wildcards: false, ..Manners::good() };
    let mut bench = Bench::new(manners);
    bench.connected(1, connect("a"));
    bench.retain(1, "x", "kept");
    let subscriptions = ["+", "x"].map(|filter| Subscription::new(filter.to_owned(), Qos::ExactlyOnce)).to_vec();
    bench.give(1, Packet::Subscribe { id: 1, subscriptions });
    assert_eq!(bench.got(1), ["PUBACK 9 0", "SUBACK 1 [1, 1]", "PUBLISH 1 q1r x kept"]);
}

#[test]
fn closed_filters_and_topics_are_refused_as_each_version_can() {
    let manners = Manners {
        closed_filters: vec!["secret/#".to_owned()],
        closed_topics: vec!["secret/+".to_owned()],
        ..Manners::good()
    };
    for (version, suback, puback) in
        [(Version::V311, "SUBACK 1 [128, 1]", "PUBACK 9 0"), (Version::V5, "SUBACK 1 [135, 1]", "PUBACK 9 135")]
    {
        let mut bench = Bench::new(manners.clone());
        bench.subscribed(2, connect("b"), "#");
        bench.connected(1, Connect { version, ..connect("a") });
        bench.give(1, Packet::Subscribe { id: 1, subscriptions: vec![to_all("secret/#"), to_all("x")] });
        bench.publish(1, "secret/1", "psst");
        assert_eq!(bench.got(1), [suback, puback]);
        assert!(bench.got(2).is_empty());
    }
}

#[test]
fn what_is_no_mqtt_ends_the_connection() {
    let bad = [
        Packet::Publish(message("a/+", "x")),
        Packet::Publish(message("", "x")),
        Packet::Publish(message("a", &"x".repeat(1_000))),
        Packet::Publish(Publish { id: 0, ..message("a", "x") }),
        Packet::Subscribe { id: 1, subscriptions: vec![to_all("#/a")] },
        Packet::Connect(Box::new(connect("b"))),
        Packet::Pingresp,
    ];
    for packet in bad {
        let mut bench = Bench::new(Manners { max_packet: 500, ..Manners::good() });
        bench.connected(1, connect("a"));
        bench.give(1, packet.clone());
        assert_eq!(bench.got(1), ["closed"], "{packet}");
    }
    let mut bench = Bench::new(Manners::good());
    bench.give(1, Packet::Pingreq);
    assert_eq!(bench.got(1), ["closed"], "nothing comes before CONNECT");
}

#[test]
fn a_broker_may_refuse_mqtt_5_in_three_ways() {
    for (speaks, answer) in [
        (Speaks::Refuses5(0x84), vec!["CONNACK false 132", "closed"]),
        (Speaks::Closes5, vec!["closed"]),
        (Speaks::Ignores5, vec![]),
    ] {
        let mut bench = Bench::new(Manners { speaks, ..Manners::good() });
        bench.give(1, Packet::Connect(Box::new(connect("a"))));
        assert_eq!(bench.got(1), answer);
        bench.connected(2, Connect { version: Version::V311, ..connect("a") });
    }
}

#[test]
fn losses_drop_deliveries_on_a_connection_that_stays_up() {
    let mut bench = Bench::new(Manners::good());
    bench.subscribed(1, connect("a"), "x");
    bench.connected(2, connect("b"));
    bench.broker.lose(NodeId(1), 100, 5 * S);
    bench.publish(2, "x", "1");
    bench.wait(5 * S);
    bench.publish(2, "x", "2");
    assert_eq!(bench.got(2), ["PUBACK 9 0", "PUBACK 9 0"]);
    assert_eq!(bench.got(1), ["PUBLISH 1 q1 x 2"]);
    assert_eq!(bench.broker.counts(), Counts { published: 2, delivered: 1, dropped: 1 });
}
