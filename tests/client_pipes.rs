//! The client between pipes, with a real broker and server: long inputs, slow readers, readers that go away, and common
//! programs before and behind it.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use support::{Broker, PATIENCE, Program, Stream, Subscriber, TempDir, isolate, publish, wait_until};

const MQTTCHAT: &str = env!("CARGO_BIN_EXE_mqttchat");

struct Chat {
    broker: Broker,
    _server: Program,
    data: TempDir,
}

impl Chat {
    #[track_caller]
    fn start() -> Chat {
        let (broker, data) = (Broker::start(), TempDir::new());
        let mut server = Program::start(&["server", &broker.address(), "--data-dir", data.path().to_str().unwrap()]);
        server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
        Chat { broker, _server: server, data }
    }

    #[track_caller]
    fn client(&self, nick: &str, arguments: &[&str]) -> Program {
        Program::start(&[&["client", &self.broker.address(), "--nick", nick], arguments].concat())
    }

    /// Texts of a room's history.
    #[track_caller]
    fn stored(&self, room: &str) -> Vec<String> {
        let arguments = ["export", "--room", room, "--data-dir", self.data.path().to_str().unwrap()];
        let mut export = Program::start(&arguments);
        assert_eq!(export.exit_code(PATIENCE), 0);
        let message = |line: &String| {
            let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
            line["message"].as_str().expect("a text").to_owned()
        };
        export.lines(Stream::Out).iter().map(message).collect()
    }
}

/// Runs a line of shell in which `$CLIENT` is a client of this chat.
#[track_caller]
fn shell(chat: &Chat, line: &str) -> Output {
    let home = TempDir::new();
    let mut command = Command::new("bash");
    command.args(["-o", "pipefail", "-c", line]).stdin(Stdio::null());
    isolate(&mut command, home.path());
    command.env("MQTTCHAT", MQTTCHAT).env("BROKER", chat.broker.address());
    command.output().expect("a shell")
}

#[track_caller]
fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("UTF-8")
}

#[test]
fn a_hundred_thousand_lines_arrive_in_order() {
    const LINES: usize = 100_000;
    let chat = Chat::start();
    let line = format!(r#"seq -f "line %.0f" {LINES} | "$MQTTCHAT" client "$BROKER" --room builds --nick ci"#);
    let output = shell(&chat, &line);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), ""), "{}", text(&output.stderr));
    let stored = chat.stored("builds");
    assert_eq!(stored.len(), LINES);
    let wrong = stored.iter().enumerate().find(|(at, text)| **text != format!("line {}", at + 1));
    assert_eq!(wrong, None);
}

