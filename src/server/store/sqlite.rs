//! The server's SQL, all of it: messages by room and position, direct messages that wait, the index of words, the
//! roster between runs, and the server's identity.
//!
//! One SQLite database, on disk or in memory. [`Database`] writes; a [`HistoryReader`] answers questions over a
//! connection of its own. Another program (`mqttchat import`) may write to the same file. Then everything that is
//! cached from it in memory is read again.

mod batch;
mod diagnosis;
mod engine;
mod reader;
mod removed;
mod rooms;
mod rows;
mod schema;
mod search;
mod share;
#[cfg(test)]
mod tests;
mod transfer;
mod trim;
mod words;

pub use super::engine::Error;
pub use reader::HistoryReader;
pub use transfer::{Imported, NamelessCounts};

use crate::protocol::Epoch;
use crate::random::Random;
use crate::server::core::record::EarlierRun;
use batch::KnownState;
use rows::Query;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};

/// [`EarlierRun::rooms`] are the rooms of this many of the newest messages: more than a server commits at the highest
/// measured rates without announcing how far the rooms have come.
const RESUMED: usize = 500;

/// The database, for writing.
pub struct Database {
    own: HistoryReader,
    state: KnownState,
    /// `None`: no other connection can be opened.
    path: Option<PathBuf>,
    random: Random,
}

impl Database {
    /// Opens the database. Creates it if there is none, and brings one of an earlier version to this one.
    ///
    /// # Errors
    /// It cannot be read or written, is damaged, or belongs to another program.
    pub fn open(path: &Path, random: Random) -> Result<Database, Error> {
        Ok(Database { path: Some(path.to_owned()), ..Database::over(Connection::open(path)?, random)? })
    }

    /// A history that is gone with the process.
    pub fn in_memory(random: Random) -> Result<Database, Error> {
        Database::over(Connection::open_in_memory()?, random)
    }

    /// As [`Database::open`], over any connection; [`Database::reader`] cannot open another one. The simulation decides
    /// through its file system what of this database survives a crash.
    pub fn over(mut sql: Connection, random: Random) -> Result<Database, Error> {
        schema::prepare(&mut sql, &random)?;
        Ok(Database { own: HistoryReader::over(sql)?, state: KnownState::default(), path: None, random })
    }

    /// Another connection to the same database, so that questions hold up no commit; `None` without a path.
    pub fn reader(&self) -> Result<Option<HistoryReader>, Error> {
        self.path.as_deref().map(HistoryReader::open).transpose()
    }

    /// The same questions, over this connection.
    pub fn questions(&self) -> &HistoryReader {
        &self.own
    }

    pub fn epoch(&self) -> &Epoch {
        self.own.epoch()
    }

    /// A secret of the servers with this database: part of their client identifier.
    pub fn secret(&self) -> Result<String, Error> {
        Ok(self.own.sql.value("SELECT value FROM meta WHERE name = 'secret'", [])?)
    }

    /// The broker whose chat this is, as set by [`Database::set_broker`].
    pub fn broker(&self) -> Result<Option<String>, Error> {
        Ok(self.own.sql.meta("broker")?)
    }

    /// Whether the history is unused: no messages, and nobody present.
    pub fn is_empty(&self) -> Result<bool, Error> {
        let somebody = "SELECT EXISTS (SELECT 1 FROM rooms WHERE last_pos > 0) OR EXISTS (SELECT 1 FROM direct) \
                        OR EXISTS (SELECT 1 FROM roster) OR EXISTS (SELECT 1 FROM removed)";
        Ok(!self.own.sql.value::<bool>(somebody, [])?)
    }

    pub fn set_broker(&self, address: &str) -> Result<(), Error> {
        Ok(self.own.sql.set_meta("broker", address)?)
    }

    /// What the last run of the server left.
    pub fn earlier_run(&self) -> Result<EarlierRun, Error> {
        let seats = self.own.sql.list("SELECT nick, session, conn, rooms FROM roster", [], rows::kept)?;
        Ok(EarlierRun { epoch: self.epoch().clone(), seats, rooms: self.own.newest_rooms(RESUMED)? })
    }

    /// Takes the write lock before the first read, to see what another program wrote.
    fn transact<T>(
        &mut self,
        work: impl FnOnce(&Transaction, &mut KnownState) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        let run = |sql: &mut Connection, state: &mut KnownState| -> rusqlite::Result<T> {
            let transaction = sql.transaction_with_behavior(TransactionBehavior::Immediate)?;
            state.refresh(&transaction)?;
            let done = work(&transaction, state)?;
            transaction.commit()?;
            Ok(done)
        };
        let result = run(&mut self.own.sql, &mut self.state);
        if result.is_err() {
            // The cache may contain what the transaction did not commit.
            self.state = KnownState::default();
        }
        Ok(result?)
    }
}
