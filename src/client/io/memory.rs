//! The client's files: the memory of what was shown, which all runs of a user share, and the `--outbox` of one run. All SQL
//! of the client is here. The "memory" thread (`keeper`) owns the memory, the shell the outbox.
//!
//! Both are SQLite databases in WAL mode with `synchronous=NORMAL`. What is committed survives the death of the process.
//! After a power failure the last moments may be missing; then these messages are shown, or sent, again.

mod lists;
mod outbox_file;
mod shown;
#[cfg(test)]
mod tests;

pub use outbox_file::OutboxFile;

use crate::client::core::memo::{Memo, Remembered, Series};
use crate::protocol::{Cursor, Epoch, NickKey, RoomName};
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::collections::HashMap;
use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::Duration;

/// Marks the file as this program's (`PRAGMA application_id`): "mqcm".
const APPLICATION_ID: i32 = 0x6d71_636d;
/// How long another run may lock the file before this one continues without it.
const PATIENCE: Duration = Duration::from_secs(5);

const SCHEMA: &str = "
    CREATE TABLE places (
        id INTEGER PRIMARY KEY,
        broker TEXT NOT NULL,
        root TEXT NOT NULL,
        server_seen INTEGER NOT NULL DEFAULT 0,
        UNIQUE (broker, root)
    );
    CREATE TABLE people (
        id INTEGER PRIMARY KEY,
        place INTEGER NOT NULL REFERENCES places (id),
        key TEXT NOT NULL,
        UNIQUE (place, key)
    );
    CREATE TABLE cursors (
        person INTEGER NOT NULL REFERENCES people (id),
        room TEXT NOT NULL,
        epoch TEXT NOT NULL,
        pos INTEGER NOT NULL,
        PRIMARY KEY (person, room)
    ) WITHOUT ROWID;
";

/// What each version added. A file of an earlier version gets the rest when it is opened.
const MIGRATIONS: &[Migration] = &[&[SCHEMA, shown::SCHEMA], &[lists::IGNORED], &[lists::TYPED]];

/// The statements from one version of a file (`PRAGMA user_version`) to the next.
type Migration = &'static [&'static str];

/// Why a file cannot be used. `Display` goes into a line that names the file.
#[derive(Debug)]
pub enum Error {
    Sql(rusqlite::Error),
    Io(io::Error),
    /// The file belongs to another program, or to another version of this one.
    Foreign(String),
    /// Another run uses it.
    InUse,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Sql(error) => match error.sqlite_error_code() {
                // SQLite's own text would repeat the path.
                Some(rusqlite::ErrorCode::CannotOpen) => f.write_str("it cannot be opened or created"),
                Some(rusqlite::ErrorCode::NotADatabase) => f.write_str("it is not a database"),
                Some(rusqlite::ErrorCode::DatabaseCorrupt) => f.write_str("it is damaged"),
                _ => error.fmt(f),
            },
            Error::Io(error) => error.fmt(f),
            Error::Foreign(what) => f.write_str(what),
            Error::InUse => f.write_str("another run uses it"),
        }
    }
}

impl std::error::Error for Error {}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => Error::InUse,
            _ => Error::Sql(error),
        }
    }
}

impl From<io::Error> for Error {
    fn from(error: io::Error) -> Error {
        Error::Io(error)
    }
}

/// To which chat and which user a file belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatOwner {
    /// The broker's address.
    pub broker: String,
    pub root: String,
    pub key: NickKey,
}

/// What one user of one chat has seen. Several processes may have it open.
pub struct Memory {
    sql: Connection,
    chat: ChatOwner,
    place: i64,
    /// `None`: nothing is remembered of this nick.
    person: Option<i64>,
    /// Messages added per room since it was trimmed.
    added: HashMap<String, usize>,
}

