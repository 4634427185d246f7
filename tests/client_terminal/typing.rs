//! A line being typed: completion, several lines, wide characters, arriving messages, and lines of earlier runs.

use crate::support::{Broker, PATIENCE, Pty, Subscriber, TempDir, Tmux, publish, publish_lines, wait_until};
use crate::{alice, texts};

fn said(nick: &str, text: &str) -> String {
    format!(r#"{{"type":"chat","username":"{nick}","message":"{text}"}}"#)
}

#[track_caller]
fn wait_for_typed(pty: &mut Pty, line: &str) {
    pty.wait_for_screen(line, |lines| lines.last().is_some_and(|last| last == line));
}

#[test]
fn tab_goes_round_while_messages_arrive() {
    let broker = Broker::start();
    let mut alice = alice(&broker);
    for nick in ["bea", "bob"] {
        publish(&broker, "chat/messages", said(nick, "hello"), 1, false);
        alice.wait_for_line(&format!("{nick}: hello"));
    }
    // Until the completion knows the names.
    wait_until(PATIENCE, "a completion", || {
        alice.press("\x15b\t");
        alice.screen().last().is_some_and(|line| line == "#lobby> bob:")
    });
    publish(&broker, "chat/messages", said("bob", "between two Tabs"), 1, false);
    alice.wait_for_line("bob: between two Tabs");
    alice.press("\t");
    wait_for_typed(&mut alice, "#lobby> bea:");
    alice.press("\x1b[Z");
    wait_for_typed(&mut alice, "#lobby> bob:");
    alice.press("\x15/jo\tde");
    wait_for_typed(&mut alice, "#lobby> /join de");
}

#[test]
fn a_backslash_goes_on_in_the_next_line() {
    let broker = Broker::start();
    let mut messages = Subscriber::start(&broker, &["chat/messages"]);
    let mut alice = alice(&broker);
    alice.press("one\\\rtwo\r");
    messages.wait_for("the message", |_, payload| String::from_utf8_lossy(payload).contains("two"));
    assert_eq!(texts(&mut messages), ["one\ntwo"]);
}

#[test]
fn no_key_makes_what_arrives_wait() {
    let broker = Broker::start();
    let mut alice = alice(&broker);
    for (number, key) in ["\x1b", "\x12", "\x16", "\x11", "\x18", "\x1d", "a\t\t"].iter().enumerate() {
        alice.press(key);
        publish(&broker, "chat/messages", said("bob", &format!("number {number}")), 1, false);
        alice.wait_for_line(&format!("bob: number {number}"));
    }
}

/// Alt and a digit repeat the next key. In other terminals they switch windows.
#[test]
fn a_numeric_argument_delays_no_message() {
    let broker = Broker::start();
    let mut alice = Pty::start_sized(40, 24, &["client", &broker.address(), "--nick", "alice"]);
    // The last line of the start.
    alice.wait_for_line("and the user list are unavailable");
    // The last one is two rows behind the prompt that asks for the number, and the second row is full.
    for (number, line) in ["one", &"_".repeat(40), &"x".repeat(80 - "(arg: 3) ".len())].into_iter().enumerate() {
        alice.press(&format!("\x05\x15{line}\x01\x1b3"));
        alice.wait_for_screen("the number", |lines| lines.concat().ends_with(&format!("(arg: 3) {line}")));
        let texts = ["first", "second"].map(|part| format!("{part} of {number}"));
        for text in &texts {
            publish(&broker, "chat/messages", said("bob", text), 1, false);
            alice.wait_for_line(&format!("bob: {text}"));
        }
        alice.press("z");
        alice.wait_for_screen("three more", |lines| {
            lines.concat().ends_with(&format!("bob: {}#lobby> zzz{line}", texts[1]))
        });
        let all = alice.scrollback_and_screen();
        let count = |part: &str| all.iter().filter(|line| line.contains(part)).count();
        assert!(texts.iter().all(|text| count(text) == 1), "{all:#?}");
        assert_eq!((count("#lobby>"), count("(arg:")), (1, 0), "{all:#?}");
    }
}

#[test]
fn what_arrives_is_printed_in_order_while_lines_are_sent() {
    const ALL: usize = 2_000;
    // By default the broker drops what a slow client has not taken beyond a thousand, which is not tested here.
    let broker = Broker::builder().line("max_queued_messages 20000").start();
    let mut alice = alice(&broker);
    let lines: String = (0..ALL).map(|number| said("bob", &format!("number {number}")) + "\n").collect();
    std::thread::scope(|scope| {
        let arrives = scope.spawn(|| publish_lines(&broker, "chat/messages", &lines));
        let mut sent = 0;
        while !arrives.is_finished() || sent < 20 {
            sent += 1;
            alice.press(&format!("line {sent}\r"));
            wait_until(PATIENCE, "the line", || {
                alice.scrollback_and_screen().iter().any(|line| line.ends_with(&format!("alice: line {sent}")))
            });
        }
    });
    alice.press("the typed line");
    alice.wait_for_screen("the typed line, and the last message", |lines| {
        lines.last().is_some_and(|line| line == "#lobby> the typed line")
            && (lines.iter().any(|line| line.ends_with(&format!("number {}", ALL - 1)) || line.contains("/history")))
    });
    let numbers: Vec<usize> = alice
        .scrollback_and_screen()
        .iter()
        .filter_map(|line| line.split_once("bob: number ").and_then(|(_, number)| number.parse().ok()))
        .collect();
    assert!(numbers.is_sorted_by(|one, next| one < next), "{numbers:?}");
}

#[test]
fn the_cursor_is_where_it_belongs_among_wide_characters() {
    let broker = Broker::start();
    let tmux = Tmux::start(40, 10, &["client", &broker.address(), "--nick", "alice"]);
    tmux.wait_for_line("#lobby>");
    tmux.press("日本 e\u{301} 👍 x");
    tmux.wait_for_screen("the line", |lines| lines.last().is_some_and(|line| line.ends_with("👍 x")));
    wait_until(PATIENCE, "the cursor behind it", || tmux.cursor().0 == 8 + 4 + 1 + 1 + 1 + 2 + 1 + 1);
    tmux.press("\x02\x02\x02|");
    tmux.wait_for_screen("a character before the last wide one", |lines| {
        lines.last().is_some_and(|line| line.contains("|👍 x"))
    });
    // Wide characters are not split at the edge.
    tmux.press(&format!("\x05\x15{}", "日".repeat(17)));
    tmux.wait_for_screen("two rows", |lines| {
        lines.ends_with(&[format!("#lobby> {}", "日".repeat(16)), "日".to_owned()])
    });
    assert_eq!(tmux.cursor().0, 2);
}

#[test]
fn earlier_lines_come_back_in_a_later_run_and_direct_messages_do_not() {
    let broker = Broker::start();
    let home = TempDir::new();
    let start = |nick: &str| {
        let mut pty = Pty::start_at(home.path(), &["client", &broker.address(), "--nick", nick]);
        pty.wait_for_line("#lobby>");
        pty
    };
    let mut first = start("alice");
    first.press("the first\r/msg bob psst\r");
    first.wait_for_screen("both", |lines| lines.iter().any(|line| line.contains("psst")));
    first.press("\x1b[A");
    wait_for_typed(&mut first, "#lobby> /msg bob psst");
    first.press("\x15/quit\r");
    first.exit_code();

    let mut second = start("alice");
    second.press("\x1b[A");
    wait_for_typed(&mut second, "#lobby> /quit");
    second.press("\x1b[A");
    wait_for_typed(&mut second, "#lobby> the first");
    second.press("\x15irs\x12");
    wait_for_typed(&mut second, "#lobby> the first");
    second.press("\x15/quit\r");
    second.exit_code();

    let mut other = start("bob");
    other.press("\x1b[A\x1b[Anothing");
    wait_for_typed(&mut other, "#lobby> nothing");
}

#[test]
fn bytes_that_are_no_text_end_nothing() {
    let broker = Broker::start();
    let mut alice = alice(&broker);
    alice.press("before");
    wait_for_typed(&mut alice, "#lobby> before");
    alice.press_bytes(b"\xe4\xff");
    wait_until(PATIENCE, "a line", || {
        alice.press("\x15after");
        alice.screen().last().is_some_and(|line| line == "#lobby> after")
    });
    assert!(!alice.screen().iter().any(|line| line == "#lobby> before"));
}

#[test]
fn a_terminal_without_a_cursor_is_good_enough() {
    let broker = Broker::start();
    let mut messages = Subscriber::start(&broker, &["chat/messages"]);
    let mut alice = Pty::builder(&["client", &broker.address(), "--nick", "alice"]).set("TERM", "dumb").start();
    alice.wait_for_line(&format!("-- connected to {}", broker.address()));
    alice.press("hello\r");
    messages.wait_for("the line", |_, payload| String::from_utf8_lossy(payload).contains("hello"));
    publish(&broker, "chat/messages", said("bob", "there you are"), 1, false);
    alice.wait_for_line("bob: there you are");
    // The addressee of this reply cannot be shown, so it goes to nobody.
    let psst = r#"{"type":"private","username":"bob","to":"alice","message":"psst"}"#;
    publish(&broker, "chat/private/alice/bob", psst, 1, false);
    alice.wait_for_line("bob → alice: psst");
    alice.press("/reply secret\r");
    alice.wait_for_line("!! not sent: nobody to reply to; use /msg NICK TEXT");
    alice.press("/quit\r");
    assert_eq!(alice.exit_code(), 0);
}
