//! Retention while the chat goes on: the oldest go, the history says so, and what is gone is not kept again.

use super::support::{Broker, PATIENCE, Subscriber, TempDir, wait_until};
use super::{FIRST_RUN, ask, await_json, chat, say, start_server};
use serde_json::{Value, json};

/// Twice of what the server is told to keep, and more.
const MESSAGES: u64 = 600;

fn large(seq: u64) -> Value {
    let mut message = chat("alice", &"x".repeat(4_000));
    message["session"] = FIRST_RUN.into();
    message["seq"] = seq.into();
    message
}

#[test]
fn the_oldest_go_and_are_told_to_be_stored_all_the_same() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &["--max-size", "1M"]);
    let mut watcher = Subscriber::start(&broker, &["chat/private/#"]);
    for seq in 1..=MESSAGES {
        say(&broker, "chat/messages", large(seq));
    }
    let epoch = ask(&broker, &mut watcher, "history", "h0", json!({"limit": 0}))["epoch"].clone();
    let first = format!("{}:0", epoch.as_str().expect("an epoch"));
    let mut token = 0;
    let mut oldest = Value::Null;
    wait_until(PATIENCE, "the first half is gone", || {
        token += 1;
        oldest = ask(&broker, &mut watcher, "history", &format!("h{token}"), json!({"after": first, "limit": 1}));
        oldest["from"].as_u64() > Some(MESSAGES / 2)
    });
    assert_eq!((&oldest["gap"], &oldest["complete"]), (&json!(true), &json!(false)));

    watcher.skip_messages_so_far();
    let mut again = large(1);
    again["late"] = true.into();
    say(&broker, "chat/messages/alice", again);
    await_json(&mut watcher, "stored", "chat/private/alice/server", |v| v["seq"] == json!([[1, 1]]));
    let newest = ask(&broker, &mut watcher, "history", "last", json!({"limit": 1}));
    assert_eq!(newest["to"], MESSAGES);
}
