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
    // The original's server answers a join with the list.
    let users = await_json(&mut watcher, "the user list", "chat/private/Alice", |v| v["type"] == "online_users");
    assert_eq!((&users["users"], &users["count"]), (&json!(["Alice"]), &json!(1)));

    for text in ["hi one", "hi two"] {
        publish(&broker, "chat/messages", chat("Alice", text).to_string(), 0, false);
    }
    say(&broker, "chat/request/history", json!({"requester": "Alice", "timestamp": "2026-11-22T19:11:34.506168"}));
    let page = await_json(&mut watcher, "the history", "chat/private/Alice", |v| v["type"] == "history");
    // Its client knows these fields and fails on a missing one; it gets no others.
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
