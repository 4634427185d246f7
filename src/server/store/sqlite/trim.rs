//! Retention: removes the oldest messages in small steps, strictly in order of arrival, up to the first one that is not
//! old enough. So everything up to some position of a room is gone. A message with an old time (from an import, or a
//! wrong clock) waits for its turn.

use super::batch::KnownState;
use super::rows::{Query, sent_id, unsigned};
use super::share::{self, DIRECT_WEIGHT, excess};
use super::{Database, Error, removed, rooms, words};
use crate::protocol::{NickKey, Ranges, Session};
use crate::server::core::record::{Retention, Trimmed};
use rusqlite::{Connection, params};
use std::collections::BTreeMap;

/// The most rows that one step removes: a few milliseconds.
const STEP: usize = 500;
/// The same if more messages arrived since the last step. A step removes twice as many as arrived, to keep up, but no
/// more than this.
const LARGE_STEP: usize = 8_192;

/// The most blocks of the index of words that one step removes, 4 KB each.
const BLOCKS: usize = 500;
/// How many bytes of messages are removed beyond the excess: not every new message should need a step.
const SPARE: u64 = 64 << 10;

/// Takes one step of retention. `now`: Unix milliseconds.
pub fn step(database: &mut Database, limits: &Retention, now: i64) -> Result<Trimmed, Error> {
    let oldest = limits.age.map_or(i64::MIN, |age| now.saturating_sub(age.as_millis() as i64));
    let forgotten = now - removed::KEPT.as_millis() as i64;
    let is_due = |sql: &Connection, state: &mut KnownState| -> rusqlite::Result<bool> {
        let is_large = excess(sql, &mut state.waiting, limits.size)? > 0;
        let is_due = is_large || is_old(sql, oldest)? || words::empty_part(sql, is_large)?.is_some();
        Ok(is_due || removed::has_older(sql, forgotten)? || rooms::is_due(sql, limits.size, now)?)
    };
    // Checking whether a step is due takes no lock.
    let has_limit = words::size_limit(&database.own.sql)? == limits.size;
    if has_limit && !is_due(&database.own.sql, &mut database.state)? {
        database.state.untrimmed = 0;
        return Ok(Trimmed::default());
    }
    database.transact(|sql, state| {
        if !has_limit {
            words::set_size_limit(sql, limits.size)?;
            state.words = words::Words::default();
        }
        let step = (2 * std::mem::take(&mut state.untrimmed)).clamp(STEP, LARGE_STEP);
        // Each message in a session of its own leaves a row, and so does each receipt without a message.
        let mut forgotten_early = 0;
        if removed_excess(sql, state, limits.size)? > 0 {
            forgotten_early = state.removed.forget(sql, i64::MAX, step)?;
        }
        let (mut blocks, mut gone) = (0, 0);
        while blocks < BLOCKS && gone < step {
            // The next steps remove the excess of these, and no message is removed for it.
            let crowd = removed_excess(sql, state, limits.size)?;
            let excess = excess(sql, &mut state.waiting, limits.size)?.saturating_sub(crowd);
            if let Some(part) = words::empty_part(sql, excess > 0)? {
                blocks += state.words.take(sql, part, BLOCKS - blocks)?.max(1);
                continue;
            }
            let large = if excess > 0 { excess + SPARE } else { 0 };
            let taken = take_messages(sql, state, (oldest, large), step - gone, now)?;
            gone += taken;
            if taken == 0 || excess == 0 {
                break;
            }
        }
        gone += take_direct(sql, state, oldest, step, now)?;
        gone += state.removed.forget(sql, forgotten, step)?;
        let (looked_at, rooms) = rooms::forget(sql, limits.size, now, step)?;
        rooms.iter().for_each(|room| state.forget_room(room));
        let done = gone + blocks + looked_at + forgotten_early;
        Ok(Trimmed { more: done > 0 && is_due(sql, state)?, rooms })
    })
}

/// How many bytes the ids of removed messages take beyond their share.
fn removed_excess(sql: &Connection, state: &mut KnownState, size: Option<u64>) -> rusqlite::Result<u64> {
    let Some(size) = size else { return Ok(0) };
    Ok(state.removed.tally.bytes(sql)?.saturating_sub(size / share::REMOVED))
}

