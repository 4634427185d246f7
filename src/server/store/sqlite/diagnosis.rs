//! Finds out why a message cannot be written: because of the message, the index of the words, or the database.

use super::batch::{BatchWriter, KnownState};
use super::{Database, Error, words};
use crate::protocol::{Chat, Nick, RoomName, SentId, Timestamp};
use crate::random::Random;
use crate::server::core::record::{Arrived, Keep};
use crate::server::store::engine::Diagnosis;
use rusqlite::{Connection, Transaction, TransactionBehavior};

impl Database {
    /// Call this after a permanent failure of this message or of something else. Writes nothing.
    pub fn diagnose(&mut self, failed: Option<&Keep>) -> Diagnosis {
        let as_it_is = |_: &Connection| Ok(());
        match failed {
            // It fails only at its commit, or failed only that once.
            Some(keep) if self.try_to_keep(keep, as_it_is).is_ok() => return Diagnosis::Database,
            Some(keep) if self.try_to_keep(keep, begin_part).is_ok() => return Diagnosis::Words,
            _ => {}
        }
        let Some(nobodys) = message(&mut self.random) else { return Diagnosis::Database };
        if self.try_to_keep(&nobodys, as_it_is).is_ok() {
            Diagnosis::Message
        } else if self.try_to_keep(&nobodys, begin_part).is_ok() {
            Diagnosis::Words
        } else {
            Diagnosis::Database
        }
    }

    /// Starts a new part of the index of words. Words in the part before may not be found any more.
    pub fn begin_part_of_words(&mut self) -> Result<(), Error> {
        self.transact(|sql, _| begin_part(sql))?;
        // The cache knows the part before.
        self.state = KnownState::default();
        Ok(())
    }

    /// Writes the message after doing `before`, and rolls both back.
    fn try_to_keep(
        &mut self,
        keep: &Keep,
        before: impl FnOnce(&Connection) -> rusqlite::Result<()>,
    ) -> Result<(), Error> {
        let sql = self.own.sql.transaction_with_behavior(TransactionBehavior::Immediate)?;
        before(&sql)?;
        let mut state = KnownState::default();
        state.refresh(&sql)?;
        let mut batch = BatchWriter::begin(&sql, &mut state)?;
        batch.keep(keep)?;
        batch.finish()?;
        write_words(&sql)?;
        Ok(sql.rollback()?)
    }
}

/// The words' index buffers its writes until the transaction is committed or a savepoint begins.
fn write_words(sql: &Transaction) -> rusqlite::Result<()> {
    sql.execute_batch("SAVEPOINT words; RELEASE words")
}

fn begin_part(sql: &Connection) -> rusqlite::Result<()> {
    let next = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'messages'), 0) + 1";
    let row = sql.query_row(next, [], |row| row.get(0))?;
    words::create(sql, row).map(drop)
}

/// A message by a random nick in a random room. Never `None`: these are valid names.
fn message(random: &mut Random) -> Option<Keep> {
    let word = random.word();
    let chat = Chat {
        nick: Nick::parse(&word).ok()?,
        text: word.clone(),
        timestamp: None,
        id: SentId::new(random.session(), 1),
        room: RoomName::parse(&word).ok()?,
        action: false,
        late: false,
    };
    let timestamp = Timestamp::parse("2026-11-22T20:30:00.000+00:00")?;
    Some(Keep::Chat(Arrived { chat, timestamp, received: 0 }))
}
