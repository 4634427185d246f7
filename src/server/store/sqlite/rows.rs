//! Statements on a connection, each prepared once and cached; and rows of the tables as values. A row that this program
//! cannot have written is skipped silently.

use crate::protocol::{Entry, MessageId, Nick, Private, RoomName, SentId, Session, Timestamp};
use crate::server::core::record::{KeptSeat, WaitingDirect};
use chrono::DateTime;
use rusqlite::types::FromSql;
use rusqlite::{Connection, OptionalExtension, Params, Row};

/// Shorthands for statements.
pub trait Query {
    /// Runs a statement that returns no rows. Returns how many it changed.
    fn run(&self, statement: &str, values: impl Params) -> rusqlite::Result<usize>;

    /// The first column of the first row.
    ///
    /// # Errors
    /// Also if there is no row.
    fn value<T: FromSql>(&self, select: &str, values: impl Params) -> rusqlite::Result<T>;

    /// The rows as values; `read` may skip rows.
    fn list<T>(
        &self,
        select: &str,
        values: impl Params,
        read: impl FnMut(&Row) -> rusqlite::Result<Option<T>>,
    ) -> rusqlite::Result<Vec<T>>;

    /// The same as [`Query::value`], if there is a row.
    fn find<T: FromSql>(&self, select: &str, values: impl Params) -> rusqlite::Result<Option<T>> {
        self.value(select, values).optional()
    }

    /// A value of the table `meta`.
    fn meta(&self, name: &str) -> rusqlite::Result<Option<String>> {
        self.find("SELECT value FROM meta WHERE name = ?1", [name])
    }

    fn set_meta(&self, name: &str, value: &str) -> rusqlite::Result<()> {
        self.run("INSERT OR REPLACE INTO meta (name, value) VALUES (?1, ?2)", [name, value]).map(drop)
    }
}

impl Query for Connection {
    fn run(&self, statement: &str, values: impl Params) -> rusqlite::Result<usize> {
        self.prepare_cached(statement)?.execute(values)
    }

    fn value<T: FromSql>(&self, select: &str, values: impl Params) -> rusqlite::Result<T> {
        self.prepare_cached(select)?.query_row(values, |row| row.get(0))
    }

    fn list<T>(
        &self,
        select: &str,
        values: impl Params,
        read: impl FnMut(&Row) -> rusqlite::Result<Option<T>>,
    ) -> rusqlite::Result<Vec<T>> {
        self.prepare_cached(select)?.query_map(values, read)?.filter_map(rusqlite::Result::transpose).collect()
    }
}

/// The columns that [`entry`] reads, at the beginning of a row.
pub const ENTRY: &str = "m.row, m.pos, m.nick, m.session, m.seq, m.text, m.timestamp, m.action, m.late, m.received";

/// Reads a row that begins with [`ENTRY`].
pub fn entry(row: &Row) -> rusqlite::Result<Option<Entry>> {
    let Ok(nick) = Nick::parse(row.get_ref(2)?.as_str()?) else { return Ok(None) };
    let id = match sent_id(row, 3)? {
        Some(id) => MessageId::Sent(id),
        None => MessageId::Row(unsigned(row, 0)?),
    };
    Ok(Some(Entry {
        nick,
        text: row.get(5)?,
        timestamp: Timestamp::parse(row.get_ref(6)?.as_str()?),
        action: row.get(7)?,
        late: row.get(8)?,
        id: Some(id),
        pos: Some(unsigned(row, 1)?),
        received: received(row.get(9)?),
    }))
}

/// A stored time, from Unix milliseconds.
pub fn received(milliseconds: i64) -> Option<Timestamp> {
    DateTime::from_timestamp_millis(milliseconds).map(|at| Timestamp::new(at.fixed_offset()))
}

/// The columns that [`direct`] reads, at the beginning of a row.
pub const DIRECT: &str = "row, nick, to_nick, session, seq, text, timestamp, action, late";

pub fn direct(row: &Row) -> rusqlite::Result<Option<WaitingDirect>> {
    let nick = Nick::parse(row.get_ref(1)?.as_str()?);
    let to = Nick::parse(row.get_ref(2)?.as_str()?);
    let (Ok(nick), Ok(to), Some(id)) = (nick, to, sent_id(row, 3)?) else { return Ok(None) };
    let private = Private {
        nick,
        to,
        text: row.get(5)?,
        timestamp: Timestamp::parse(row.get_ref(6)?.as_str()?),
        id: Some(id),
        action: row.get(7)?,
        late: row.get(8)?,
    };
    Ok(Some(WaitingDirect { private, row: row.get(0)? }))
}

/// The id in two columns, session and number.
pub fn sent_id(row: &Row, column: usize) -> rusqlite::Result<Option<SentId>> {
    let Some(session) = row.get_ref(column)?.as_str_or_null()? else { return Ok(None) };
    let seq = row.get::<_, Option<i64>>(column + 1)?.unwrap_or(0);
    Ok(Session::parse(session).and_then(|session| SentId::new(session, seq as u64)))
}

pub fn unsigned(row: &Row, column: usize) -> rusqlite::Result<u64> {
    row.get::<_, i64>(column).map(|number| number.max(0) as u64)
}

/// A room, and a number of its own.
pub fn room(row: &Row) -> rusqlite::Result<Option<(RoomName, u64)>> {
    Ok(RoomName::parse(row.get_ref(0)?.as_str()?).ok().zip(Some(unsigned(row, 1)?)))
}

/// A seat of the roster.
pub fn kept(row: &Row) -> rusqlite::Result<Option<KeptSeat>> {
    let Ok(nick) = Nick::parse(&row.get::<_, String>(0)?) else { return Ok(None) };
    let rooms: String = row.get(3)?;
    Ok(Some(KeptSeat {
        nick,
        session: Session::parse(&row.get::<_, String>(1)?),
        conn: row.get(2)?,
        rooms: rooms.split(' ').filter_map(|room| RoomName::parse(room).ok()).collect(),
    }))
}
