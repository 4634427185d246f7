//! Retention: takes the oldest messages, by the time at which they were received, in small steps.

use super::batch::State;
use super::rows::{sent_id, unsigned};
use super::{Error, History, removed, words};
use crate::protocol::{NickKey, Ranges, Session};
use rusqlite::{Connection, params};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

/// Rows that one step takes at most: a few milliseconds.
const STEP: usize = 500;

/// Which part of a limited size the ids of what is gone may take.
const REMOVED_SHARE: u64 = 8;

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retention {
    /// Messages received longer ago go, and direct messages that wait so long.
    pub age: Option<Duration>,
    /// Bytes of the database that may be in use; above, the oldest messages go. Its file does not shrink: what they
    /// leave is used again.
    pub size: Option<u64>,
}

impl History {
    /// One step of retention; true where there is more to do now. `now`: Unix milliseconds.
    pub fn trim(&mut self, limits: &Retention, now: i64) -> Result<bool, Error> {
        let oldest = limits.age.map_or(i64::MIN, |age| now.saturating_sub(age.as_millis() as i64));
        let forgotten = now - removed::KEPT.as_millis() as i64;
        let is_due = |sql: &Connection| -> rusqlite::Result<bool> {
            let is_due = is_large(sql, limits.size)? || is_old(sql, oldest)?;
            Ok(is_due || words::has_empty_part(sql)? || removed::has_older(sql, forgotten)?)
        };
        // The look before the step takes no lock.
        if !is_due(&self.own.sql)? {
            return Ok(false);
        }
        self.transact(|sql, state| {
            if words::has_empty_part(sql)? {
                words::take_oldest_part(sql)?;
                return is_due(sql);
            }
            let before = if is_large(sql, limits.size)? { i64::MAX } else { oldest };
            // Of senders whose every message is a run of its own each leaves a row: they shall not crowd out what is kept.
            if let Some(size) = limits.size
                && state.removed.bytes(sql)? > size / REMOVED_SHARE
            {
                state.removed.forget(sql, i64::MAX, STEP)?;
            }
            let mut gone = take_messages(sql, state, before, now)?;
            gone += take_direct(sql, state, if gone == 0 { before } else { oldest }, now)?;
            gone += state.removed.forget(sql, forgotten, STEP)?;
            Ok(gone > 0 && is_due(sql)?)
        })
    }
}

/// Whether the database's pages in use are more than that many bytes.
fn is_large(sql: &Connection, limit: Option<u64>) -> rusqlite::Result<bool> {
    let Some(limit) = limit else { return Ok(false) };
    let pragma = |name: &str| -> rusqlite::Result<i64> { sql.prepare_cached(name)?.query_row([], |row| row.get(0)) };
    let used = pragma("PRAGMA page_count")? - pragma("PRAGMA freelist_count")?;
    Ok(used.max(0) as u64 * pragma("PRAGMA page_size")?.max(0) as u64 > limit)
}

/// Whether anything was received before then.
fn is_old(sql: &Connection, before: i64) -> rusqlite::Result<bool> {
    let select = "SELECT EXISTS (SELECT 1 FROM messages WHERE received < ?1)
        OR EXISTS (SELECT 1 FROM direct WHERE received < ?1)";
    sql.prepare_cached(select)?.query_row([before], |row| row.get(0))
}

/// Takes a step's messages that were received before then, the oldest first. Returns how many.
fn take_messages(sql: &Connection, state: &mut State, before: i64, now: i64) -> rusqlite::Result<usize> {
    let mut gone = Gone::default();
    let mut rooms: HashMap<i64, (u64, u64)> = HashMap::new();
    let mut rows_gone = Vec::new();
    let mut select = sql.prepare_cached(
        "SELECT row, key, session, seq, room, pos FROM messages WHERE received < ?1 ORDER BY received, row LIMIT ?2",
    )?;
    let mut rows = select.query(params![before, STEP as i64])?;
    while let Some(row) = rows.next()? {
        rows_gone.push(row.get::<_, i64>(0)?);
        gone.add(row)?;
        let (messages, highest) = rooms.entry(row.get(4)?).or_default();
        *messages += 1;
        *highest = (*highest).max(unsigned(row, 5)?);
    }
    drop(rows);
    let mut delete = sql.prepare_cached("DELETE FROM messages WHERE row = ?1")?;
    for row in &rows_gone {
        delete.execute([row])?;
    }
    let mut update =
        sql.prepare_cached("UPDATE rooms SET messages = messages - ?2, trimmed = max(trimmed, ?3) WHERE id = ?1")?;
    for (room, (messages, highest)) in rooms {
        update.execute(params![room, messages as i64, highest as i64])?;
    }
    gone.remember(sql, state, now)?;
    Ok(rows_gone.len())
}

/// The same for direct messages that wait.
fn take_direct(sql: &Connection, state: &mut State, before: i64, now: i64) -> rusqlite::Result<usize> {
    let mut gone = Gone::default();
    let mut rows_gone = Vec::new();
    let mut select = sql.prepare_cached(
        "SELECT row, key, session, seq FROM direct WHERE received < ?1 ORDER BY received, row LIMIT ?2",
    )?;
    let mut rows = select.query(params![before, STEP as i64])?;
    while let Some(row) = rows.next()? {
        rows_gone.push(row.get::<_, i64>(0)?);
        gone.add(row)?;
    }
    drop(rows);
    let mut delete = sql.prepare_cached("DELETE FROM direct WHERE row = ?1")?;
    for row in &rows_gone {
        delete.execute([row])?;
    }
    gone.remember(sql, state, now)?;
    Ok(rows_gone.len())
}

/// Whose messages are gone.
#[derive(Default)]
struct Gone(BTreeMap<(NickKey, Session), Ranges>);

impl Gone {
    /// A row with key, session and number from its second column on. One without an id cannot be sent again.
    fn add(&mut self, row: &rusqlite::Row) -> rusqlite::Result<()> {
        if let (Ok(key), Some(id)) = (NickKey::parse(row.get_ref(1)?.as_str()?), sent_id(row, 2)?) {
            self.0.entry((key, id.session)).or_default().insert(id.seq);
        }
        Ok(())
    }

    fn remember(&self, sql: &Connection, state: &mut State, now: i64) -> rusqlite::Result<()> {
        for ((key, session), ranges) in &self.0 {
            for range in ranges.ranges() {
                state.removed.add(sql, key, session, *range, now)?;
            }
        }
        Ok(())
    }
}
