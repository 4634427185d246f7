//! The server's SQL, all of it: messages by room and position, direct messages that wait, the words of all texts, the
//! roster between runs, and who this server is.
//!
//! One SQLite database, on disk or in memory. [`History`] writes and is owned by the store thread; a [`Reader`] answers
//! questions over a connection of its own. Nothing here knows of threads. Another program (`mqttchat import`) may write
//! to the same file: what is known of it in memory is read again when it did.

mod batch;
mod diagnosis;
mod engine;
mod error;
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

pub use error::Error;
pub use reader::Reader;
pub use transfer::{Imported, Nameless, Record};

use crate::protocol::Epoch;
use crate::server::core::record::{Committed, Keep, KeptSeat, SeatChange};
use batch::{Batch, State};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};

/// The database, to write to.
pub struct History {
    own: Reader,
    state: State,
    /// `None`: in memory.
    path: Option<PathBuf>,
}

impl History {
    /// Opens the database, makes it where there is none, and brings one of an earlier version to this one.
    ///
    /// # Errors
    /// Where it cannot be read or written, is damaged, or is not this program's.
    pub fn open(path: &Path) -> Result<History, Error> {
        History::prepare(Connection::open(path)?, Some(path.to_owned()))
    }

    /// A history that is gone with the process.
    pub fn in_memory() -> Result<History, Error> {
        History::prepare(Connection::open_in_memory()?, None)
    }

    fn prepare(mut sql: Connection, path: Option<PathBuf>) -> Result<History, Error> {
        schema::prepare(&mut sql)?;
        Ok(History { own: Reader::over(sql)?, state: State::default(), path })
    }

    /// Another connection to the same database, for questions that hold up no commit; `None` in memory.
    pub fn reader(&self) -> Result<Option<Reader>, Error> {
        self.path.as_deref().map(Reader::open).transpose()
    }

    /// The same questions, over this connection.
    pub fn questions(&self) -> &Reader {
        &self.own
    }

    pub fn epoch(&self) -> &Epoch {
        self.own.epoch()
    }

    /// What only servers over this database know: part of their client identifier.
    pub fn secret(&self) -> Result<String, Error> {
        Ok(schema::meta(&self.own.sql, "secret")?)
    }

    /// The broker whose chat this is, as [`History::set_broker`] was told.
    pub fn broker(&self) -> Result<Option<String>, Error> {
        Ok(schema::meta(&self.own.sql, "broker").optional()?)
    }

    /// Whether nobody was ever heard: no message, none that waits, nobody present.
    pub fn is_empty(&self) -> Result<bool, Error> {
        let somebody = "SELECT EXISTS (SELECT 1 FROM rooms WHERE last_pos > 0) OR EXISTS (SELECT 1 FROM direct) \
                        OR EXISTS (SELECT 1 FROM roster) OR EXISTS (SELECT 1 FROM removed)";
        Ok(!self.own.sql.query_row(somebody, [], |row| row.get(0))?)
    }

    pub fn set_broker(&self, address: &str) -> Result<(), Error> {
        self.own.sql.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('broker', ?1)", [address])?;
        Ok(())
    }

    /// The roster as it was kept; a row that cannot be read is left out.
    pub fn roster(&self) -> Result<Vec<KeptSeat>, Error> {
        let mut statement = self.own.sql.prepare("SELECT nick, session, conn, rooms FROM roster")?;
        let rows = statement.query_map([], rows::kept)?;
        Ok(rows.filter_map(Result::transpose).collect::<Result<_, _>>()?)
    }

    /// Keeps these messages and roster changes in one transaction: all of them, or none where it fails. What was kept
    /// before, by its sender's key and id, is kept once, also where it is gone since (delivered, or trimmed). What has the
    /// id of another message that is still there is refused.
    pub fn commit(&mut self, keeps: &[Keep], seats: &[SeatChange]) -> Result<Committed, Error> {
        self.transact(|sql, state| {
            let mut batch = Batch::begin(sql, state)?;
            for keep in keeps {
                batch.keep(keep)?;
            }
            for change in seats {
                batch.seats(change)?;
            }
            batch.finish()
        })
    }

    /// The write lock is taken before anything is read, so that what another program wrote is seen.
    fn transact<T>(&mut self, work: impl FnOnce(&Transaction, &mut State) -> rusqlite::Result<T>) -> Result<T, Error> {
        let run = |sql: &mut Connection, state: &mut State| {
            let transaction = sql.transaction_with_behavior(TransactionBehavior::Immediate)?;
            state.refresh(&transaction)?;
            let done = work(&transaction, state)?;
            transaction.commit()?;
            Ok(done)
        };
        let result = run(&mut self.own.sql, &mut self.state);
        if result.is_err() {
            // It may know of what the database does not have.
            self.state = State::default();
        }
        result.map_err(Error::Sql)
    }
}
