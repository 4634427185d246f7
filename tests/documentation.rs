//! docs/protocol.md cannot rot: each of its examples is read by the crate's own parsers, and its numbers are the code's.
//!
//! The minimal client runs.
//!
//! Examples stand in blocks that begin with ```` ```mqtt ````, a line each: topic, blank, payload.

mod support;

use mqttchat::link::PACKET_BYTES;
use mqttchat::protocol::*;
use serde_json::Value;
use std::path::Path;
use support::{Broker, PATIENCE, Program, Stream, TempDir};

const PAGE: &str = include_str!("../docs/protocol.md");

/// The lines of all blocks of a language.
fn blocks(language: &str) -> Vec<&'static str> {
    let (mut fence, mut lines) = (None, Vec::new());
    for line in PAGE.lines() {
        match (fence, line.strip_prefix("```")) {
            (None, Some(opened)) => fence = Some(opened),
            (Some(_), Some(_)) => fence = None,
            (Some(opened), None) if opened == language => lines.push(line),
            _ => {}
        }
    }
    assert_eq!(fence, None, "a block that is not closed");
    lines
}

/// Reads a payload like the program that its topic is for, and writes it again; `None` if that program ignores it.
fn read_and_write(topic: &Topic, payload: &[u8]) -> Result<Option<Vec<u8>>, String> {
    let invalid = |error: Invalid| error.to_string();
    let agree = |sender: &Option<NickKey>, nick: &Nick| match sender {
        Some(key) if key != nick.key() => Err(Invalid::WrongSender.to_string()),
        _ => Ok(()),
    };
    let chat = |room: RoomName, sender: &Option<NickKey>| {
        let Some(chat) = Chat::parse(payload, room).map_err(invalid)? else { return Ok(None) };
        agree(sender, &chat.nick).map(|()| Some(chat.to_json()))
    };
    match topic {
        Topic::Messages { sender } => chat(RoomName::lobby(), sender),
        Topic::Room { room, sender } => chat(room.clone(), &Some(sender.clone())),
        Topic::Private { to, sender } => {
            if let Some(receipt) = Receipt::parse(payload).map_err(invalid)? {
                agree(&Some(to.clone()), &receipt.of.nick)?;
                return agree(&Some(sender.clone()), &receipt.nick).map(|()| Some(receipt.to_json()));
            }
            let Some(private) = Private::parse(payload).map_err(invalid)? else { return Ok(None) };
            agree(&Some(to.clone()), &private.to)?;
            agree(&Some(sender.clone()), &private.nick).map(|()| Some(private.to_json()))
        }
        Topic::Presence { sender } => {
            let Some(presence) = Presence::parse(payload).map_err(invalid)? else { return Ok(None) };
            agree(sender, &presence.nick).map(|()| Some(presence.to_json()))
        }
        Topic::Request { what, sender } => {
            let request = Request::parse(payload, *what).map_err(invalid)?;
            agree(sender, &request.requester).map(|()| Some(request.to_json(*what)))
        }
        // The crate does not read its own counters.
        Topic::Stats => Ok(Some(payload.to_vec())),
        Topic::PrivateServer { .. }
        | Topic::PrivateFlat { .. }
        | Topic::Marks { .. }
        | Topic::System
        | Topic::Users
        | Topic::Server => {
            let said = FromServer::parse(payload).map_err(invalid)?;
            let json = match (topic, said) {
                (Topic::System, FromServer::Notice(notice)) => notice.to_json(),
                (Topic::Server, FromServer::Server(info)) => info.to_json(),
                (Topic::Marks { room }, FromServer::Mark(mark)) if *room == mark.room => mark.to_json(),
                (Topic::System | Topic::Server | Topic::Marks { .. }, _) => return Ok(None),
                (_, FromServer::OnlineUsers(users)) => users.to_json(),
                (Topic::Users, _) => return Ok(None),
                (_, FromServer::History(history)) => history.to_json(),
                (_, FromServer::Welcome(welcome)) => welcome.to_json(),
                (_, FromServer::Error(error)) => error.to_json(),
                (_, FromServer::Rooms(rooms)) => rooms.to_json(),
                (_, FromServer::Pong(pong)) => pong.to_json(),
                (_, FromServer::Stored(stored)) => stored.to_json(),
                (_, FromServer::Waiting(waiting)) => waiting.to_json(),
                (_, FromServer::SearchResult(result)) => result.to_json(),
                (_, FromServer::Private(private)) => private.to_json(),
                (_, FromServer::Receipt(receipt)) => receipt.to_json(),
                _ => return Ok(None),
            };
            Ok(Some(json))
        }
    }
}

