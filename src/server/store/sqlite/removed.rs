//! Ids of messages that were stored and are gone, or whose receipt arrived before them. When such a message is
//! retransmitted, its sender gets a confirmation, and it is not stored twice.

use super::rows::{Query, unsigned};
use super::share::Tally;
use crate::protocol::{NickKey, SentId, Session};
use rusqlite::{Connection, Row, params};
use std::collections::HashMap;
use std::time::Duration;

/// How long they are remembered: longer than anybody retransmits a message.
pub const KEPT: Duration = Duration::from_secs(90 * 24 * 3_600);
/// The bytes that a row takes with its entry in the index, as a column of `removed`. The key is in both of them, in
/// pages that may be half full (measured: 0.47 to 0.95 of this).
const WEIGHT: &str = "65 + 5 * octet_length(key)";
/// The most sessions whose highest removed number is cached. Then the cache starts over.
const SESSIONS: usize = 4_096;

/// The cache of the table: most messages need no access to it.
#[derive(Debug)]
pub struct Removed {
    /// The highest number of a key and a session; 0 if there is none.
    highest: HashMap<(Box<str>, Session), u64>,
    /// The bytes of all rows.
    pub tally: Tally,
}

impl Default for Removed {
    fn default() -> Removed {
        Removed { highest: HashMap::new(), tally: Tally::of("removed", WEIGHT) }
    }
}

impl Removed {
    pub fn has(&mut self, sql: &Connection, key: &str, id: &SentId) -> rusqlite::Result<bool> {
        let sender = (key.into(), id.session.clone());
        let highest = match self.highest.get(&sender) {
            Some(highest) => *highest,
            None => {
                let select = "SELECT max(last) FROM removed WHERE key = ?1 AND session = ?2";
                let highest: Option<i64> = sql.value(select, [key, id.session.as_str()])?;
                if self.highest.len() >= SESSIONS {
                    self.highest.clear();
                }
                *self.highest.entry(sender).or_insert(highest.unwrap_or(0) as u64)
            }
        };
        if id.seq > highest {
            return Ok(false);
        }
        let select =
            "SELECT last FROM removed WHERE key = ?1 AND session = ?2 AND first <= ?3 ORDER BY first DESC LIMIT 1";
        let last: Option<i64> = sql.find(select, params![key, id.session.as_str(), id.seq as i64])?;
        Ok(last.is_some_and(|last| last >= id.seq as i64))
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
        if let Some(highest) = self.highest.get_mut(&(key.into(), session.clone())) {
            *highest = last.max(*highest);
        }
        // Ranges that touch the new one become part of it: one that begins before it, and those that begin within.
        let delete = format!(
            "DELETE FROM removed WHERE key = ?1 AND session = ?2 AND first <= ?4 + 1 AND last >= ?3 - 1 AND first >=
                coalesce((SELECT max(first) FROM removed WHERE key = ?1 AND session = ?2 AND first <= ?3), 0)
             RETURNING first, last, {WEIGHT}"
        );
        let (mut first, mut last) = (first as i64, last as i64);
        let read = |row: &Row| Ok(Some((row.get(0)?, row.get(1)?, unsigned(row, 2)?)));
        for (its_first, its_last, weight) in sql.list(&delete, params![key, session.as_str(), first, last], read)? {
            first = first.min(its_first);
            last = last.max(its_last);
            self.tally.remove(weight);
        }
        let insert = format!(
            "INSERT INTO removed (key, session, first, last, at) VALUES (?1, ?2, ?3, ?4, ?5) RETURNING {WEIGHT}"
        );
        let weight: i64 = sql.value(&insert, params![key, session.as_str(), first, last, at])?;
        self.tally.add(weight as u64);
        Ok(())
    }

    /// Forgets at most this many rows that were removed before then. Returns how many.
    pub fn forget(&mut self, sql: &Connection, before: i64, rows: usize) -> rusqlite::Result<usize> {
        let delete = format!(
            "DELETE FROM removed WHERE (key, session, first) IN
                (SELECT key, session, first FROM removed WHERE at < ?1 ORDER BY at LIMIT ?2) RETURNING {WEIGHT}"
        );
        let weights = sql.list(&delete, params![before, rows as i64], |row| unsigned(row, 0).map(Some))?;
        // The rest of the cache errs on the safe side: it makes `has` look for rows that are gone.
        weights.iter().for_each(|weight| self.tally.remove(*weight));
        Ok(weights.len())
    }
}

/// The key for receipts that arrived before their message: sender and addressee. No nick's key contains a slash.
pub fn to_one(sender: &NickKey, to: &NickKey) -> String {
    format!("{sender}/{to}")
}

/// Whether any of them was removed before then.
pub fn has_older(sql: &Connection, before: i64) -> rusqlite::Result<bool> {
    sql.value("SELECT EXISTS (SELECT 1 FROM removed WHERE at < ?1)", [before])
}
