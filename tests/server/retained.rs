//! Messages that people retain by mistake: nobody is shown them, and the server removes them from the broker.

use super::support::{Broker, PATIENCE, Program, Stream, Subscriber, TempDir, publish, wait_until};
use super::{FIRST_RUN, ask, await_json, chat, say, start_server, texts};
use serde_json::{Value, json};

/// Topics on which Alice receives messages.
const TOPICS: [&str; 5] =
    ["chat/messages", "chat/messages/bob", "chat/rooms/dev/bob", "chat/private/alice/bob", "chat/private/alice/server"];

/// A message for Alice that names its topic.
fn message(topic: &str) -> Value {
    let kind = if topic.starts_with("chat/private") { "private" } else { "chat" };
    json!({"type": kind, "username": "bob", "to": "alice", "message": format!("retained on {topic}")})
}

#[track_caller]
fn alice(broker: &Broker) -> Program {
    let arguments = ["client", &broker.address(), "--listen", "--nick", "alice", "--room", "dev"];
    let mut alice = Program::start(&arguments);
    alice.wait_for_line(Stream::Err, "connected", PATIENCE);
    alice
}

/// The broker's retained messages, without the server's own.
#[track_caller]
fn held(broker: &Broker) -> Vec<String> {
    let mut watcher = Subscriber::start(broker, &["chat/messages/#", "chat/rooms/#", "chat/private/#", "fence"]);
    publish(broker, "fence", "", 1, false);
    watcher.wait_for("the fence", |topic, _| topic == "fence");
    watcher.messages().into_iter().filter(|message| message.retain).map(|message| message.topic).collect()
}

#[test]
fn nobody_is_shown_what_was_retained_and_the_server_clears_it() {
    let (broker, data) = (Broker::start(), TempDir::new());
    for topic in TOPICS {
        publish(&broker, topic, message(topic).to_string(), 1, true);
    }
    publish(&broker, "chat/presence", json!({"action": "join", "username": "ghost"}).to_string(), 1, true);
    let mut before_any_server = alice(&broker);
    say(&broker, "chat/messages", chat("bob", "live"));
    before_any_server.wait_for_line(Stream::Out, "bob: live", PATIENCE);
    assert_eq!(before_any_server.lines(Stream::Out).len(), 1, "{:#?}", before_any_server.lines(Stream::Out));

    let mut server = start_server(&broker, data.path(), &[]);
    wait_until(PATIENCE, "nothing is held any more", || held(&broker).is_empty());
    let mut watcher = Subscriber::start(&broker, &["chat/private/#"]);
    assert_eq!(texts(&ask(&broker, &mut watcher, "history", "h1", json!({}))), [""; 0]);
    let users = ask(&broker, &mut watcher, "users", "u1", json!({}));
    assert!(!users["users"].as_array().unwrap().contains(&json!("ghost")), "{users}");
    // It receives its own clearing.
    let warnings: Vec<String> = server.lines(Stream::Err).into_iter().filter(|line| line.contains(" WARN ")).collect();
    assert!(warnings.len() == 1 && warnings[0].contains("cleared topic chat/"), "{warnings:#?}");
    say(&broker, "chat/messages", chat("bob", "the last word"));
    before_any_server.wait_for_line(Stream::Out, "the last word", PATIENCE);
    assert_eq!(before_any_server.lines(Stream::Out).len(), 2);
}

#[test]
fn a_message_published_as_retained_counts_once() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let mut server = start_server(&broker, data.path(), &[]);
    let mut first = alice(&broker);
    first.wait_for_line(Stream::Err, "online: alice", PATIENCE);
    let mut watcher = Subscriber::start(&broker, &["chat/private/bob/server"]);
    let mut once = chat("bob", "the door is open");
    once["session"] = FIRST_RUN.into();
    once["seq"] = 1.into();
    publish(&broker, "chat/messages", once.to_string(), 1, true);
    first.wait_for_line(Stream::Out, "bob: the door is open", PATIENCE);
    await_json(&mut watcher, "that it is stored", "chat/private/bob/server", |v| v["type"] == "stored");
    // The next one gets it only from the history.
    first.signal(libc::SIGTERM);
    first.exit_code(PATIENCE);
    let mut second = alice(&broker);
    second.wait_for_line(Stream::Err, "online: alice", PATIENCE);
    say(&broker, "chat/messages", chat("bob", "the last word"));
    second.wait_for_line(Stream::Out, "the last word", PATIENCE);
    let lines = second.lines(Stream::Out);
    assert_eq!(lines.iter().filter(|line| line.contains("the door is open")).count(), 1, "{lines:#?}");
    assert_eq!(held(&broker), ["chat/messages"]);
    server.signal(libc::SIGTERM);
    server.exit_code(PATIENCE);
    let _server = start_server(&broker, data.path(), &[]);
    wait_until(PATIENCE, "nothing is held any more", || held(&broker).is_empty());
}
