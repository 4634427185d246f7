//! How a chat reads: widths, colours, mentions, joins and leaves, past messages.

use crate::commands::server;
use crate::support::{Broker, PATIENCE, Pty, PtyBuilder, TempDir, publish, wait_until};
use serde_json::json;

/// Under the text of bob.
const INDENT: &str = "           ";

/// A message as an original sends it.
pub fn say(broker: &Broker, nick: &str, text: &str) {
    let payload = json!({"type": "chat", "username": nick, "message": text});
    publish(broker, "chat/messages", payload.to_string(), 1, false);
}

pub fn say_directly(broker: &Broker, nick: &str, to: &str, text: &str) {
    let payload = json!({"type": "private", "username": nick, "to": to, "message": text});
    publish(broker, &format!("chat/private/{to}/{nick}"), payload.to_string(), 1, false);
}

fn builder(broker: &Broker, arguments: &[&str]) -> PtyBuilder {
    Pty::builder(&[&["client", &broker.address(), "--nick", "alice"], arguments].concat())
}

/// Alice, in the chat.
#[track_caller]
pub fn there(builder: PtyBuilder) -> Pty {
    let mut alice = builder.start();
    alice.wait_for_line("lists the commands");
    alice
}

/// Alice, in the chat, with half a line typed.
#[track_caller]
pub fn busy_alice(broker: &Broker) -> Pty {
    let mut alice = there(Pty::builder(&["client", &broker.address(), "--nick", "alice"]));
    alice.press("half a line");
    alice.wait_for_line("#lobby> half a line");
    alice
}

/// The lines of the screen from this message on, with the same time and without the prompt.
#[track_caller]
fn from(pty: &mut Pty, first: &str) -> Vec<String> {
    pty.wait_for_screen(first, |lines| lines.iter().any(|line| line.contains(first)));
    let is_time = |text: &str| text.len() == 5 && text.as_bytes()[2] == b':';
    let at_noon = |line: &String| match line.split_once(' ') {
        Some((time, rest)) if is_time(time) => format!("12:00 {rest}"),
        _ => line.clone(),
    };
    let screen = pty.screen();
    let lines = screen.iter().skip_while(|line| !line.contains(first)).filter(|line| !line.ends_with('>'));
    lines.map(at_noon).collect()
}

#[test]
fn long_texts_are_wrapped() {
    let broker = Broker::start();
    let text = "it is a long story, see https://example.org/a/story/of/some/length/and/more.html#end for all of it";
    let address = "https://example.org/a/story/of/some/length/and/more.html#end";
    let (front, back) = address.split_at(40 - 11);
    for (columns, expected) in [
        (
            40,
            vec![
                "12:00 bob: it is a long story, see",
                &format!("{INDENT}{front}"),
                back,
                &format!("{INDENT}for all of it"),
            ],
        ),
        (
            80,
            vec![
                "12:00 bob: it is a long story, see",
                &format!("{INDENT}{address} for all"),
                &format!("{INDENT}of it"),
            ],
        ),
        (200, vec![&format!("12:00 bob: {text}")]),
    ] {
        let mut alice = there(builder(&broker, &[]).size(columns, 24));
        say(&broker, "bob", text);
        alice.wait_for_line("of it");
        assert_eq!(from(&mut alice, "bob: it is"), expected, "{columns}");
    }
}

#[test]
fn wide_characters_are_wrapped() {
    let broker = Broker::start();
    let mut alice = there(builder(&broker, &[]).size(40, 24));
    say(&broker, "bob", "日本語の文章はこのように折り返されます。終わり");
    alice.wait_for_line("終わり");
    assert_eq!(
        from(&mut alice, "bob:"),
        ["12:00 bob: 日本語の文章はこのように折り", &format!("{INDENT}返されます。終わり")]
    );
}

#[test]
fn mentions_are_marked_and_ring() {
    let broker = Broker::start();
    for (bell, rings) in [("never", 0), ("mention", 1), ("direct", 2), ("all", 3)] {
        let mut alice = there(builder(&broker, &["--bell", bell]));
        for (name, text, shown) in [("bob", "Alice, look", "! bob: Alice, look"), ("bob", "malice", "bob: malice")] {
            say(&broker, name, text);
            alice.wait_for_line(shown);
            // It rings once a second.
            let after = std::time::Instant::now() + std::time::Duration::from_millis(1_100);
            wait_until(PATIENCE, "a second", || std::time::Instant::now() >= after);
        }
        say_directly(&broker, "bob", "alice", "psst");
        alice.wait_for_line("@ bob → alice: psst");
        let count = |alice: &mut Pty| alice.raw().iter().filter(|byte| **byte == 0x07).count();
        wait_until(PATIENCE, "the bell", || count(&mut alice) >= rings);
        assert_eq!(count(&mut alice), rings, "{bell}");
    }
}

