//! Texts meant to do harm.

use crate::reading::{busy_alice, say};
use crate::support::{Broker, Pty, publish};

/// The chat goes on, and the line being typed is intact.
#[track_caller]
fn check_all_is_well(broker: &Broker, alice: &mut Pty) {
    say(broker, "carol", "still here");
    alice.wait_for_line("carol: still here");
    alice.wait_for_screen("the typed line", |lines| lines.last().is_some_and(|line| line == "#lobby> half a line"));
    let raw = alice.raw();
    let raw = String::from_utf8_lossy(&raw);
    for sequence in ["\x1b]", "\x1bP", "\x1b[2J", "\x1bc", "\u{9b}", "\u{202e}"] {
        assert!(!raw.contains(sequence), "{sequence:?} in {raw:?}");
    }
}

#[test]
fn escape_sequences_and_changed_directions_are_shown_as_such() {
    let broker = Broker::start();
    let mut alice = busy_alice(&broker);
    say(&broker, "bob", "\x1b]0;title\x07\x1b[2J\x1bc\u{9b}31m\u{202e}dlrow\u{2066}\x1b[6n");
    alice.wait_for_line(r"bob: \x1b]0;title\x07\x1b[2J\x1bc\x9b31m\u{202e}dlrow\u{2066}\x1b[6n");
    let notice = r#"{"type":"user_join","username":"a\u001b[2Jb","message":"x"}"#;
    publish(&broker, "chat/system", notice, 1, false);
    check_all_is_well(&broker, &mut alice);
}

#[test]
fn a_message_that_is_too_long_is_ignored() {
    let broker = Broker::start();
    let mut alice = busy_alice(&broker);
    say(&broker, "bob", &"long ".repeat(20_000));
    say(&broker, "bob", &format!("{}end", "x".repeat(3_997)));
    alice.wait_for_screen("the end of the longest that there is", |lines| {
        lines.iter().any(|line| line.ends_with("xend"))
    });
    assert!(!alice.scrollback_and_screen().iter().any(|line| line.contains("long long")));
    check_all_is_well(&broker, &mut alice);
}

#[test]
fn marks_are_not_stacked_and_empty_lines_are_not_many() {
    let broker = Broker::start();
    let mut alice = busy_alice(&broker);
    say(&broker, "bob", &format!("Z{}!", "\u{335}\u{301}".repeat(1_000)));
    alice.wait_for_line(&format!("bob: Z{}!", "\u{335}\u{301}".repeat(2)));
    say(&broker, "bob", &format!("above{}below", "\n".repeat(3_000)));
    alice.wait_for_screen("both ends", |lines| {
        let at = |part: &str| lines.iter().position(|line| line.contains(part));
        at("above").is_some() && at("above").map(|at| at + 2) == at("below")
    });
    check_all_is_well(&broker, &mut alice);
}