impl Memory {
    /// Opens the file; creates it and its folder if they do not exist.
    ///
    /// # Errors
    /// The file cannot be read or written, is damaged, or is not this program's.
    pub fn open(path: &Path, chat: ChatOwner) -> Result<Memory, Error> {
        if let Some(folder) = path.parent() {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        }
        let sql = open(path)?;
        sql.busy_timeout(PATIENCE)?;
        Memory::over(sql, chat)
    }

    /// As [`Memory::open`], with an open database, which may be in memory.
    pub fn over(mut sql: Connection, chat: ChatOwner) -> Result<Memory, Error> {
        prepare(&mut sql, APPLICATION_ID, MIGRATIONS)?;
        let transaction = sql.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let place = place(&transaction, &chat)?;
        let person = person(&transaction, place, &chat.key)?;
        transaction.commit()?;
        Ok(Memory { sql, chat, place, person: Some(person), added: HashMap::new() })
    }

    /// From now on it belongs to this nick. Only reads, because a full disk must not keep anybody from another nick.
    pub fn be(&mut self, key: NickKey) -> Result<(), Error> {
        self.person = find_person(&self.sql, self.place, &key)?;
        self.chat.key = key;
        self.added.clear();
        Ok(())
    }

    /// Whether any run, under any nick, has seen a chat server.
    pub fn server_seen(&self) -> Result<bool, Error> {
        let select = "SELECT server_seen FROM places WHERE id = ?1";
        Ok(self.sql.query_row(select, [self.place], |row| row.get(0)).optional()?.unwrap_or(false))
    }

