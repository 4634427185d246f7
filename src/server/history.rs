//! The server's SQL, all of it: messages by room and position, the roster between runs, and who this server is.
//!
//! One SQLite database, on disk or in memory. It is owned by the store thread; nothing here knows of threads.

#[cfg(test)]
mod tests;

use super::roster::{Change, Kept};
use crate::protocol::history::{Span, fitting};
use crate::protocol::limits::LISTED_ROOMS;
use crate::protocol::{Chat, Cursor, Entry, Epoch, MessageId, Nick, RoomName, SentId, Session, Timestamp};
use crate::random;
use chrono::DateTime;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::collections::HashMap;
use std::fmt;
use std::path::Path;

/// Says to whom the file belongs (`PRAGMA application_id`): "mqch".
const APPLICATION_ID: i32 = 0x6d71_6368;
/// The schema's version (`PRAGMA user_version`).
const SCHEMA_VERSION: i32 = 1;

const SCHEMA: &str = "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE rooms (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        last_pos INTEGER NOT NULL,
        messages INTEGER NOT NULL
    );
    CREATE TABLE messages (
        row INTEGER PRIMARY KEY AUTOINCREMENT,
        room INTEGER NOT NULL REFERENCES rooms (id),
        pos INTEGER NOT NULL,
        key TEXT NOT NULL,
        nick TEXT NOT NULL,
        session TEXT,
        seq INTEGER,
        text TEXT NOT NULL,
        timestamp TEXT NOT NULL,
        action INTEGER NOT NULL,
        late INTEGER NOT NULL,
        received INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX messages_place ON messages (room, pos);
    CREATE UNIQUE INDEX messages_id ON messages (key, session, seq) WHERE session IS NOT NULL;
    CREATE TABLE roster (
        key TEXT NOT NULL,
        session TEXT NOT NULL,
        nick TEXT NOT NULL,
        conn INTEGER NOT NULL,
        rooms TEXT NOT NULL,
        heard INTEGER NOT NULL,
        PRIMARY KEY (key, session)
    ) WITHOUT ROWID;
";

/// Why the database cannot be used.
#[derive(Debug)]
pub enum Error {
    Sql(rusqlite::Error),
    /// Another program's file, or one of a later version of this one.
    Foreign(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Sql(error) => write!(f, "{error}"),
            Error::Foreign(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        Error::Sql(error)
    }
}

/// A message to be kept.
#[derive(Debug, Clone)]
pub struct Arrived {
    pub chat: Chat,
    /// Its sender's time, or the server's where that cannot be read.
    pub timestamp: Timestamp,
    /// When the server received it, in Unix milliseconds.
    pub received: i64,
}

/// Which page of a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageQuery {
    pub room: RoomName,
    pub limit: usize,
    pub place: Place,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    Newest,
    Before(Cursor),
    After(Cursor),
}

/// A page as the database gives it; the oldest message first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub messages: Vec<Entry>,
    pub span: Span,
}

pub struct History {
    sql: Connection,
    epoch: Epoch,
    rooms: HashMap<RoomName, Room>,
    /// A transaction failed, and they could not be read again since.
    rooms_are_stale: bool,
}

#[derive(Debug, Clone, Copy)]
struct Room {
    id: i64,
    /// The position of its newest message; 0 where it never had one.
    last_pos: u64,
    messages: u64,
}

impl History {
    /// Opens the database, and makes it where there is none.
    ///
    /// # Errors
    /// Where it cannot be read or written, is damaged, or is not this program's.
    pub fn open(path: &Path) -> Result<History, Error> {
        History::prepare(Connection::open(path)?)
    }

    /// A history that is gone with the process.
    pub fn in_memory() -> Result<History, Error> {
        History::prepare(Connection::open_in_memory()?)
    }

