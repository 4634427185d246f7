//! Original clients: QoS 0, MQTT 3.1.1, no session, the original's topics and payloads.

use super::support::{Broker, Subscriber, TempDir, publish};
use super::{await_json, await_notice, chat, notices, original, say, start_server};
use serde_json::{Value, json};

#[test]
fn joins_is_seen_and_gets_history_users_and_notices() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/system", "chat/private/#", "chat/messages"]);

    original(&broker, "join", "Alice");
    let notice = await_notice(&mut watcher, "user_join", "Alice");
    assert_eq!(notice["message"], "Alice joined the chat");
    assert_eq!((&notice["online_users"], &notice["users_list"]), (&json!(1), &json!(["Alice"])));
    // The original server answers a join with the list.
    let users = await_json(&mut watcher, "the user list", "chat/private/Alice", |v| v["type"] == "online_users");
    assert_eq!((&users["users"], &users["count"]), (&json!(["Alice"]), &json!(1)));

    for text in ["hi one", "hi two"] {
        publish(&broker, "chat/messages", chat("Alice", text).to_string(), 0, false);
    }
    say(&broker, "chat/request/history", json!({"requester": "Alice", "timestamp": "2026-11-22T19:11:34.506168"}));
    let page = await_json(&mut watcher, "the history", "chat/private/Alice", |v| v["type"] == "history");
    // Its client knows these fields and fails if one is missing. It gets no others.
    assert_eq!(page["messages"], json!([chat("Alice", "hi one"), chat("Alice", "hi two")]));
    let fields: Vec<&String> = page.as_object().expect("an object").keys().collect();
    assert_eq!(fields, ["messages", "timestamp", "type"]);

    say(&broker, "chat/request/users", json!({"requester": "Bob", "timestamp": "2026-11-22T19:11:34.506168"}));
    let users = await_json(&mut watcher, "the user list", "chat/private/Bob", |v| v["type"] == "online_users");
    assert_eq!(users["users"], json!(["Alice"]), "asking is not joining");

    original(&broker, "leave", "alice");
    let notice = await_notice(&mut watcher, "user_leave", "alice");
    assert_eq!((&notice["online_users"], &notice["users_list"]), (&json!(0), &json!([])));
}

#[test]
fn an_empty_history_is_answered_too() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/private/#"]);
    say(&broker, "chat/request/history", json!({"requester": "alice"}));
    let page = await_json(&mut watcher, "the history", "chat/private/alice", |v| v["type"] == "history");
    assert_eq!(page["messages"], json!([]));
}

#[test]
fn a_heartbeat_from_somebody_absent_counts_as_a_join() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/system"]);
    say(&broker, "chat/presence", json!({"action": "heartbeat", "username": "ghost"}));
    await_notice(&mut watcher, "user_join", "ghost");
}

#[test]
fn silence_is_a_timeout() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let mut server = start_server(&broker, data.path(), &["--timeout", "2"]);
    server.wait_for_line(super::Stream::Err, "original clients", super::PATIENCE);
    let mut watcher = Subscriber::start(&broker, &["chat/system"]);
    original(&broker, "join", "alice");
    let notice = await_notice(&mut watcher, "user_timeout", "alice");
    assert_eq!(notice["message"], "alice timed out");
    assert_eq!(notices(&mut watcher), ["user_join alice", "user_timeout alice"]);
}

#[test]
fn the_list_of_users_is_retained() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut early = Subscriber::start(&broker, &["chat/users"]);
    let users: Value = await_json(&mut early, "the list", "chat/users", |v| v["type"] == "online_users");
    assert_eq!(users["users"], json!([]));
}

#[test]
fn an_original_with_an_invalid_nick_learns_it_from_its_history() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let mut server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/private/#", "chat/system"]);
    let long = "x".repeat(40);
    for name in ["a#b", "Server", &long] {
        for _ in 0..2 {
            original(&broker, "join", name);
            say(&broker, "chat/request/history", json!({"requester": name, "timestamp": "2026-11-22T19:11:34.506168"}));
            publish(&broker, "chat/messages", chat(name, "hi").to_string(), 0, false);
        }
    }
    for (name, why) in [("Server", "this name is reserved"), (&long, "at most 32 characters")] {
        let page = await_json(&mut watcher, name, &format!("chat/private/{name}"), |v| v["type"] == "history");
        let message = &page["messages"][0];
        assert!(message["message"].as_str().is_some_and(|text| text.contains(why)), "{page}");
        assert_eq!(message.as_object().map(|fields| fields.len()), Some(4), "{page}");
    }
    // It has no valid topic. The log names it once, like the others.
    original(&broker, "join", "alice");
    await_notice(&mut watcher, "user_join", "alice");
    let topics: Vec<String> = watcher.messages().into_iter().map(|message| message.topic).collect();
    assert!(!topics.iter().any(|topic| topic.contains("a#b")), "{topics:?}");
    let warnings = |server: &mut super::Program, name: &str| {
        let warned = format!("ignored what is sent as \"{name}\", which cannot be a nick");
        server.lines(super::Stream::Err).iter().filter(|line| line.contains(&warned)).count()
    };
    assert_eq!(["a#b", "Server", &long].map(|name| warnings(&mut server, name)), [1, 1, 1]);
}

#[test]
fn a_time_that_its_python_cannot_read_is_rewritten() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/private/#"]);
    let times = ["2026-11-22t20:30:00z", "2026-11-22T20:30:00.123456789+01:00", "2026-11-22T19:11:34.506051"];
    for time in times {
        let mut message = chat("bob", time);
        message["timestamp"] = time.into();
        publish(&broker, "chat/messages", message.to_string(), 1, false);
    }
    say(&broker, "chat/request/history", json!({"requester": "alice"}));
    let page = await_json(&mut watcher, "the history", "chat/private/alice", |v| v["type"] == "history");
    let told: Vec<&str> = page["messages"].as_array().unwrap().iter().filter_map(|m| m["timestamp"].as_str()).collect();
    assert_eq!(told, ["2026-11-22T20:30:00.000+00:00", "2026-11-22T20:30:00.123+01:00", "2026-11-22T19:11:34.506051"]);
}