    /// Everything from earlier runs; skips what can no longer be read.
    pub fn recall(&self) -> Result<Remembered, Error> {
        let mut remembered = Remembered {
            server_seen: self.server_seen()?,
            ignored: lists::ignored(&self.sql, self.place)?,
            ..Remembered::default()
        };
        let Some(person) = self.person else { return Ok(remembered) };
        remembered.typed = lists::typed(&self.sql, person)?;
        let mut statement = self.sql.prepare("SELECT room, epoch, pos FROM cursors WHERE person = ?1")?;
        let mut rows = statement.query([person])?;
        while let Some(row) = rows.next()? {
            let (room, epoch, pos): (String, String, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
            if let (Ok(room), Some(epoch)) = (RoomName::parse(&room), Epoch::parse(&epoch)) {
                remembered.cursors.insert(room, Cursor { epoch, pos: pos.max(0) as u64 });
            }
        }
        for (room, shown) in shown::recall(&self.sql, person)? {
            match RoomName::parse(&room) {
                _ if room == shown::DIRECT => remembered.shown_direct = shown,
                Ok(room) => drop(remembered.shown.insert(room, shown)),
                Err(_) => {}
            }
        }
        Ok(remembered)
    }

    /// Commits all of these or none.
    pub fn keep(&mut self, memos: &[Memo]) -> Result<(), Error> {
        let transaction = self.sql.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let person = match self.person {
            Some(person) => person,
            None => person(&transaction, self.place, &self.chat.key)?,
        };
        let mut shown: Vec<(&str, &Series, Vec<u64>)> = Vec::new();
        let mut at: HashMap<(&str, &Series), usize> = HashMap::new();
        let mut was_shown = |room, series, number| {
            let at = *at.entry((room, series)).or_insert_with(|| {
                shown.push((room, series, Vec::new()));
                shown.len() - 1
            });
            shown[at].2.push(number);
        };
        for memo in memos {
            match memo {
                Memo::Cursor { room, cursor } => {
                    let insert = "INSERT OR REPLACE INTO cursors (person, room, epoch, pos) VALUES (?1, ?2, ?3, ?4)";
                    let epoch = cursor.epoch.as_str();
                    let row = params![person, room.as_str(), epoch, cursor.pos as i64];
                    transaction.prepare_cached(insert)?.execute(row)?;
                }
                Memo::ServerSeen => {
                    transaction.execute("UPDATE places SET server_seen = 1 WHERE id = ?1", [self.place])?;
                }
                Memo::Ignored(nick) => lists::ignore(&transaction, self.place, nick)?,
                Memo::Unignored(key) => lists::unignore(&transaction, self.place, key)?,
                Memo::Typed(line) => lists::add_typed(&transaction, person, line)?,
                Memo::Shown { room, series, number } => {
                    was_shown(room.as_ref().map_or(shown::DIRECT, RoomName::as_str), series, *number);
                }
            }
        }
        for (room, series, numbers) in shown {
            shown::add(&transaction, person, room, series, &numbers)?;
            let added = self.added.entry(room.to_owned()).or_default();
            *added += numbers.len();
            if *added > shown::SLACK {
                shown::trim(&transaction, person, room)?;
                *added = 0;
            }
        }
        transaction.commit()?;
        self.person = Some(person);
        Ok(())
    }
}

fn place(transaction: &Transaction, ChatOwner { broker, root, .. }: &ChatOwner) -> Result<i64, Error> {
    transaction.execute("INSERT OR IGNORE INTO places (broker, root) VALUES (?1, ?2)", [broker, root])?;
    let select = "SELECT id FROM places WHERE broker = ?1 AND root = ?2";
    Ok(transaction.query_row(select, [broker, root], |row| row.get(0))?)
}

fn person(transaction: &Transaction, place: i64, key: &NickKey) -> Result<i64, Error> {
    let row = params![place, key.as_str()];
    transaction.execute("INSERT OR IGNORE INTO people (place, key) VALUES (?1, ?2)", row)?;
    let person = find_person(transaction, place, key)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    // Many short runs must not leave more than a long one.
    shown::trim_all(transaction, person)?;
    Ok(person)
}

fn find_person(sql: &Connection, place: i64, key: &NickKey) -> Result<Option<i64>, Error> {
    let select = "SELECT id FROM people WHERE place = ?1 AND key = ?2";
    Ok(sql.query_row(select, params![place, key.as_str()], |row| row.get(0)).optional()?)
}

/// Opens a database that only its owner may read.
fn open(path: &Path) -> Result<Connection, Error> {
    // Opening a pipe would wait for somebody who reads it.
    if let Ok(found) = fs::metadata(path)
        && !found.is_file()
        && !found.is_dir()
    {
        return Err(Error::Foreign("it is not a regular file".to_owned()));
    }
    // SQLite gives its other files the mode of this one.
    drop(OpenOptions::new().write(true).create(true).truncate(false).mode(0o600).open(path)?);
    Ok(Connection::open(path)?)
}

/// Initialises an empty database, updates one of an earlier version, and refuses all others.
fn prepare(sql: &mut Connection, application_id: i32, steps: &[Migration]) -> Result<(), Error> {
    match sql.pragma_update(None, "journal_mode", "WAL").map_err(Error::from) {
        // Another run is doing the same.
        Ok(()) | Err(Error::InUse) => {}
        Err(error) => return Err(error),
    }
    sql.pragma_update(None, "synchronous", "NORMAL")?;
    let transaction = sql.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let pragma = |name| transaction.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    let is_empty = transaction.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get::<_, bool>(0))?;
    let (id, found) = (pragma("application_id")?, pragma("user_version")?);
    let known = steps.len();
    let missing = match usize::try_from(found).ok().and_then(|found| steps.get(found..)) {
        Some(missing) if id == application_id && found > 0 => missing,
        Some(missing) if id == 0 && found == 0 && is_empty => missing,
        _ if id == application_id => {
            return Err(Error::Foreign(format!("it has version {found}, this program knows {known}")));
        }
        _ => return Err(Error::Foreign("it is another program's database".to_owned())),
    };
    if !missing.is_empty() {
        missing.iter().copied().flatten().try_for_each(|statements| transaction.execute_batch(statements))?;
        transaction.pragma_update(None, "application_id", application_id)?;
        transaction.pragma_update(None, "user_version", known as i32)?;
        transaction.commit()?;
    }
    Ok(())
}
