//! The link with stalled or silently dropped traffic: its owner does not wait, and other traffic goes on.

use crate::scripted::packet;
use crate::support::{Broker, PATIENCE};
use crate::{Looks, config, open, publication, settings, wait_within};
use crossbeam_channel::{Receiver, unbounded};
use mqttchat::link::{Config, Event, Link, Lookout, Qos, Settings, Subscription, Version};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// The settings for a scripted broker, which speaks MQTT 3.1.1 and answers no ping.
fn scripted_settings(port: u16) -> Settings {
    Settings { keep_alive: Duration::from_secs(300), version: Version::V311, ..settings(port) }
}

/// Waits for an event that is `wanted`. Returns the events before it.
#[track_caller]
fn before(events: &Receiver<Event>, within: Duration, what: &str, wanted: impl Fn(&Event) -> bool) -> Vec<Event> {
    let mut passed = Vec::new();
    wait_within(within, events, what, |event| match wanted(&event) {
        true => Some(()),
        false => {
            passed.push(event);
            None
        }
    });
    passed
}

fn is_published(ticket: u64) -> impl Fn(&Event) -> bool {
    move |event| matches!(event, Event::Published { ticket: known } if *known == ticket)
}

/// A broker of MQTT 3.1.1 that handles each packet of a connection with `answer`.
fn scripted(mut answer: impl FnMut(&[u8], &mut TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            while let Ok(sent) = packet(&mut stream) {
                if sent[0] >> 4 == 1 {
                    let _ = stream.write_all(&[0x20, 2, 0, 0]);
                }
                answer(&sent, &mut stream);
            }
        }
    });
    port
}

#[test]
fn closing_does_not_wait_for_the_lookout() {
    // It takes the CONNECT of the look and does not answer.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    let lookout = Some(Box::new(Looks { bars: [].iter() }) as Box<dyn Lookout>);
    let (link, _events) = open(Config { lookout, ..config(settings(port), &[]) });
    let (mut stream, _) = listener.accept().expect("a client");
    let connect = packet(&mut stream).expect("a CONNECT");
    assert!(connect.windows(5).any(|part| part == b"look-"), "{connect:?}");
    let (closed, is_closed) = unbounded();
    thread::spawn(move || {
        link.close(Some(publication("last", "x", None)), PATIENCE);
        let _ = closed.send(());
    });
    is_closed.recv_timeout(PATIENCE).expect("it is closed, while the lookout still looks");
}

#[test]
fn a_link_begins_after_the_farewell_of_the_previous_one() {
    let broker = Broker::start();
    let (first, events) = open(config(settings(broker.port()), &["a"]));
    before(&events, PATIENCE, "connection", |event| matches!(event, Event::Connected { .. }));
    let farewell = first.let_go(Some(publication("a", "last", None)), PATIENCE * 2);
    let (sender, events) = unbounded();
    let config = config(settings(broker.port()), &[]);
    let _link = Link::open_after(Some(farewell), config, move |event| drop(sender.send(event))).expect("a thread");
    // Much sooner than the end of the farewell's time.
    before(&events, PATIENCE, "connection", |event| matches!(event, Event::Connected { .. }));
}

#[test]
fn a_connection_that_comes_after_the_close_is_ended() {
    let (ended, end) = unbounded();
    let (accepted, is_accepted) = unbounded();
    let (go_on, going_on) = unbounded::<()>();
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("its address").port();
    thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a client");
        let connect = packet(&mut stream).expect("a CONNECT");
        let _ = accepted.send(connect[0] >> 4);
        let _ = going_on.recv();
        let _ = stream.write_all(&[0x20, 2, 0, 0]);
        let _ = ended.send(packet(&mut stream).map(|sent| sent[0] >> 4).ok());
    });
    let (link, _events) = open(config(scripted_settings(port), &["a"]));
    assert_eq!(is_accepted.recv_timeout(PATIENCE), Ok(1));
    link.close(None, PATIENCE);
    go_on.send(()).expect("the broker goes on");
    assert_eq!(end.recv_timeout(PATIENCE), Ok(Some(14)), "DISCONNECT, so that no will is sent");
}

