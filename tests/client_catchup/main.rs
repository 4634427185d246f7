//! What a client has missed, and how it catches up, end to end: real broker, server and clients.

#[path = "../support/mod.rs"]
mod support;

mod direct;
mod memory;
mod missed;
mod runs;
mod search;
mod slow;
mod stalled;

use serde_json::{Value, json};
use std::path::Path;
use support::{Broker, PATIENCE, Program, Stream, TempDir};

/// A broker with a chat server, and homes that outlive clients.
struct Chat {
    broker: Broker,
    server: Program,
    data: TempDir,
    homes: TempDir,
}

impl Chat {
    #[track_caller]
    fn start(broker: Broker) -> Chat {
        let data = TempDir::new();
        let server = Chat::server(&broker, data.path());
        Chat { broker, server, data, homes: TempDir::new() }
    }

    #[track_caller]
    fn server(broker: &Broker, data: &Path) -> Program {
        let mut server = Program::start(&["server", &broker.address(), "--data-dir", data.to_str().unwrap()]);
        server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
        server
    }

    /// Deletes the server's history, which makes it begin another one.
    #[track_caller]
    fn replace_history(&mut self) {
        self.server.signal(libc::SIGTERM);
        assert_eq!(self.server.exit_code(PATIENCE), 0);
        self.data = TempDir::new();
        self.server = Chat::server(&self.broker, self.data.path());
    }

    /// A client. Each nick always has the same home.
    #[track_caller]
    fn client(&self, nick: &str, arguments: &[&str]) -> Program {
        let home = self.homes.join(nick);
        std::fs::create_dir_all(&home).unwrap();
        let address = self.broker.address();
        Program::with(&[&["client", &address, "--nick", nick], arguments].concat()).home(&home).start()
    }

    /// A JSON client that has been let in.
    #[track_caller]
    fn json(&self, nick: &str, arguments: &[&str]) -> Program {
        let mut program = self.client(nick, &[&["--json"], arguments].concat());
        event(&mut program, "online_users");
        program
    }

    /// Sends all of this at once, and waits until it is stored.
    #[track_caller]
    fn send(&self, nick: &str, texts: &[String], arguments: &[&str]) {
        let mut sender = self.client(nick, arguments);
        texts.iter().for_each(|text| sender.send_line(text));
        sender.close_stdin();
        assert_eq!(sender.exit_code(PATIENCE * 2), 0);
    }
}

/// The first event of this name, past or future.
#[track_caller]
fn event(program: &mut Program, name: &str) -> Value {
    event_with(program, name, "")
}

/// Like `event`, but the event must contain this.
#[track_caller]
fn event_with(program: &mut Program, name: &str, part: &str) -> Value {
    let begin = format!(r#"{{"event":"{name}""#);
    let wanted = |line: &str| line.starts_with(&begin) && line.contains(part);
    let line = program.wait_for_line_where(Stream::Out, &format!("{name} {part}"), PATIENCE * 2, wanted);
    serde_json::from_str(&line).expect("an event is JSON")
}

/// All events of this name so far.
fn events(program: &mut Program, name: &str) -> Vec<Value> {
    let lines = program.lines(Stream::Out);
    let events = lines.iter().map(|line| serde_json::from_str::<Value>(line).expect("an event is JSON"));
    events.filter(|event| event["event"] == name).collect()
}

/// The texts of these events.
fn texts(program: &mut Program, name: &str) -> Vec<String> {
    events(program, name).iter().map(|event| event["message"].as_str().unwrap_or_default().to_owned()).collect()
}

fn numbered(numbers: std::ops::RangeInclusive<u32>) -> Vec<String> {
    numbers.map(|number| format!("number {number}")).collect()
}

/// Sends this and waits until it is stored.
#[track_caller]
fn say(program: &mut Program, fields: Value) {
    let reference = fields["message"].clone();
    let mut order = fields;
    order["ref"] = reference.clone();
    program.send_line(&order.to_string());
    event_with(program, "stored", &json!({"ref": reference}).to_string().replace(['{', '}'], ""));
}

#[track_caller]
fn quit(mut program: Program) -> Vec<String> {
    program.send_line(r#"{"command":"quit"}"#);
    assert_eq!(program.exit_code(PATIENCE), 0);
    texts(&mut program, "chat")
}
