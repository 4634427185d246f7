//! Packets that would end a program or fill its memory: topics that MQTT forbids, delivered anyway, and payloads larger
//! than any in a chat. Every program goes on, and does not get them again.

#![cfg(target_os = "linux")]

mod support;

use support::{Broker, Injector, PATIENCE, Program, Stream, Subscriber, TempDir, publish, wait_until};

/// U+0000, a byte that no UTF-8 contains, a surrogate, and a sequence that ends too early.
const BAD_TOPICS: [&[u8]; 4] =
    [b"chat/messages/a\0b", b"chat/messages/\xff", b"chat/private/\xed\xa0\x80", b"chat/\xe2\x82"];

const VERSIONS: [&str; 2] = ["311", "5"];

fn chat(nick: &str, text: &str) -> String {
    format!(r#"{{"type":"chat","username":"{nick}","message":"{text}","timestamp":"2026-11-22T20:30:00.000+01:00"}}"#)
}

#[test]
fn a_server_survives_them_and_serves_on() {
    for version in VERSIONS {
        let (broker, data) = (Broker::start(), TempDir::new());
        let injector = Injector::start(&broker);
        let (address, folder) = (injector.address(), data.path().to_str().expect("a UTF-8 path"));
        let mut server = Program::start(&["server", &address, "-i", "a-server", "-V", version, "--data-dir", folder]);
        server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
        let mut replies = Subscriber::start(&broker, &["chat/private/bob"]);
        for topic in BAD_TOPICS {
            injector.deliver("a-server", topic, b"{}", 1);
            injector.deliver("a-server", topic, b"{}", 2);
        }
        publish(&broker, "chat/messages", chat("alice", "still here"), 1, false);
        publish(&broker, "chat/request/history", r#"{"requester":"bob"}"#, 1, false);
        replies.wait_for("the history", |_, payload| {
            String::from_utf8_lossy(payload).contains(r#""message":"still here""#)
        });
        server.signal(libc::SIGTERM);
        assert_eq!(server.exit_code(PATIENCE), 0);
        let log = server.lines(Stream::Err);
        let warned: Vec<&String> = log.iter().filter(|line| line.contains(" WARN dropped a message")).collect();
        assert_eq!(warned.len(), 1, "{log:#?}");
        assert!(warned[0].contains(r"chat/messages/a\x00b"), "{warned:?}");
        let lost = log.iter().any(|line| line.contains("connection lost"));
        assert!(!lost, "{log:#?}");
    }
}

#[test]
fn a_client_survives_them_and_shows_what_comes_next() {
    for version in VERSIONS {
        let broker = Broker::start();
        let injector = Injector::start(&broker);
        let address = injector.address();
        let client = ["client", &address, "--json", "--listen", "--nick", "bob", "-i", "a-client", "-V", version];
        let mut client = Program::start(&client);
        client.wait_for_line(Stream::Out, r#"{"event":"connected""#, PATIENCE);
        for topic in BAD_TOPICS {
            injector.deliver("a-client", topic, b"{}", 1);
            injector.deliver("a-client", topic, b"{}", 2);
        }
        publish(&broker, "chat/messages", chat("alice", "still here"), 1, false);
        client.wait_for_line(Stream::Out, r#""message":"still here""#, PATIENCE);
        client.close_stdin();
        client.signal(libc::SIGTERM);
        client.exit_code(PATIENCE);
        let out = client.lines(Stream::Out);
        assert!(!out.iter().any(|line| line.contains(r#""event":"disconnected""#)), "{out:#?}");
    }
}

/// Far more than a program takes, far less than what would hurt this test.
const LARGE_BYTES: usize = 300 * 1024;

/// Topics on which a server or a client listens.
const TOPICS: [&str; 7] = [
    "chat/messages",
    "chat/messages/mallory",
    "chat/rooms/dev/mallory",
    "chat/private/bob/mallory",
    "chat/presence/mallory",
    "chat/request/history/mallory",
    "chat/system",
];

#[test]
fn large_payloads_stay_at_a_broker_of_mqtt_5() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let folder = data.path().to_str().expect("a UTF-8 path");
    let address = broker.address();
    let arguments = ["server", &address, "-i", "a-server", "-V", "5", "--data-dir", folder];
    let mut server = Program::start(&arguments);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    let client =
        ["client", &address, "--json", "--listen", "--nick", "bob", "--room", "dev", "-i", "a-client", "-V", "5"];
    let mut client = Program::start(&client);
    client.wait_for_line(Stream::Out, r#""event":"online_users""#, PATIENCE);
    let publish_all = |retain: bool| {
        for topic in TOPICS {
            publish(&broker, topic, vec![b'x'; LARGE_BYTES], 1, retain);
        }
    };
    let dropped = |client_id: &str| {
        let line = format!("Dropping too large outgoing PUBLISH for {client_id}");
        broker.log().matches(&line).count()
    };
    publish_all(false);
    // The server does not receive its own notices, and the client neither presence nor requests.
    wait_until(PATIENCE, "all are dropped", || dropped("a-server") >= 6 && dropped("a-client") >= 5);
    publish(&broker, "chat/messages", chat("alice", "still here"), 1, false);
    client.wait_for_line(Stream::Out, r#""message":"still here""#, PATIENCE);

    // Nothing arrives from the server's session or from retained messages either.
    server.signal(libc::SIGTERM);
    assert_eq!(server.exit_code(PATIENCE), 0);
    publish_all(true);
    publish(&broker, "chat/messages", chat("alice", "meanwhile"), 1, false);
    let mut replies = Subscriber::start(&broker, &["chat/private/carol"]);
    let mut server = Program::start(&arguments);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    publish(&broker, "chat/request/history", r#"{"requester":"carol"}"#, 1, false);
    replies.wait_for("the history", |_, payload| String::from_utf8_lossy(payload).contains(r#""message":"meanwhile""#));
    server.signal(libc::SIGTERM);
    assert_eq!(server.exit_code(PATIENCE), 0);
    for program in [&mut server, &mut client] {
        let log = program.lines(Stream::Err);
        assert!(!log.iter().any(|line| line.contains(" WARN ")), "{log:#?}");
    }
}
