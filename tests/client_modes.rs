//! The client in pipes, against a real broker: sender, member and JSON modes, their exit codes and ends.

mod support;

use serde_json::Value;
use std::time::Duration;
use support::{Broker, PATIENCE, Program, Stream, Subscriber, publish, wait_until};

fn start(broker: &Broker, arguments: &[&str]) -> Program {
    let address = broker.address();
    Program::start(&[&["client", &address], arguments].concat())
}

/// A connected JSON client.
#[track_caller]
fn json(broker: &Broker, nick: &str) -> Program {
    let mut program = start(broker, &["--json", "--nick", nick]);
    event(&mut program, "connected");
    program
}

/// The first event of this name, past or future.
#[track_caller]
fn event(program: &mut Program, name: &str) -> Value {
    let begin = format!(r#"{{"event":"{name}""#);
    let line = program.wait_for_line_where(Stream::Out, name, PATIENCE, |line| line.starts_with(&begin));
    serde_json::from_str(&line).expect("an event is JSON")
}

/// All events of this name so far.
fn events(program: &mut Program, name: &str) -> Vec<Value> {
    let lines = program.lines(Stream::Out);
    let events = lines.iter().map(|line| serde_json::from_str::<Value>(line).expect("an event is JSON"));
    events.filter(|event| event["event"] == name).collect()
}

fn texts(subscriber: &mut Subscriber) -> Vec<String> {
    let text = |message: support::Message| {
        let payload: Value = serde_json::from_slice(&message.payload).unwrap();
        payload["message"].as_str().unwrap_or_default().to_owned()
    };
    subscriber.messages().into_iter().map(text).collect()
}

#[test]
fn a_sender_sends_one_message_and_is_not_noticed() {
    let broker = Broker::start();
    let mut all = Subscriber::start(&broker, &["chat/#"]);
    let mut sender = start(&broker, &["--nick", "Alice", "-m", "/not a command"]);
    assert_eq!(sender.exit_code(PATIENCE), 0);
    assert_eq!((sender.lines(Stream::Out), sender.lines(Stream::Err)), (vec![], vec![]));
    all.wait_for("the message", |topic, _| topic == "chat/messages");
    assert_eq!(texts(&mut all), ["/not a command"], "no presence, no request");
}

#[test]
fn a_sender_sends_a_thousand_lines_in_order() {
    let broker = Broker::start();
    let mut messages = Subscriber::start(&broker, &["chat/private/bob/alice"]);
    let mut sender = start(&broker, &["--nick", "alice", "--to", "Bob"]);
    let lines: Vec<String> = (1..=1_000).map(|number| format!("line {number}")).collect();
    for line in &lines {
        sender.send_line(line);
    }
    sender.close_stdin();
    assert_eq!(sender.exit_code(PATIENCE), 0);
    messages.wait_for("the last line", |_, payload| String::from_utf8_lossy(payload).contains("line 1000"));
    assert_eq!(texts(&mut messages), lines);
}

#[test]
fn a_sender_without_its_broker_gives_up_in_time() {
    let mut broker = Broker::start();
    let server =
        r#"{"type":"server","status":"online","instance":"one","started":"2026-11-22T19:00:00Z","version":"1"}"#;
    publish(&broker, "chat/server", server, 1, true);
    let mut messages = Subscriber::start(&broker, &["chat/messages"]);
    let mut sender = start(&broker, &["--nick", "alice", "-W", "3"]);
    sender.send_line("arrives");
    let message = messages.wait_for("a message", |_, payload| String::from_utf8_lossy(payload).contains("arrives"));
    let message: Value = serde_json::from_slice(&message.payload).expect("JSON");
    let stored = format!(r#"{{"type":"stored","session":{},"seq":[[1,1]]}}"#, message["session"]);
    publish(&broker, "chat/private/alice/server", stored, 1, false);
    // The SUBSCRIBE after the one for chat/server.
    wait_until(PATIENCE, "it has heard that", || broker.log().matches("Received PUBACK from mqttchat-").count() >= 2);
    broker.stop();
    sender.send_line("does not");
    sender.send_line("nor this");
    sender.close_stdin();
    assert_eq!(sender.exit_code(PATIENCE), 27);
    assert_eq!(sender.lines(Stream::Err), ["mqttchat: 2 messages are unconfirmed after 3 s"]);
}

#[test]
fn a_first_connection_that_fails_is_one_line() {
    let mut broker = Broker::start();
    broker.stop();
    for arguments in [&["--nick", "a", "-m", "x"][..], &["--nick", "a", "--json"], &["--nick", "a", "--listen"]] {
        let mut program = start(&broker, arguments);
        assert_eq!(program.exit_code(PATIENCE), 14, "{arguments:?}");
        let lines = program.lines(Stream::Err);
        assert!(matches!(&lines[..], [line] if line.starts_with("mqttchat: ")), "{arguments:?}: {lines:?}");
    }
}

#[test]
fn the_login_name_is_the_default_nick() {
    let broker = Broker::start();
    let mut messages = Subscriber::start(&broker, &["chat/messages"]);
    // No variable gives it, as in a container or a cron job.
    let mut program = start(&broker, &["-m", "x"]);
    assert_eq!(program.exit_code(PATIENCE), 0, "{:?}", program.lines(Stream::Err));
    let id = std::process::Command::new("id").arg("-un").output().expect("id").stdout;
    let name = format!(r#""username":"{}""#, String::from_utf8_lossy(&id).trim());
    messages.wait_for("a message", |_, payload| String::from_utf8_lossy(payload).contains(&name));
}

#[test]
fn impossible_options_are_one_line() {
    let broker = Broker::start();
    for (arguments, part) in [
        (&["--nick", "a b", "-m", "x"][..], "cannot be a nick"),
        (&["--nick", "server", "-m", "x"], "reserved"),
        (&["--nick", "a", "--room", "é", "-m", "x"], "cannot be a room: a name cannot contain é; rooms are of a-z"),
        (&["--nick", "a", "--to", "+", "-m", "x"], "cannot be a nick"),
        (&["--nick", "a", "--to", "b", "--json"], "an object names its addressee itself"),
        (&["--nick", "a", "-m", " "], "nothing to send"),
    ] {
        let mut program = start(&broker, arguments);
        assert_eq!(program.exit_code(PATIENCE), 1, "{arguments:?}");
        let lines = program.lines(Stream::Err);
        assert!(matches!(&lines[..], [line] if line.contains(part)), "{arguments:?}: {lines:?}");
    }
}

#[test]
fn a_listener_prints_messages_and_sends_lines_literally() {
    let broker = Broker::start();
    let mut messages = Subscriber::start(&broker, &["chat/messages", "chat/rooms/#"]);
    let mut listener = start(&broker, &["--listen", "--nick", "alice", "--room", "dev"]);
    listener.send_line("/help");
    messages.wait_for("the line", |topic, _| topic == "chat/rooms/dev/alice");
    assert_eq!(texts(&mut messages), ["/help"]);
    listener.close_stdin();
    let time = "2026-11-22T20:30:00.123+01:00";
    for (topic, payload, line) in [
        ("chat/messages", r#""type":"chat","username":"bob","message":"two\nlines""#, r"#lobby bob: two\nlines"),
        ("chat/rooms/dev/bob", r#""type":"chat","username":"bob","message":"in dev""#, "#dev bob: in dev"),
        ("chat/private/alice/bob", r#""type":"private","username":"Bob","to":"alice","message":"x""#, "@alice Bob: x"),
        (
            "chat/messages/eve",
            r#""type":"chat","username":"eve","message":"\u001b[31m\u202e""#,
            r"#lobby eve: \x1b[31m\u{202e}",
        ),
    ] {
        publish(&broker, topic, format!(r#"{{{payload},"timestamp":"{time}"}}"#), 1, false);
        listener.wait_for_line(Stream::Out, &format!("2026-11-22T19:30:00+00:00 {line}"), PATIENCE);
    }
    listener.signal(libc::SIGTERM);
    assert_eq!(listener.exit_code(PATIENCE), 143);
}

#[test]
fn invalid_messages_are_not_printed() {
    let broker = Broker::start();
    let mut listener = start(&broker, &["--listen", "--nick", "alice"]);
    listener.wait_for_line(Stream::Err, "connected to", PATIENCE);
    for line in support::seed_wire() {
        publish(&broker, &line.topic, &line.payload, 1, false);
    }
    let huge = format!(r#"{{"type":"chat","username":"bob","message":"{}"}}"#, "x".repeat(1_000_000));
    let bad: [&[u8]; 5] = [
        huge.as_bytes(),
        &[b'['; 60_000],
        b"{\"type\":\"chat\",\"username\":\"\xff\"}",
        b"\0",
        br#"{"type":"chat","username":"\u001b[2J","message":"x"}"#,
    ];
    for payload in bad {
        publish(&broker, "chat/messages", payload, 1, false);
    }
    publish(&broker, "chat/messages", r#"{"type":"chat","username":"bob","message":"the end"}"#, 1, false);
    listener.wait_for_line(Stream::Out, "bob: the end", PATIENCE);
    let lines = listener.lines(Stream::Out);
    let texts: Vec<&str> = lines.iter().filter_map(|line| line.split_once(' ')).map(|(_, text)| text).collect();
    // The only chat message of the captured data. The history page answers nobody's request.
    assert_eq!(texts, ["#lobby alice: hi one", "#lobby bob: the end"]);
}

#[test]
fn programs_are_answered_in_json() {
    let broker = Broker::start();
    let mut messages = Subscriber::start(&broker, &["chat/messages", "chat/rooms/#"]);
    let mut alice = json(&broker, "alice");
    alice.send_line(r#"{"message":"hi","ref":"a"}"#);
    let own = event(&mut alice, "chat");
    assert_eq!((&own["own"], &own["ref"], &own["room"]), (&true.into(), &"a".into(), &"lobby".into()));
    let sent = event(&mut alice, "sent");
    assert_eq!((&sent["ref"], &sent["id"]), (&"a".into(), &own["id"]));
    alice.send_line("{\"message\":");
    assert!(event(&mut alice, "error")["message"].as_str().unwrap().contains("not a JSON object"));
    alice.send_line(r#"{"command":"join","room":"dev"}"#);
    alice.send_line(r#"{"message":"waves","room":"dev","action":true}"#);
    let action = messages.wait_for("the action", |topic, _| topic == "chat/rooms/dev/alice");
    assert!(action.text().contains(r#""action":true"#));
    alice.send_line(r#"{"message":"x","room":"ops","ref":3}"#);
    alice.wait_for_line(Stream::Out, r##"you are not in #ops; join it first","ref":3}"##, PATIENCE);
    // After an echo or two, own messages have arrived once.
    publish(&broker, "chat/messages", r#"{"type":"chat","username":"bob","message":"end"}"#, 1, false);
    alice.wait_for_line(Stream::Out, r#""message":"end""#, PATIENCE);
    assert_eq!(events(&mut alice, "chat").len(), 3);
    alice.send_line(r#"{"command":"quit"}"#);
    assert_eq!(alice.exit_code(PATIENCE), 0);
}

#[test]
fn pings_tell_which_ones_they_answer() {
    let broker = Broker::start();
    let mut server = Program::start(&["server", &broker.address(), "--memory"]);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    let mut alice = json(&broker, "alice");
    event(&mut alice, "online_users");
    alice.send_line(r#"{"command":"ping","ref":"one"}"#);
    alice.send_line(r#"{"command":"ping","ref":"two"}"#);
    wait_until(PATIENCE, "four answers", || events(&mut alice, "pong").len() == 4);
    for from in ["broker", "server"] {
        let pongs = events(&mut alice, "pong");
        let references: Vec<_> = pongs.iter().filter(|pong| pong["from"] == from).map(|pong| &pong["ref"]).collect();
        assert_eq!(references, ["one", "two"], "{from}");
    }
}

#[test]
fn the_end_of_a_programs_input_waits_for_its_messages() {
    let broker = Broker::start();
    let mut messages = Subscriber::start(&broker, &["chat/messages"]);
    let mut alice = start(&broker, &["--json", "--nick", "alice"]);
    for number in 1..=100 {
        alice.send_line(&format!(r#"{{"message":"{number}","ref":{number}}}"#));
    }
    alice.close_stdin();
    assert_eq!(alice.exit_code(PATIENCE), 0);
    assert_eq!(events(&mut alice, "sent").len(), 100);
    messages.wait_for("the last", |_, payload| String::from_utf8_lossy(payload).contains(r#""100""#));
    assert_eq!(texts(&mut messages), (1..=100).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[test]
fn text_typed_during_an_outage_arrives_once() {
    let mut broker = Broker::builder().persistence().start();
    // A session that the broker keeps over its restart: nothing is missed.
    let mut messages = Subscriber::start_with(&broker, &["chat/messages/#"], &["-V", "311", "-q", "1", "-c"]);
    let mut alice = json(&broker, "alice");
    alice.send_line(r#"{"message":"before","ref":1}"#);
    alice.wait_for_line_where(Stream::Out, "the first is sent", PATIENCE, |line| line.contains(r#""event":"sent""#));
    // A session gets its unacknowledged messages again.
    wait_until(PATIENCE, "the first is acknowledged", || broker.log().contains("Received PUBACK from watcher-"));
    broker.stop();
    event(&mut alice, "disconnected");
    alice.send_line(r#"{"message":"during","ref":2}"#);
    alice.wait_for_line(Stream::Out, r#""message":"during""#, PATIENCE);
    broker.start_again();
    alice.wait_for_line(Stream::Out, r#""again":true"#, PATIENCE);
    alice.send_line(r#"{"message":"after","ref":3}"#);
    messages.wait_for("the last", |_, payload| String::from_utf8_lossy(payload).contains("after"));
    assert_eq!(texts(&mut messages), ["before", "during", "after"]);
    alice.wait_for_line_where(Stream::Out, "the last is sent", PATIENCE, |line| {
        line.contains(r#""event":"sent""#) && line.contains(r#""ref":3"#)
    });
    assert_eq!(events(&mut alice, "chat").len(), 3, "own messages are shown once, with no echo");
    assert_eq!(events(&mut alice, "disconnected").len(), 1);
}

#[test]
fn counting_messages_ends_it() {
    let broker = Broker::start();
    let mut counter = start(&broker, &["--listen", "--nick", "alice", "-C", "2"]);
    counter.wait_for_line(Stream::Err, "connected to", PATIENCE);
    counter.send_line("own ones do not count");
    for number in 1..=2 {
        publish(
            &broker,
            "chat/messages",
            format!(r#"{{"type":"chat","username":"bob","message":"{number}"}}"#),
            1,
            false,
        );
    }
    assert_eq!(counter.exit_code(PATIENCE), 0);
    assert_eq!(counter.lines(Stream::Out).len(), 3);
}

#[test]
fn waiting_ends_with_a_code_of_its_own() {
    let broker = Broker::start();
    let mut waiting = start(&broker, &["--listen", "--nick", "alice", "-W", "1"]);
    assert_eq!(waiting.exit_code(PATIENCE), 27);
}

#[test]
fn signals_leave_cleanly() {
    let broker = Broker::start();
    for (signal, code) in [(libc::SIGINT, 130), (libc::SIGTERM, 143), (libc::SIGHUP, 129)] {
        let mut presence = Subscriber::start(&broker, &["chat/presence/#"]);
        let mut member = start(&broker, &["--listen", "--nick", "alice"]);
        presence.wait_for("the join", |_, payload| String::from_utf8_lossy(payload).contains(r#""join""#));
        member.signal(signal);
        assert_eq!(member.exit_code(PATIENCE), code);
        let leave =
            presence.wait_for("the leave", |_, payload| String::from_utf8_lossy(payload).contains(r#""leave""#));
        assert!(!leave.text().contains("will"), "{}", leave.text());
    }
}

#[test]
fn a_killed_client_leaves_by_its_will() {
    let broker = Broker::start();
    let mut presence = Subscriber::start(&broker, &["chat/presence/#"]);
    let mut member = start(&broker, &["--listen", "--nick", "Alice"]);
    presence.wait_for("the join", |_, payload| String::from_utf8_lossy(payload).contains(r#""join""#));
    member.kill();
    let will = presence.wait_for("the will", |topic, _| topic == "chat/presence/alice");
    let will: Value = serde_json::from_slice(&will.payload).unwrap();
    assert_eq!((&will["action"], &will["will"], &will["conn"]), (&"leave".into(), &true.into(), &1.into()));
}

#[test]
fn nobody_reading_is_a_quiet_end() {
    let broker = Broker::start();
    let mut presence = Subscriber::start(&broker, &["chat/presence/#"]);
    let mut member = Program::with(&["client", &broker.address(), "--listen", "--nick", "alice"]).closed_output();
    presence.wait_for("the join", |_, payload| String::from_utf8_lossy(payload).contains(r#""join""#));
    publish(&broker, "chat/messages", r#"{"type":"chat","username":"bob","message":"x"}"#, 1, false);
    assert_eq!(member.exit_code(PATIENCE), 0);
    let errors = member.lines(Stream::Err);
    assert!(!errors.iter().any(|line| line.starts_with("mqttchat:") || line.contains("panicked")), "{errors:?}");
    presence.wait_for("the leave", |_, payload| String::from_utf8_lossy(payload).contains(r#""leave""#));
}

#[test]
fn a_refused_log_in_gives_the_brokers_code() {
    let broker = Broker::builder().user("alice", "secret").start();
    let mut program = start(&broker, &["--nick", "a", "-m", "x", "-V", "311"]);
    assert_eq!(program.exit_code(Duration::from_secs(60)), 5);
    let mut program = start(&broker, &["--nick", "a", "-m", "x"]);
    assert_eq!(program.exit_code(Duration::from_secs(60)), 135);
}
