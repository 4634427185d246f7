//! More messages per second than anybody can read.

use crate::commands::server;
use crate::reading::{busy_alice, say, say_directly};
use crate::support::{Broker, PATIENCE, Program, Pty, Stream, TempDir, publish_lines, wait_until};
use std::path::Path;
use std::thread;
use std::time::Duration;

const MANY: usize = 10_000;

fn flood(broker: &Broker, count: usize) {
    let line = |number| format!(r#"{{"type":"chat","username":"bob","message":"number {number}"}}"#);
    publish_lines(broker, "chat/messages", &(1..=count).map(|number| line(number) + "\n").collect::<String>());
}

/// The number of omitted messages in a line.
fn left_out(line: &str) -> Option<usize> {
    line.strip_prefix("-- … ")?.split_once(" message")?.0.parse().ok()
}

#[test]
fn a_flood_is_shown_as_a_number() {
    let broker = Broker::builder().line("max_queued_messages 20000").start();
    let _server = server(&broker);
    let mut alice = busy_alice(&broker);
    flood(&broker, MANY);
    let all = |alice: &mut Pty| {
        let lines = alice.scrollback_and_screen();
        let shown = lines.iter().filter(|line| line.contains("bob: number ")).count();
        (shown, lines.iter().filter_map(|line| left_out(line)).sum::<usize>())
    };
    wait_until(PATIENCE * 2, "all are shown or told", || {
        let (shown, left_out) = all(&mut alice);
        shown + left_out >= MANY
    });
    let (shown, left_out) = all(&mut alice);
    assert_eq!(shown + left_out, MANY);
    assert!(left_out > MANY / 2, "{left_out}");
    say(&broker, "carol", "Alice?");
    say_directly(&broker, "carol", "alice", "psst");
    alice.wait_for_line("! carol: Alice?");
    alice.wait_for_line("@ carol → alice: psst");
    alice.wait_for_screen("the typed line", |lines| lines.last().is_some_and(|line| line == "#lobby> half a line"));
    alice.press(", and the other half\r");
    alice.wait_for_line("> alice: half a line, and the other half");
    alice.press("/history 3\r");
    alice.wait_for_line("-- #lobby: now");
    assert!(alice.screen().iter().any(|line| line.ends_with(&format!("bob: number {MANY}"))));
}

#[test]
fn the_history_shows_as_many_as_were_left_out() {
    const LEFT_OUT: usize = 450;
    let broker = Broker::builder().line("max_queued_messages 20000").start();
    let _server = server(&broker);
    flood(&broker, 500);
    let mut alice = Pty::start(&["client", &broker.address(), "--nick", "alice", "--no-history"]);
    alice.wait_for_line("-- 1 online: alice");
    alice.press(&format!("/history {LEFT_OUT}\r"));
    alice.wait_for_screen("the last of them", |lines| {
        let at = lines.iter().position(|line| line.ends_with("bob: number 500"));
        at.and_then(|at| lines.get(at + 1)).is_some_and(|line| line == "-- #lobby: now")
    });
    let lines = alice.scrollback_and_screen();
    let numbers = lines.iter().filter_map(|line| line.split_once("bob: number ")?.1.parse::<usize>().ok());
    assert!(numbers.eq(500 - LEFT_OUT + 1..=500));
}

#[test]
fn without_a_server_all_messages_of_a_burst_are_shown() {
    let broker = Broker::builder().line("max_queued_messages 20000").start();
    let mut alice = busy_alice(&broker);
    flood(&broker, MANY);
    let last = format!("bob: number {MANY}");
    alice.wait_for_line(&last);
    alice.wait_for_screen("the typed line", |lines| lines.last().is_some_and(|line| line == "#lobby> half a line"));
    let lines = alice.scrollback_and_screen();
    let numbers = lines.iter().filter_map(|line| line.split_once("bob: number ")?.1.parse::<usize>().ok());
    assert!(numbers.eq(1..=MANY));
}

/// The number of bob's message in a line.
fn number(line: &str) -> Option<usize> {
    line.split_once("bob: number ")?.1.parse().ok()
}

/// Somebody who says more than anybody can read.
struct Talker {
    program: Program,
    said: usize,
}

impl Talker {
    /// Talks until the first number of a burst is on the screen.
    fn start_burst(broker: &Broker, screen: &mut Pty) -> Talker {
        let program = Program::start(&["client", &broker.address(), "--nick", "bob"]);
        let mut talker = Talker { program, said: 0 };
        talker.talk_until("the first number", || screen.screen().iter().any(|line| left_out(line).is_some()));
        talker
    }

    fn talk(&mut self, count: usize) {
        for _ in 0..count {
            self.said += 1;
            self.program.send_line(&format!("number {}", self.said));
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Talks on until this holds.
    #[track_caller]
    fn talk_until(&mut self, what: &str, mut holds: impl FnMut() -> bool) {
        wait_until(PATIENCE, what, || {
            self.talk(5);
            holds()
        });
    }
}

/// Alice, who has a memory.
fn alice(broker: &Broker, home: &TempDir) -> Pty {
    // So that there is a past to show.
    say(broker, "carol", "hello");
    let mut alice = Pty::start_at(home.path(), &["client", &broker.address(), "--nick", "alice"]);
    alice.wait_for_line("-- #lobby: now");
    alice
}

/// How many of bob's messages are on the screen or counted there.
fn shown_or_counted(alice: &mut Pty) -> usize {
    let lines = alice.scrollback_and_screen();
    let shown = lines.iter().filter(|line| number(line).is_some()).count();
    shown + lines.iter().filter_map(|line| left_out(line)).sum::<usize>()
}

/// The first of bob's messages on the screen.
fn first_number(alice: &mut Pty) -> usize {
    alice.scrollback_and_screen().iter().find_map(|line| number(line)).expect("there is one")
}

#[test]
fn a_client_that_is_killed_in_a_burst_goes_on_where_its_lines_and_numbers_end() {
    let broker = Broker::start();
    let _server = server(&broker);
    let home = TempDir::new();
    let mut killed = alice(&broker, &home);
    let mut bob = Talker::start_burst(&broker, &mut killed);
    bob.talk(200);
    wait_until(PATIENCE, "some that are neither shown nor counted", || {
        bob.talk(5);
        shown_or_counted(&mut killed) < bob.said
    });
    killed.signal(libc::SIGKILL);
    bob.talk(1);
    let first = first_number(&mut alice(&broker, &home));
    // The screen may have more to read.
    wait_until(PATIENCE, "nothing is missing between the two", || shown_or_counted(&mut killed) + 1 >= first);
}

/// The number of the last messages goes to a terminal that is gone.
#[test]
fn a_client_whose_terminal_closes_in_a_burst_goes_on_where_its_lines_and_numbers_end() {
    let broker = Broker::start();
    let mut server = server(&broker);
    let home = TempDir::new();
    say(&broker, "carol", "hello");
    // Its terminal is that of `script`, and closes with it.
    let client = format!("exec {} client {} --nick alice", env!("CARGO_BIN_EXE_mqttchat"), broker.address());
    let script = Pty::builder_of(Path::new("script"), &["-qc", &client, "/dev/null"]);
    let mut closed = script.set("PATH", "/usr/bin:/bin").set("SHELL", "/bin/sh").home(home.path()).start();
    closed.wait_for_line("-- #lobby: now");
    let mut bob = Talker::start_burst(&broker, &mut closed);
    bob.talk(200);
    closed.signal(libc::SIGKILL);
    server.wait_for_line(Stream::Err, "INFO left nick=alice", PATIENCE);
    let first = first_number(&mut alice(&broker, &home));
    assert!(shown_or_counted(&mut closed) + 1 >= first, "nothing is missing between the two");
}

#[test]
fn a_client_that_quits_in_a_burst_shows_nothing_again() {
    let broker = Broker::start();
    let _server = server(&broker);
    let home = TempDir::new();
    let mut quits = alice(&broker, &home);
    let mut bob = Talker::start_burst(&broker, &mut quits);
    bob.talk(100);
    quits.press("/quit\r");
    assert_eq!(quits.exit_code(), 0);
    bob.talk(1);
    let first = first_number(&mut alice(&broker, &home));
    wait_until(PATIENCE, "the next run begins where this one ended", || shown_or_counted(&mut quits) + 1 == first);
}

#[test]
fn the_receipt_of_a_direct_message_does_not_wait_for_the_end_of_a_burst() {
    let broker = Broker::start();
    let _server = server(&broker);
    let home = TempDir::new();
    let mut alice = alice(&broker, &home);
    let mut dave = Program::start(&["client", &broker.address(), "--json", "--nick", "dave"]);
    dave.wait_for_line(Stream::Out, r#""online_users""#, PATIENCE);
    let mut bob = Talker::start_burst(&broker, &mut alice);
    dave.send_line(r#"{"message":"psst","to":"alice"}"#);
    bob.talk_until("the receipt", || {
        dave.lines(Stream::Out).iter().any(|line| line.contains(r#""event":"delivered""#))
    });
    assert!(alice.scrollback_and_screen().iter().any(|line| line.ends_with("@ dave → alice: psst")));
}
