//! `--outbox FILE`, and the state file.

use crate::stand_in::{Answer, StandIn};
use crate::support::{Broker, PATIENCE, Program, Stream, TempDir};
use crate::{count, event, json, start, start_at};
use std::fs;

/// A JSON client with an outbox.
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

    // Nothing is left for a third run.
    let third = with_outbox(&broker, &outbox.file);
    let mut third = third;
    third.send_line(r#"{"command":"quit"}"#);
    assert_eq!(third.exit_code(PATIENCE), 0);
    assert!(!third.lines(Stream::Out).iter().any(|line| line.contains("outbox")));
}

#[test]
fn an_id_used_by_a_copy_of_the_outbox_is_replaced() {
    let (broker, outbox, data) = (Broker::start(), Outbox::new(), TempDir::new());
    let stand_in = StandIn::start(&broker, Answer::Silence);
    let mut first = with_outbox(&broker, &outbox.file);
    for line in [r#"{"message":"one","ref":"a"}"#, r#"{"message":"psst","to":"bob","ref":"b"}"#] {
        first.send_line(line);
    }
    event(&mut first, "sent", r#""ref":"b""#);
    first.kill();
    stand_in.stop();
    // As if the machine was set back to before it sent: the same ids, other texts.
    let copy = outbox.file.clone() + ".copy";
    let fold = |row: &rusqlite::Row| row.get::<_, i64>(0);
    let checkpoint = "PRAGMA wal_checkpoint(TRUNCATE)";
    assert_eq!(rusqlite::Connection::open(&outbox.file).unwrap().query_row(checkpoint, [], fold), Ok(0));
    fs::copy(&outbox.file, &copy).unwrap();
    let change = "UPDATE messages SET payload = CAST(replace(replace(payload, 'one', 'two'), 'psst', 'hush') AS BLOB)";
    assert_eq!(rusqlite::Connection::open(&copy).unwrap().execute(change, []).unwrap(), 2);

    let address = broker.address();
    let mut server = Program::start(&["server", &address, "--data-dir", data.path().to_str().unwrap()]);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    let mut ids = Vec::new();
    for file in [&outbox.file, &copy] {
        let mut run = with_outbox(&broker, file);
        ids.push(["a", "b"].map(|name| event(&mut run, "stored", &format!(r#""ref":"{name}""#))["id"].clone()));
        run.send_line(r#"{"command":"quit"}"#);
        assert_eq!(run.exit_code(PATIENCE), 0);
        // Nothing is left in it, under any id, and nothing failed.
        let left = rusqlite::Connection::open(file).unwrap();
        let left: i64 = left.query_row("SELECT count(*) FROM messages", [], |row| row.get(0)).unwrap();
        assert_eq!((left, count(&mut run, "error")), (0, 0));
    }
    assert!(ids[0].iter().zip(&ids[1]).all(|(first, second)| first != second), "{ids:?}");
    let mut export = Program::start(&["export", "--data-dir", data.path().to_str().unwrap()]);
    assert_eq!(export.exit_code(PATIENCE), 0);
    let lines = export.lines(Stream::Out);
    for text in ["one", "two", "psst", "hush"] {
        let with_it = lines.iter().filter(|line| line.contains(&format!(r#""message":"{text}""#)));
        assert_eq!(with_it.count(), 1, "{text}: {lines:?}");
    }
}

#[test]
fn an_outbox_keeps_what_quit_leaves_behind() {
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
    let pipe = outbox.file.clone() + ".pipe";
    let path = std::ffi::CString::new(pipe.as_str()).unwrap();
    // SAFETY: `path` is a C string.
    assert_eq!(unsafe { libc::mkfifo(path.as_ptr(), 0o600) }, 0);
    check(&broker, &["--nick", "alice", "--outbox", &pipe], "it is not a regular file");
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
