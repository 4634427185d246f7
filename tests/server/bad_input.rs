//! Invalid input gets a warning at most. It disturbs nobody, and nothing of it is stored.

use super::support::{Broker, PATIENCE, Program, SeedLine, Stream, Subscriber, TempDir, publish, seed_wire};
use super::{FIRST_RUN, ask, await_json, chat, notices, say, start_server, texts};
use serde_json::{Value, json};

/// The invalid lines in the captured data of the original programs.
const INVALID_LINES: [usize; 9] = [8, 10, 11, 12, 13, 14, 16, 18, 19];

#[test]
fn everything_bad_is_ignored() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let mut server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/system", "chat/private/#"]);
    // Only the server publishes on chat/system.
    let bad = |line: &SeedLine| INVALID_LINES.contains(&line.line) && line.topic != "chat/system";
    for line in seed_wire().into_iter().filter(bad) {
        publish(&broker, &line.topic, line.payload, 1, false);
    }
    let deep = format!(
        r#"{{"type":"chat","username":"deep","message":"x","timestamp":{}{}}}"#,
        "[".repeat(30_000),
        "]".repeat(30_000)
    );
    let bodies: [Vec<u8>; 8] = [
        vec![b'x'; 1 << 20],
        chat("big", &"x".repeat(1 << 20)).to_string().into_bytes(),
        chat("long", &"x".repeat(4_001)).to_string().into_bytes(),
        deep.into_bytes(),
        b"{\"type\":\"chat\",\"username\":\"bytes\",\"message\":\"\xff\xfe\"}".to_vec(),
        Vec::new(),
        b"null".to_vec(),
        b"{\"type\":\"chat\",\"username\":\"\\ud800\",\"message\":\"lone surrogate\"}".to_vec(),
    ];
    for topic in ["chat/messages", "chat/presence", "chat/request/history", "chat/rooms/dev/x"] {
        for body in &bodies {
            publish(&broker, topic, body, 1, false);
        }
    }
    for nick in ["+", "#", "a/b", "", " ", "a\nb", "\u{1b}[31mred", "a\u{202e}b", "server", "$SYS", &"x".repeat(33)] {
        publish(&broker, "chat/messages", chat(nick, "hi").to_string(), 1, false);
        say(&broker, "chat/presence", json!({"action": "join", "username": nick}));
        say(&broker, "chat/request/users", json!({"requester": nick}));
    }
    // The topic's sender level contradicts the payload; a topic that no nick can have.
    say(&broker, "chat/messages/mallory", chat("alice", "not mine"));
    say(&broker, "chat/rooms/dev/mallory", chat("alice", "not mine"));
    say(&broker, "chat/rooms/Not A Room/alice", chat("alice", "nowhere"));
    say(&broker, "chat/presence/mallory", json!({"action": "leave", "username": "alice"}));
    // Hostile, but valid: stored unchanged, shown harmlessly.
    say(&broker, "chat/messages", chat("alice", "\u{1b}[2J good"));

    let page = ask(&broker, &mut watcher, "history", "h1", json!({}));
    assert_eq!(texts(&page), ["\u{1b}[2J good"]);
    let dev = ask(&broker, &mut watcher, "history", "h2", json!({"room": "dev"}));
    assert_eq!(texts(&dev), [""; 0]);
    assert_eq!(notices(&mut watcher), [""; 0]);
    let log = server.lines(Stream::Err);
    assert!(log.iter().all(|line| !line.chars().any(char::is_control)), "{log:#?}");
    let warnings = log.iter().filter(|line| line.contains(" WARN ")).count();
    assert!((3..=30).contains(&warnings), "one per sender and kind, or name, not {warnings}: {log:#?}");
    assert!(!log.iter().any(|line| line.contains("panicked")));
}