#[test]
fn topics_that_mqtt_forbids_do_not_reach_the_broker() {
    let broker = Broker::start();
    let (link, events) = open(config(settings(broker.port()), &["a/#", "a/\u{ffff}/#"]));
    before(&events, PATIENCE, "connection", |event| matches!(event, Event::Connected { .. }));
    let forbidden = ["", "a/\0", "a/\n", "a/\u{ffff}", "a/\u{1fffe}", "a/\u{fdd0}", "a/+", "a/#"];
    for (ticket, topic) in (1..).zip(forbidden) {
        link.publish(publication(topic, "x", Some(ticket)));
        let rejected = |event: &Event| matches!(event, Event::Rejected { ticket: known, .. } if *known == ticket);
        let passed = before(&events, PATIENCE, "refusal", rejected);
        assert!(passed.is_empty(), "{topic:?}: {passed:?}");
    }
    link.publish(publication(&"x".repeat(65_536), "x", None));
    link.subscribe(Subscription::new("b/\u{ffff}".to_owned(), Qos::AtLeastOnce));
    let passed = before(&events, PATIENCE, "refusal", |event| matches!(event, Event::Refused { .. }));
    assert!(passed.is_empty(), "{passed:?}");
    link.publish(publication("b", "x", Some(99)));
    let passed = before(&events, PATIENCE, "acknowledgement", is_published(99));
    assert!(passed.is_empty(), "{passed:?}");
    link.close(Some(publication("a/\u{ffff}", "x", None)), PATIENCE);
}

#[test]
fn an_unanswered_publication_frees_its_place() {
    // Its window is full of publications, and it answers only the one with this topic.
    let port = scripted(|sent, stream| {
        if sent[0] >> 4 == 3 && sent[4..].starts_with(b"answered") {
            let _ = stream.write_all(&[0x40, 2, sent[12], sent[13]]);
        }
    });
    let (link, events) = open(config(scripted_settings(port), &[]));
    before(&events, PATIENCE, "connection", |event| matches!(event, Event::Connected { .. }));
    for _ in 0..1_000 {
        link.publish(publication("dropped", "x", None));
    }
    link.publish(publication("answered", "x", Some(1)));
    let passed = before(&events, PATIENCE * 2, "acknowledgement", is_published(1));
    assert!(passed.is_empty(), "on the same connection: {passed:?}");
}

#[test]
fn a_connection_given_up_at_subscribe_is_ended_and_not_heard() {
    let (to_test, subscribing) = unbounded();
    let port = scripted(move |sent, stream| {
        let _ = match sent[0] >> 4 {
            8 => to_test.send(Seen::Subscribe(stream.try_clone().expect("a descriptor more"))),
            14 => to_test.send(Seen::Disconnect),
            _ => Ok(()),
        };
    });
    let (_link, events) = open(config(scripted_settings(port), &["a"]));
    let lost = |event: &Event| matches!(event, Event::Lost { .. });
    let Ok(Seen::Subscribe(mut stream)) = subscribing.recv_timeout(PATIENCE) else { panic!("no SUBSCRIBE came") };
    before(&events, PATIENCE, "loss", lost);
    // If it is closed already, nobody receives it either.
    let _ = stream.write_all(b"\x30\x04\0\x01ax");
    assert!(matches!(subscribing.recv_timeout(PATIENCE), Ok(Seen::Disconnect)));
    let passed = before(&events, PATIENCE, "loss of the next one", lost);
    assert!(!passed.iter().any(|event| matches!(event, Event::Message(_))), "{passed:?}");
}

/// What a scripted broker received.
enum Seen {
    /// On this connection.
    Subscribe(TcpStream),
    Disconnect,
}
