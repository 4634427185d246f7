//! Programs that stood still: what waits for them at the broker comes late, or is dropped.

use super::*;
use support::{Subscriber, wait_until};

/// Waits until so many requests for pages have been made in all.
#[track_caller]
fn wait_for_requests(requests: &mut Subscriber, count: usize) {
    wait_until(PATIENCE, &format!("{count} requests"), || requests.messages().len() >= count);
}

#[test]
fn a_reply_to_an_earlier_run_is_not_taken_for_ones_own() {
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

    // Alice gets that the server is away, and of what follows 20 messages and what fits into the queue.
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