#[test]
fn one_message_is_sent_to_a_room_and_to_a_nick() {
    let chat = Chat::start();
    let sent = [r#"-m "done""#, r#"--room builds -m "/quit is no command here""#, r#"--to alice -m "psst""#];
    let mut subscriber = Subscriber::start(&chat.broker, &["chat/private/alice/#"]);
    for arguments in sent {
        let output = shell(&chat, &format!(r#""$MQTTCHAT" client "$BROKER" --nick ci {arguments}"#));
        assert_eq!((output.status.code(), text(&output.stdout), text(&output.stderr)), (Some(0), "", ""));
    }
    assert_eq!(chat.stored("lobby"), ["done"]);
    assert_eq!(chat.stored("builds"), ["/quit is no command here"]);
    subscriber.wait_for("the direct message", |_, payload| String::from_utf8_lossy(payload).contains("psst"));
}

#[test]
fn events_go_through_jq_as_they_come() {
    let chat = Chat::start();
    let home = TempDir::new();
    let mut command = Command::new("bash");
    let line = r#""$MQTTCHAT" client "$BROKER" --nick bot --json --listen -C 2 |
        jq --unbuffered -r 'select(.event == "online_users" or (.event == "chat" and (.own | not))) | .event + " " + (.message // "")'"#;
    command.args(["-o", "pipefail", "-c", line]).stdin(Stdio::null()).stdout(Stdio::piped());
    isolate(&mut command, home.path());
    command.env("MQTTCHAT", MQTTCHAT).env("BROKER", chat.broker.address());
    let mut pipeline = command.spawn().expect("a shell");
    let mut lines = BufReader::new(pipeline.stdout.take().expect("a pipe")).lines().map(|line| line.expect("text"));
    assert_eq!(lines.next().as_deref(), Some("online_users "));
    for number in ["one", "two"] {
        assert_eq!(chat.client("ci", &["-m", number]).exit_code(PATIENCE), 0);
        // Before the next one is sent.
        assert_eq!(lines.next(), Some(format!("chat {number}")));
    }
    assert_eq!(lines.next(), None, "-C ends it");
    assert!(pipeline.wait().expect("it ends").success());
}

#[test]
fn a_reader_that_closes_its_end_is_a_quiet_exit() {
    let chat = Chat::start();
    for mode in ["--json --listen", "--listen"] {
        let line = format!(
            r#"("$MQTTCHAT" client "$BROKER" --nick bot --no-history {mode}; echo "code $?" >&2) | head -n 1 >/dev/null"#
        );
        let (said, address) = (AtomicBool::new(false), chat.broker.address());
        let output = thread::scope(|scope| {
            scope.spawn(|| {
                // Output, until the client notices that nobody reads it.
                while !said.load(Ordering::Relaxed) {
                    let mut sender = Program::start(&["client", &address, "--nick", "ci", "-m", "tick"]);
                    assert_eq!(sender.exit_code(PATIENCE), 0);
                }
            });
            let output = shell(&chat, &line);
            said.store(true, Ordering::Relaxed);
            output
        });
        let errors = text(&output.stderr);
        assert!(errors.ends_with("code 0\n"), "{mode}: {errors}");
        assert!(!errors.contains("mqttchat:") && !errors.contains("panicked"), "{mode}: {errors}");
    }
}

#[test]
fn a_slow_reader_misses_nothing() {
    const MESSAGES: usize = 20_000;
    let chat = Chat::start();
    let listener = Program::with(&["client", &chat.broker.address(), "--nick", "reader", "--listen", "--no-history"]);
    let mut presence = Subscriber::start(&chat.broker, &["chat/presence/#"]);
    let (mut listener, reader) = listener.output_to_pipe();
    presence.wait_for("the join", |_, payload| String::from_utf8_lossy(payload).contains(r#""reader""#));
    listener.wait_for_line(Stream::Err, "connected", PATIENCE);
    let sent = shell(&chat, &format!(r#"seq -f "line %.0f" {MESSAGES} | "$MQTTCHAT" client "$BROKER" --nick ci"#));
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent.stderr));
    // Everything is sent and stored before anybody has read a line.
    let lines = BufReader::new(reader).lines().map(|line| line.expect("text"));
    let read: Vec<String> = lines.take(MESSAGES).collect();
    let wrong = read.iter().enumerate().find(|(at, line)| !line.ends_with(&format!(" ci: line {}", at + 1)));
    assert_eq!(wrong, None);
    listener.signal(libc::SIGTERM);
    assert_eq!(listener.exit_code(PATIENCE), 143);
}

#[test]
fn a_broker_that_does_not_answer_holds_the_writer_back() {
    const LINES: usize = 100_000;
    let chat = Chat::start();
    let home = TempDir::new();
    let mut command = Command::new(MQTTCHAT);
    command.args(["client", &chat.broker.address(), "--nick", "ci", "--room", "builds", "-W", "120"]);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    isolate(&mut command, home.path());
    let mut sender = command.spawn().expect("the client starts");
    let mut input = sender.stdin.take().expect("a pipe");
    writeln!(input, "line 1").expect("it reads");
    wait_until(PATIENCE, "the first line", || chat.stored("builds").len() == 1);
    chat.broker.pause();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            for number in 2..=LINES {
                writeln!(input, "line {number}").expect("it reads");
            }
            done.store(true, Ordering::Relaxed);
            drop(input);
        });
        wait_until(PATIENCE, "the writer waits", || waits_in_a_pipe(&sender_input(sender.id())));
        assert!(!done.load(Ordering::Relaxed), "it has taken all of it");
        chat.broker.resume();
    });
    let status = sender.wait().expect("it ends");
    let mut errors = String::new();
    sender.stderr.take().expect("a pipe").read_to_string(&mut errors).expect("text");
    assert_eq!(status.code(), Some(0), "{errors}");
    let stored = chat.stored("builds");
    assert_eq!(stored.len(), LINES);
}

fn sender_input(process: u32) -> std::path::PathBuf {
    Path::new("/proc").join(process.to_string()).join("fd/0")
}

/// Whether this pipe is full.
fn waits_in_a_pipe(path: &Path) -> bool {
    use std::os::fd::AsRawFd;
    let pipe = std::fs::File::open(path).expect("a pipe");
    let mut waiting: libc::c_int = 0;
    // SAFETY: both calls are about a descriptor of our own; the first writes the number.
    let size = unsafe {
        assert_eq!(libc::ioctl(pipe.as_raw_fd(), libc::FIONREAD, &raw mut waiting), 0);
        libc::fcntl(pipe.as_raw_fd(), libc::F_GETPIPE_SZ)
    };
    // A line that does not fit waits as a whole.
    waiting + 4_096 > size
}

#[test]
fn an_output_that_cannot_be_written_is_a_failure() {
    let broker = Broker::start();
    for mode in ["--listen", "--json"] {
        let arguments = ["client", &broker.address(), "--nick", "alice", mode];
        let shell = ["-c", "exec \"$0\" \"$@\" >/dev/full", MQTTCHAT];
        let mut program = Program::other(Path::new("/bin/sh"), &[&shell[..], &arguments].concat()).start();
        if mode == "--listen" {
            program.wait_for_line(Stream::Err, "connected to", PATIENCE);
            publish(&broker, "chat/messages", r#"{"type":"chat","username":"bob","message":"x"}"#, 1, false);
        }
        program.wait_for_line(Stream::Err, "mqttchat: the output cannot be written: No space left on device", PATIENCE);
        assert_eq!(program.exit_code(PATIENCE), 1);
    }
}

#[test]
fn errors_that_nobody_reads_change_no_exit_code() {
    let broker = Broker::start();
    for (arguments, expected) in [
        (&["client", "--nick", "a/b", "-m", "x"][..], 1),
        (&["client", "--foo"], 1),
        (&["client", "127.0.0.1:1", "--nick", "alice", "-m", "x"], 14),
        (&["client", &broker.address(), "--nick", "alice", "-m", "x", "--password-file", "ignored"], 0),
        (&["export", "--data-dir", "/nowhere"], 1),
        (&["check", "127.0.0.1:1", "--password-file", "ignored"], 1),
    ] {
        let shell = ["-c", "exec \"$0\" \"$@\" 2>/dev/full", MQTTCHAT];
        let mut program = Program::other(Path::new("/bin/sh"), &[&shell, arguments].concat()).start();
        assert_eq!(program.exit_code(PATIENCE), expected, "{arguments:?}");
    }
}
