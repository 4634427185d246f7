//! Retention while the chat goes on: the oldest go, the history says so, and what is gone is not kept again.

use super::support::{Broker, PATIENCE, Subscriber, TempDir, wait_until};
use super::{FIRST_RUN, SECOND_RUN, ask, await_json, chat, ours, say, start_server, texts};
use serde_json::{Value, json};

/// Twice of what the server is told to keep, and more.
const MESSAGES: u64 = 600;

/// Of some of 5,000 words, whose index takes as much as they do; and of one of its own.
fn large(seq: u64) -> Value {
    let words: Vec<String> = (0..400).map(|n| format!("word{}", (seq * 7_919 + n * n * 31) % 5_000)).collect();
    let mut message = chat("alice", &format!("message{seq} {}", words.join(" ")));
    message["session"] = FIRST_RUN.into();
    message["seq"] = seq.into();
    message
}

#[test]
fn the_oldest_go_and_are_told_to_be_stored_all_the_same() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &["--max-size", "1M"]);
    let mut watcher = Subscriber::start(&broker, &["chat/private/#"]);
    let waits = json!({"type": "private", "username": "alice", "to": "bob", "message": "waits", "session": FIRST_RUN,
        "seq": MESSAGES + 1});
    say(&broker, "chat/private/bob/alice", waits);
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
    // What is left can be found, and is not little: 1 MB is for 100 of them.
    let left = newest["to"].as_u64().expect("a position") - oldest["from"].as_u64().expect("a position");
    assert!((20..MESSAGES / 2).contains(&left), "{left}");
    let found = ask(&broker, &mut watcher, "search", "s1", json!({"text": format!("message{MESSAGES}")}));
    assert_eq!(texts(&found).len(), 1);
    let found = ask(&broker, &mut watcher, "search", "s2", json!({"text": "message1"}));
    assert_eq!(texts(&found), [""; 0]);

    // Who waits is served all the same.
    ours(&broker, "join", "bob", SECOND_RUN, 1);
    await_json(&mut watcher, "the message", "chat/private/bob/server", |v| v["message"] == "waits");
}