/// Whether the crate knows everything in a payload: `written` has the same fields, and perhaps more.
fn knows(written: &Value, said: &Value) -> bool {
    match (written, said) {
        (Value::Object(written), Value::Object(said)) => {
            said.iter().all(|(name, value)| written.get(name).is_some_and(|written| knows(written, value)))
        }
        (Value::Array(written), Value::Array(said)) => {
            written.len() == said.len() && written.iter().zip(said).all(|(written, said)| knows(written, said))
        }
        _ => written == said,
    }
}

#[track_caller]
fn check(example: &str) -> Topic {
    let (topic, payload) = example.split_once(' ').unwrap_or_else(|| panic!("no payload: {example}"));
    let topic = Topics::new("chat").parse(topic).unwrap_or_else(|| panic!("no such topic: {example}"));
    let said: Value = serde_json::from_str(payload).unwrap_or_else(|error| panic!("{error}: {example}"));
    match read_and_write(&topic, payload.as_bytes()) {
        Ok(Some(written)) => {
            let written: Value = serde_json::from_slice(&written).expect("what the crate writes is JSON");
            assert!(knows(&written, &said), "a field that the crate does not know: {example}\nwritten: {written}");
        }
        Ok(None) => panic!("a type or action that nobody reads there: {example}"),
        Err(error) => panic!("{error}: {example}"),
    }
    topic
}

#[test]
fn every_example_is_read_as_its_topic_says() {
    let shown: Vec<Topic> = blocks("mqtt").into_iter().map(check).collect();
    type Form = fn(&Topic) -> bool;
    let forms: [(&str, Form); 7] = [
        ("message", |topic| matches!(topic, Topic::Messages { sender: None })),
        ("message to a room", |topic| matches!(topic, Topic::Room { .. })),
        ("direct message", |topic| matches!(topic, Topic::Private { .. })),
        ("presence", |topic| matches!(topic, Topic::Presence { .. })),
        ("reply to an original client", |topic| matches!(topic, Topic::PrivateFlat { .. })),
        ("mark", |topic| matches!(topic, Topic::Marks { .. })),
        ("notice", |topic| matches!(topic, Topic::System)),
    ];
    for (what, form) in forms {
        assert!(shown.iter().any(form), "no example of a {what}");
    }
    for topic in [Topic::Users, Topic::Server, Topic::Stats] {
        assert!(shown.contains(&topic), "{topic:?} has no example");
    }
    for kind in RequestKind::ALL {
        let asks = |topic: &Topic| matches!(topic, Topic::Request { what, .. } if *what == kind);
        assert!(shown.iter().any(asks), "no request for {}", kind.as_str());
    }
}