    fn prepare(mut sql: Connection) -> Result<History, Error> {
        // WAL with FULL: a commit is on the disk before it returns.
        sql.pragma_update(None, "journal_mode", "WAL")?;
        sql.pragma_update(None, "synchronous", "FULL")?;
        sql.busy_timeout(std::time::Duration::from_secs(5))?;
        let pragma = |name| sql.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
        match (pragma("application_id")?, pragma("user_version")?) {
            (APPLICATION_ID, SCHEMA_VERSION) => {}
            (0, 0) if is_empty(&sql)? => create(&mut sql)?,
            (APPLICATION_ID, version) => {
                return Err(Error::Foreign(format!("it has version {version}, this program knows {SCHEMA_VERSION}")));
            }
            _ => return Err(Error::Foreign("it is another program's database".to_owned())),
        }
        let epoch = meta(&sql, "epoch")?;
        let epoch = Epoch::parse(&epoch).ok_or_else(|| Error::Foreign("its epoch is damaged".to_owned()))?;
        let rooms = load_rooms(&sql)?;
        Ok(History { sql, epoch, rooms, rooms_are_stale: false })
    }

    /// What only servers over this database know: part of their client identifier.
    pub fn secret(&self) -> Result<String, Error> {
        Ok(meta(&self.sql, "secret")?)
    }

    /// The broker whose chat this is, as [`History::set_broker`] was told.
    pub fn broker(&self) -> Result<Option<String>, Error> {
        let select = "SELECT value FROM meta WHERE name = 'broker'";
        Ok(self.sql.query_row(select, [], |row| row.get(0)).optional()?)
    }

    pub fn set_broker(&self, address: &str) -> Result<(), Error> {
        self.sql.execute("INSERT OR REPLACE INTO meta (name, value) VALUES ('broker', ?1)", [address])?;
        Ok(())
    }

    /// Keeps these messages and roster changes in one transaction. Returns how many messages were new: what was kept
    /// before, by its sender's key and id, is kept once.
    pub fn keep(&mut self, messages: &[Arrived], changes: &[Change]) -> Result<usize, Error> {
        if self.rooms_are_stale {
            self.read_rooms()?;
        }
        let kept = self.keep_in_transaction(messages, changes);
        if kept.is_err() {
            // Positions may have been given out that the database does not have.
            self.rooms_are_stale = true;
            // Where this fails too, the next messages try again; what went wrong first is what counts.
            let _ = self.read_rooms();
        }
        kept
    }

    fn read_rooms(&mut self) -> Result<(), Error> {
        self.rooms = load_rooms(&self.sql)?;
        self.rooms_are_stale = false;
        Ok(())
    }

    fn keep_in_transaction(&mut self, messages: &[Arrived], changes: &[Change]) -> Result<usize, Error> {
        let transaction = self.sql.transaction()?;
        let mut new = 0;
        for message in messages {
            new += usize::from(insert(&transaction, &mut self.rooms, message)?);
        }
        update_rooms(&transaction, &self.rooms, messages)?;
        for change in changes {
            replace_seats(&transaction, change)?;
        }
        transaction.commit()?;
        Ok(new)
    }

    /// A page within the size that a reply may have.
    pub fn page(&self, query: &PageQuery) -> Result<Page, Error> {
        let room = self.rooms.get(&query.room).copied().unwrap_or(Room { id: 0, last_pos: 0, messages: 0 });
        let last = room.last_pos;
        let known = |cursor: &Cursor| cursor.epoch == self.epoch && cursor.pos <= last;
        match &query.place {
            Place::After(cursor) if known(cursor) => self.page_after(query, room, cursor.pos),
            Place::Before(cursor) if known(cursor) => self.page_before(query, room, cursor.pos, false),
            Place::Newest => self.page_before(query, room, last, false),
            Place::After(_) | Place::Before(_) => self.page_before(query, room, last, true),
        }
    }

    fn page_before(&self, query: &PageQuery, room: Room, end: u64, gap: bool) -> Result<Page, Error> {
        let mut messages = self.entries(
            "SELECT * FROM messages WHERE room = ?1 AND pos <= ?2 ORDER BY pos DESC LIMIT ?3",
            room,
            end,
            query.limit,
        )?;
        messages.truncate(fitting(messages.iter()));
        messages.reverse();
        let from = messages.first().and_then(|entry| entry.pos).map_or(end, |pos| pos - 1);
        Ok(self.paged(query, messages, from, end, from == 0, gap))
    }

