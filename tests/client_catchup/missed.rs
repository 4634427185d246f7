//! Missed room messages: while the client was away, and while it was not.

use super::*;
use support::{Pty, wait_until};

/// Sends these and waits until they are stored, a few at a time, because the sender's confirmations pass through a
/// queue, too.
#[track_caller]
fn say_all(program: &mut Program, texts: &[String]) {
    for texts in texts.chunks(10) {
        let (last, others) = texts.split_last().unwrap();
        others.iter().for_each(|text| program.send_line(&json!({"message": text}).to_string()));
        say(program, json!({"message": last}));
    }
}

/// Waits for the answer to the history request of the join: the server answers in order.
#[track_caller]
fn settle(program: &mut Program) {
    program.send_line(r#"{"command":"search","text":"nothing","ref":"settled"}"#);
    event_with(program, "search_result", "settled");
}

#[test]
fn a_client_that_comes_back_gets_what_it_missed_once() {
    let chat = Chat::start(Broker::start());
    let mut bob = chat.json("bob", &["--room", "dev"]);
    say(&mut bob, json!({"message": "before", "room": "lobby"}));
    let mut alice = chat.json("alice", &["--room", "dev"]);
    event_with(&mut alice, "chat", "before");
    say(&mut alice, json!({"message": "hello", "room": "lobby"}));
    say(&mut bob, json!({"message": "live", "room": "lobby"}));
    event_with(&mut alice, "chat", "live");
    assert_eq!(quit(alice), ["before", "hello", "live"]);

    say(&mut bob, json!({"message": "while away", "room": "lobby"}));
    say(&mut bob, json!({"message": "in dev", "room": "dev"}));
    let mut alice = chat.json("alice", &["--room", "dev"]);
    event_with(&mut alice, "chat", "in dev");
    event_with(&mut alice, "chat", "while away");
    say(&mut bob, json!({"message": "after", "room": "lobby"}));
    event_with(&mut alice, "chat", "after");
    let mut told = quit(alice);
    told.sort();
    assert_eq!(told, ["after", "in dev", "while away"]);

    let mut alice = chat.json("alice", &["--room", "dev"]);
    event_with(&mut alice, "history", r#""room":"dev""#);
    event_with(&mut alice, "history", r#""room":"lobby""#);
    assert_eq!(quit(alice), [] as [String; 0]);
}

#[test]
fn a_client_that_was_killed_misses_nothing() {
    let chat = Chat::start(Broker::start());
    let mut bob = chat.json("bob", &[]);
    let mut alice = chat.json("alice", &[]);
    event(&mut alice, "history");
    say_all(&mut bob, &numbered(1..=10));
    // News told before a receipt goes out is remembered before it.
    say(&mut bob, json!({"message": "psst", "to": "alice"}));
    event_with(&mut bob, "delivered", "psst");
    say_all(&mut bob, &numbered(11..=20));
    event_with(&mut alice, "chat", r#""number 15""#);
    alice.kill();
    let mut told = texts(&mut alice, "chat");
    say(&mut bob, json!({"message": "number 21"}));
    let mut alice = chat.json("alice", &[]);
    event_with(&mut alice, "chat", r#""number 21""#);
    let again = quit(alice);
    assert!(!again.iter().any(|text| numbered(1..=10).contains(text)), "{again:?}");
    told.extend(again);
    told.sort_by_key(|text| text["number ".len()..].parse::<u32>().unwrap());
    told.dedup();
    assert_eq!(told, numbered(1..=21));
}

#[test]
fn any_number_comes_in_pages() {
    let chat = Chat::start(Broker::start());
    let mut alice = chat.json("alice", &[]);
    event(&mut alice, "history");
    quit(alice);
    chat.send("bob", &numbered(1..=1_200), &[]);
    let mut alice = chat.json("alice", &[]);
    event_with(&mut alice, "chat", r#""number 1200""#);
    assert!(events(&mut alice, "history").len() >= 2);
    assert!(events(&mut alice, "chat").iter().all(|chat| chat["late"].is_null()), "they came in order");
    assert_eq!(quit(alice), numbered(1..=1_200));
    let mut alice = chat.json("alice", &[]);
    event(&mut alice, "history");
    assert_eq!(quit(alice), [] as [String; 0]);
}

#[test]
fn a_hole_is_found_without_a_disconnect() {
    // A stalled client has 20 messages under way and this many in the broker's queue. Further ones are dropped.
    let chat = Chat::start(Broker::builder().line("max_queued_messages 100").start());
    let mut bob = chat.json("bob", &[]);
    let mut alice = chat.json("alice", &["--keepalive", "600"]);
    event(&mut alice, "history");
    say(&mut bob, json!({"message": "number 1"}));
    event_with(&mut alice, "chat", r#""number 1""#);
    alice.signal(libc::SIGSTOP);
    say_all(&mut bob, &numbered(2..=300));
    alice.signal(libc::SIGCONT);
    wait_until(PATIENCE * 3, "all are told", || texts(&mut alice, "chat").len() >= 300);
    say(&mut bob, json!({"message": "number 301"}));
    event_with(&mut alice, "chat", r#""number 301""#);
    let chats = events(&mut alice, "chat");
    // Only pages have positions. What this one brought was late but is not backlog.
    let paged: Vec<_> = chats.iter().filter(|chat| chat["pos"].is_u64()).collect();
    assert!(!paged.is_empty() && paged.iter().all(|chat| chat["history"].is_null()), "{paged:?}");
    assert_eq!(events(&mut alice, "disconnected").len(), 0);
    let mut told = quit(alice);
    told.sort_by_key(|text| text["number ".len()..].parse::<u32>().unwrap());
    assert_eq!(told, numbered(1..=301));
}

#[test]
fn a_hole_in_one_senders_messages_is_marked_late() {
    let chat = Chat::start(Broker::builder().line("max_queued_messages 20").start());
    let mut bob = chat.json("bob", &[]);
    let mut alice = chat.json("alice", &["--keepalive", "600"]);
    event(&mut alice, "history");
    alice.signal(libc::SIGSTOP);
    say_all(&mut bob, &numbered(1..=100));
    alice.signal(libc::SIGCONT);
    event_with(&mut alice, "chat", r#""number 1""#);
    say(&mut bob, json!({"message": "number 101"}));
    wait_until(PATIENCE * 3, "all are told", || texts(&mut alice, "chat").len() >= 101);
    let mut newest = 0;
    for chat in events(&mut alice, "chat") {
        let number: u32 = chat["message"].as_str().unwrap()["number ".len()..].parse().unwrap();
        assert_eq!(chat["late"] == true, number < newest, "{chat} after {newest}");
        newest = number.max(newest);
    }
}

#[test]
fn a_lost_history_is_reported() {
    let mut chat = Chat::start(Broker::start());
    let mut bob = chat.json("bob", &[]);
    say(&mut bob, json!({"message": "of the first"}));
    let mut alice = chat.json("alice", &[]);
    event_with(&mut alice, "chat", "of the first");
    assert_eq!(quit(alice), ["of the first"]);
    chat.replace_history();
    event_with(&mut bob, "server", "");
    bob.skip_lines_so_far();
    say(&mut bob, json!({"message": "of the second"}));
    let mut alice = chat.json("alice", &[]);
    event_with(&mut alice, "chat", "of the second");
    let gap = event(&mut alice, "gap");
    assert_eq!(gap["room"], "lobby");
    assert_eq!(events(&mut alice, "gap").len(), 1);
    assert_eq!(quit(alice), ["of the second"]);
}

/// Alice has read a message of Bob's on a terminal, and left with these keys. Also returns what starts her client again,
/// under any nick.
fn read_and_left(keys: &str) -> (Chat, Program, impl Fn(&str) -> Pty) {
    let chat = Chat::start(Broker::start());
    let mut bob = chat.json("bob", &[]);
    say(&mut bob, json!({"message": "read"}));
    let (home, address) = (TempDir::new(), chat.broker.address());
    let start = move |nick: &str| Pty::start_at(home.path(), &["client", &address, "--nick", nick]);
    let mut alice = start("alice");
    alice.wait_for_line("bob: read");
    assert!(!alice.screen().iter().any(|line| line.contains("since you left")));
    alice.press(keys);
    assert_eq!(alice.exit_code(), 0);
    (chat, bob, start)
}

#[test]
fn on_a_terminal_it_says_where_the_unread_begins() {
    let (_chat, mut bob, start) = read_and_left("/quit\r");
    say(&mut bob, json!({"message": "unread"}));
    let mut alice = start("alice");
    alice.wait_for_screen("the unread line", |lines| {
        let at = |end: &str| lines.iter().position(|line| line.ends_with(end));
        at("-- #lobby: since you left").is_some() && at("since you left").map(|at| at + 1) == at("bob: unread")
    });
    assert!(!alice.screen().iter().any(|line| line.ends_with("bob: read")));
}

#[test]
fn a_nick_taken_just_before_the_end_misses_nothing() {
    let (_chat, mut bob, start) = read_and_left("/nick alina\r/quit\r");
    // One page of the newest has 50 messages.
    say_all(&mut bob, &numbered(1..=60));
    let mut alina = start("alina");
    alina.wait_for_line("bob: number 60");
    assert!(alina.scrollback_and_screen().iter().any(|line| line.ends_with("bob: number 1")));
}

#[test]
fn without_history_nothing_is_missed_later() {
    let chat = Chat::start(Broker::builder().line("max_queued_messages 20").start());
    let mut bob = chat.json("bob", &[]);
    say(&mut bob, json!({"message": "before"}));
    let mut alice = chat.json("alice", &["--no-history", "--keepalive", "600"]);
    settle(&mut alice);
    say(&mut bob, json!({"message": "number 1"}));
    event_with(&mut alice, "chat", "number 1");
    alice.signal(libc::SIGSTOP);
    say_all(&mut bob, &numbered(2..=80));
    alice.signal(libc::SIGCONT);
    event_with(&mut alice, "chat", r#""number 2""#);
    say(&mut bob, json!({"message": "number 81"}));
    wait_until(PATIENCE * 3, "all are told", || texts(&mut alice, "chat").len() >= 81);
    let mut told = quit(alice);
    told.sort_by_key(|text| text.strip_prefix("number ").and_then(|number| number.parse::<u32>().ok()));
    assert_eq!(told, numbered(1..=81));
}
