//! The history in memory, or in a file if it is opened more than once.

mod damaged;
mod forgotten;
mod kept;
mod laws;
mod opened;
mod pages;
mod searched;
mod shared;
mod transferred;
mod trimmed;

use super::*;
use crate::protocol::history::Span;
use crate::protocol::limits::LISTED_ROOMS;
use crate::protocol::{ChatMessage, Cursor, Nick, Place, RoomName, SentId, Session, Timestamp};
use crate::random::Random;
use crate::server::core::record::*;
use crate::server::store::engine::Engine;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// When the first message of a test was received, in Unix milliseconds.
const START: i64 = 1_795_375_800_123;

fn nick(text: &str) -> Nick {
    Nick::parse(text).unwrap()
}

fn room(text: &str) -> RoomName {
    RoomName::parse(text).unwrap()
}

fn id((session, seq): (u8, u64)) -> SentId {
    SentId::new(Session::from_random([session; 12]), seq).unwrap()
}

fn arrived(to: &str, from: &str, sent: Option<(u8, u64)>, text: &str) -> Arrived {
    let timestamp = Timestamp::parse("2026-11-22T20:30:00.123+01:00");
    let message = ChatMessage::new(nick(from), Place::Room(room(to)), text.to_owned());
    Arrived { message: ChatMessage { timestamp, id: sent.map(id), ..message }, received: START }
}

/// Messages of Alice's first run, received a second apart: number n at [`START`] plus n seconds.
fn numbered(to: &str, numbers: impl IntoIterator<Item = u64>) -> Vec<Arrived> {
    let message = |n: u64| Arrived {
        received: START + n as i64 * 1_000,
        ..arrived(to, "alice", Some((1, n)), &format!("number {n}"))
    };
    numbers.into_iter().map(message).collect()
}

fn direct(from: &str, to: &str, sent: (u8, u64), text: &str) -> Keep {
    let to = Place::Direct(nick(to));
    let Arrived { message, received } = arrived("dev", from, Some(sent), text);
    Keep::Message(Arrived { message: ChatMessage { to, ..message }, received })
}

#[track_caller]
fn in_memory() -> Database {
    Database::in_memory(Random::of_the_system()).unwrap()
}

/// Stores messages; how many were new.
#[track_caller]
fn keep(history: &mut Database, messages: &[Arrived]) -> u64 {
    try_to_keep(history, messages).unwrap()
}

fn try_to_keep(history: &mut Database, messages: &[Arrived]) -> Result<u64, Error> {
    let keeps: Vec<Keep> = messages.iter().cloned().map(Keep::Message).collect();
    let committed = history.commit(&keeps, &[])?;
    Ok(committed.progress.iter().map(|progress| progress.to - progress.from).sum())
}

#[track_caller]
fn rooms(history: &Database) -> Vec<(RoomName, u64)> {
    history.questions().rooms().unwrap()
}

fn page(history: &Database, name: &str, limit: usize, position: PagePosition) -> (Vec<String>, Span) {
    let query = PageQuery { room: room(name), limit, position };
    let page = history.questions().page(&query).unwrap();
    (page.messages.into_iter().map(|entry| entry.text).collect(), page.span)
}

fn waiting(history: &Database, to: &str) -> Vec<String> {
    let direct = history.questions().waiting_for(nick(to).key(), 0, 100).unwrap();
    direct.into_iter().map(|direct| direct.private.text).collect()
}

/// Removes what was received before that second, or exceeds that size.
fn trim(history: &mut Database, second: Option<i64>, size: Option<u64>) {
    let age = second.map(|_| Duration::from_secs(3_600));
    let now = START + second.unwrap_or(0) * 1_000 + 3_600_000;
    while history.trim(&Retention { age, size }, now).unwrap().more {}
}

/// The bytes of the pages in use.
fn used(history: &Database) -> u64 {
    let pragma = |name: &str| -> i64 { history.own.sql.pragma_query_value(None, name, |row| row.get(0)).unwrap() };
    ((pragma("page_count") - pragma("freelist_count")) * pragma("page_size")) as u64
}

/// A file's path in a folder that is removed with this value.
struct TempFile(PathBuf);

impl TempFile {
    fn new() -> TempFile {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("mqttchat-history-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        TempFile(folder.join("chat.db"))
    }

    fn open(&self) -> Database {
        Database::open(&self.0, Random::of_the_system()).unwrap()
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(self.0.parent().unwrap());
    }
}
