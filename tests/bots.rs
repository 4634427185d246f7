//! The bots of docs/bots.md, in shell, Python and Node, with a client of ours to talk to them; what that page says; and the
//! parrot of `make run`.

mod support;

use mqttchat::client::json;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use support::{Broker, PATIENCE, Program, Stream, TempDir};

const BOTS: [&str; 3] = ["clock.sh", "clock.py", "clock.js"];

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn bot(name: &str) -> PathBuf {
    repository().join("examples/bots").join(name)
}

fn page() -> String {
    fs::read_to_string(repository().join("docs/bots.md")).expect("the page")
}

fn start(name: &str, arguments: &[&str]) -> Program {
    let program = Path::new(env!("CARGO_BIN_EXE_mqttchat")).parent().expect("a folder");
    let others = env::var_os("PATH").expect("a PATH");
    let path = env::join_paths([program.to_path_buf()].into_iter().chain(env::split_paths(&others))).expect("paths");
    Program::other(&bot(name), arguments).env("PATH", path).with_children().start()
}

/// Asked in a room and directly, it answers there. It ends with its client.
fn tells_the_time(name: &str) {
    let broker = Broker::start();
    let mut server = Program::start(&["server", &broker.address(), "--memory"]);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    let mut bot = start(name, &[&broker.address(), "--room", "dev", "-C", "4"]);
    server.wait_for_line(Stream::Err, "joined nick=clock", PATIENCE);
    let mut alice =
        Program::start(&["client", &broker.address(), "--nick", "alice", "--room", "dev", "--json", "--listen"]);
    server.wait_for_line(Stream::Err, "joined nick=alice", PATIENCE);

    let is_answer = |line: &str, kind: &str| {
        line.contains(r#""username":"clock""#) && line.contains(r#""message":"it is "#) && line.contains(kind)
    };
    alice.send_line(r#"{"message":"!time","room":"dev"}"#);
    alice.wait_for_line_where(Stream::Out, "an answer", PATIENCE, |line| is_answer(line, r#""room":"dev""#));
    alice.send_line(r#"{"message":"!time","to":"clock"}"#);
    alice.wait_for_line_where(Stream::Out, "a direct one", PATIENCE, |line| is_answer(line, r#""to":"alice""#));
    // Not a question, and harmful to a bot that quotes it wrong.
    alice.send_line(r#"{"message":"$(date) `date` '\"!time\"' \\","room":"dev"}"#);
    alice.send_line(r#"{"message":"goodbye","room":"dev"}"#);
    assert_eq!(bot.exit_code(PATIENCE), 0, "{:?}", bot.lines(Stream::Err));
    server.wait_for_line(Stream::Err, "left nick=clock", PATIENCE);
    let answers = alice.lines(Stream::Out).iter().filter(|line| is_answer(line, "")).count();
    assert_eq!(answers, 2);
}

#[test]
fn the_one_in_shell_tells_the_time() {
    tells_the_time("clock.sh");
}

#[test]
fn the_one_in_python_tells_the_time() {
    tells_the_time("clock.py");
}

#[test]
fn the_one_in_node_tells_the_time() {
    tells_the_time("clock.js");
}

#[test]
fn bots_end_with_their_clients() {
    let broker = Broker::start();
    let mut server = Program::start(&["server", &broker.address(), "--memory"]);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    for name in BOTS {
        let mut nobody = start(name, &["localhost:1"]);
        assert_eq!(nobody.exit_code(PATIENCE), 14, "{name}");
        let mut bot = start(name, &[&broker.address(), "--nick", "other"]);
        server.wait_for_line(Stream::Err, "joined nick=other", PATIENCE);
        let mut second = start(name, &[&broker.address(), "--nick", "other"]);
        assert_eq!(second.exit_code(PATIENCE), 73, "{name}");
        bot.signal(libc::SIGTERM);
        assert_eq!(bot.exit_code(PATIENCE), 143, "{name}");
        server.wait_for_line(Stream::Err, "left nick=other", PATIENCE);
        server.skip_lines_so_far();
    }
}

#[test]
fn the_parrot_of_make_run_greets_and_repeats() {
    let broker = Broker::start();
    let folder = TempDir::new();
    let mut server = Program::start(&["server", &broker.address(), "--memory"]);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    let script = repository().join("scripts/parrot.sh");
    let arguments = [env!("CARGO_BIN_EXE_mqttchat"), folder.path().to_str().expect("a UTF-8 path"), &broker.address()];
    let mut parrot = Program::other(&script, &arguments).with_children().start();
    server.wait_for_line(Stream::Err, "joined nick=parrot", PATIENCE);
    let mut alice = Program::start(&["client", &broker.address(), "--nick", "alice", "--listen"]);
    alice.wait_for_line(Stream::Out, "#lobby parrot: welcome, alice! say something", PATIENCE);
    for text in ["hello", r#"$(date) `date` "\n" '"#, "bob: #lobby x: y"] {
        alice.send_line(text);
        alice.wait_for_line(Stream::Out, &format!("#lobby parrot: alice: {text}! squawk!"), PATIENCE);
    }
    parrot.signal(libc::SIGTERM);
    assert_eq!(parrot.exit_code(PATIENCE), 143);
    server.wait_for_line(Stream::Err, "left nick=parrot", PATIENCE);
}

#[test]
fn the_page_shows_them_as_they_are() {
    let page = page();
    for name in BOTS {
        let text = fs::read_to_string(bot(name)).expect("a bot");
        assert!(text.lines().count() < 30, "{name} is short");
        assert!(page.contains(&format!("\n{text}```\n")), "docs/bots.md shows another {name}");
    }
}

#[test]
fn the_page_has_other_packages_link_as_this_one_does() {
    let build = fs::read_to_string(repository().join("build.rs")).expect("the build script");
    let begin = build.find("const WRAPPED").expect("the functions");
    let length = build[begin..].find(';').expect("their end");
    assert!(page().contains(&build[begin..begin + length]), "docs/bots.md names other functions than build.rs");
}

#[test]
fn what_the_page_says_to_write_can_be_read() {
    let page = page();
    let orders: Vec<&str> =
        page.split('`').filter(|part| part.starts_with(r#"{"message""#) || part.starts_with(r#"{"command""#)).collect();
    assert!(orders.len() >= 10, "they were found");
    for order in orders {
        // The reader fills in the cursor.
        assert!(json::parse(order).is_ok(), "{order}");
    }
}
