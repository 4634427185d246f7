//! Messages that can never be written: each is refused, and no other one waits for it.

use super::support::{Broker, PATIENCE, Program, Stream, Subscriber, TempDir, publish_lines, wait_until};
use super::{FIRST_RUN, SECOND_RUN, ask, await_json, chat, say, start_server, stored, texts};
use rusqlite::Connection;
use serde_json::{Value, json};
use std::path::Path;

const PAGE: usize = 4_096;

fn numbered(nick: &str, session: &str, seq: u64) -> Value {
    let mut message = chat(nick, &seq.to_string());
    (message["session"], message["seq"]) = (session.into(), seq.into());
    message
}

fn stop(mut server: Program) {
    server.signal(libc::SIGTERM);
    assert_eq!(server.exit_code(PATIENCE), 0);
}

fn open(data: &Path) -> Connection {
    Connection::open(data.join("chat.db")).expect("a database")
}

#[track_caller]
fn await_refusal(watcher: &mut Subscriber, nick: &str, of: &str) {
    let topic = format!("chat/private/{nick}/server");
    await_json(watcher, "the refusal", &topic, |v| v["code"] == "not_stored" && v["of"] == of);
}

#[track_caller]
fn await_stored(watcher: &mut Subscriber, nick: &str, seq: u64) {
    wait_until(PATIENCE, "it is stored", || stored::told(watcher, nick, FIRST_RUN).contains(&seq));
}

#[test]
fn a_refused_message_is_reported_and_everything_else_stored() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let mut watcher = Subscriber::start(&broker, &["chat/private/#"]);
    stop(start_server(&broker, data.path(), &[]));
    let triggers = "CREATE TRIGGER never BEFORE INSERT ON messages WHEN NEW.key = 'mallory'
                    BEGIN SELECT RAISE(ABORT, 'never'); END;
                    CREATE TRIGGER never_direct BEFORE INSERT ON direct WHEN NEW.key = 'mallory'
                    BEGIN SELECT RAISE(ABORT, 'never'); END";
    open(data.path()).execute_batch(triggers).expect("two triggers");
    // They wait at the broker and arrive in one batch.
    for seq in 1..=5 {
        for nick in ["alice", "mallory", "bob"] {
            say(&broker, "chat/messages", numbered(nick, FIRST_RUN, seq));
        }
    }
    let mut direct = numbered("mallory", FIRST_RUN, 6);
    (direct["type"], direct["to"]) = ("private".into(), "bob".into());
    say(&broker, "chat/private/bob/mallory", direct.clone());
    let mut server = start_server(&broker, data.path(), &[]);
    // The answers to what waited may precede the connection, and are not published then: senders retransmit.
    for seq in 1..=5 {
        say(&broker, "chat/messages/mallory", numbered("mallory", FIRST_RUN, seq));
    }
    say(&broker, "chat/private/bob/mallory", direct);
    for seq in 1..=6 {
        await_refusal(&mut watcher, "mallory", &format!("{FIRST_RUN}-{seq}"));
    }
    for nick in ["alice", "bob"] {
        await_stored(&mut watcher, nick, 5);
    }
    let page = ask(&broker, &mut watcher, "history", "h1", json!({}));
    let expected: Vec<String> = (1..=5).flat_map(|seq| [seq.to_string(), seq.to_string()]).collect();
    assert_eq!(texts(&page), expected);
    // Retransmitted, it is refused again, and nothing new is logged.
    watcher.skip_messages_so_far();
    say(&broker, "chat/messages/mallory", numbered("mallory", FIRST_RUN, 1));
    await_refusal(&mut watcher, "mallory", &format!("{FIRST_RUN}-1"));
    let log = server.lines(Stream::Err);
    let told = |seq: u64| {
        let id = format!("nick=mallory id={FIRST_RUN}-{seq}: never");
        log.iter().filter(|line| line.contains("set aside") && line.contains(&id)).count()
    };
    assert_eq!((1..=5).map(told).collect::<Vec<_>>(), [1; 5], "{log:#?}");
    assert!(!log.iter().any(|line| line.contains("what comes waits")), "{log:#?}");
    stop(server);
}

/// Makes pages of a database unreadable.
fn damage(data: &Path, is_chosen: impl Fn(usize, &[u8]) -> bool) -> usize {
    let path = data.join("chat.db");
    let mut bytes = std::fs::read(&path).expect("a database");
    let mut count = 0;
    for (number, page) in bytes.chunks_exact_mut(PAGE).enumerate() {
        if is_chosen(number + 1, page) {
            page[..16].fill(0xff);
            count += 1;
        }
    }
    std::fs::write(&path, bytes).expect("our own folder");
    count
}

#[test]
fn a_damaged_page_affects_only_its_own_messages() {
    const LEAF_OF_AN_INDEX: u8 = 0x0a;
    let (broker, data) = (Broker::start(), TempDir::new());
    let mut watcher = Subscriber::start(&broker, &["chat/private/#"]);
    let server = start_server(&broker, data.path(), &[]);
    for nick in ["alice", "victim", "zoe"] {
        let lines: String = (1..=600).map(|n| format!("{}\n", numbered(nick, FIRST_RUN, 2 * n))).collect();
        publish_lines(&broker, "chat/messages", &lines);
        await_stored(&mut watcher, nick, 1_200);
    }
    stop(server);
    // Only the index of ids contains nicks.
    let has = |page: &[u8], nick: &str| page.windows(nick.len()).any(|part| part == nick.as_bytes());
    let damaged = damage(data.path(), |_, page| {
        page[0] == LEAF_OF_AN_INDEX && has(page, "victim") && !has(page, "alice") && !has(page, "zoe")
    });
    assert!(damaged > 1);
    let _server = start_server(&broker, data.path(), &[]);
    for nick in ["alice", "victim", "zoe"] {
        say(&broker, "chat/messages", numbered(nick, FIRST_RUN, 601));
    }
    await_refusal(&mut watcher, "victim", &format!("{FIRST_RUN}-601"));
    for nick in ["alice", "zoe"] {
        await_stored(&mut watcher, nick, 601);
    }
    // In another part of the index, messages of the same sender can be written.
    say(&broker, "chat/messages", numbered("victim", SECOND_RUN, 1));
    wait_until(PATIENCE, "it is stored", || stored::told(&mut watcher, "victim", SECOND_RUN).contains(&1));
}

#[test]
fn a_database_that_takes_nothing_refuses_nobody() {
    let (broker, data) = (Broker::start(), TempDir::new());
    let mut watcher = Subscriber::start(&broker, &["chat/private/#"]);
    stop(start_server(&broker, data.path(), &[]));
    let root = "SELECT rootpage FROM sqlite_schema WHERE name = 'messages_id'";
    let root: i64 = open(data.path()).query_row(root, [], |row| row.get(0)).expect("an index");
    assert_eq!(damage(data.path(), |number, _| number as i64 == root), 1);
    let mut server = start_server(&broker, data.path(), &[]);
    for nick in ["alice", "bob"] {
        say(&broker, "chat/messages", numbered(nick, FIRST_RUN, 1));
    }
    server.wait_for_line(Stream::Err, "what comes waits: it is damaged", PATIENCE);
    // Reading goes on, and nobody is told that it is over.
    assert_eq!(texts(&ask(&broker, &mut watcher, "history", "h1", json!({}))), [""; 0]);
    let is_refusal =
        |message: &super::support::Message| String::from_utf8_lossy(&message.payload).contains("not_stored");
    assert!(!watcher.messages().iter().any(is_refusal));
    server.kill();
}
