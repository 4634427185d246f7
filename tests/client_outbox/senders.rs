//! Senders: `-m` and pipes.

use crate::stand_in::{Answer, StandIn};
use crate::support::{Broker, PATIENCE, Stream, TempDir, wait_until};
use crate::{start, start_at};
use std::fs;
use std::time::Instant;

#[test]
fn a_sender_waits_for_stored() {
    let broker = Broker::start();
    let server = StandIn::start(&broker, Answer::Silence);
    let mut sender = start(&broker, &["--nick", "alice", "-m", "hi"]);
    let first = server.wait_for("the message", |heard| heard.text() == "hi");
    server.answer(Answer::Store);
    assert_eq!(sender.exit_code(PATIENCE), 0);
    let again = server.wait_for("the message again", |heard| heard.is_late());
    assert_eq!(again.id(), first.id());
    assert_eq!((sender.lines(Stream::Out), sender.lines(Stream::Err)), (vec![], vec![]));
}

#[test]
fn a_sender_gives_up_with_the_number() {
    let broker = Broker::start();
    let _server = StandIn::start(&broker, Answer::Silence);
    let mut sender = start(&broker, &["--nick", "alice", "-W", "2"]);
    (1..=3).for_each(|number| sender.send_line(&format!("line {number}")));
    sender.close_stdin();
    assert_eq!(sender.exit_code(PATIENCE), 27);
    assert_eq!(sender.lines(Stream::Err), ["mqttchat: 3 messages are unconfirmed after 2 s"]);
}

/// A restarted broker may have lost chat/server, and loses what it acknowledges until a server is back.
#[test]
fn a_sender_knows_of_a_server_that_an_earlier_run_saw() {
    let (mut broker, home) = (Broker::start(), TempDir::new());
    let run = |broker: &Broker| start_at(home.path(), broker, &["--nick", "alice", "-W", "3", "-m", "hi"]);
    assert_eq!(run(&broker).exit_code(PATIENCE), 0, "nobody ever stored anything here");
    let server = StandIn::start(&broker, Answer::Store);
    assert_eq!(run(&broker).exit_code(PATIENCE), 0);
    server.stop();
    broker.kill();
    broker.start_again();
    let mut alone = run(&broker);
    assert_eq!(alone.exit_code(PATIENCE), 27);
    let line = "mqttchat: 1 message is unconfirmed after 3 s: no chat server is answering";
    assert_eq!(alone.lines(Stream::Err), [line]);
    // A server that comes in time gets it.
    let mut patient = start_at(home.path(), &broker, &["--nick", "bob", "-m", "in time"]);
    let server = StandIn::start(&broker, Answer::Store);
    assert_eq!(patient.exit_code(PATIENCE), 0);
    server.wait_for("the message", |heard| heard.text() == "in time");
}

#[test]
fn a_sender_waits_for_a_server_that_says_it_is_away() {
    let broker = Broker::start();
    StandIn::start(&broker, Answer::Store).stop();
    let mut sender = start(&broker, &["--nick", "alice", "-W", "2", "-m", "hi"]);
    assert_eq!(sender.exit_code(PATIENCE), 27);
    assert_eq!(
        sender.lines(Stream::Err),
        ["mqttchat: 1 message is unconfirmed after 2 s: no chat server is answering"]
    );
}

#[test]
fn a_state_file_that_cannot_be_used_is_one_warning_and_stops_nothing() {
    let (broker, home) = (Broker::start(), TempDir::new());
    let folder = home.join("state/mqttchat");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("client.state"), "no database at all, whatever its name may say\n".repeat(50)).unwrap();
    let mut sender = start_at(home.path(), &broker, &["--nick", "alice", "-m", "hi"]);
    assert_eq!(sender.exit_code(PATIENCE), 0);
    let lines = sender.lines(Stream::Err);
    assert!(
        matches!(&lines[..], [line] if line.contains("whether a chat server was here") && line.contains("not a database")),
        "{lines:?}"
    );
}

#[test]
fn an_outbox_keeps_a_senders_unsettled_messages() {
    let (broker, home) = (Broker::start(), TempDir::new());
    let server = StandIn::start(&broker, Answer::Silence);
    let run = |text: &str| start_at(home.path(), &broker, &["--nick", "alice", "--outbox", "o", "-W", "2", "-m", text]);
    let mut first = run("one");
    assert_eq!(first.exit_code(PATIENCE), 27);
    assert!(first.lines(Stream::Err)[0].contains("1 message is unconfirmed after 2 s; the outbox keeps"));
    server.answer(Answer::Store);
    let mut second = run("two");
    assert_eq!(second.exit_code(PATIENCE), 0);
    let texts: Vec<String> = server.heard().iter().map(|heard| heard.text().to_owned()).collect();
    assert_eq!(texts, ["one", "one", "two"]);
}