#[test]
fn a_nick_with_a_noncharacter_disconnects_nobody() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let mut server = start_server(&broker, data.path(), &[]);
    let mut alice = Program::start(&["client", &broker.address(), "--listen", "--nick", "alice"]);
    alice.wait_for_line(Stream::Err, "online: alice", PATIENCE);
    let mut watcher = Subscriber::start(&broker, &["chat/private/#"]);
    // An answer would go to a topic over which Mosquitto closes the connection.
    for nick in ["\u{ffff}", "a\u{fdd0}", "\u{1fffe}"] {
        say(&broker, "chat/request/ping", json!({"requester": nick}));
        say(&broker, "chat/presence", json!({"action": "join", "username": nick}));
        let direct = json!({"type": "private", "username": nick, "to": "alice", "message": "forged",
            "session": FIRST_RUN, "seq": 1});
        say(&broker, "chat/private/alice", direct.clone());
        say(&broker, "chat/private/alice/server", direct);
    }
    say(&broker, "chat/messages", chat("bob", "the last word"));
    alice.wait_for_line(Stream::Out, "the last word", PATIENCE);
    ask(&broker, &mut watcher, "ping", "p1", json!({}));
    for program in [&mut server, &mut alice] {
        let log = program.lines(Stream::Err);
        assert!(!log.iter().any(|line| line.contains("connection lost") || line.contains("forged")), "{log:#?}");
    }
    assert!(!broker.log().contains("malformed packet"), "{}", broker.log());
}

#[test]
fn a_sender_with_a_session_is_told() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/private/#"]);
    let mut long = chat("alice", &"x".repeat(4_001));
    long["session"] = FIRST_RUN.into();
    long["seq"] = 7.into();
    say(&broker, "chat/messages", long);
    let to_alice = "chat/private/alice/server";
    let error = await_json(&mut watcher, "an error", to_alice, |v| v["type"] == "error");
    assert_eq!((&error["code"], &error["of"]), (&json!("too_large"), &json!(format!("{FIRST_RUN}-7"))));
    say(
        &broker,
        "chat/request/history/alice",
        json!({"requester": "alice", "session": FIRST_RUN, "request": "h9", "room": "NOT A ROOM"}),
    );
    let error = await_json(&mut watcher, "an error", to_alice, |v| v["request"] == "h9");
    assert_eq!(error["code"], "bad_request");
}

#[test]
fn a_message_with_an_ill_formed_id_is_refused_each_time() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let _server = start_server(&broker, data.path(), &[]);
    let mut watcher = Subscriber::start(&broker, &["chat/private/#"]);
    let mut refused = |session: Value, seq: Value, words: &str| {
        let mut message = chat("alice", words);
        (message["session"], message["seq"]) = (session.clone(), seq);
        for topic in ["chat/messages", "chat/messages/alice", "chat/rooms/dev/alice"] {
            watcher.skip_messages_so_far();
            say(&broker, topic, message.clone());
            let error = await_json(&mut watcher, "an error", "chat/private/alice/server", |v| v["type"] == "error");
            assert_eq!((&error["code"], error["message"].as_str()), (&json!("bad_message"), Some(words)));
            // A session is repeated only if it has the right form.
            let is_valid = session == FIRST_RUN;
            assert_eq!(error.get("session"), is_valid.then_some(&session), "{error}");
        }
    };
    refused("Not-A-Session".into(), 1.into(), "`session` must be 12 characters of a-z and 0-9");
    refused(FIRST_RUN.into(), 0.into(), "`seq` must be a whole number from 1 to 9007199254740992");
    refused(FIRST_RUN.into(), "1".into(), "`seq` must be a whole number from 1 to 9007199254740992");
    for (token, room) in [("h1", "lobby"), ("h2", "dev")] {
        let page = ask(&broker, &mut watcher, "history", token, json!({"room": room}));
        assert_eq!(texts(&page), [""; 0]);
    }
}

#[test]
fn text_is_logged_only_when_asked_for() {
    let (broker, data) = (Broker::start(), TempDir::new());
    for (arguments, shown) in [(&[][..], false), (&["-v"][..], true)] {
        let mut server = start_server(&broker, data.path(), arguments);
        say(&broker, "chat/messages", chat("anna lena", "a secret"));
        let line = server.wait_for_line(Stream::Err, "message room=lobby nick=\"anna lena\" id=- length=8", PATIENCE);
        assert_eq!(line.contains("a secret"), shown, "{line}");
        server.signal(libc::SIGTERM);
        assert_eq!(server.exit_code(PATIENCE), 0);
    }
}
