//! `--outbox FILE`, and the state file.

use crate::stand_in::{Answer, StandIn};
use crate::support::{Broker, PATIENCE, Program, Stream, TempDir};
use crate::{event, json, start, start_at};
use std::fs;

/// A JSON member with an outbox.
fn with_outbox(broker: &Broker, file: &str) -> Program {
    json(broker, &["--outbox", file])
}

struct Outbox {
    _dir: TempDir,
    file: String,
}

impl Outbox {
    fn new() -> Outbox {
        let dir = TempDir::new();
        let file = dir.join("outbox").display().to_string();
        Outbox { _dir: dir, file }
    }
}

#[test]
fn an_outbox_survives_kill_and_its_next_run_sends_it_late_with_its_own_id() {
    let (broker, outbox) = (Broker::start(), Outbox::new());
    let server = StandIn::start(&broker, Answer::Silence);
    let mut first = with_outbox(&broker, &outbox.file);
    first.send_line(r#"{"message":"one","ref":"a"}"#);
    first.send_line(r#"{"message":"to bob","to":"bob","ref":"b"}"#);
    event(&mut first, "sent", r#""ref":"b""#);
    first.kill();
    let before = server.wait_for("the first time", |heard| heard.text() == "one");
    let direct_before = server.wait_for("the direct one", |heard| heard.text() == "to bob");

    server.answer(Answer::Store);
    let mut second = with_outbox(&broker, &outbox.file);
    assert!(event(&mut second, "notice", "outbox")["message"].as_str().unwrap().starts_with("2 messages are still in"));
    event(&mut second, "stored", r#""ref":"a""#);
    event(&mut second, "stored", r#""ref":"b""#);
    let again = server.wait_for("the second time", |heard| heard.text() == "one" && heard.is_late());
    assert_eq!((again.id(), again.topic.as_str()), (before.id(), "chat/messages/alice"));
    let direct = server.wait_for("the direct one again", |heard| heard.text() == "to bob" && heard.is_late());
    assert_eq!(direct.id(), direct_before.id());
    second.send_line(r#"{"message":"own"}"#);
    let own = server.wait_for("a message of its own", |heard| heard.text() == "own");
    assert_ne!(own.payload["session"], again.payload["session"]);
    second.send_line(r#"{"command":"quit"}"#);
    assert_eq!(second.exit_code(PATIENCE), 0);

    // Nothing is left for a third.
    let third = with_outbox(&broker, &outbox.file);
    let mut third = third;
    third.send_line(r#"{"command":"quit"}"#);
    assert_eq!(third.exit_code(PATIENCE), 0);
    assert!(!third.lines(Stream::Out).iter().any(|line| line.contains("outbox")));
}

#[test]
fn what_quit_leaves_behind_an_outbox_keeps() {
    let (broker, outbox) = (Broker::start(), Outbox::new());
    let _server = StandIn::start(&broker, Answer::Silence);
    for (arguments, code, part) in [
        (&["--outbox", &outbox.file][..], 0, "1 message is in the outbox, for the next run"),
        (&[], 1, "1 message is unconfirmed"),
    ] {
        let mut alice = json(&broker, arguments);
        alice.send_line(r#"{"message":"one"}"#);
        alice.send_line(r#"{"command":"quit"}"#);
        assert_eq!(alice.exit_code(PATIENCE), code);
        assert!(alice.lines(Stream::Out).iter().any(|line| line.contains(part)), "{part}");
    }
}

#[test]
fn an_outbox_is_for_one_run_of_one_nick_at_one_broker() {
    let (broker, other, outbox) = (Broker::start(), Broker::start(), Outbox::new());
    let file = outbox.file.as_str();
    #[track_caller]
    fn check(broker: &Broker, arguments: &[&str], part: &str) {
        let mut refused = start(broker, &[arguments, &["--json"]].concat());
        assert_eq!(refused.exit_code(PATIENCE), 1);
        let lines = refused.lines(Stream::Err);
        assert!(
            matches!(&lines[..], [line] if line.starts_with("mqttchat: cannot use the outbox") && line.contains(part)),
            "{lines:?}"
        );
    }
    let mut alice = with_outbox(&broker, file);
    check(&broker, &["--nick", "alice", "--outbox", file], "another run uses it");
    alice.send_line(r#"{"command":"quit"}"#);
    assert_eq!(alice.exit_code(PATIENCE), 0);
    check(&broker, &["--nick", "bob", "--outbox", file], "it belongs to alice at 127.0.0.1");
    check(&broker, &["--nick", "alice", "--topic-root", "x", "--outbox", file], "it belongs to alice");
    check(&other, &["--nick", "alice", "--outbox", file], "it belongs to alice");
    let text = outbox.file.clone() + ".txt";
    fs::write(&text, "not a database, but a text that somebody wants to keep\n".repeat(50)).unwrap();
    check(&broker, &["--nick", "alice", "--outbox", &text], "it is not a database");
    check(&broker, &["--nick", "alice", "--outbox", "/nowhere/at/all"], "No such file");
}

#[test]
fn a_state_file_that_cannot_be_used_is_one_warning() {
    let (broker, home) = (Broker::start(), TempDir::new());
    let server = StandIn::start(&broker, Answer::Store);
    let folder = home.join("state/mqttchat");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("client.state"), "no database at all, whatever its name may say\n".repeat(50)).unwrap();
    let mut alice = start_at(home.path(), &broker, &["--json", "--nick", "alice"]);
    alice.send_line(r#"{"message":"goes on"}"#);
    alice.close_stdin();
    assert_eq!(alice.exit_code(PATIENCE), 0);
    server.wait_for("the message", |heard| heard.text() == "goes on");
    let lines = alice.lines(Stream::Err);
    assert!(
        matches!(&lines[..], [line] if line.contains("will not be remembered") && line.contains("not a database")),
        "{lines:?}"
    );
}
