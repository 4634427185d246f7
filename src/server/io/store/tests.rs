//! The threads with a database in a file, and with one in memory.

use super::*;
use crate::protocol::{ChatMessage, Nick, Place, RoomName, Timestamp};
use crate::random::Random;
use crate::server::core::record::{Arrived, Keep, PagePosition, PageQuery, ReplyTo, StoreTask};
use crate::server::store::sqlite::{Database, HistoryReader};
use std::time::Duration;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

fn chat(seq: u64) -> StoreJob {
    let text = format!(r#"{{"type":"chat","username":"a","message":"x","session":"k3v9x2m1q8f0","seq":{seq}}}"#);
    let message = ChatMessage::<Place>::parse(text.as_bytes(), Some(RoomName::lobby())).unwrap().unwrap();
    let message = ChatMessage { timestamp: Timestamp::parse("2026-11-22T19:11:34"), ..message };
    StoreJob { task: StoreTask::Keep(Keep::Message(Arrived { message, received: 0 })), pass: None }
}

fn newest() -> StoreJob {
    let reply = ReplyTo { requester: Nick::parse("a").unwrap(), session: None, token: None };
    let query = PageQuery { room: RoomName::lobby(), limit: 50, position: PagePosition::Newest };
    StoreJob { task: StoreTask::Ask(StoreQuestion::Page { query, reply }), pass: None }
}

/// Stores a message and requests it.
#[track_caller]
fn check(history: Database, reader: Option<HistoryReader>) {
    let ((jobs, inbox), (answer, answers)) = (unbounded(), unbounded());
    let thread = start(history, reader, Retention::default(), inbox, answer).unwrap();
    jobs.send(chat(1)).unwrap();
    jobs.send(newest()).unwrap();
    let committed = answers.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(&committed, StoreAnswer::Committed { committed, .. } if committed.stored.len() == 1));
    let page = answers.recv_timeout(PATIENCE).unwrap();
    assert!(matches!(&page, StoreAnswer::Page { page, .. } if page.messages.len() == 1));
    drop(jobs);
    thread.join().unwrap();
}

#[test]
fn the_reader_answers_and_the_database_is_closed_in_order() {
    let folder = std::env::temp_dir().join(format!("mqttchat-threads-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let history = Database::open(&folder.join("chat.db"), Random::of_the_system()).unwrap();
    let reader = history.reader().unwrap();
    assert!(reader.is_some());
    check(history, reader);
    assert!(!folder.join("chat.db-wal").exists());
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_history_in_memory_answers_without_a_reader() {
    check(Database::in_memory(Random::of_the_system()).unwrap(), None);
}
