//! More messages per second than anybody can read.

use crate::commands::server;
use crate::reading::{busy_alice, say, say_directly};
use crate::support::{Broker, PATIENCE, Program, Pty, TempDir, publish_lines, wait_until};
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

#[test]
fn a_client_that_is_killed_in_a_burst_goes_on_where_its_lines_and_numbers_end() {
    let broker = Broker::start();
    let _server = server(&broker);
    let home = TempDir::new();
    let arguments = ["client", &broker.address(), "--nick", "alice"];
    let alice = || {
        let mut alice = Pty::start_at(home.path(), &arguments);
        alice.wait_for_line("-- #lobby: now");
        alice
    };
    say(&broker, "carol", "hello");
    let mut killed = alice();
    let mut bob = Program::start(&["client", &broker.address(), "--nick", "bob"]);
    let mut said = 0;
    let mut say_many = |count: usize| {
        for _ in 0..count {
            said += 1;
            bob.send_line(&format!("number {said}"));
            // More than anybody can read, and for long enough.
            thread::sleep(Duration::from_millis(5));
        }
    };
    say_many(150);
    wait_until(PATIENCE, "the first number", || {
        say_many(1);
        killed.screen().iter().any(|line| left_out(line).is_some())
    });
    // Some of these are neither shown nor counted when it dies.
    say_many(200);
    killed.signal(libc::SIGKILL);
    let mut next = alice();
    let lines = next.scrollback_and_screen();
    let first = lines.iter().find_map(|line| number(line)).expect("there are more");
    // The screen may have more to read.
    wait_until(PATIENCE, "nothing is left out between the two", || {
        let lines = killed.scrollback_and_screen();
        let shown = lines.iter().filter(|line| number(line).is_some()).count();
        shown + lines.iter().filter_map(|line| left_out(line)).sum::<usize>() + 1 >= first
    });
}