#[test]
fn the_terminal_notifies_where_it_is_asked_to() {
    let broker = Broker::start();
    for (variable, sequence) in [
        ("VTE_VERSION", "\x1b]777;notify;bob in #lobby;alice!\x07"),
        ("TMUX", "\x1bPtmux;\x1b\x1b]9;bob in #lobby: alice!\x07\x1b\\"),
        ("OTHER", "\x1b]9;bob in #lobby: alice!\x07"),
    ] {
        let mut alice = there(builder(&broker, &["--notify", "--bell", "never"]).set(variable, "1"));
        say(&broker, "bob", "hi");
        say(&broker, "bob", "alice!");
        alice.wait_for_line("! bob: alice!");
        let raw = String::from_utf8_lossy(&alice.raw()).into_owned();
        assert!(raw.contains(sequence), "{raw:?}");
        assert_eq!(raw.matches("\x1b]").count(), 1, "{raw:?}");
    }
}

#[test]
fn colours_follow_the_options() {
    let broker = Broker::start();
    for (arguments, no_color, is_coloured) in [
        (&[][..], false, true),
        (&[], true, false),
        (&["--color", "never"], false, false),
        (&["--color", "always"], true, true),
    ] {
        let builder = builder(&broker, arguments);
        let mut alice = there(if no_color { builder } else { builder.unset("NO_COLOR") });
        say(&broker, "bob", "hi");
        alice.wait_for_line("bob: hi");
        let raw = String::from_utf8_lossy(&alice.raw()).into_owned();
        assert_eq!(raw.contains("\x1b[38;5;"), is_coloured, "{arguments:?} {no_color}");
    }
}

#[test]
fn joins_and_leaves_are_one_line() {
    let broker = Broker::start();
    let mut alice = there(builder(&broker, &[]));
    let notice = |kind: &str, nick: &str, online: u32| {
        let payload = json!({"type": kind, "username": nick, "message": "", "online_users": online});
        publish(&broker, "chat/system", payload.to_string(), 1, false);
    };
    notice("user_join", "bob", 3);
    notice("user_timeout", "dave", 2);
    notice("user_join", "carol", 3);
    say(&broker, "carol", "hi");
    alice.wait_for_line("carol: hi");
    assert_eq!(from(&mut alice, "+ bob"), ["12:00 -- + bob, carol  − dave (timed out)  (3 online)", "12:00 carol: hi"]);
    notice("user_leave", "carol", 2);
    alice.wait_for_line("-- − carol  (2 online)");
    alice.press("/quiet\r");
    alice.wait_for_line("/quiet again shows it");
    notice("user_join", "eve", 3);
    say(&broker, "eve", "hi");
    alice.wait_for_line("eve: hi");
    assert!(!alice.screen().iter().any(|line| line.contains("+ eve")));
}

#[test]
fn past_messages_are_set_off() {
    let broker = Broker::start();
    let _server = server(&broker);
    say(&broker, "bob", "alice, are you coming?");
    let home = TempDir::new();
    let mut alice = there(builder(&broker, &[]).home(home.path()));
    alice.wait_for_line("-- #lobby: now");
    let expected = ["-- #lobby: before you came", "12:00 ! bob: alice, are you coming?", "-- #lobby: now"];
    assert_eq!(from(&mut alice, "before you came"), expected);
    alice.press("/history 1\r");
    alice.wait_for_line("-- #lobby: the last messages");
    alice.press("/quit\r");
    assert_eq!(alice.exit_code(), 0);
    say(&broker, "bob", "so alice is gone");
    let mut again = there(builder(&broker, &[]).home(home.path()));
    again.wait_for_line("-- #lobby: now");
    let expected = ["-- #lobby: since you left", "12:00 ! bob: so alice is gone", "-- #lobby: now"];
    assert_eq!(from(&mut again, "since you left"), expected);
    for mut pty in [alice, again] {
        assert!(!pty.raw().contains(&0x07), "what is past does not ring");
    }
}

#[test]
fn in_more_than_one_room_every_line_carries_its_room() {
    let broker = Broker::start();
    let mut alice = there(builder(&broker, &[]));
    say(&broker, "bob", "one");
    alice.wait_for_line("bob: one");
    alice.press("/join dev\r");
    alice.wait_for_line("#dev>");
    alice.press("two\r");
    alice.wait_for_line("> #dev alice: two");
    say(&broker, "bob", "three");
    alice.wait_for_line("#lobby bob: three");
    alice.press("/part\r");
    alice.wait_for_line("talk in #lobby now");
    say(&broker, "bob", "four");
    alice.wait_for_screen("no room", |lines| {
        lines.iter().any(|line| line.ends_with("bob: four") && !line.contains("#lobby"))
    });
}
