//! A clean stop, and what keeps a server from starting.

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
    let files: Vec<_> = std::fs::read_dir(server.home()).expect("a folder").collect();
    assert!(files.is_empty(), "{files:?}");
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
