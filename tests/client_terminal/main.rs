//! The client on a terminal, against a real broker: the line being typed, the screen, and the terminal's settings.

#[path = "../support/mod.rs"]
mod support;

mod commands;
mod editing;
mod flood;
mod honest;
mod hostile;
mod idle;
mod paste;
mod reading;
mod resize;
mod setup;
mod typing;

use support::{Broker, Pty, Subscriber, publish};

/// Alice on a terminal, connected.
#[track_caller]
fn alice(broker: &Broker) -> Pty {
    let mut alice = Pty::start(&["client", &broker.address(), "--nick", "alice"]);
    alice.wait_for_line(&format!("-- connected to {}", broker.address()));
    alice.wait_for_line(">");
    alice
}

fn texts(subscriber: &mut Subscriber) -> Vec<String> {
    let payload = |message: support::Message| serde_json::from_slice::<serde_json::Value>(&message.payload).unwrap();
    subscriber.messages().into_iter().map(|message| payload(message)["message"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_arrives_leaves_the_typed_line_alone() {
    let broker = Broker::start();
    let mut messages = Subscriber::start(&broker, &["chat/messages"]);
    let mut alice = alice(&broker);
    alice.press("hello, wor");
    alice.wait_for_line("> hello, wor");
    for number in 1..=3 {
        let text = format!(r#"{{"type":"chat","username":"bob","message":"number {number}"}}"#);
        publish(&broker, "chat/messages", text, 1, false);
        alice.wait_for_line(&format!("bob: number {number}"));
        alice.wait_for_screen("the typed line below", |lines| {
            lines.last().is_some_and(|line| line == "#lobby> hello, wor")
        });
    }
    alice.press("ld\r");
    messages.wait_for("the typed line", |_, payload| String::from_utf8_lossy(payload).contains("hello, world"));
    alice.wait_for_screen("the message in place of the line", |lines| {
        lines.last().is_some_and(|line| line == "#lobby>")
            && lines.iter().filter(|line| line.contains("hello, world")).count() == 1
            && lines.iter().any(|line| line.ends_with(" > alice: hello, world"))
            && !lines.iter().any(String::is_empty)
    });
}

#[test]
fn a_mistyped_command_is_not_sent() {
    let broker = Broker::start();
    let mut messages = Subscriber::start(&broker, &["chat/messages/#", "chat/private/#"]);
    let mut alice = alice(&broker);
    alice.press("/hlep\r");
    alice.wait_for_screen("the nearest command", |lines| {
        lines.iter().any(|line| line.starts_with("!! there is no command /hlep; did you mean /help?"))
    });
    alice.press("/he\t\r");
    alice.wait_for_screen("the help", |lines| {
        lines.iter().any(|line| line.starts_with("-- /msg NICK TEXT"))
            && lines.iter().all(|line| !line.starts_with("--") || line.len() < 80)
    });
    alice.press("//hlep\r");
    messages.wait_for("the text", |_, payload| String::from_utf8_lossy(payload).contains("/hlep"));
    assert_eq!(texts(&mut messages), ["/hlep"]);
}

#[test]
fn lines_typed_ahead_are_all_sent() {
    let broker = Broker::start();
    let mut messages = Subscriber::start(&broker, &["chat/messages"]);
    let mut alice = alice(&broker);
    alice.press("1\r2\r3\r4\r5\r");
    messages.wait_for("the last", |_, payload| String::from_utf8_lossy(payload).contains(r#""5""#));
    assert_eq!(texts(&mut messages), ["1", "2", "3", "4", "5"]);
    alice.wait_for_line("alice: 5");
}

#[test]
fn the_terminal_is_put_back() {
    let broker = Broker::start();
    for (end, code) in
        [("/quit\r", 0), ("\x04", 0), ("half a line\x03\x03", 130), ("SIGTERM", 143), ("SIGHUP", 129), ("SIGINT", 130)]
    {
        let mut presence = Subscriber::start(&broker, &["chat/presence/#"]);
        let mut alice = Pty::start(&["client", &broker.address(), "--nick", "alice"]);
        let before = alice.settings_before();
        alice.wait_for_line(">");
        presence.wait_for("the join", |_, payload| String::from_utf8_lossy(payload).contains(r#""join""#));
        match end {
            "SIGTERM" => alice.signal(libc::SIGTERM),
            "SIGHUP" => alice.signal(libc::SIGHUP),
            "SIGINT" => alice.signal(libc::SIGINT),
            keys => alice.press(keys),
        }
        assert_eq!(alice.exit_code(), code, "{end:?}");
        assert!(alice.settings() == before, "{end:?}");
        // The end of its output may still be on its way to the test.
        support::wait_until(support::PATIENCE, "pasted text is no longer marked", || !alice.marks_pasted_text());
        presence.wait_for("a clean leave", |_, payload| {
            let payload = String::from_utf8_lossy(payload);
            payload.contains(r#""leave""#) && !payload.contains(r#""will""#)
        });
    }
}

#[test]
fn the_last_line_is_seen() {
    let mut broker = Broker::start();
    // The message that ends it.
    let mut counting = Pty::start(&["client", &broker.address(), "--nick", "alice", "-C", "1"]);
    counting.wait_for_line(">");
    counting.wait_for_line(&format!("-- connected to {}", broker.address()));
    publish(&broker, "chat/messages", r#"{"type":"chat","username":"bob","message":"the last"}"#, 1, false);
    assert_eq!(counting.exit_code(), 0);
    counting.wait_for_line("bob: the last");

    // What could not be sent.
    let mut alice = alice(&broker);
    broker.stop();
    alice.wait_for_screen("the outage", |lines| lines.iter().any(|line| line.starts_with("-- connection lost")));
    alice.press("into the void\r/quit\r");
    assert_eq!(alice.exit_code(), 1);
    alice.wait_for_line("mqttchat: 1 message is unconfirmed");

    // Why it does not start.
    let mut refused = Pty::start(&["client", &broker.address(), "--nick", "alice"]);
    let before = refused.settings_before();
    assert_eq!(refused.exit_code(), 14);
    refused.wait_for_screen("the reason", |lines| {
        lines.iter().any(|line| line.starts_with("mqttchat: connection refused"))
    });
    assert!(refused.settings() == before);
}

#[test]
fn nothing_that_arrives_drives_the_terminal() {
    let broker = Broker::start();
    let mut alice = alice(&broker);
    let hostile = r#"{"type":"chat","username":"bob","message":"\u001b[2J\u001b]0;title\u0007\u009b31m\u202edlrow"}"#;
    publish(&broker, "chat/messages", hostile, 1, false);
    alice.wait_for_line(r"bob: \x1b[2J\x1b]0;title\x07\x9b31m\u{202e}dlrow");
}

/// Refuses alice's nick after her join, as a server does. Returns her session, as JSON.
fn refuse_nick(broker: &Broker, presence: &mut Subscriber, alice: &mut Pty) -> serde_json::Value {
    let joined = presence.wait_for("the join", |topic, _| topic == "chat/presence/alice");
    let join: serde_json::Value = serde_json::from_slice(&joined.payload).unwrap();
    let session = join["session"].clone();
    let refusal = format!(r#"{{"type":"error","code":"nick_in_use","message":"taken","session":{session}}}"#);
    publish(broker, "chat/private/alice/server", refusal, 1, false);
    alice.wait_for_line("!! the nick alice is in use: which other one will you take?");
    session
}

#[test]
fn a_nick_that_is_in_use_is_asked_for_again() {
    let broker = Broker::start();
    let server = r#"{"type":"server","status":"online","instance":"i","started":"2026-11-22T19:00:00Z"}"#;
    publish(&broker, "chat/server", server, 1, true);
    let mut presence = Subscriber::start(&broker, &["chat/presence/#", "chat/messages/#"]);
    let mut alice = alice(&broker);
    let session = refuse_nick(&broker, &mut presence, &mut alice);
    alice.press("alice2\r");
    presence.wait_for("the join as another", |topic, _| topic == "chat/presence/alice2");
    let welcome = format!(r#"{{"type":"welcome","session":{session}}}"#);
    publish(&broker, "chat/private/alice2/server", welcome, 1, false);
    alice.press("here I am\r");
    alice.wait_for_line("-- you are alice2 and talk in #lobby; /help lists the commands");
    presence
        .wait_for("a message", |_, payload| String::from_utf8_lossy(payload).contains(r#""alice2","message":"here"#));
}

#[test]
fn without_a_nick_the_terminal_is_asked() {
    let broker = Broker::start();
    let mut presence = Subscriber::start(&broker, &["chat/presence"]);
    let mut alice = Pty::start(&["client", &broker.address()]);
    alice.wait_for_screen("the question", |lines| lines.iter().any(|line| line.starts_with("your nick")));
    alice.press("a b\r");
    alice.wait_for_line(r#""a b" cannot be a nick: a name cannot contain a blank"#);
    alice.press("alice\r");
    presence.wait_for("the join", |_, payload| String::from_utf8_lossy(payload).contains(r#""alice""#));
}

#[test]
fn a_password_is_asked_for_without_echo() {
    let broker = Broker::builder().user("alice", "secret").start();
    let mut alice = Pty::start(&["client", &broker.address(), "-u", "alice"]);
    let before = alice.settings_before();
    alice.wait_for_screen("the question", |lines| lines.iter().any(|line| line.starts_with("password of")));
    wait_for_silence(&alice, before.2);
    alice.press("secret\r");
    alice.wait_for_line(&format!("-- connected to {}", broker.address()));
    assert!(!alice.screen().join("").contains("secret"));

    let mut interrupted = Pty::start(&["client", &broker.address(), "-u", "alice"]);
    interrupted.wait_for_screen("the question", |lines| lines.iter().any(|line| line.starts_with("password of")));
    wait_for_silence(&interrupted, before.2);
    interrupted.press("\x03");
    assert_eq!(interrupted.exit_code(), 130);
    assert!(interrupted.settings() == before);
}

#[track_caller]
fn wait_for_silence(pty: &Pty, modes_before: libc::tcflag_t) {
    support::wait_until(support::PATIENCE, "no echo", || pty.settings().2 == modes_before & !libc::ECHO);
}
