//! Messages of two runs of a sender: a message told after a later one is marked late, whatever clocks say.

use super::*;
use support::{Subscriber, publish};

/// A message of another run of this nick. Later runs are later in the alphabet, and their clock was set back.
fn said(nick: &str, run: char, text: &str) -> String {
    let session = run.to_string().repeat(12);
    let hour = 20 - (u32::from(run) - u32::from('a'));
    json!({
        "type": "chat", "username": nick, "message": text, "session": session, "seq": 1,
        "timestamp": format!("2026-11-22T{hour}:00:00Z"),
    })
    .to_string()
}

/// A chat whose history holds messages of an earlier run of this nick, and whose server is stopped.
#[track_caller]
fn chat_with_an_earlier_run_of(nick: &str) -> Chat {
    let chat = Chat::start(Broker::start());
    let mut marks = Subscriber::start(&chat.broker, &["chat/marks/lobby"]);
    publish(&chat.broker, "chat/messages", said(nick, 'a', "old"), 1, false);
    marks.wait_for("it is stored", |_, payload| String::from_utf8_lossy(payload).contains("aaaaaaaaaaaa"));
    chat.server.signal(libc::SIGSTOP);
    chat
}

#[test]
fn an_earlier_run_whose_clock_was_ahead_is_late() {
    let chat = chat_with_an_earlier_run_of("bob");
    let mut alice = chat.client("alice", &["--json"]);
    event(&mut alice, "connected");
    publish(&chat.broker, "chat/messages", said("bob", 'b', "new"), 1, false);
    assert_eq!(event_with(&mut alice, "chat", r#""new""#)["late"], Value::Null);
    chat.server.signal(libc::SIGCONT);
    assert_eq!(event_with(&mut alice, "chat", r#""old""#)["late"], true);
    assert_eq!(quit(alice), ["new", "old"]);
}

#[test]
fn own_messages_of_an_earlier_run_are_late() {
    let chat = chat_with_an_earlier_run_of("alice");
    let mut alice = chat.client("alice", &["--json"]);
    event(&mut alice, "connected");
    alice.send_line(r#"{"message":"new"}"#);
    assert_eq!(event_with(&mut alice, "chat", r#""new""#)["own"], true);
    chat.server.signal(libc::SIGCONT);
    assert_eq!(event_with(&mut alice, "chat", r#""old""#)["late"], true);
    assert_eq!(quit(alice), ["new", "old"]);
}
