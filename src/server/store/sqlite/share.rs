//! Shares of a limited size: everything except room messages stays within its share.

use super::rows::Query;
use super::words;
use rusqlite::Connection;

/// The share of ids of removed messages, as a divisor of the size.
pub const REMOVED: u64 = 8;
/// The share of rooms without messages.
pub const ROOMS: u64 = 16;
/// The share of presences. People beyond it are present, but a restarted server does not know them.
pub const PRESENT: u64 = 16;
/// The share of waiting direct messages, theirs alone. Room messages have the rest, so none of them is removed for a
/// waiting one.
pub const DIRECT: u64 = 8;

/// The bytes that a waiting direct message may take, as a column of `direct`: twice its content, because pages are
/// seldom full (measured: 0.47 to 0.95 of this), and its entries in the indexes.
pub const DIRECT_WEIGHT: &str = "2 * (octet_length(text) + octet_length(key) + octet_length(nick) + \
                                 octet_length(to_key) + octet_length(to_nick)) + 250";

/// The same for a presence, as a column of `roster`. If it has more than 1,000 bytes, the rest has a page of its own.
pub const ROSTER_WEIGHT: &str =
    "5 * (octet_length(key) + octet_length(session) + octet_length(nick) + octet_length(rooms)) + 100";

/// How many bytes the rows of a table take.
#[derive(Debug)]
pub struct Tally {
    table: &'static str,
    weight: &'static str,
    /// `None`: not counted yet.
    bytes: Option<u64>,
}

impl Tally {
    /// `weight`: the bytes of a row, as a column.
    pub const fn of(table: &'static str, weight: &'static str) -> Tally {
        Tally { table, weight, bytes: None }
    }

    pub fn bytes(&mut self, sql: &Connection) -> rusqlite::Result<u64> {
        let bytes = match self.bytes {
            Some(bytes) => bytes,
            None => {
                let select = format!("SELECT coalesce(sum({}), 0) FROM {}", self.weight, self.table);
                sql.value::<i64>(&select, [])? as u64
            }
        };
        self.bytes = Some(bytes);
        Ok(bytes)
    }

    /// Whether the rows, including the last one added, stay within that share of a limited size.
    pub fn has_room(&mut self, sql: &Connection, part: u64) -> rusqlite::Result<bool> {
        Ok(match words::size_limit(sql)? {
            Some(limit) => self.bytes(sql)? <= limit / part,
            None => true,
        })
    }

    /// A row of this weight was added.
    pub fn add(&mut self, weight: u64) {
        self.bytes = self.bytes.map(|bytes| bytes + weight);
    }

    /// A row of this weight was removed.
    pub fn remove(&mut self, weight: u64) {
        self.bytes = self.bytes.map(|bytes| bytes.saturating_sub(weight));
    }
}

/// By how many bytes the room messages, with everything that belongs to them, exceed their share of that size.
pub fn excess(sql: &Connection, waiting: &mut Tally, limit: Option<u64>) -> rusqlite::Result<u64> {
    let Some(limit) = limit else { return Ok(0) };
    let pragma = |name: &str| sql.value::<i64>(name, []).map(|value| value as u64);
    let used = pragma("PRAGMA page_count")?.saturating_sub(pragma("PRAGMA freelist_count")?);
    let used = (used * pragma("PRAGMA page_size")?).saturating_sub(waiting.bytes(sql)?);
    Ok(used.saturating_sub(limit - limit / DIRECT))
}
