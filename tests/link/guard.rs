//! The packets that an MQTT 5 broker keeps from a link on request, and that src/link/guard/arrival.rs drops in any
//! case.

use super::support::{Broker, Injector, PATIENCE, publish};
use super::{config, connected, message, open, settings, wait_for};
use mqttchat::link::{Config, Event, PACKET_BYTES, Settings, Version, dropped_messages};

/// Two clients in one process: each drops what the library cannot take, receives the next message, and learns that its
/// connection is lost.
#[test]
fn a_topic_with_a_zero_byte_is_dropped_and_counted() {
    let mut broker = Broker::start();
    let injector = Injector::start(&broker);
    let links = ["link-one", "link-two"].map(|client_id| {
        let config =
            Config { client_id: client_id.to_owned(), patient: true, ..config(settings(injector.port()), &["a/#"]) };
        (client_id, open(config))
    });
    let (before, _) = dropped_messages();
    for (client_id, (_, events)) in &links {
        connected(events);
        injector.deliver(client_id, b"a/\0", b"bad", 1);
        injector.deliver(client_id, "a/ζ".as_bytes(), client_id.as_bytes(), 1);
    }
    assert_eq!(dropped_messages().0 - before, 2);
    for (client_id, (_, events)) in &links {
        let message = message(events);
        assert_eq!((message.topic.as_str(), message.payload.as_slice()), ("a/ζ", client_id.as_bytes()));
    }
    broker.kill();
    for (_, (_, events)) in &links {
        wait_for(events, "end of the connection", |event| matches!(event, Event::Lost { .. }).then_some(()));
    }
}

#[test]
fn a_connect_of_mqtt_5_names_the_largest_packet() {
    let broker = Broker::start();
    let injector = Injector::start(&broker);
    for persistent in [false, true] {
        let client_id = format!("link-persistent-{persistent}");
        let config = Config { client_id: client_id.clone(), persistent, ..config(settings(injector.port()), &[]) };
        let (link, events) = open(config);
        connected(&events);
        let connect = injector.connect_of(&client_id);
        // Name, level, flags and keep alive take ten bytes; then the properties, and their length in one byte.
        let properties = &connect[11..11 + usize::from(connect[10])];
        let wanted = [&[0x27], PACKET_BYTES.to_be_bytes().as_slice()].concat();
        assert!(properties.windows(wanted.len()).any(|part| part == wanted), "{properties:x?}");
        assert_eq!(properties.len(), wanted.len() * if persistent { 2 } else { 1 }, "{properties:x?}");
        link.close(None, PATIENCE);
    }
}

#[test]
fn a_large_message_does_not_arrive() {
    let broker = Broker::start();
    let most = PACKET_BYTES as usize;
    for (version, reaches_us) in [(Version::V5, 0), (Version::V311, 2)] {
        let (link, events) = open(config(Settings { version, ..settings(broker.port()) }, &["a/#"]));
        connected(&events);
        let (_, before) = dropped_messages();
        publish(&broker, "a/large", vec![b'x'; most + 1], 1, false);
        publish(&broker, "a/larger", vec![b'x'; 300 * 1024], 0, false);
        publish(&broker, "a/fits", vec![b'x'; most - 100], 1, false);
        let arrived = message(&events);
        assert_eq!((arrived.topic.as_str(), arrived.payload.len()), ("a/fits", most - 100));
        assert_eq!(dropped_messages().1 - before, reaches_us, "{version:?}");
        link.close(None, PATIENCE);
    }
    assert_eq!(broker.log().matches("Dropping too large outgoing PUBLISH for link-").count(), 2);
}
