//! Clean stops, and reasons not to start.

use super::support::{Broker, PATIENCE, Program, Stream, Subscriber, TempDir};
use super::{await_json, chat, say, start_server};
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_signal_stops_it_cleanly() {
    for signal in [libc::SIGINT, libc::SIGTERM] {
        let (broker, data) = (Broker::start(), TempDir::new());
        let mut server = start_server(&broker, data.path(), &[]);
        let mut watcher = Subscriber::start(&broker, &["chat/#"]);
        say(&broker, "chat/messages", chat("alice", "the last one"));
        server.wait_for_line(Stream::Err, "message room=lobby", PATIENCE);
        server.signal(signal);
        assert_eq!(server.exit_code(PATIENCE), 0);
        await_json(&mut watcher, "its last word", "chat/server", |v| v["status"] == "offline");
        let mut late = Subscriber::start(&broker, &["chat/server"]);
        let offline = await_json(&mut late, "it retained", "chat/server", |v| v["status"] == "offline");
        assert_eq!(offline["type"], "server");
        // SQLite removes the write-ahead log when the last connection is closed.
        let rights = std::fs::metadata(data.join("chat.db")).expect("the database").permissions();
        assert_eq!(rights.mode() & 0o777, 0o600);
        assert!(data.join("chat.db").exists() && !data.join("chat.db-wal").exists());
    }
}

#[test]
fn nothing_is_on_disk_in_memory_mode() {
    let broker = Broker::start();
    let mut server = Program::start(&["server", &broker.address(), "--memory"]);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    server.signal(libc::SIGTERM);
    assert_eq!(server.exit_code(PATIENCE), 0);
    // Nor at the broker: the session of a server that never returns would queue messages.
    let connects = broker.log();
    assert!(connects.contains("-server-") && !connects.contains(", c0,"), "{connects}");
    let files: Vec<_> = std::fs::read_dir(server.home()).expect("a folder").collect();
    assert!(files.is_empty(), "{files:?}");
}

#[test]
fn no_log_holds_the_password() {
    let broker = Broker::builder().user("ann", "geheim").start();
    let all = ["server", &broker.address(), "--memory", "-u", "ann", "-P", "geheim"];
    let mut server = Program::with(&all).env("RUST_LOG", "trace").start();
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    server.signal(libc::SIGTERM);
    assert_eq!(server.exit_code(PATIENCE), 0);
    let log = server.lines(Stream::Err).join("\n");
    // As text, and in the library's format of bytes.
    assert!(!log.contains("geheim") && !log.contains("103, 101, 104, 101, 105, 109"), "{log}");
}

#[test]
fn what_was_said_on_one_broker_is_not_told_on_another() {
    let (first, second) = (Broker::start(), Broker::start());
    let home = TempDir::new();
    let start = |broker: &Broker, arguments: &[&str]| {
        let address = broker.address();
        let all = [&["server", &address], arguments].concat();
        Program::with(&all).home(home.path()).start()
    };
    let stop = |mut server: Program| {
        server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
        server.signal(libc::SIGTERM);
        assert_eq!(server.exit_code(PATIENCE), 0);
    };
    // A server with an unused history leaves its folder to the next one.
    stop(start(&second, &[]));
    let mut server = start(&first, &[]);
    server.wait_for_line(Stream::Err, "INFO connected", PATIENCE);
    let alice = ["client", &first.address(), "--nick", "alice", "-m", "for the first only"];
    assert_eq!(Program::start(&alice).exit_code(PATIENCE), 0);
    stop(server);
    let mut refused = start(&second, &[]);
    assert_eq!(refused.exit_code(PATIENCE), 1);
    let told = format!("is that of the broker {}", first.address());
    assert!(refused.lines(Stream::Err).iter().any(|line| line.contains(&told)), "{:?}", refused.lines(Stream::Err));
    stop(start(&first, &[]));
    let folder = home.join("state/mqttchat");
    let cure = format!("--data-dir {}", folder.display());
    assert!(refused.lines(Stream::Err).iter().any(|line| line.ends_with(&cure)), "{:?}", refused.lines(Stream::Err));
    stop(start(&second, &["--data-dir", folder.to_str().expect("a UTF-8 path")]));
}

#[test]
fn a_database_that_cannot_be_used_is_one_line() {
    let broker = Broker::start();
    let data = TempDir::new();
    std::fs::write(data.join("chat.db"), "this is no database, and long enough to be taken for one".repeat(30))
        .unwrap();
    let mut server = super::spawn_server(&broker, data.path(), &[]);
    assert_eq!(server.exit_code(PATIENCE), 1);
    let log = server.lines(Stream::Err);
    assert!(log.len() == 1 && log[0].contains("chat.db cannot be used"), "{log:#?}");

    let file = data.join("file");
    std::fs::write(&file, "").unwrap();
    let mut server = super::spawn_server(&broker, &file.join("below"), &[]);
    assert_eq!(server.exit_code(PATIENCE), 1);
    let log = server.lines(Stream::Err);
    assert!(log.len() == 1 && log[0].contains("cannot be made"), "{log:#?}");
}
