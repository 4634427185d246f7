//! More messages per second than anybody can read.

use crate::commands::server;
use crate::reading::{busy_alice, say, say_directly};
use crate::support::{Broker, PATIENCE, Pty, publish_lines, wait_until};

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
