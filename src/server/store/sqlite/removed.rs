//! Ids of messages that were stored and are gone, or whose receipt arrived before them. When such a message is
//! retransmitted, its sender gets a confirmation, and it is not stored twice.

use super::query::Query;
use super::rows::unsigned;
use crate::protocol::{NickKey, SentId, Session};
use rusqlite::{Connection, params};
use std::collections::HashMap;
use std::time::Duration;

/// How long they are remembered: longer than anybody retransmits a message.
pub const KEPT: Duration = Duration::from_secs(90 * 24 * 3_600);
/// The bytes that a row takes with its entry in the index: this many, and its key this many times. The key is in both
/// of them, in pages that may be half full (measured: 0.47 to 0.95 of this).
const ROW_BYTES: u64 = 65;
const KEYS: u64 = 5;
/// The most sessions whose highest removed number is cached. Then the cache starts over.
const SESSIONS: usize = 4_096;

/// The cache of the table: most messages need no access to it.
#[derive(Debug, Default)]
pub struct Removed {
    /// The highest number; 0 if there is none.
    highest: HashMap<Box<str>, HashMap<Session, u64>>,
    sessions: usize,
    /// The bytes of all rows; `None` if they were not counted yet.
    bytes: Option<u64>,
}

impl Removed {
    pub fn has(&mut self, sql: &Connection, key: &str, id: &SentId) -> rusqlite::Result<bool> {
        let known = self.highest.get(key).and_then(|sessions| sessions.get(&id.session)).copied();
        let highest = match known {
            Some(highest) => highest,
            None => self.look_up(sql, key, &id.session)?,
        };
        if id.seq > highest {
            return Ok(false);
        }
        let select =
            "SELECT last FROM removed WHERE key = ?1 AND session = ?2 AND first <= ?3 ORDER BY first DESC LIMIT 1";
        let last: Option<i64> = sql.find(select, params![key, id.session.as_str(), id.seq as i64])?;
        Ok(last.is_some_and(|last| last >= id.seq as i64))
    }

    fn look_up(&mut self, sql: &Connection, key: &str, session: &Session) -> rusqlite::Result<u64> {
        let select = "SELECT max(last) FROM removed WHERE key = ?1 AND session = ?2";
        let highest: Option<i64> = sql.value(select, [key, session.as_str()])?;
        let highest = highest.unwrap_or(0) as u64;
        self.know(key, session, highest);
        Ok(highest)
    }

    fn know(&mut self, key: &str, session: &Session, highest: u64) {
        if self.sessions >= SESSIONS {
            *self = Removed { bytes: self.bytes, ..Removed::default() };
        }
        if !self.highest.contains_key(key) {
            self.highest.insert(key.into(), HashMap::new());
        }
        if let Some(sessions) = self.highest.get_mut(key) {
            self.sessions += usize::from(sessions.insert(session.clone(), highest).is_none());
        }
    }

    /// Adds the numbers `first` to `last`. `at`: now, in Unix milliseconds.
    pub fn add(
        &mut self,
        sql: &Connection,
        key: &str,
        session: &Session,
        (first, last): (u64, u64),
        at: i64,
    ) -> rusqlite::Result<()> {
        let highest = self.highest.get(key).and_then(|sessions| sessions.get(session)).copied();
        if let Some(highest) = highest {
            self.know(key, session, highest.max(last));
        }
        let (mut first, mut last) = (first as i64, last as i64);
        let touching = {
            let mut statement = sql.prepare_cached(
                "SELECT first, last FROM removed WHERE key = ?1 AND session = ?2 AND first <= ?3 ORDER BY first DESC",
            )?;
            let mut rows = statement.query(params![key, session.as_str(), last + 1])?;
            let mut touching = Vec::new();
            while let Some(row) = rows.next()? {
                let range: (i64, i64) = (row.get(0)?, row.get(1)?);
                if range.1 + 1 < first {
                    break;
                }
                touching.push(range);
            }
            touching
        };
        let weight = weight(key.len() as u64);
        self.bytes = self.bytes.map(|bytes| (bytes + weight).saturating_sub(touching.len() as u64 * weight));
        // Ranges that touch the new one become part of it.
        for (its_first, its_last) in touching {
            let delete = "DELETE FROM removed WHERE key = ?1 AND session = ?2 AND first = ?3";
            sql.run(delete, params![key, session.as_str(), its_first])?;
            first = first.min(its_first);
            last = last.max(its_last);
        }
        let insert = "INSERT INTO removed (key, session, first, last, at) VALUES (?1, ?2, ?3, ?4, ?5)";
        sql.run(insert, params![key, session.as_str(), first, last, at]).map(drop)
    }

    /// Forgets at most this many rows that were removed before then. Returns how many.
    pub fn forget(&mut self, sql: &Connection, before: i64, rows: usize) -> rusqlite::Result<usize> {
        let delete = "DELETE FROM removed WHERE (key, session, first) IN
            (SELECT key, session, first FROM removed WHERE at < ?1 ORDER BY at LIMIT ?2) RETURNING octet_length(key)";
        let weights = sql.list(delete, params![before, rows as i64], |row| Ok(Some(weight(unsigned(row, 0)?))))?;
        // The rest of the cache errs on the safe side: it makes `has` look for rows that are gone.
        self.bytes = self.bytes.map(|bytes| bytes.saturating_sub(weights.iter().sum()));
        Ok(weights.len())
    }

    /// The most bytes of the database that it takes.
    pub fn bytes(&mut self, sql: &Connection) -> rusqlite::Result<u64> {
        let bytes = match self.bytes {
            Some(bytes) => bytes,
            None => {
                let select = "SELECT count(*), coalesce(sum(octet_length(key)), 0) FROM removed";
                sql.query_row(select, [], |row| Ok(unsigned(row, 0)? * ROW_BYTES + unsigned(row, 1)? * KEYS))?
            }
        };
        self.bytes = Some(bytes);
        Ok(bytes)
    }
}

fn weight(key_bytes: u64) -> u64 {
    ROW_BYTES + KEYS * key_bytes
}

/// The key for receipts that arrived before their message: sender and addressee. No nick's key contains a slash.
pub fn to_one(sender: &NickKey, to: &NickKey) -> String {
    format!("{sender}/{to}")
}

/// Whether any of them was removed before then.
pub fn has_older(sql: &Connection, before: i64) -> rusqlite::Result<bool> {
    sql.value("SELECT EXISTS (SELECT 1 FROM removed WHERE at < ?1)", [before])
}
