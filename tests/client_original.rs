//! The client in a chat of original programs: no chat/server, no welcome, twenty messages of history or no answer at
//! all. Mosquitto's clients play the originals.

mod support;

use serde_json::{Value, json};
use std::time::Duration;
use support::{Broker, PATIENCE, Program, Stream, Subscriber, publish};

/// The topics of an original server: only flat ones.
const FLAT: [&str; 4] = ["chat/presence", "chat/request/users", "chat/request/history", "chat/messages"];

fn start(broker: &Broker, arguments: &[&str]) -> Program {
    let address = broker.address();
    Program::start(&[&["client", &address], arguments].concat())
}

fn payload(message: &support::Message) -> Value {
    serde_json::from_slice(&message.payload).unwrap()
}

/// An original server's history: no room, no id, no token; times without a zone.
fn history(numbers: std::ops::RangeInclusive<u32>) -> String {
    let message = |number| {
        let time = format!("2026-11-22T19:10:30.{number:06}");
        json!({"type": "chat", "username": "Py", "message": format!("old {number}"), "timestamp": time})
    };
    let messages: Vec<Value> = numbers.map(message).collect();
    json!({"type": "history", "messages": messages, "timestamp": "2026-11-22T19:11:34.508927"}).to_string()
}

/// Once the client has joined, answers its users request like an original server, and waits until the client is back on
/// another connection, whose will goes where such a server listens. `asked` receives the flat topics.
fn meet(broker: &Broker, asked: &mut Subscriber, nick: &str) {
    let is_join =
        |topic: &str, payload: &[u8]| topic == "chat/presence" && String::from_utf8_lossy(payload).contains("join");
    asked.wait_for("the join", is_join);
    asked.skip_messages_so_far();
    let users = format!(r#"{{"type": "online_users", "users": ["{nick}", "Py", null], "count": 3}}"#);
    publish(broker, &format!("chat/private/{nick}"), users, 0, false);
    asked.wait_for("the join on another connection", is_join);
    asked.wait_for("the question for history", |topic, _| topic == "chat/request/history");
}

#[test]
fn an_original_servers_answers_are_understood() {
    let broker = Broker::start();
    let mut asked = Subscriber::start(&broker, &FLAT);
    let mut alice = start(&broker, &["--listen", "--nick", "Alice"]);

    // It joins and sends requests with the fields that the original reads.
    let join = payload(&asked.wait_for("the join", |topic, _| topic == "chat/presence"));
    assert_eq!((&join["action"], &join["username"]), (&"join".into(), &"Alice".into()));
    for topic in ["chat/request/users", "chat/request/history"] {
        let request = payload(&asked.wait_for(topic, |seen, _| seen == topic));
        assert_eq!(request["requester"], "Alice");
    }

    // It receives messages to the nick as typed.
    meet(&broker, &mut asked, "Alice");
    publish(&broker, "chat/private/Alice", history(1..=20), 0, false);
    alice.wait_for_line(Stream::Out, "2026-11-22T19:10:30+00:00 #lobby Py: old 20", PATIENCE);
    alice.wait_for_line(Stream::Err, "3 online: Alice, Py", PATIENCE);

    // Notices about others, but none about itself.
    for nick in ["Alice", "Bob"] {
        let notice = json!({"type": "user_join", "username": nick, "message": "x", "timestamp": "2026-11-22T19:11:34.508591", "online_users": 2, "users_list": ["Alice", nick]});
        publish(&broker, "chat/system", notice.to_string(), 0, false);
    }
    alice.wait_for_line(Stream::Err, "Bob joined the chat (2 online)", PATIENCE);

    // The same page again, plus one message that arrived live and one that did not.
    let live =
        json!({"type": "chat", "username": "Py", "message": "old 21", "timestamp": "2026-11-22T19:10:30.000021"});
    publish(&broker, "chat/messages", live.to_string(), 0, false);
    alice.wait_for_line(Stream::Out, "Py: old 21", PATIENCE);
    alice.send_line("hello");
    let hello = payload(&asked.wait_for("the message", |topic, _| topic == "chat/messages"));
    assert_eq!((&hello["type"], &hello["username"]), (&"chat".into(), &"Py".into()), "the first is Py's");
    let hello = asked.wait_for("our message", |_, payload| String::from_utf8_lossy(payload).contains("hello"));
    assert_eq!(payload(&hello)["type"], "chat");

    let lines = alice.lines(Stream::Out);
    assert_eq!(lines.iter().filter(|line| line.contains("Py: old")).count(), 21, "{lines:?}");
    assert!(!alice.lines(Stream::Err).iter().any(|line| line.contains("Alice joined")));
}

#[test]
fn a_page_repeated_after_an_outage_is_shown_once() {
    let mut broker = Broker::start();
    let mut asked = Subscriber::start(&broker, &FLAT);
    let mut alice = start(&broker, &["--listen", "--nick", "alice"]);
    meet(&broker, &mut asked, "alice");
    publish(&broker, "chat/private/alice", history(1..=20), 0, false);
    alice.wait_for_line(Stream::Out, "old 20", PATIENCE);

    broker.stop();
    alice.wait_for_line(Stream::Err, "connection lost", PATIENCE);
    alice.wait_for_line(Stream::Err, "trying again in 1 s", PATIENCE);
    broker.start_again();
    alice.wait_for_line(Stream::Err, "connected again", PATIENCE);
    // It requests again what it missed.
    let mut asked = Subscriber::start(&broker, &FLAT);
    asked.wait_for("a request again", |topic, _| topic == "chat/request/history");
    publish(&broker, "chat/private/alice", history(2..=21), 0, false);
    alice.wait_for_line(Stream::Out, "old 21", PATIENCE);
    let lines = alice.lines(Stream::Out);
    let numbers: Vec<&str> = lines.iter().filter_map(|line| line.rsplit(' ').next()).collect();
    assert_eq!(numbers, (1..=21).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn without_any_server_people_can_still_talk() {
    let broker = Broker::start();
    let mut alice = start(&broker, &["--listen", "--nick", "alice"]);
    alice.wait_for_line(Stream::Err, "connected to", PATIENCE);
    alice.send_line("anybody?");
    let silence = "no chat server is answering: history and the user list are unavailable";
    alice.wait_for_line(Stream::Err, silence, PATIENCE);
    publish(&broker, "chat/messages", r#"{"type": "chat", "username": "py", "message": "me"}"#, 0, false);
    alice.wait_for_line(Stream::Out, "#lobby py: me", PATIENCE);
    let lines = alice.lines(Stream::Err);
    assert_eq!(lines.iter().filter(|line| *line == silence).count(), 1);
    // It joins a server of ours that comes later.
    let mut presence = Subscriber::start(&broker, &["chat/presence/#"]);
    let online =
        r#"{"type":"server","status":"online","instance":"i","started":"2026-11-22T19:00:00Z","history_limit":50}"#;
    publish(&broker, "chat/server", online, 1, true);
    presence.wait_within(Duration::from_secs(10), "the join", |topic, _| topic == "chat/presence/alice");
}

#[test]
fn an_original_server_hears_the_will() {
    let broker = Broker::start();
    let mut asked = Subscriber::start(&broker, &["chat/presence/#", "chat/request/history"]);
    let mut alice = start(&broker, &["--json", "--nick", "Alice"]);
    meet(&broker, &mut asked, "Alice");
    alice.kill();
    let will = asked.wait_for("the will", |_, payload| String::from_utf8_lossy(payload).contains("leave"));
    assert_eq!(will.topic, "chat/presence");
    assert_eq!((&payload(&will)["action"], &payload(&will)["username"]), (&"leave".into(), &"Alice".into()));
    // The other connection is not told.
    let connected = alice.lines(Stream::Out).iter().filter(|line| line.contains(r#""event":"connected""#)).count();
    assert_eq!(connected, 1);
}

#[test]
fn missing_features_of_an_original_server_are_told_at_once() {
    let broker = Broker::start();
    let mut asked = Subscriber::start(&broker, &FLAT);
    let mut alice = start(&broker, &["--json", "--nick", "alice"]);
    meet(&broker, &mut asked, "alice");
    for (command, missing) in [(r#"{"command":"rooms"}"#, "rooms"), (r#"{"command":"search","text":"x"}"#, "search")] {
        alice.send_line(command);
        let refused = format!("not asked: the chat server here is an original one, which has no {missing}");
        alice.wait_for_line(Stream::Out, &refused, PATIENCE);
    }
}

/// An original server returns messages as published, with the parts of the id instead of the id.
#[test]
fn own_messages_are_not_shown_again_by_a_page() {
    let broker = Broker::start();
    let mut asked = Subscriber::start(&broker, &FLAT);
    let mut alice = start(&broker, &["--listen", "--nick", "Alice"]);
    meet(&broker, &mut asked, "Alice");
    alice.send_line("hello");
    let hello = payload(&asked.wait_for("the message", |topic, _| topic == "chat/messages"));
    let page = json!({"type": "history", "messages": [hello, {"username": "Py", "message": "hi", "timestamp": "2026-11-22T19:10:31"}]});
    publish(&broker, "chat/private/Alice", page.to_string(), 0, false);
    alice.wait_for_line(Stream::Out, "Py: hi", PATIENCE);
    assert_eq!(alice.lines(Stream::Out).iter().filter(|line| line.contains("hello")).count(), 1);
}

/// If a server of ours was once here, a sender waits for its confirmation, but not if an original one has replaced it.
#[test]
fn a_sender_expects_no_confirmation_of_an_original_server() {
    let (broker, data, home) = (Broker::start(), support::TempDir::new(), support::TempDir::new());
    let send = |text: &str| {
        let arguments = ["client", &broker.address(), "--nick", "Ci", "-m", text];
        Program::with(&arguments).home(home.path()).start()
    };
    let mut server = Program::start(&["server", &broker.address(), "--data-dir", data.path().to_str().unwrap()]);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    assert_eq!(send("one").exit_code(PATIENCE), 0);
    server.signal(libc::SIGTERM);
    assert_eq!(server.exit_code(PATIENCE), 0);

    let mut asked = Subscriber::start(&broker, &["chat/request/users"]);
    let mut sender = send("two");
    asked.wait_for("its question", |_, _| true);
    publish(&broker, "chat/private/Ci", r#"{"type": "online_users", "users": [], "count": 0}"#, 0, false);
    // Without the answer it would wait for 30 s and end with 27.
    assert_eq!(sender.exit_code(PATIENCE), 0);
}
