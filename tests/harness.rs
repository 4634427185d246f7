//! Tests of the harness: brokers that start, stop and restart; messages that pass through them; certificates that the
//! right clients trust; folders that are removed.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;

use openssl::ssl::{SslConnector, SslMethod};
use support::{
    Broker, Certificates, PATIENCE, Program, Pty, Subscriber, TempDir, Tmux, publish, seed_wire, wait_until,
};

#[test]
fn a_broker_stops_and_starts_again_on_its_port() {
    let mut broker = Broker::start();
    let address = broker.address();
    assert!(TcpStream::connect(&address).is_ok());
    broker.stop();
    assert!(TcpStream::connect(&address).is_err());
    broker.start_again();
    assert!(TcpStream::connect(&address).is_ok());
    broker.kill();
    assert!(TcpStream::connect(&address).is_err());
    broker.start_again();
    assert_eq!(broker.address(), address);
    assert!(TcpStream::connect(&address).is_ok());
}

#[test]
fn messages_pass_with_topic_qos_retain_and_every_byte() {
    let broker = Broker::start();
    publish(&broker, "kept/one", "before", 1, true);
    let mut subscriber = Subscriber::start(&broker, &["kept/#", "live/#"]);
    let kept = subscriber.wait_for("the retained one", |topic, _| topic == "kept/one");
    assert_eq!((kept.qos, kept.retain, kept.text().as_str()), (1, true, "before"));

    let large: Vec<u8> = (0..1_000_000).map(|n| n as u8).collect();
    for (topic, payload, qos) in
        [("live/a topic", &b"\xff\x00\n\xfe"[..], 0), ("live/large", &large[..], 2), ("live/empty", b"", 1)]
    {
        publish(&broker, topic, payload, qos, false);
        let message = subscriber.wait_for(topic, |seen, _| seen == topic);
        assert_eq!((message.qos, message.retain), (qos, false), "{topic}");
        assert!(message.payload == payload, "{topic}");
    }
    assert_eq!(subscriber.messages().len(), 4);
}

#[test]
fn persistence_outlives_a_stop_and_nothing_else_does() {
    for keeps in [true, false] {
        let builder = Broker::builder();
        let builder = if keeps { builder.persistence() } else { builder };
        let mut broker = builder.start();
        publish(&broker, "kept", "yes", 1, true);
        broker.stop();
        broker.start_again();
        let mut subscriber = Subscriber::start(&broker, &["#"]);
        publish(&broker, "end", "", 1, false);
        subscriber.wait_for("the end", |topic, _| topic == "end");
        let kept = subscriber.messages().iter().any(|message| message.topic == "kept");
        assert_eq!(kept, keeps);
    }
}

#[test]
fn only_named_users_get_in() {
    let broker = Broker::builder().user("alice", "secret").start();
    let mut subscriber = Subscriber::start(&broker, &["#"]);
    publish(&broker, "a", "hello", 1, false);
    subscriber.wait_for("hello", |_, payload| payload == b"hello");

    // CONNECT of MQTT 3.1.1 with clean session, no user, identifier "x".
    let mut stream = TcpStream::connect(broker.address()).unwrap();
    stream.write_all(b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01x").unwrap();
    let mut answer = Vec::new();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.read_to_end(&mut answer).unwrap();
    assert_eq!(answer, b"\x20\x02\x00\x05", "CONNACK: not authorized");
}

#[test]
fn only_the_right_clients_trust_a_tls_broker() {
    let dir = TempDir::new();
    let certificates = Certificates::make(dir.path());
    for (pair, authority, trusted) in [
        (&certificates.server, &certificates.ca, true),
        (&certificates.server, &certificates.other_ca, false),
        (&certificates.wrong_host, &certificates.ca, false),
        (&certificates.expired, &certificates.ca, false),
    ] {
        let broker = Broker::builder().tls(pair).start();
        let mut connector = SslConnector::builder(SslMethod::tls_client()).unwrap();
        connector.set_ca_file(authority).unwrap();
        let stream = TcpStream::connect(("127.0.0.1", broker.tls_port())).unwrap();
        let result = connector.build().connect("localhost", stream);
        assert_eq!(result.is_ok(), trusted, "{pair:?}: {:?}", result.err());
    }
}

#[test]
fn a_websocket_listener_stands_beside_the_plain_one() {
    let broker = Broker::builder().websockets().start();
    assert_ne!(broker.port(), broker.websocket_port());
    assert!(TcpStream::connect(("127.0.0.1", broker.websocket_port())).is_ok());
}

#[test]
fn a_paused_broker_answers_once_it_is_resumed() {
    let broker = Broker::start();
    let mut subscriber = Subscriber::start(&broker, &["#"]);
    broker.pause();
    broker.resume();
    publish(&broker, "a", "b", 1, false);
    subscriber.wait_for("a message", |topic, _| topic == "a");
}

#[test]
fn folders_go_with_their_values() {
    let dir = TempDir::new();
    std::fs::write(dir.join("file"), "x").unwrap();
    let path = dir.path().to_owned();
    assert!(path.is_dir());
    drop(dir);
    assert!(!path.exists());
}

#[test]
#[should_panic(expected = "in vain for: the impossible")]
fn waiting_ends_at_the_deadline() {
    wait_until(std::time::Duration::ZERO, "the impossible", || false);
}

#[test]
fn the_program_runs_and_its_end_is_seen() {
    let mut program = Program::start(&["--help"]);
    program.close_stdin();
    program.exit_status(PATIENCE);
}

#[test]
fn the_seed_is_there() {
    let lines = seed_wire();
    assert_eq!(lines.len(), 19);
    assert_eq!(lines[12].line, 13);
    assert_eq!(lines[12].payload, b"not json");
}

#[test]
fn a_terminal_is_drawn_resized_and_remembered() {
    let mut drawn = support::Drawn::new(10, 3);
    drawn.print(b"one\r\ntwo\r\nthree\r\nfour \xe2\x9c\x93\x1b[2D!");
    assert_eq!(drawn.screen(), ["two", "three", "four!✓"]);
    assert_eq!(drawn.scrollback_and_screen(), ["one", "two", "three", "four!✓"]);
    assert_eq!(drawn.cursor(), (5, 2));
    drawn.resize(4, 3);
    assert_eq!(drawn.screen()[0], "two");

    let broker = Broker::start();
    let mut alice = Pty::start_sized(200, 10, &["client", &broker.address(), "--nick", "alice"]);
    alice.wait_for_line(">");
    alice.resize(40, 10);
    alice.press("still there");
    alice.wait_for_line("still there");
    assert!(!alice.raw().is_empty());
}

#[test]
fn tmux_runs_the_program_and_wraps_it_anew() {
    let broker = Broker::start();
    let alice = Tmux::start(60, 10, &["client", &broker.address(), "--nick", "alice"]);
    alice.wait_for_line(">");
    alice.press(&format!("{}\r", "word ".repeat(10)));
    alice.wait_for_screen("the message", |lines| lines.iter().any(|line| line.contains("alice: word")));
    alice.resize(200, 10);
    alice.paste("pasted");
    alice.wait_for_line("pasted");
    assert_eq!(alice.cursor().1 as usize + 1, alice.screen().len());
    alice.press("\x15/quit\r");
    wait_until(PATIENCE, "the end", || alice.has_ended());
    assert!(alice.history().len() >= alice.screen().len());
}
