//! The server's SQL, all of it: messages by room and position, direct messages that wait, the words of all texts, the
//! roster between runs, and who this server is.
//!
//! One SQLite database, on disk or in memory. [`History`] writes and is owned by the store thread; a [`Reader`] answers
//! questions over a connection of its own. Nothing here knows of threads. Another program (`mqttchat import`) may write
//! to the same file: what is known of it in memory is read again when it did.

mod batch;
mod diagnosis;
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

pub use diagnosis::Diagnosis;
pub use error::Error;
pub use reader::{Page, PageQuery, Place, Reader};
pub use search::SearchPage;
pub use transfer::{Imported, Nameless, Record};
pub use trim::{Retention, Trimmed};

use crate::protocol::text::visible;
use crate::protocol::{Chat, Epoch, Nick, NickKey, Private, RoomName, SentId, Timestamp};
use crate::server::core::roster::{Change, Kept};
use batch::{Batch, State};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior};
use std::path::{Path, PathBuf};

/// What is to be kept, in order.
#[derive(Debug, Clone)]
pub enum Keep {
    Chat(Arrived),
    /// Without an id it is passed over: nobody could tell when it is delivered.
    Direct(ArrivedDirect),
    /// A direct message waits no more, if it is one to `to`; one that comes only after this never does.
    Delivered {
        to: NickKey,
        sender: NickKey,
        id: SentId,
        /// When that was known, in Unix milliseconds.
        at: i64,
    },
}

impl Keep {
    /// Whose message it is, or a receipt for, and which; `None`: it came without an id.
    pub fn id(&self) -> Option<(&NickKey, &SentId)> {
        match self {
            Keep::Chat(Arrived { chat, .. }) => chat.id.as_ref().map(|id| (chat.nick.key(), id)),
            Keep::Direct(ArrivedDirect { private, .. }) => private.id.as_ref().map(|id| (private.nick.key(), id)),
            Keep::Delivered { sender, id, .. } => Some((sender, id)),
        }
    }

    /// What it is, for the log: never what it says.
    pub fn describe(&self) -> String {
        let what = match self {
            Keep::Chat(Arrived { chat, .. }) => format!("message room={} nick={}", chat.room, chat.nick.key().as_str()),
            Keep::Direct(ArrivedDirect { private, .. }) => {
                format!("direct nick={} to={}", private.nick.key().as_str(), private.to.key().as_str())
            }
            Keep::Delivered { to, sender, .. } => format!("receipt nick={} to={}", to.as_str(), sender.as_str()),
        };
        let id = self.id().map_or("-".to_owned(), |(_, id)| id.to_string());
        visible(&format!("{what} id={id}")).into_owned()
    }
}

/// A message to be kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    pub chat: Chat,
    /// Its sender's time, or the server's where that cannot be read.
    pub timestamp: Timestamp,
    /// When the server received it, in Unix milliseconds.
    pub received: i64,
}

/// A direct message to be kept until it is delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivedDirect {
    pub private: Private,
    pub timestamp: Timestamp,
    pub received: i64,
}

/// What a commit did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Committed {
    /// In the database now, or once before: to be told to their senders. In order of arrival.
    pub stored: Vec<(NickKey, SentId)>,
    /// What is new, by room.
    pub progress: Vec<Progress>,
    /// The direct messages among them that wait: new ones, and ones sent again that still do.
    pub direct: Vec<Direct>,
    /// Not in the database: their senders are told why.
    pub refused: Vec<Refused>,
    /// Whose receipts were kept: addressee, sender and id.
    pub delivered: Vec<(NickKey, NickKey, SentId)>,
}

/// A message that is not kept, and never will be under this id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    pub sender: NickKey,
    pub id: SentId,
    pub why: Refusal,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The direct messages that wait have all the room that is for them.
    NoRoom { to: Nick },
    /// Another message of this sender has the id.
    IdTaken,
    /// The database takes others, and not this one.
    Unwritable,
}

/// What is new in a room, at the positions `from` + 1 to `to`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    pub room: RoomName,
    pub from: u64,
    pub to: u64,
    /// In order of position.
    pub ids: Vec<(NickKey, Option<SentId>)>,
}

/// A direct message that waits. `row` tells the order in which they came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Direct {
    pub private: Private,
    pub row: i64,
}

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
    pub fn roster(&self) -> Result<Vec<Kept>, Error> {
        let mut statement = self.own.sql.prepare("SELECT nick, session, conn, rooms, heard FROM roster")?;
        let rows = statement.query_map([], rows::kept)?;
        Ok(rows.filter_map(Result::transpose).collect::<Result<_, _>>()?)
    }

    /// Keeps these messages and roster changes in one transaction: all of them, or none where it fails. What was kept
    /// before, by its sender's key and id, is kept once, also where it is gone since (delivered, or trimmed). What has the
    /// id of another message that is still there is refused.
    pub fn commit(&mut self, keeps: &[Keep], seats: &[Change]) -> Result<Committed, Error> {
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
