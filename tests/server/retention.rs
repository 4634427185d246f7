//! Retention while the chat goes on: the oldest messages go, the history says so, and removed messages are not stored
//! again.

use super::support::{Broker, PATIENCE, Program, Stream, Subscriber, TempDir, publish_lines, wait_until};
use super::{FIRST_RUN, SECOND_RUN, ask, await_json, chat, ours, say, start_server, texts};
use serde_json::{Value, json};

/// More than twice what the server is told to keep.
const MESSAGES: u64 = 600;

/// A text of some of 5,000 words, whose index takes as much space as they do, and a word of its own.
fn large(seq: u64) -> Value {
    let words: Vec<String> = (0..400).map(|n| format!("word{}", (seq * 7_919 + n * n * 31) % 5_000)).collect();
    let mut message = chat("alice", &format!("message{seq} {}", words.join(" ")));
    message["session"] = FIRST_RUN.into();
    message["seq"] = seq.into();
    message
}

#[test]
fn removed_messages_still_count_as_stored() {
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
    // The rest can be found, and is not little: 1 MB is enough for 100 of them.
    let left = newest["to"].as_u64().expect("a position") - oldest["from"].as_u64().expect("a position");
    assert!((20..MESSAGES / 2).contains(&left), "{left}");
    let found = ask(&broker, &mut watcher, "search", "s1", json!({"text": format!("message{MESSAGES}")}));
    assert_eq!(texts(&found).len(), 1);
    let found = ask(&broker, &mut watcher, "search", "s2", json!({"text": "message1"}));
    assert_eq!(texts(&found), [""; 0]);

    // A waiting addressee is still served.
    ours(&broker, "join", "bob", SECOND_RUN, 1);
    await_json(&mut watcher, "the message", "chat/private/bob/server", |v| v["message"] == "waits");
}

/// A sender's direct messages, one per line.
fn waiting(nick: &str, to: &str, seqs: std::ops::RangeInclusive<u64>) -> String {
    let text = "x".repeat(4_000);
    let line = |seq| {
        let message = json!({"type": "private", "username": nick, "to": to, "message": text, "session": FIRST_RUN,
            "seq": seq});
        format!("{message}\n")
    };
    seqs.map(line).collect()
}

#[test]
fn direct_messages_that_nobody_fetches_take_nothing_from_the_history() {
    const MESSAGES: u64 = 5_000;
    let (broker, data) = (Broker::builder().line("max_queued_messages 20000").start(), TempDir::new());
    let mut server = start_server(&broker, data.path(), &["--max-size", "4M"]);
    let mut watcher = Subscriber::start(&broker, &["chat/private/+/server"]);
    let said = |seqs: std::ops::RangeInclusive<u64>| -> String {
        let line = |seq: u64| {
            let mut message = chat("alice", &format!("number {seq}"));
            message["session"] = FIRST_RUN.into();
            message["seq"] = seq.into();
            format!("{message}\n")
        };
        seqs.map(line).collect()
    };
    publish_lines(&broker, "chat/messages", &said(1..=MESSAGES));
    // Mallory writes to nobody, and to Bob, who is present and sends no receipts.
    ours(&broker, "join", "bob", SECOND_RUN, 1);
    publish_lines(&broker, "chat/private/nobody/mallory", &waiting("mallory", "nobody", 1..=750));
    publish_lines(&broker, "chat/private/bob/mallory", &waiting("mallory", "bob", 751..=1_500));
    for (seq, to) in [(750, "nobody"), (1_500, "bob")] {
        let of = format!("{FIRST_RUN}-{seq}");
        let error = await_json(&mut watcher, "the refusal", "chat/private/mallory/server", |v| v["of"] == of);
        assert_eq!((&error["code"], &error["session"]), (&json!("full"), &json!(FIRST_RUN)));
        assert!(error["message"].as_str().is_some_and(|text| text.ends_with(to)), "{error}");
    }
    // Later messages stay, too.
    publish_lines(&broker, "chat/messages", &said(MESSAGES + 1..=MESSAGES + 100));
    let mut token = 0;
    wait_until(PATIENCE, "all are in the history", || {
        token += 1;
        ask(&broker, &mut watcher, "history", &format!("h{token}"), json!({"limit": 0}))["to"] == MESSAGES + 100
    });
    // A server checks at its start whether there is too much.
    server.signal(libc::SIGTERM);
    assert_eq!(server.exit_code(PATIENCE), 0);
    let _server = start_server(&broker, data.path(), &["--max-size", "4M"]);
    let rooms = ask(&broker, &mut watcher, "rooms", "rooms", json!({}));
    assert_eq!(rooms["rooms"], json!([{"name": "lobby", "members": 1, "messages": MESSAGES + 100}]));

    // People are told, and a script fails.
    let client = ["client", &broker.address(), "--nick", "alice", "--to", "dave", "-m", &"x".repeat(4_000)];
    let mut sender = Program::start(&client);
    assert_eq!(sender.exit_code(PATIENCE), 1);
    let line =
        "mqttchat: the chat server refuses: no room for more waiting direct messages: this one is not kept for dave";
    assert_eq!(sender.lines(Stream::Err), [line]);
}

/// More empty rooms than such a small database remembers.
#[test]
fn a_forgotten_room_leaves_no_mark_and_returns_above_its_cursors() {
    const ROOMS: u64 = 700;
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &["--max-size", "1M"]);
    let mut watcher = Subscriber::start(&broker, &["chat/private/asker/#", "chat/marks/room-1"]);
    let say_in = |room: u64| {
        let mut message = large(room);
        message["room"] = format!("room-{room}").into();
        say(&broker, &format!("chat/rooms/room-{room}/alice"), message);
    };
    say_in(1);
    let mark = await_json(&mut watcher, "its mark", "chat/marks/room-1", |v| v["to"] == 1);
    (2..=ROOMS).for_each(say_in);
    watcher.wait_within(PATIENCE * 2, "the end of its mark", |topic, payload| {
        topic == "chat/marks/room-1" && payload.is_empty()
    });
    // What a latecomer receives.
    let mut late = Subscriber::start(&broker, &["chat/marks/#"]);
    let last = format!("chat/marks/room-{ROOMS}");
    late.wait_for("the last mark", |topic, _| topic == last);
    assert!(late.messages().iter().all(|message| message.topic != "chat/marks/room-1"));

    // A former member who asks when somebody speaks again is told that something may be missing.
    let cursor = format!("{}:1", mark["epoch"].as_str().expect("an epoch"));
    let mut again = large(ROOMS + 1);
    again["room"] = "room-1".into();
    say(&broker, "chat/rooms/room-1/alice", again);
    let mark = await_json(&mut watcher, "a new mark", "chat/marks/room-1", |v| v["to"].as_u64() > Some(1));
    let page = ask(&broker, &mut watcher, "history", "h1", json!({"room": "room-1", "after": cursor}));
    assert_eq!((&page["to"], &page["gap"], texts(&page).len()), (&mark["to"], &json!(true), 1));
}
