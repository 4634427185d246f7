//! Pastes: shown, asked about if they have several lines, and sent as chosen.

use crate::support::{Broker, Pty, Subscriber, publish};
use crate::{alice, texts};

fn paste(pty: &mut Pty, text: &str) {
    pty.press(&format!("\x1b[200~{text}\x1b[201~"));
}

#[track_caller]
fn wait_for_all(messages: &mut Subscriber, last: &str, expected: &[&str]) {
    messages.wait_for(last, |_, payload| String::from_utf8_lossy(payload).contains(last));
    let texts = texts(messages);
    assert!(texts.ends_with(&expected.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()), "{texts:?}");
}

#[test]
fn lines_are_sent_as_one_message_or_each_or_not() {
    let broker = Broker::start();
    let mut messages = Subscriber::start(&broker, &["chat/messages"]);
    let mut alice = alice(&broker);
    let question = "-- send as one message (Enter), as 3 lines (l), or not (n)?";
    let ask = |alice: &mut Pty, text: &str| {
        paste(alice, text);
        alice.wait_for_line(text.rsplit('\n').next().unwrap());
        alice.press("\r");
        alice.wait_for_line(question);
    };
    ask(&mut alice, "one\r\ntwo\nthree");
    // Arriving messages do not erase the question.
    publish(&broker, "chat/messages", r#"{"type":"chat","username":"bob","message":"meanwhile"}"#, 1, false);
    alice.wait_for_line("bob: meanwhile");
    alice.wait_for_screen("the question still", |lines| lines.last().is_some_and(|line| line == question));
    alice.press("\r");
    wait_for_all(&mut messages, "three", &["meanwhile", "one\ntwo\nthree"]);
    alice.wait_for_screen("a prompt", |lines| lines.last().is_some_and(|line| line == "#lobby>"));

    ask(&mut alice, "/quit\n/part\nsix");
    alice.press("l");
    wait_for_all(&mut messages, "six", &["one\ntwo\nthree", "/quit", "/part", "six"]);

    ask(&mut alice, "seven\neight\nnine");
    alice.press("n");
    alice.wait_for_screen("nothing left", |lines| lines.last().is_some_and(|line| line == "#lobby>"));
    alice.press("ten\r");
    wait_for_all(&mut messages, "ten", &["six", "ten"]);
}

#[test]
fn a_tall_one_is_shown_in_part_and_sent_whole() {
    let broker = Broker::start();
    let mut messages = Subscriber::start(&broker, &["chat/messages"]);
    let mut alice = alice(&broker);
    let lines: Vec<String> = (1..=60).map(|number| format!("line {number}")).collect();
    paste(&mut alice, &(lines.join("\n") + "\n"));
    alice.wait_for_line("-- send as one message (Enter), as 60 lines (l), or not (n)?");
    alice.wait_for_line("  … 55 more lines");
    assert!(alice.scrollback_and_screen().iter().any(|line| line.starts_with("-- connected")), "nothing is lost");
    alice.press("\r");
    messages.wait_for("the message", |_, payload| String::from_utf8_lossy(payload).contains("line 60"));
    assert_eq!(texts(&mut messages), [lines.join("\n")]);
}

#[test]
fn the_notice_of_a_paste_that_is_too_long_stays() {
    let broker = Broker::start();
    let mut messages = Subscriber::start(&broker, &["chat/messages"]);
    let mut alice = alice(&broker);
    alice.press("a draft");
    alice.wait_for_line("#lobby> a draft");
    paste(&mut alice, &"x".repeat(5_000));
    alice.wait_for_line("-- not pasted: a message has at most 4000 characters");
    alice.press(" goes on");
    alice.wait_for_screen("notice and line", |lines| {
        lines.ends_with(
            &["-- not pasted: a message has at most 4000 characters", "#lobby> a draft goes on"].map(str::to_owned),
        )
    });
    alice.press("\r");
    wait_for_all(&mut messages, "draft", &["a draft goes on"]);
}

#[test]
fn one_pasted_line_is_like_a_typed_one() {
    let broker = Broker::start();
    let mut messages = Subscriber::start(&broker, &["chat/messages"]);
    let mut alice = alice(&broker);
    paste(&mut alice, "a\tline\n");
    alice.press(" more\r");
    wait_for_all(&mut messages, "more", &["a    line more"]);
}
