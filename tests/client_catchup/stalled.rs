//! Stopped programs: their messages arrive late from the broker, or are dropped.

use super::*;
use support::{Subscriber, publish, publish_lines, wait_until};

/// Waits until this many requests for pages were made in all.
#[track_caller]
fn wait_for_requests(requests: &mut Subscriber, count: usize) {
    wait_until(PATIENCE, &format!("{count} requests"), || requests.messages().len() >= count);
}

#[test]
fn a_reply_to_an_earlier_run_is_ignored() {
    let chat = Chat::start(Broker::start());
    let mut bob = chat.json("bob", &["--room", "one", "--room", "two"]);
    for room in ["lobby", "one", "two"] {
        say(&mut bob, json!({"message": format!("said in {room}"), "room": room}));
    }
    let mut requests = Subscriber::start(&chat.broker, &["chat/request/history/alice"]);
    chat.server.signal(libc::SIGSTOP);
    let mut earlier = chat.client("alice", &["--json", "--room", "one", "--room", "two"]);
    wait_for_requests(&mut requests, 3);
    earlier.kill();
    let mut alice = chat.client("alice", &["--json", "--room", "two", "--room", "one"]);
    wait_for_requests(&mut requests, 6);
    chat.server.signal(libc::SIGCONT);

    for room in ["lobby", "one", "two"] {
        event_with(&mut alice, "history", &format!(r#""room":"{room}""#));
    }
    let mut told = events(&mut alice, "chat");
    told.sort_by_key(|chat| chat["room"].to_string());
    let told: Vec<_> = told.iter().map(|chat| (chat["room"].as_str(), chat["message"].as_str())).collect();
    let expected = [("lobby", "said in lobby"), ("one", "said in one"), ("two", "said in two")];
    assert_eq!(told, expected.map(|(room, text)| (Some(room), Some(text))));
}

#[test]
fn a_server_whose_return_was_missed_is_found() {
    let mut chat = Chat::start(Broker::builder().line("max_queued_messages 10").start());
    let mut bob = chat.json("bob", &[]);
    let mut alice = chat.json("alice", &["--keepalive", "600"]);
    event(&mut alice, "history");
    say(&mut bob, json!({"message": "number 0"}));
    event_with(&mut alice, "chat", r#""number 0""#);

    // Alice gets the notice that the server is away, then 20 messages and as many as the queue holds.
    alice.signal(libc::SIGSTOP);
    chat.server.kill();
    bob.wait_for_line(Stream::Out, r#""status":"offline""#, PATIENCE);
    for text in numbered(1..=60) {
        let sent = format!(r#""message":"{text}""#);
        bob.send_line(&json!({"message": text}).to_string());
        event_with(&mut bob, "chat", &sent);
    }
    chat.server = Chat::server(&chat.broker, chat.data.path());
    say(&mut bob, json!({"message": "number 61"}));
    alice.signal(libc::SIGCONT);

    wait_until(PATIENCE * 2, "all are told", || texts(&mut alice, "chat").len() >= 62);
    assert!(!events(&mut alice, "server").is_empty() && events(&mut alice, "disconnected").is_empty());
    let mut told = quit(alice);
    told.sort_by_key(|text| text["number ".len()..].parse::<u32>().unwrap());
    assert_eq!(told, numbered(0..=61));
}

#[test]
fn live_messages_never_stored_hide_no_missed_ones() {
    // Without TCP's delay, all 100 are published before the server's second mark, 200 ms after the first.
    let mut chat = Chat::start(Broker::builder().line("max_queued_messages 50").line("set_tcp_nodelay true").start());
    let mut alice = chat.json("alice", &["--keepalive", "600"]);
    event(&mut alice, "history");
    let payload = |text: String| json!({"type": "chat", "username": "py", "message": text}).to_string();
    chat.server.kill();
    // At QoS 0 nothing waits for the server.
    for n in 1..=40 {
        publish(&chat.broker, "chat/messages", payload(format!("without a server {n}")), 0, false);
    }
    event_with(&mut alice, "chat", r#""without a server 40""#);
    chat.server = Chat::server(&chat.broker, chat.data.path());
    // She has joined again and requested what she missed.
    wait_until(PATIENCE, "another page", || events(&mut alice, "history").len() >= 2);

    // Marks announce what is dropped while she is stopped, once she continues.
    let with: String = (1..=100).map(|n| payload(format!("with a server {n}")) + "\n").collect();
    let published = || {
        let log = chat.broker.log();
        log.lines().filter(|line| line.contains("Received PUBLISH") && line.contains("'chat/messages'")).count()
    };
    alice.signal(libc::SIGSTOP);
    std::thread::scope(|scope| {
        scope.spawn(|| publish_lines(&chat.broker, "chat/messages", &with));
        wait_until(PATIENCE, "all are published", || published() >= 140);
        alice.signal(libc::SIGCONT);
    });
    publish(&chat.broker, "chat/messages", payload("with a server, at last".to_owned()), 1, false);

    // The server may have missed some of the 100, too.
    let mut reader = chat.json("bob", &[]);
    let mut stored = Vec::new();
    wait_until(PATIENCE, "the last is stored", || {
        reader.skip_lines_so_far();
        reader.send_line(r#"{"command":"history","limit":500,"ref":"all"}"#);
        event_with(&mut reader, "history", r#""ref":"all""#);
        stored = texts(&mut reader, "chat");
        stored.contains(&"with a server, at last".to_owned())
    });
    stored.sort();
    stored.dedup();
    let mut expected: Vec<String> = (1..=40).map(|n| format!("without a server {n}")).collect();
    expected.extend(stored.into_iter().filter(|text| text.starts_with("with a")));
    expected.sort();
    wait_until(PATIENCE, "all are told", || texts(&mut alice, "chat").len() >= expected.len());
    let mut told = quit(alice);
    told.sort();
    assert_eq!(told, expected);
}
