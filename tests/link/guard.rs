//! What src/link/guard/arrival.rs keeps from a link.

use super::support::{Broker, Injector};
use super::{config, connected, message, open, settings, wait_for};
use mqttchat::link::{Config, Event, dropped_messages};

/// Two clients in one process: each drops what the library cannot take, hears what comes next, and that its connection is
/// lost.
#[test]
fn a_topic_with_a_zero_byte_is_dropped_and_counted() {
    let mut broker = Broker::start();
    let injector = Injector::start(&broker);
    let links = ["link-one", "link-two"].map(|client_id| {
        let config =
            Config { client_id: client_id.to_owned(), patient: true, ..config(settings(injector.port()), &["a/#"]) };
        (client_id, open(config))
    });
    let before = dropped_messages();
    for (client_id, (_, events)) in &links {
        connected(events);
        injector.deliver(client_id, b"a/\0", b"bad", 1);
        injector.deliver(client_id, "a/ζ".as_bytes(), client_id.as_bytes(), 1);
    }
    assert_eq!(dropped_messages() - before, 2);
    for (client_id, (_, events)) in &links {
        let message = message(events);
        assert_eq!((message.topic.as_str(), message.payload.as_slice()), ("a/ζ", client_id.as_bytes()));
    }
    broker.kill();
    for (_, (_, events)) in &links {
        wait_for(events, "end of the connection", |event| matches!(event, Event::Lost { .. }).then_some(()));
    }
}