#[test]
fn an_outbox_that_cannot_be_written_promises_nothing() {
    let (broker, home) = (Broker::start(), TempDir::new());
    let server = StandIn::start(&broker, Answer::Silence);
    let mut sender = start_at(home.path(), &broker, &["--nick", "alice", "--outbox", "o", "-W", "3"]);
    sender.send_line("one");
    server.wait_for("the first", |heard| heard.text() == "one");
    // A file that grows too large is an error, and does not end the process.
    let limit = libc::rlimit { rlim_cur: 1, rlim_max: 1 };
    // SAFETY: `limit` is read only, and nothing is written back.
    let set = unsafe { libc::prlimit(sender.pid() as libc::pid_t, libc::RLIMIT_FSIZE, &limit, std::ptr::null_mut()) };
    assert_eq!(set, 0);
    sender.send_line("two");
    sender.close_stdin();
    assert_eq!(sender.exit_code(PATIENCE), 27);
    let lines = sender.lines(Stream::Err);
    assert!(lines[0].contains("the outbox cannot be written, and does not keep everything"), "{lines:?}");
    assert_eq!(lines.last().unwrap(), "mqttchat: 2 messages are unconfirmed after 3 s");
}

#[test]
fn a_refused_message_is_a_failure_and_blocks_nothing() {
    let broker = Broker::start();
    let server = StandIn::start(&broker, Answer::Refuse("bad"));
    let mut sender = start(&broker, &["--nick", "alice"]);
    ["good", "bad", "good too"].iter().for_each(|line| sender.send_line(line));
    sender.close_stdin();
    assert_eq!(sender.exit_code(PATIENCE), 1);
    assert_eq!(sender.lines(Stream::Err), ["mqttchat: the chat server refuses: not that"]);
    assert_eq!(server.count(), 3);
}

#[test]
fn a_message_with_a_new_id_is_no_failure() {
    let broker = Broker::start();
    let server = StandIn::start(&broker, Answer::Taken("taken"));
    let mut sender = start(&broker, &["--nick", "alice"]);
    ["good", "taken", "good too"].iter().for_each(|line| sender.send_line(line));
    sender.close_stdin();
    assert_eq!(sender.exit_code(PATIENCE), 0);
    assert_eq!(sender.lines(Stream::Err), [""; 0]);
    let heard = server.heard();
    let taken: Vec<_> = heard.iter().filter(|heard| heard.text() == "taken").collect();
    assert!(taken.len() == 2 && taken[1].is_late() && taken[1].topic == "chat/messages/alice", "{taken:?}");
    assert_ne!(taken[0].payload["session"], taken[1].payload["session"]);
}

#[test]
fn a_limited_server_is_not_outrun() {
    let broker = Broker::start();
    let server = StandIn::start_with(&broker, Answer::Store, Some(20));
    let begun = Instant::now();
    let mut sender = start(&broker, &["--nick", "alice"]);
    (0..60).for_each(|number| sender.send_line(&number.to_string()));
    sender.close_stdin();
    assert_eq!(sender.exit_code(PATIENCE), 0);
    // 20 at once, 20 after a second, 20 after another.
    assert!(begun.elapsed().as_secs_f64() >= 2.0);
    assert_eq!(server.count(), 60);
}

#[test]
fn a_long_pipe_is_stored_in_order() {
    const LINES: usize = 20_000;
    let broker = Broker::start();
    let server = StandIn::start(&broker, Answer::Store);
    let mut sender = start(&broker, &["--nick", "alice", "--to", "bob"]);
    let begun = Instant::now();
    let lines: Vec<String> = (1..=LINES).map(|number| format!("line {number}")).collect();
    lines.chunks(1_000).for_each(|chunk| sender.send_line(&chunk.join("\n")));
    sender.close_stdin();
    assert_eq!(sender.exit_code(PATIENCE), 0);
    println!("{LINES} lines in {:?}", begun.elapsed());
    wait_until(PATIENCE, "all of them", || server.count() >= LINES);
    let heard = server.heard();
    let fresh: Vec<&str> = heard.iter().filter(|heard| !heard.is_late()).map(|heard| heard.text()).collect();
    assert_eq!(fresh, lines);
}
