//! Rooms in the database, and which of them it forgets: those without messages and members for a long time, and if
//! there are too many, those empty for longest.
//!
//! No position of a room is used twice, because clients keep cursors. A forgotten room that comes back begins at the
//! *floor*, above all positions of forgotten rooms. So does a new one, because the database cannot tell the two apart.

use super::rows::{Query, unsigned};
use super::{removed, share};
use crate::protocol::RoomName;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashSet;
use std::time::Duration;

/// How long a room is remembered after its last message is gone: as long as the ids of its messages, because the same
/// people may come back.
const KEPT: Duration = removed::KEPT;
/// The most rooms without messages that are remembered: anybody can name a new one with each message.
const EMPTY: u64 = 10_000;
/// The bytes that one of them takes, with its entries in the indexes and the longest name.
const ROW_BYTES: u64 = 150;
/// The floor rises in steps of this size, and so only rarely. Each time, people in a room without messages are told
/// that they may have missed something.
const FLOOR_STEP: u64 = 1 << 20;
/// Selects the rooms without messages, like the index `rooms_empty`. Everybody is in the lobby.
const ARE_EMPTY: &str = "messages = 0 AND name <> 'lobby'";

#[derive(Debug, Clone, Copy)]
pub struct RoomRow {
    pub id: i64,
    /// The position of its newest message, even if that is trimmed; the floor if it never had one.
    pub last_pos: u64,
    /// The highest position that retention removed.
    pub trimmed: u64,
}

pub fn find(sql: &Connection, name: &RoomName) -> rusqlite::Result<Option<RoomRow>> {
    let mut select = sql.prepare_cached("SELECT id, last_pos, trimmed FROM rooms WHERE name = ?1")?;
    let room = select.query_row([name.as_str()], |row| {
        Ok(RoomRow { id: row.get(0)?, last_pos: unsigned(row, 1)?, trimmed: unsigned(row, 2)? })
    });
    room.optional()
}

/// A room that the database does not know: it never existed, or is forgotten.
pub fn unknown(sql: &Connection) -> rusqlite::Result<RoomRow> {
    let floor = floor(sql)?;
    Ok(RoomRow { id: 0, last_pos: floor, trimmed: floor })
}

pub fn create(sql: &Connection, name: &RoomName) -> rusqlite::Result<RoomRow> {
    let room = unknown(sql)?;
    let insert = "INSERT INTO rooms (name, last_pos, messages, trimmed) VALUES (?1, ?2, 0, ?2)";
    sql.run(insert, params![name.as_str(), room.last_pos as i64])?;
    Ok(RoomRow { id: sql.last_insert_rowid(), ..room })
}

/// No forgotten room ever had a message above this position.
fn floor(sql: &Connection) -> rusqlite::Result<u64> {
    Ok(sql.meta("pos_floor")?.and_then(|floor| floor.parse().ok()).unwrap_or(0))
}

/// Whether there is a room to forget. `now`: Unix milliseconds; `size`: the limit.
pub fn is_due(sql: &Connection, size: Option<u64>, now: i64) -> rusqlite::Result<bool> {
    let first = format!("SELECT trimmed_at FROM rooms WHERE {ARE_EMPTY} ORDER BY trimmed_at LIMIT 1");
    let first: Option<i64> = sql.find(&first, [])?;
    Ok(first.is_some_and(|first| first < forgotten(now)) || too_many(sql, size)? > 0)
}

/// Forgets rooms, `step` at most. Returns how many it looked at, and the forgotten ones.
pub fn forget(sql: &Connection, size: Option<u64>, now: i64, step: usize) -> rusqlite::Result<(usize, Vec<RoomName>)> {
    if !is_due(sql, size, now)? {
        return Ok((0, Vec::new()));
    }
    let too_many = too_many(sql, size)?;
    let members = members(sql)?;
    let (mut gone, mut stay, mut highest) = (Vec::new(), Vec::new(), 0);
    let select =
        format!("SELECT id, name, last_pos, trimmed_at FROM rooms WHERE {ARE_EMPTY} ORDER BY trimmed_at LIMIT ?1");
    let mut select = sql.prepare_cached(&select)?;
    let mut rows = select.query([step as i64])?;
    while let Some(row) = rows.next()? {
        let (id, name): (i64, String) = (row.get(0)?, row.get(1)?);
        let is_one_too_many = (gone.len() as u64) < too_many;
        if !is_one_too_many && row.get::<_, i64>(3)? >= forgotten(now) {
            break;
        }
        if !is_one_too_many && members.contains(&name) {
            stay.push(id);
            continue;
        }
        highest = highest.max(unsigned(row, 2)?);
        gone.push((id, name));
    }
    drop(rows);
    // These have members, so they are checked again after all others.
    for id in &stay {
        sql.run("UPDATE rooms SET trimmed_at = ?2 WHERE id = ?1", [*id, now])?;
    }
    for (id, _) in &gone {
        sql.run("DELETE FROM rooms WHERE id = ?1", [id])?;
    }
    raise_floor(sql, highest)?;
    let looked_at = stay.len() + gone.len();
    Ok((looked_at, gone.iter().filter_map(|(_, name)| RoomName::parse(name).ok()).collect()))
}

fn raise_floor(sql: &Connection, to: u64) -> rusqlite::Result<()> {
    if to > floor(sql)? {
        let floor = to.div_ceil(FLOOR_STEP) * FLOOR_STEP;
        sql.set_meta("pos_floor", &floor.to_string())?;
    }
    Ok(())
}

/// How many rooms without messages exceed the limit.
fn too_many(sql: &Connection, size: Option<u64>) -> rusqlite::Result<u64> {
    let most = size.map_or(EMPTY, |size| EMPTY.min(size / share::ROOMS / ROW_BYTES));
    let count = format!("SELECT count(*) FROM rooms WHERE {ARE_EMPTY}");
    Ok((sql.value::<i64>(&count, [])? as u64).saturating_sub(most))
}

/// The rooms with members.
fn members(sql: &Connection) -> rusqlite::Result<HashSet<String>> {
    let rooms = sql.list("SELECT rooms FROM roster WHERE rooms <> ''", [], |row| row.get::<_, Option<String>>(0))?;
    Ok(rooms.iter().flat_map(|rooms| rooms.split(' ').map(str::to_owned)).collect())
}

fn forgotten(now: i64) -> i64 {
    now.saturating_sub(KEPT.as_millis() as i64)
}
