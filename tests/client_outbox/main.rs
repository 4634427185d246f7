//! The fate of a message from the client's side: a real broker, and a scripted chat server.

#[path = "../support/mod.rs"]
mod support;

mod endings;
mod files;
mod senders;
mod stand_in;

use serde_json::Value;
use stand_in::{Answer, StandIn};
use std::path::Path;
use support::{Broker, PATIENCE, Program, Stream, TempDir, wait_until};

fn start(broker: &Broker, arguments: &[&str]) -> Program {
    let address = broker.address();
    Program::start(&[&["client", &address], arguments].concat())
}

/// A client with a home that outlives it.
fn start_at(home: &Path, broker: &Broker, arguments: &[&str]) -> Program {
    let address = broker.address();
    Program::with(&[&["client", &address], arguments].concat()).home(home).start()
}

/// The first event of this name that contains `part`.
#[track_caller]
fn event(program: &mut Program, name: &str, part: &str) -> Value {
    let begin = format!(r#"{{"event":"{name}""#);
    let wanted = |line: &str| line.starts_with(&begin) && line.contains(part);
    let line = program.wait_for_line_where(Stream::Out, &format!("{name} {part}"), PATIENCE, wanted);
    serde_json::from_str(&line).expect("an event is JSON")
}

fn count(program: &mut Program, name: &str) -> usize {
    let begin = format!(r#"{{"event":"{name}""#);
    program.lines(Stream::Out).iter().filter(|line| line.starts_with(&begin)).count()
}

fn json(broker: &Broker, arguments: &[&str]) -> Program {
    let mut program = start(broker, &[&["--json", "--nick", "alice"], arguments].concat());
    event(&mut program, "connected", "");
    program
}

#[test]
fn a_message_is_sent_stored_and_settled() {
    let broker = Broker::start();
    let server = StandIn::start(&broker, Answer::Store);
    let mut alice = json(&broker, &[]);
    alice.send_line(r#"{"message":"hi","ref":"a"}"#);
    let sent = event(&mut alice, "sent", r#""ref":"a""#);
    let stored = event(&mut alice, "stored", r#""ref":"a""#);
    assert_eq!(sent["id"], stored["id"]);
    alice.send_line(r#"{"message":"psst","to":"bob","ref":"b"}"#);
    event(&mut alice, "stored", r#""ref":"b""#);
    alice.close_stdin();
    assert_eq!(alice.exit_code(PATIENCE), 0);
    assert!(server.heard().iter().all(|heard| !heard.is_late()));
}

#[test]
fn silence_sends_again_late_with_the_same_id() {
    let broker = Broker::start();
    let server = StandIn::start(&broker, Answer::Silence);
    let mut alice = json(&broker, &[]);
    alice.send_line(r#"{"message":"hi","ref":"a"}"#);
    event(&mut alice, "sent", r#""ref":"a""#);
    alice.close_stdin();
    let first = server.wait_for("the message", |heard| heard.text() == "hi");
    assert_eq!((first.topic.as_str(), first.is_late()), ("chat/messages", false));
    server.answer(Answer::Store);
    let again = server.wait_for("the message again", |heard| heard.is_late());
    assert_eq!((again.topic.as_str(), again.id()), ("chat/messages/alice", first.id()));
    event(&mut alice, "stored", r#""ref":"a""#);
    assert_eq!(alice.exit_code(PATIENCE), 0);
    assert_eq!((count(&mut alice, "sent"), count(&mut alice, "chat")), (1, 1), "told once, and shown once");
}

#[test]
fn a_reconnect_retransmits_unstored_messages() {
    let mut broker = Broker::start();
    let server = StandIn::start(&broker, Answer::Refuse("nothing"));
    let mut alice = json(&broker, &[]);
    alice.send_line(r#"{"message":"stored","ref":1}"#);
    event(&mut alice, "stored", r#""ref":1"#);
    server.answer(Answer::Silence);
    alice.send_line(r#"{"message":"only sent","ref":2}"#);
    event(&mut alice, "sent", r#""ref":2"#);
    broker.kill();
    event(&mut alice, "disconnected", "");
    alice.send_line(r#"{"message":"typed meanwhile","ref":3}"#);
    event(&mut alice, "chat", "typed meanwhile");
    server.answer(Answer::Store);
    broker.start_again();
    event(&mut alice, "stored", r#""ref":2"#);
    event(&mut alice, "stored", r#""ref":3"#);
    let ids: Vec<String> = server.heard().iter().filter(|heard| heard.text() == "only sent").map(|h| h.id()).collect();
    assert!(ids.len() >= 2 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(server.heard().iter().filter(|heard| heard.text() == "stored").count(), 1);
    alice.send_line(r#"{"command":"quit"}"#);
    assert_eq!(alice.exit_code(PATIENCE), 0);
}

#[test]
fn a_returning_server_gets_the_messages_it_missed() {
    let (broker, home) = (Broker::start(), TempDir::new());
    let server = StandIn::start(&broker, Answer::Store);
    let mut alice = start_at(home.path(), &broker, &["--json", "--listen", "--nick", "alice"]);
    alice.send_line(r#"{"message":"with","ref":1}"#);
    event(&mut alice, "stored", r#""ref":1"#);
    server.stop();
    event(&mut alice, "server", "offline");
    alice.send_line(r#"{"message":"without","ref":2}"#);
    event(&mut alice, "sent", r#""ref":2"#);
    let server = StandIn::start(&broker, Answer::Store);
    event(&mut alice, "stored", r#""ref":2"#);
    assert!(server.wait_for("what it missed", |heard| heard.text() == "without").is_late());

    // A later run knows from the start that there is a server: the broker's acknowledgement does not settle its
    // messages.
    server.stop();
    let mut second = start_at(home.path(), &broker, &["--json", "--nick", "alice", "-W", "4"]);
    second.send_line(r#"{"message":"waits","ref":3}"#);
    second.close_stdin();
    event(&mut second, "sent", r#""ref":3"#);
    assert_eq!(second.exit_code(PATIENCE), 27);
}

#[test]
fn without_a_server_the_acknowledgement_settles_messages() {
    let broker = Broker::start();
    let mut alice = json(&broker, &[]);
    alice.send_line(r#"{"message":"hi","ref":1}"#);
    alice.close_stdin();
    assert_eq!(alice.exit_code(PATIENCE), 0);
    assert_eq!((count(&mut alice, "sent"), count(&mut alice, "stored")), (1, 0));
}

#[test]
fn an_error_settles_one_in_the_middle() {
    let broker = Broker::start();
    let _server = StandIn::start(&broker, Answer::Refuse("bad"));
    let mut alice = json(&broker, &[]);
    for (number, text) in [(1, "good"), (2, "bad"), (3, "good again")] {
        alice.send_line(&format!(r#"{{"message":"{text}","ref":{number}}}"#));
    }
    alice.close_stdin();
    let error = event(&mut alice, "error", r#""ref":2"#);
    assert_eq!(error["message"], "not that");
    assert_eq!(alice.exit_code(PATIENCE), 0);
    assert_eq!(count(&mut alice, "stored"), 2);
}

#[test]
fn people_are_told_about_delays() {
    let broker = Broker::start();
    let server = StandIn::start(&broker, Answer::Store);
    let mut alice = start(&broker, &["--listen", "--nick", "alice"]);
    alice.wait_for_line(Stream::Err, "1 online", PATIENCE);
    alice.send_line("quick");
    server.wait_for("the quick one", |heard| heard.text() == "quick");
    server.answer(Answer::Silence);
    alice.send_line("slow");
    alice.wait_for_line(Stream::Err, "not stored yet: the chat server has not confirmed it", PATIENCE);
    server.answer(Answer::Store);
    alice.wait_for_line(Stream::Err, "all your messages are stored now", PATIENCE);
    let lines = alice.lines(Stream::Err);
    assert_eq!(lines.iter().filter(|line| line.contains("stored")).count(), 2, "{lines:?}");
}

#[test]
fn no_more_than_the_window_is_under_way() {
    let broker = Broker::start();
    let server = StandIn::start(&broker, Answer::Silence);
    let mut alice = json(&broker, &[]);
    for number in 1..=1_500 {
        alice.send_line(&format!(r#"{{"message":"{number}","ref":{number}}}"#));
    }
    wait_until(PATIENCE, "a full window", || server.count() >= 1_000);
    server.wait_for("the silence is over and the first goes again", |heard| heard.is_late());
    let distinct = |server: &StandIn| {
        let mut ids: Vec<String> = server.heard().iter().map(|heard| heard.id()).collect();
        ids.sort();
        ids.dedup();
        ids.len()
    };
    assert_eq!(distinct(&server), 1_000);
    server.answer(Answer::Store);
    wait_until(PATIENCE, "all of them", || count(&mut alice, "stored") == 1_500);
    assert_eq!(distinct(&server), 1_500);
}
