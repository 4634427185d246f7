//! Finds out why a message cannot be written: because of the message, the index of the words, or the database.

use super::batch::{BatchWriter, KnownState};
use super::{Database, words};
use crate::protocol::{ChatMessage, Nick, Place, RoomName, SentId, Timestamp};
use crate::random::Random;
use crate::server::core::record::{Arrived, Keep};
use crate::server::store::engine::Diagnosis;
use rusqlite::{Connection, TransactionBehavior};

/// Call this after a permanent failure of this message or of something else. Writes nothing.
pub fn diagnose(database: &mut Database, failed: Option<&Keep>) -> Diagnosis {
    let nobodys = message(&database.random);
    let mut takes = |keep: &Keep, before| try_to_keep(&mut database.own.sql, keep, before).is_ok();
    let as_it_is = |_: &Connection| Ok(());
    match (failed, &nobodys) {
        // It fails only at its commit, or failed only that once.
        (Some(keep), _) if takes(keep, as_it_is) => Diagnosis::Database,
        (Some(keep), _) if takes(keep, begin_part) => Diagnosis::Words,
        (_, Some(nobodys)) if takes(nobodys, as_it_is) => Diagnosis::Message,
        (_, Some(nobodys)) if takes(nobodys, begin_part) => Diagnosis::Words,
        _ => Diagnosis::Database,
    }
}

/// Writes the message after doing `before`, and rolls both back.
fn try_to_keep(
    sql: &mut Connection,
    keep: &Keep,
    before: fn(&Connection) -> rusqlite::Result<()>,
) -> rusqlite::Result<()> {
    let sql = sql.transaction_with_behavior(TransactionBehavior::Immediate)?;
    before(&sql)?;
    let mut state = KnownState::default();
    state.refresh(&sql)?;
    let mut batch = BatchWriter::begin(&sql, &mut state)?;
    batch.keep(keep)?;
    batch.finish()?;
    // The words' index buffers its writes until the transaction is committed or a savepoint begins.
    sql.execute_batch("SAVEPOINT words; RELEASE words")?;
    sql.rollback()
}

/// Starts a new part of the index of words. Words in the part before may not be found any more.
pub fn begin_part(sql: &Connection) -> rusqlite::Result<()> {
    let next = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0) + 1";
    let row = sql.query_row(next, [], |row| row.get(0))?;
    words::create(sql, row).map(drop)
}

/// A message by a random nick in a random room. Never `None`: these are valid names.
fn message(random: &Random) -> Option<Keep> {
    let word = random.word();
    let (nick, room) = (Nick::parse(&word).ok()?, RoomName::parse(&word).ok()?);
    let timestamp = Timestamp::parse("2026-11-22T20:30:00.000+00:00");
    let id = SentId::new(random.session(), 1);
    let message = ChatMessage { id, timestamp, ..ChatMessage::new(nick, Place::Room(room), word) };
    Some(Keep::Message(Arrived { message, received: 0 }))
}
