//! `--outbox FILE`: a copy of the outbox that outlives the client. One run uses it at a time; it belongs to one nick in one
//! chat.

use super::{ChatOwner, Error, Migration, open, prepare};
use crate::client::core::outbox::{Kept, OwnMessage};
use crate::client::core::session::{OutboxChange, SessionEvent};
use crate::client::io::worker::Worker;
use crate::protocol::{Nick, RoomName, SentId};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::path::Path;
use std::time::Duration;

/// Marks the file as this program's (`PRAGMA application_id`): "mqco".
const APPLICATION_ID: i32 = 0x6d71_636f;
/// How long to wait for a run that is just ending.
const PATIENCE: Duration = Duration::from_millis(500);

const SCHEMA: &str = "
    CREATE TABLE owner (broker TEXT NOT NULL, root TEXT NOT NULL, key TEXT NOT NULL);
    CREATE TABLE messages (
        number INTEGER PRIMARY KEY,
        session TEXT NOT NULL,
        seq INTEGER NOT NULL,
        room TEXT,
        payload BLOB NOT NULL,
        reference TEXT,
        UNIQUE (session, seq)
    );
";
/// What each version added, as in the memory.
pub(super) const MIGRATIONS: &[Migration] = &[&[SCHEMA], &[SERVER_SEEN]];
const SERVER_SEEN: &str = "ALTER TABLE owner ADD COLUMN server_seen INTEGER NOT NULL DEFAULT 0;";

pub struct OutboxFile {
    sql: Connection,
    /// What could not be written. The next write includes it.
    unwritten: Unwritten,
}

#[derive(Default)]
struct Unwritten {
    /// Settled messages. Under another nick, the server would take them for new ones.
    settled: Vec<SentId>,
    /// The new owner of the file and its messages. Messages that are added later carry this nick, and only their nick
    /// gets the server's receipts.
    nick: Option<Nick>,
    server_seen: bool,
}

impl OutboxFile {
    /// Opens the file, creates it if it does not exist, and locks it until this is dropped or the process ends.
    ///
    /// # Errors
    /// The file cannot be read or written, is damaged or in use, or is not this program's or not this owner's.
    pub fn open(path: &Path, owner: &ChatOwner) -> Result<OutboxFile, Error> {
        let sql = open(path)?;
        sql.busy_timeout(PATIENCE)?;
        // From now on SQLite keeps the locks that it takes; the system releases them with the process.
        sql.pragma_update(None, "locking_mode", "EXCLUSIVE")?;
        OutboxFile::over(sql, owner)
    }

    /// As [`OutboxFile::open`], with an open database, which may be in memory.
    pub fn over(mut sql: Connection, owner: &ChatOwner) -> Result<OutboxFile, Error> {
        prepare(&mut sql, APPLICATION_ID, MIGRATIONS)?;
        // In WAL mode, writing takes that lock.
        let transaction = sql.transaction()?;
        belong(&transaction, owner)?;
        transaction.commit()?;
        Ok(OutboxFile { sql, unwritten: Unwritten::default() })
    }

    /// Its messages in the order in which they were added; skips what can no longer be read.
    pub fn messages(&self) -> Result<Vec<Kept>, Error> {
        Ok(messages(&self.sql)?)
    }

    /// Whether a run that used it has seen a chat server: what is in it waits for that server's word.
    pub fn server_seen(&self) -> Result<bool, Error> {
        Ok(self.sql.query_row("SELECT server_seen FROM owner", [], |row| row.get(0))?)
    }

    /// Makes a change. Returns what the session must know.
    pub fn change(&mut self, change: &OutboxChange) -> Option<SessionEvent> {
        match (self.write(change), change) {
            (Ok(()), OutboxChange::Rename(_)) => Some(SessionEvent::OutboxRenamed),
            (Ok(()), OutboxChange::Retry) => Some(SessionEvent::OutboxWritten),
            (Ok(()), _) => None,
            (Err(error), _) => Some(SessionEvent::OutboxFailed(error.to_string())),
        }
    }

    /// Begins to close the file, on a thread of its own: the disk may not answer. Returns a function that waits at most
    /// this long for the end of that.
    pub fn close(self) -> impl FnOnce(Duration) {
        // If no thread can be started, the file is closed here.
        let worker = Worker::start("outbox", move || drop(self));
        move |within| drop(worker.map(|worker| worker.finish(within)))
    }

