//! One connection, packet by packet.

use super::*;
use crate::link::Version;

const KEEP_ALIVE: Micros = 30 * S;

fn connecting() -> MqttClient {
    let connect = Connect {
        client_id: "a".into(),
        version: Version::V5,
        clean: true,
        is_kept: false,
        keep_alive_seconds: 30,
        will: None,
    };
    let (client, packet) = MqttClient::new(0, connect.clone());
    assert_eq!(packet, Packet::Connect(Box::new(connect)));
    client
}

fn up() -> MqttClient {
    let mut client = connecting();
    let outputs = client.received(0, packet(Packet::Connack { session_present: true, code: 0 }));
    assert_eq!(outputs, [tell(MqttEvent::Connected { session_present: true })]);
    client
}

fn packet(packet: Packet) -> Parcel {
    Parcel::Packet(packet)
}

fn send(packet: Packet) -> MqttOutput {
    MqttOutput::Send(packet)
}

fn tell(event: MqttEvent) -> MqttOutput {
    MqttOutput::Tell(event)
}

fn down(reason: &str) -> Vec<MqttOutput> {
    vec![tell(MqttEvent::Down { reason: reason.to_owned() }), MqttOutput::Close]
}

fn publication(qos: Qos) -> Publication {
    Publication { topic: "t".to_owned(), payload: b"x".to_vec(), qos, retain: true, ticket: None }
}

#[test]
fn an_attempt_is_let_in_refused_cut_off_or_not_answered() {
    let refusal = packet(Packet::Connack { session_present: false, code: 5 });
    let unanswered = |silent| tell(MqttEvent::Unanswered { silent });
    assert_eq!(connecting().received(1, refusal), [tell(MqttEvent::Refused { code: 5 }), MqttOutput::Close]);
    assert_eq!(connecting().received(1, Parcel::Closed), [unanswered(true), MqttOutput::Close]);
    let mut client = connecting();
    assert_eq!(client.due(), Some(CONNECT_TIMEOUT));
    assert!(client.turn(CONNECT_TIMEOUT - 1).is_empty());
    assert_eq!(client.turn(CONNECT_TIMEOUT), [unanswered(false), MqttOutput::Close]);
    assert!(client.has_ended() && client.due().is_none());
    assert!(client.received(CONNECT_TIMEOUT, Parcel::Closed).is_empty());
}

#[test]
fn each_answer_finds_its_operation() {
    let mut client = up();
    let subscriptions = vec![Subscription::new("a".to_owned(), Qos::AtLeastOnce)];
    let outputs = client.subscribe(1, 70, subscriptions.clone());
    assert_eq!(outputs, [send(Packet::Subscribe { id: 1, subscriptions })]);
    let publish = |id, qos| Packet::Publish(Publish { id, ..Publish::new("t", b"x", qos, true) });
    for (id, operation, qos) in [(2, 71, Qos::AtLeastOnce), (3, 72, Qos::AtLeastOnce), (4, 73, Qos::ExactlyOnce)] {
        assert_eq!(client.publish(1, operation, &publication(qos)), [send(publish(id, qos))]);
    }
    let outputs = client.publish(1, 74, &publication(Qos::AtMostOnce));
    assert_eq!(outputs, [send(publish(0, Qos::AtMostOnce)), tell(MqttEvent::Published { operation: 74 })]);
    for (answer, output) in [
        (Packet::Puback { id: 3, code: 0x87 }, Some(tell(MqttEvent::Rejected { operation: 72, code: 0x87 }))),
        (Packet::Puback { id: 2, code: 0 }, Some(tell(MqttEvent::Published { operation: 71 }))),
        (Packet::Puback { id: 2, code: 0 }, None),
        (
            Packet::Suback { id: 1, codes: vec![0x80] },
            Some(tell(MqttEvent::Subscribed { operation: 70, granted: vec![false] })),
        ),
        (Packet::Pubrec { id: 4, code: 0 }, Some(send(Packet::Pubrel { id: 4 }))),
        (Packet::Pubcomp { id: 4 }, Some(tell(MqttEvent::Published { operation: 73 }))),
    ] {
        assert_eq!(client.received(2, packet(answer.clone())), Vec::from_iter(output), "{answer}");
    }
}

#[test]
fn a_forgotten_operation_is_not_told_of() {
    let mut client = up();
    client.publish(1, 70, &publication(Qos::AtLeastOnce));
    client.forget(70);
    assert!(client.received(2, packet(Packet::Puback { id: 1, code: 0 })).is_empty());
}

#[test]
fn messages_are_passed_on_and_then_acknowledged() {
    let mut client = up();
    let message =
        |qos| tell(MqttEvent::Message(Message { topic: "t".to_owned(), payload: b"x".to_vec(), qos, retained: true }));
    let publish = |id, qos| packet(Packet::Publish(Publish { id, ..Publish::new("t", b"x", qos, true) }));
    assert_eq!(client.received(1, publish(0, Qos::AtMostOnce)), [message(Qos::AtMostOnce)]);
    let puback = send(Packet::Puback { id: 7, code: 0 });
    assert_eq!(client.received(1, publish(7, Qos::AtLeastOnce)), [message(Qos::AtLeastOnce), puback]);
    let pubrec = send(Packet::Pubrec { id: 8, code: 0 });
    assert_eq!(client.received(1, publish(8, Qos::ExactlyOnce)), [message(Qos::ExactlyOnce), pubrec.clone()]);
    assert_eq!(client.received(1, publish(8, Qos::ExactlyOnce)), [pubrec]);
    assert_eq!(client.received(1, packet(Packet::Pubrel { id: 8 })), [send(Packet::Pubcomp { id: 8 })]);
}

#[test]
fn a_quiet_connection_is_pinged_and_a_dead_one_noticed() {
    let mut client = up();
    client.publish(20 * S, 1, &publication(Qos::AtMostOnce));
    assert_eq!(client.due(), Some(KEEP_ALIVE), "nothing was received since then");
    assert_eq!(client.turn(KEEP_ALIVE), [send(Packet::Pingreq)]);
    client.received(31 * S, packet(Packet::Pingresp));
    assert_eq!(client.due(), Some(KEEP_ALIVE + KEEP_ALIVE));
    assert_eq!(client.turn(60 * S), [send(Packet::Pingreq)]);
    assert!(client.turn(90 * S - 1).is_empty());
    assert_eq!(client.turn(90 * S), down(BROKE));
    assert!(client.publish(91 * S, 2, &publication(Qos::AtLeastOnce)).is_empty());
}

#[test]
fn the_end_of_a_connection_is_told_unless_its_owner_wanted_it() {
    assert_eq!(up().received(1, Parcel::Closed), down(BROKE));
    assert_eq!(up().received(1, packet(Packet::Disconnect { code: 142 })), down("ended by the broker: 142"));
    let mut client = up();
    assert_eq!(client.disconnect(1), [send(Packet::Disconnect { code: 0 }), MqttOutput::Close]);
    assert!(client.received(2, Parcel::Closed).is_empty());
    assert_eq!(connecting().close(), [MqttOutput::Close]);
}