#[test]
fn no_example_escapes_the_check() {
    // Everything that looks like a payload is in a block that is checked; the shell's are its own.
    assert_eq!(blocks("json"), [""; 0]);
    let payloads = |lines: Vec<&str>| lines.iter().filter(|line| line.contains(r#"{"type":"#)).count();
    assert_eq!(payloads(PAGE.lines().collect()), payloads(blocks("mqtt")));
}

#[test]
fn the_topics_table_names_what_the_crate_knows() {
    let topics = Topics::new("chat");
    let section = PAGE.split("\n## ").find(|section| section.starts_with("Topics")).expect("a section");
    let rows: Vec<&str> = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next()).collect();
    assert_eq!(rows.len(), 15);
    for row in rows {
        let name = row
            .replace("{nick as typed}", "Alice")
            .replace("{key}", "alice")
            .replace("{to}", "bob")
            .replace("{room}", "dev")
            .replace("{what}", "users");
        assert!(topics.parse(&name).is_some(), "{row}");
    }
}

#[test]
fn the_limits_table_has_the_codes_numbers() {
    let kib = |bytes: usize| format!("{} KiB", bytes / 1024);
    let thousands = |n: usize| if n < 1_000 { n.to_string() } else { format!("{},{:03}", n / 1_000, n % 1_000) };
    let rows = [
        ("nick, room name", format!("{} scalar values", limits::NAME_CHARS)),
        ("text", format!("{} scalar values", thousands(limits::TEXT_CHARS))),
        ("payload", kib(limits::PAYLOAD_BYTES)),
        ("packet, as asked for in a CONNECT of MQTT 5", kib(PACKET_BYTES as usize)),
        ("page of history, reply to a search, mark", kib(limits::REPLY_BYTES)),
        ("list of users or rooms", kib(limits::REPLY_BYTES)),
        ("messages in a page", thousands(limits::PAGE_MESSAGES)),
        (
            "messages in a reply to a search",
            format!("{}, on request {}", limits::SEARCH_MESSAGES, limits::PAGE_MESSAGES),
        ),
        ("text of a search", format!("{} scalar values", limits::SEARCH_CHARS)),
        ("words of a search, those of phrases included", limits::SEARCH_WORDS.to_string()),
        ("names in a notice's `users_list`", thousands(limits::NOTICE_USERS)),
        ("names in a merged notice", thousands(limits::NOTICE_NAMES)),
        ("names in an `online_users` list", thousands(limits::LISTED_USERS)),
        ("rooms of one session", thousands(limits::ROOMS_PER_SESSION)),
        ("rooms in a `rooms` reply", thousands(limits::LISTED_ROOMS)),
        ("wait before a will is believed", format!("{} s", limits::WILL_DELAY.as_secs_f64())),
    ];
    for (limit, value) in rows {
        let row = format!("| {limit} | {value} |");
        assert!(PAGE.lines().any(|line| line == row), "docs/protocol.md lacks: {row}");
    }
}

#[test]
fn the_minimal_client_talks_and_sends_receipts() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let address = broker.address();
    let mut server = Program::start(&["server", &address, "--data-dir", data.path().to_str().expect("UTF-8")]);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    let mut alice = Program::start(&["client", &address, "--nick", "Alice", "--json", "--listen"]);
    alice.wait_for_line(Stream::Out, "online_users", PATIENCE);
    // One message waits for Bob and reaches him through the server.
    alice.send_line(r#"{"message":"psst and \"so on\"","to":"bob","ref":1}"#);
    alice.wait_for_line(Stream::Out, r#""event":"waiting""#, PATIENCE);
    let script = data.join("chat.sh");
    std::fs::write(&script, blocks("sh").join("\n") + "\n").expect("our own folder is writable");
    let port = broker.port().to_string();
    let arguments = [script.to_str().expect("UTF-8"), "bob", "127.0.0.1", &port];
    let mut bob = Program::other(Path::new("/bin/sh"), &arguments).with_children().start();
    bob.wait_for_line(Stream::Out, r#"*Alice* psst and "so on""#, PATIENCE);
    let delivered = |alice: &mut Program, reference: u32| {
        alice.wait_for_line_where(Stream::Out, "a receipt", PATIENCE, |line| {
            line.contains(r#""event":"delivered""#) && line.contains(&format!("\"ref\":{reference}"))
        });
    };
    delivered(&mut alice, 1);
    alice.send_line(r#"{"message":"hi","to":"bob","ref":2}"#);
    bob.wait_for_line(Stream::Out, "*Alice* hi", PATIENCE);
    delivered(&mut alice, 2);
    bob.wait_for_line(Stream::Out, "online: Alice, bob", PATIENCE);
    bob.send_line("a line");
    alice.wait_for_line(Stream::Out, r#""message":"a line""#, PATIENCE);
    bob.close_stdin();
    assert_eq!(bob.exit_code(PATIENCE), 0);
    alice.wait_for_line(Stream::Out, r#""event":"user_leave""#, PATIENCE);
}