    fn page_after(&self, query: &PageQuery, room: Room, start: u64) -> Result<Page, Error> {
        let mut messages = self.entries(
            "SELECT * FROM messages WHERE room = ?1 AND pos > ?2 ORDER BY pos LIMIT ?3",
            room,
            start,
            query.limit,
        )?;
        messages.truncate(fitting(messages.iter()));
        let to = messages.last().and_then(|entry| entry.pos).unwrap_or(start);
        Ok(self.paged(query, messages, start, to, to == room.last_pos, false))
    }

    fn paged(&self, query: &PageQuery, messages: Vec<Entry>, from: u64, to: u64, complete: bool, gap: bool) -> Page {
        let span = Span { room: query.room.clone(), epoch: self.epoch.clone(), from, to, complete, gap };
        Page { messages, span }
    }

    fn entries(&self, select: &str, room: Room, pos: u64, limit: usize) -> Result<Vec<Entry>, Error> {
        let mut statement = self.sql.prepare_cached(select)?;
        let rows = statement.query_map(params![room.id, pos as i64, limit as i64], entry)?;
        Ok(rows.filter_map(Result::transpose).collect::<Result<_, _>>()?)
    }

    /// The first rooms by name that ever had a message, as many as are listed, with the number of their messages.
    pub fn rooms(&self) -> Result<Vec<(RoomName, u64)>, Error> {
        let mut statement = self.sql.prepare_cached("SELECT name, messages FROM rooms ORDER BY name LIMIT ?1")?;
        let rows = statement.query_map([LISTED_ROOMS as i64], |row| {
            let messages = unsigned(row, 1)?;
            Ok(RoomName::parse(&row.get::<_, String>(0)?).ok().map(|name| (name, messages)))
        })?;
        Ok(rows.filter_map(Result::transpose).collect::<Result<_, _>>()?)
    }

    /// The roster as it was kept; a row that cannot be read is left out.
    pub fn roster(&self) -> Result<Vec<Kept>, Error> {
        let mut statement = self.sql.prepare("SELECT nick, session, conn, rooms, heard FROM roster")?;
        let rows = statement.query_map([], kept)?;
        Ok(rows.filter_map(Result::transpose).collect::<Result<_, _>>()?)
    }
}