    /// Writes this change and what could not be written before. When this returns, both survive the process.
    pub(super) fn write(&mut self, change: &OutboxChange) -> Result<(), Error> {
        match change {
            OutboxChange::Remove(ids) => self.unwritten.settled.extend_from_slice(ids),
            OutboxChange::Rename(nick) => self.unwritten.nick = Some(nick.clone()),
            OutboxChange::NoteServer => self.unwritten.server_seen = true,
            OutboxChange::Add(_) | OutboxChange::Retry => {}
        }
        let transaction = self.sql.transaction()?;
        let Unwritten { settled, nick, server_seen } = &self.unwritten;
        delete(&transaction, settled)?;
        if *server_seen {
            transaction.execute("UPDATE owner SET server_seen = 1", [])?;
        }
        nick.iter().try_for_each(|nick| rename(&transaction, nick))?;
        if let OutboxChange::Add(kept) = change {
            add(&transaction, kept)?;
        }
        transaction.commit()?;
        self.unwritten = Unwritten::default();
        Ok(())
    }

    /// As if its disk were full.
    #[cfg(test)]
    pub(super) fn take_no_writes(&self, is_full: bool) {
        self.sql.pragma_update(None, "query_only", is_full).unwrap();
    }
}

impl Drop for OutboxFile {
    /// The disk may have room again.
    fn drop(&mut self) {
        let Unwritten { settled, nick, server_seen } = &self.unwritten;
        if !settled.is_empty() || nick.is_some() || *server_seen {
            let _ = self.write(&OutboxChange::Retry);
        }
    }
}

fn messages(sql: &Connection) -> rusqlite::Result<Vec<Kept>> {
    let mut statement = sql.prepare("SELECT room, payload, reference FROM messages ORDER BY number")?;
    let mut rows = statement.query([])?;
    let mut messages = Vec::new();
    while let Some(row) = rows.next()? {
        let room = row.get::<_, Option<String>>(0)?.map(|room| RoomName::parse(&room)).transpose();
        let reference: Option<String> = row.get(2)?;
        let Ok(room) = room else { continue };
        if let Ok(Some(message)) = OwnMessage::parse(&row.get::<_, Vec<u8>>(1)?, room)
            && message.id.is_some()
        {
            let reference = reference.and_then(|text| serde_json::from_str(&text).ok());
            messages.push(Kept { message, reference });
        }
    }
    Ok(messages)
}

fn add(transaction: &Transaction, Kept { message, reference }: &Kept) -> rusqlite::Result<()> {
    let Some(id) = &message.id else { return Ok(()) };
    let insert = "INSERT OR REPLACE INTO messages (session, seq, room, payload, reference) VALUES (?1, ?2, ?3, ?4, ?5)";
    let row = params![
        id.session.as_str(),
        id.seq as i64,
        message.room().map(RoomName::as_str),
        message.to_json(),
        reference.as_ref().map(ToString::to_string),
    ];
    transaction.prepare_cached(insert)?.execute(row).map(drop)
}

fn delete(transaction: &Transaction, ids: &[SentId]) -> rusqlite::Result<()> {
    let mut delete = transaction.prepare_cached("DELETE FROM messages WHERE session = ?1 AND seq = ?2")?;
    ids.iter().try_for_each(|id| delete.execute(params![id.session.as_str(), id.seq as i64]).map(drop))
}

fn rename(transaction: &Transaction, nick: &Nick) -> rusqlite::Result<()> {
    transaction.execute("UPDATE owner SET key = ?1", [nick.key().as_str()])?;
    let mut update = transaction.prepare("UPDATE messages SET payload = ?3 WHERE session = ?1 AND seq = ?2")?;
    for Kept { mut message, .. } in messages(transaction)? {
        message.nick = nick.clone();
        let Some(id) = &message.id else { continue };
        update.execute(params![id.session.as_str(), id.seq as i64, message.to_json()])?;
    }
    Ok(())
}

/// Gives a new file to this owner, and refuses another owner's.
fn belong(transaction: &Transaction, owner: &ChatOwner) -> Result<(), Error> {
    let ChatOwner { broker, root, key } = owner;
    let select = "SELECT broker, root, key FROM owner";
    let row = transaction.query_row(select, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)));
    let found: Option<(String, String, String)> = row.optional()?;
    match found {
        None => {
            let insert = "INSERT INTO owner (broker, root, key) VALUES (?1, ?2, ?3)";
            transaction.execute(insert, params![broker, root, key.as_str()])?;
        }
        Some(found) if found == (broker.clone(), root.clone(), key.as_str().to_owned()) => {
            // Writes nevertheless, to take the lock.
            transaction.execute("UPDATE owner SET broker = broker", [])?;
        }
        Some((broker, root, nick)) => {
            return Err(Error::Foreign(format!(
                "it belongs to {nick} at {broker} with the topic root {root}; use another file"
            )));
        }
    }
    Ok(())
}
