//! The example programs, run as their documentation says, with a client of ours to talk to them.

mod support;

use std::path::{Path, PathBuf};
use support::{Broker, PATIENCE, Program, Stream, TempDir};

/// `cargo test` builds the examples beside the program.
fn example(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_mqttchat")).parent().expect("a folder");
    let path = folder.join("examples").join(name);
    assert!(path.exists(), "{} is built by `cargo test` or `cargo build --examples`", path.display());
    path
}

struct Chat {
    broker: Broker,
    _data: TempDir,
    server: Program,
}

impl Chat {
    fn start() -> Chat {
        let (broker, data) = (Broker::start(), TempDir::new());
        let data_dir = data.path().to_str().expect("a UTF-8 path");
        let mut server = Program::start(&["server", &broker.address(), "--data-dir", data_dir]);
        server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
        Chat { broker, _data: data, server }
    }

    fn joined(&mut self, nick: &str) {
        self.server.wait_for_line(Stream::Err, &format!("joined nick={nick}"), PATIENCE);
    }

    fn alice(&mut self, arguments: &[&str]) -> Program {
        let address = self.broker.address();
        let all = [&["client", &address, "--nick", "alice", "--json", "--listen"], arguments].concat();
        let alice = Program::start(&all);
        self.joined("alice");
        alice
    }
}

#[test]
fn the_parrot_greets_answers_and_repeats() {
    let mut chat = Chat::start();
    let mut parrot = Program::other(&example("parrot"), &[chat.broker.address()]).start();
    chat.joined("parrot");
    let mut alice = chat.alice(&[]);
    alice.wait_for_line(Stream::Out, "welcome, alice!", PATIENCE);
    alice.send_line(r#"{"message":"hello"}"#);
    alice.wait_for_line(Stream::Out, "alice: hello! squawk!", PATIENCE);
    alice.send_line(r#"{"message":"parrots talk"}"#);
    alice.wait_for_line(Stream::Out, "alice: parrots talk! squawk!", PATIENCE);
    alice.send_line(r#"{"message":"parrot: who"}"#);
    alice.wait_for_line(Stream::Out, "I am the example bot", PATIENCE);
    alice.send_line(r#"{"message":"help","to":"parrot"}"#);
    alice.wait_for_line_where(Stream::Out, "a direct answer", PATIENCE, |line| {
        line.contains(r#""event":"private""#) && line.contains("alice: I know help")
    });
    parrot.signal(libc::SIGTERM);
    assert_eq!(parrot.exit_code(PATIENCE), 0);
    chat.server.wait_for_line(Stream::Err, "left nick=parrot", PATIENCE);
}

#[test]
fn the_sensor_reports_and_obeys() {
    let mut chat = Chat::start();
    let arguments = [&chat.broker.address(), "--nick", "attic", "--room", "#sensors"];
    let mut sensor = Program::other(&example("sensor"), &arguments).start();
    chat.joined("attic");
    let mut alice = chat.alice(&["--room", "sensors"]);
    alice.send_line(r#"{"message":"attic: every 1","room":"sensors"}"#);
    alice.wait_for_line(Stream::Out, "reporting every 1 s", PATIENCE);
    alice.skip_lines_so_far();
    alice.wait_for_line_where(Stream::Out, "a reading by itself", PATIENCE, |line| {
        line.contains(r#""message":"load "#) && line.contains(r#""room":"sensors""#)
    });
    alice.send_line(r#"{"message":"off","to":"attic"}"#);
    alice.wait_for_line(Stream::Out, r#""message":"quiet""#, PATIENCE);
    alice.skip_lines_so_far();
    alice.send_line(r#"{"message":"now","to":"attic"}"#);
    alice.wait_for_line_where(Stream::Out, "a reading on demand", PATIENCE, |line| {
        line.contains(r#""event":"private""#) && line.contains(r#""message":"load "#)
    });
    sensor.signal(libc::SIGTERM);
    assert_eq!(sensor.exit_code(PATIENCE), 0);
}

#[test]
fn an_example_that_cannot_connect_says_why() {
    let mut parrot = Program::other(&example("parrot"), &["localhost:1"]).start();
    assert_eq!(parrot.exit_code(PATIENCE), 1);
    assert!(
        parrot.lines(Stream::Err).iter().any(|line| line.contains("nothing listens")),
        "{:?}",
        parrot.lines(Stream::Err)
    );
}