fn is_empty(sql: &Connection) -> rusqlite::Result<bool> {
    sql.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

fn create(sql: &mut Connection) -> rusqlite::Result<()> {
    let transaction = sql.transaction()?;
    transaction.execute_batch(SCHEMA)?;
    for (name, value) in [("epoch", random::word()), ("secret", random::word())] {
        transaction.execute("INSERT INTO meta (name, value) VALUES (?1, ?2)", [name, &value])?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()
}

fn meta(sql: &Connection, name: &str) -> rusqlite::Result<String> {
    sql.query_row("SELECT value FROM meta WHERE name = ?1", [name], |row| row.get(0))
}

fn load_rooms(sql: &Connection) -> rusqlite::Result<HashMap<RoomName, Room>> {
    let mut statement = sql.prepare("SELECT name, id, last_pos, messages FROM rooms")?;
    let rows = statement.query_map([], |row| {
        let room = Room { id: row.get(1)?, last_pos: unsigned(row, 2)?, messages: unsigned(row, 3)? };
        Ok(RoomName::parse(&row.get::<_, String>(0)?).ok().map(|name| (name, room)))
    })?;
    rows.filter_map(Result::transpose).collect()
}

fn unsigned(row: &Row, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|number| number.max(0) as u64)
}

/// True where the message was not there before.
fn insert(sql: &Transaction, rooms: &mut HashMap<RoomName, Room>, message: &Arrived) -> rusqlite::Result<bool> {
    let chat = &message.chat;
    if !rooms.contains_key(&chat.room) {
        sql.execute("INSERT INTO rooms (name, last_pos, messages) VALUES (?1, 0, 0)", [chat.room.as_str()])?;
        rooms.insert(chat.room.clone(), Room { id: sql.last_insert_rowid(), last_pos: 0, messages: 0 });
    }
    let Some(room) = rooms.get_mut(&chat.room) else { return Ok(false) };
    let mut statement = sql.prepare_cached(
        "INSERT INTO messages (room, pos, key, nick, session, seq, text, timestamp, action, late, received)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (key, session, seq) WHERE session IS NOT NULL DO NOTHING",
    )?;
    let new = statement.execute(params![
        room.id,
        room.last_pos as i64 + 1,
        chat.nick.key().as_str(),
        chat.nick.as_str(),
        chat.id.as_ref().map(|id| id.session.as_str()),
        chat.id.as_ref().map(|id| id.seq as i64),
        chat.text,
        message.timestamp.as_str(),
        chat.action,
        chat.late,
        message.received,
    ])? == 1;
    if new {
        room.last_pos += 1;
        room.messages += 1;
    }
    Ok(new)
}

/// Writes down how far the rooms of these messages have come.
fn update_rooms(sql: &Transaction, rooms: &HashMap<RoomName, Room>, messages: &[Arrived]) -> rusqlite::Result<()> {
    let mut names: Vec<&RoomName> = messages.iter().map(|message| &message.chat.room).collect();
    names.sort();
    names.dedup();
    for room in names.into_iter().filter_map(|name| rooms.get(name)) {
        let mut statement = sql.prepare_cached("UPDATE rooms SET last_pos = ?2, messages = ?3 WHERE id = ?1")?;
        statement.execute(params![room.id, room.last_pos as i64, room.messages as i64])?;
    }
    Ok(())
}

fn replace_seats(sql: &Transaction, change: &Change) -> rusqlite::Result<()> {
    sql.prepare_cached("DELETE FROM roster WHERE key = ?1")?.execute([change.key.as_str()])?;
    let mut statement = sql.prepare_cached(
        "INSERT INTO roster (key, session, nick, conn, rooms, heard) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for seat in &change.seats {
        let rooms: Vec<&str> = seat.rooms.iter().map(RoomName::as_str).collect();
        let session = seat.session.as_ref().map_or("", Session::as_str);
        statement.execute(params![
            change.key.as_str(),
            session,
            seat.nick.as_str(),
            seat.conn,
            rooms.join(" "),
            seat.heard
        ])?;
    }
    Ok(())
}

/// `None` for a row whose nick no longer counts as one.
fn entry(row: &Row) -> rusqlite::Result<Option<Entry>> {
    let Ok(nick) = Nick::parse(&row.get::<_, String>("nick")?) else { return Ok(None) };
    let session: Option<String> = row.get("session")?;
    let seq = row.get::<_, Option<i64>>("seq")?.unwrap_or(0) as u64;
    let id = match session.as_deref().and_then(Session::parse).and_then(|session| SentId::new(session, seq)) {
        Some(id) => MessageId::Sent(id),
        None => MessageId::Row(unsigned(row, 0)?),
    };
    let received = DateTime::from_timestamp_millis(row.get("received")?);
    Ok(Some(Entry {
        nick,
        text: row.get("text")?,
        timestamp: Timestamp::parse(&row.get::<_, String>("timestamp")?),
        action: row.get("action")?,
        late: row.get("late")?,
        id: Some(id),
        pos: Some(row.get::<_, i64>("pos")?.max(0) as u64),
        received: received.map(|at| Timestamp::new(at.fixed_offset())),
    }))
}

fn kept(row: &Row) -> rusqlite::Result<Option<Kept>> {
    let Ok(nick) = Nick::parse(&row.get::<_, String>(0)?) else { return Ok(None) };
    let rooms: String = row.get(3)?;
    Ok(Some(Kept {
        nick,
        session: Session::parse(&row.get::<_, String>(1)?),
        conn: row.get(2)?,
        rooms: rooms.split(' ').filter_map(|room| RoomName::parse(room).ok()).collect(),
        heard: row.get(4)?,
    }))
}