/// Whether the first message, or the first waiting direct message, was received before that time.
fn is_old(sql: &Connection, before: i64) -> rusqlite::Result<bool> {
    let is_old = |select: &str| -> rusqlite::Result<bool> {
        Ok(sql.find::<i64>(select, [])?.is_some_and(|received| received < before))
    };
    Ok(is_old("SELECT received FROM messages ORDER BY row LIMIT 1")?
        || is_old("SELECT received FROM direct ORDER BY row LIMIT 1")?)
}

/// Removes up to `step` messages: first those of about `large` bytes, then those received before `before`. It stays
/// within one part of the index, because the size of a part is known only when it is gone, too. Returns how many.
fn take_messages(
    sql: &Connection,
    state: &mut KnownState,
    (before, mut large): (i64, u64),
    step: usize,
    now: i64,
) -> rusqlite::Result<usize> {
    let part_end = words::second_part(sql)?.unwrap_or(i64::MAX);
    let mut gone = Gone::default();
    let mut rooms: BTreeMap<i64, (u64, u64)> = BTreeMap::new();
    let mut select = sql.prepare_cached(
        "SELECT row, key, session, seq, received, room, pos, octet_length(text) FROM messages ORDER BY row LIMIT ?1",
    )?;
    let mut rows = select.query([step as i64])?;
    while let Some(row) = rows.next()? {
        if (large == 0 || row.get::<_, i64>(0)? >= part_end) && row.get::<_, i64>(4)? >= before {
            break;
        }
        large = large.saturating_sub(unsigned(row, 7)? + words::ROW_WEIGHT);
        gone.add(row)?;
        let (messages, highest) = rooms.entry(row.get(5)?).or_default();
        *messages += 1;
        *highest = (*highest).max(unsigned(row, 6)?);
    }
    drop(rows);
    for (room, (messages, highest)) in rooms {
        let update =
            "UPDATE rooms SET messages = messages - ?2, trimmed = max(trimmed, ?3), trimmed_at = ?4 WHERE id = ?1";
        sql.run(update, params![room, messages as i64, highest as i64, now])?;
    }
    gone.remove(sql, state, "messages", now)
}

/// The same for waiting direct messages.
fn take_direct(
    sql: &Connection,
    state: &mut KnownState,
    before: i64,
    step: usize,
    now: i64,
) -> rusqlite::Result<usize> {
    let mut gone = Gone::default();
    let select = format!("SELECT row, key, session, seq, received, {DIRECT_WEIGHT} FROM direct ORDER BY row LIMIT ?1");
    let mut select = sql.prepare_cached(&select)?;
    let mut rows = select.query([step as i64])?;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(4)? >= before {
            break;
        }
        state.waiting.remove(unsigned(row, 5)?);
        gone.add(row)?;
    }
    drop(rows);
    gone.remove(sql, state, "direct", now)
}

/// Messages to be removed.
#[derive(Default)]
struct Gone {
    rows: Vec<i64>,
    ids: BTreeMap<(NickKey, Session), Ranges>,
}

impl Gone {
    /// Adds a row that begins with its number, key, session and number within the session. A message without an id is
    /// never retransmitted.
    fn add(&mut self, row: &rusqlite::Row) -> rusqlite::Result<()> {
        self.rows.push(row.get(0)?);
        if let (Ok(key), Some(id)) = (NickKey::parse(row.get_ref(1)?.as_str()?), sent_id(row, 2)?) {
            self.ids.entry((key, id.session)).or_default().insert(id.seq);
        }
        Ok(())
    }

    /// Removes them from their table and remembers their ids. Returns how many there are.
    fn remove(self, sql: &Connection, state: &mut KnownState, table: &str, now: i64) -> rusqlite::Result<usize> {
        let mut delete = sql.prepare_cached(&format!("DELETE FROM {table} WHERE row = ?1"))?;
        for row in &self.rows {
            delete.execute([row])?;
        }
        for ((key, session), ranges) in &self.ids {
            for range in ranges.ranges() {
                state.removed.add(sql, key.as_str(), session, *range, now)?;
            }
        }
        Ok(self.rows.len())
    }
}
