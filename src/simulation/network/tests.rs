//! The streams and their faults.

use super::*;
use crate::link::Qos;
use crate::simulation::packet::Publish;
use crate::simulation::world::S;

const NODE: NodeId = NodeId(1);

fn network() -> Network {
    Network::new(Latency::LOCAL, 100, Rng::new(1))
}

fn ping(network: &mut Network, now: Micros, conn: ConnId, id: u16) {
    network.send(now, conn, Endpoint::Broker, Packet::Pubrel { id });
}

/// What arrives until then, as "end: parcel".
fn arrivals(network: &mut Network, until: Micros) -> Vec<String> {
    std::iter::from_fn(|| network.turn(until)).map(|arrival| format!("{:?}: {}", arrival.to, arrival.parcel)).collect()
}

#[test]
fn a_direction_keeps_its_order_whatever_the_delays() {
    let mut network = network();
    let conn = network.open(NODE);
    for id in 0..500 {
        if id % 7 == 0 {
            network.slow(NODE, u64::from(id % 3) * 100 * MS, u64::from(id) * MS + 2 * MS);
        }
        ping(&mut network, u64::from(id) * MS, conn, id);
    }
    let expected: Vec<String> = (0..500).map(|id| format!("Broker: PUBREL {id}")).collect();
    assert_eq!(arrivals(&mut network, 9 * S), expected);
    assert_eq!(network.due(), None);
}

#[test]
fn a_delay_spell_delays_and_ends() {
    let mut network = network();
    let conn = network.open(NODE);
    network.slow(NODE, S, 10 * MS);
    ping(&mut network, 0, conn, 1);
    assert!(network.due() >= Some(S));
    assert_eq!(arrivals(&mut network, 2 * S).len(), 1);
    ping(&mut network, 2 * S, conn, 2);
    assert!(network.due() < Some(2 * S + 50 * MS));
}

#[test]
fn a_block_of_one_direction_holds_back_that_one_until_it_ends() {
    let mut network = network();
    let conn = network.open(NODE);
    network.block(NODE, Endpoint::Broker, 5 * S);
    ping(&mut network, 0, conn, 1);
    ping(&mut network, 0, conn, 2);
    network.send(0, conn, Endpoint::Node, Packet::Pingresp);
    assert_eq!(arrivals(&mut network, 4 * S), ["Node: PINGRESP"]);
    assert_eq!(network.due(), Some(5 * S));
    assert_eq!(arrivals(&mut network, 5 * S), ["Broker: PUBREL 1", "Broker: PUBREL 2"]);
}

#[test]
fn healing_ends_what_goes_on() {
    let mut network = network();
    let conn = network.open(NODE);
    network.block(NODE, Endpoint::Broker, 5 * S);
    network.freeze(NODE, 5 * S);
    network.freeze_broker(5 * S);
    ping(&mut network, 0, conn, 1);
    network.send(0, conn, Endpoint::Node, Packet::Pingresp);
    assert!(arrivals(&mut network, S).is_empty());
    network.heal();
    assert_eq!(arrivals(&mut network, S).len(), 2);
}

#[test]
fn a_frozen_reader_fills_the_buffer() {
    let mut network = network();
    let conn = network.open(NODE);
    network.freeze(NODE, 3 * S);
    let publish = || Packet::Publish(Publish::new("t", &[0; 60], Qos::AtMostOnce, false));
    network.send(0, conn, Endpoint::Node, publish());
    assert!(network.has_room(conn, Endpoint::Node));
    network.send(0, conn, Endpoint::Node, publish());
    assert!(!network.has_room(conn, Endpoint::Node) && network.has_room(conn, Endpoint::Broker));
    assert_eq!(network.due(), Some(3 * S));
    assert!(network.turn(3 * S).is_some() && network.has_room(conn, Endpoint::Node));
}

#[test]
fn what_was_sent_before_a_close_arrives_and_what_was_not_read_is_lost() {
    let mut network = network();
    let conn = network.open(NODE);
    ping(&mut network, 0, conn, 1);
    network.send(0, conn, Endpoint::Node, Packet::Pingresp);
    network.close(0, conn, Endpoint::Node);
    assert!(network.connections_of(NODE, Endpoint::Node).is_empty());
    assert_eq!(network.connections_of(NODE, Endpoint::Broker), [conn]);
    assert_eq!(arrivals(&mut network, S), ["Broker: PUBREL 1", "Broker: closed"]);
    assert!(network.connections_of(NODE, Endpoint::Broker).is_empty());
    ping(&mut network, S, conn, 2);
    assert_eq!(network.due(), None);
}

#[test]
fn a_severed_connection_tells_each_end_at_its_time_or_never() {
    for (node_learns, broker_learns, told) in [
        (Some(2 * S), Some(S), vec!["Broker: closed", "Node: closed"]),
        (None, Some(S), vec!["Broker: closed"]),
        (Some(S), None, vec!["Node: closed"]),
        (None, None, vec![]),
    ] {
        let mut network = network();
        let conn = network.open(NODE);
        let other = network.open(NodeId(2));
        ping(&mut network, 0, conn, 1);
        network.sever(NODE, node_learns, broker_learns);
        network.sever(NODE, None, None);
        ping(&mut network, 0, conn, 2);
        ping(&mut network, 0, other, 3);
        let arrived = arrivals(&mut network, 9 * S);
        assert_eq!(arrived[0], "Broker: PUBREL 3");
        assert_eq!(arrived[1..], told[..]);
        // An end that believes in it sends in vain, and closes it alone.
        network.close(9 * S, conn, Endpoint::Node);
        network.close(9 * S, conn, Endpoint::Broker);
        assert_eq!((network.due(), network.connections_of(NODE, Endpoint::Node).len()), (None, 0));
    }
}
