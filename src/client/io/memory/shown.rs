//! The memory's table of what was shown: a row per room and series of messages, with ranges of numbers. Many messages of one
//! sender take one row. The number of series and their total size are bounded.

use super::Error;
use crate::client::core::memo::{self, Series, Shown};
use crate::protocol::{Epoch, NickKey, Ranges, Session};
use rusqlite::{Connection, OptionalExtension, Transaction, params};
use std::collections::HashMap;

/// The room name of direct messages; no room has it.
pub const DIRECT: &str = "";
/// The sender key of a history's series.
const HISTORY: &str = "";
/// How many series are remembered per room, and of direct messages.
pub const SERIES: usize = 10_000;
const SERIES_DIRECT: usize = 1_000;
/// Bytes of all ranges of a room: enough for a few series full of holes.
const SIZE: i64 = 2_000_000;
/// How many messages are added before the oldest series are trimmed.
pub const SLACK: usize = 10_000;

/// `touched` counts the changes in a room; the series with the lowest value is the one not heard of for longest.
pub const SCHEMA: &str = "
    CREATE TABLE shown (
        person INTEGER NOT NULL REFERENCES people (id),
        room TEXT NOT NULL,
        key TEXT NOT NULL,
        session TEXT NOT NULL,
        numbers TEXT NOT NULL,
        touched INTEGER NOT NULL,
        PRIMARY KEY (person, room, key, session)
    );
    CREATE INDEX shown_order ON shown (person, room, touched);
";

/// By room; skips what can no longer be read.
pub fn recall(sql: &Connection, person: i64) -> Result<HashMap<String, Shown>, Error> {
    let mut shown: HashMap<String, Shown> = HashMap::new();
    let select = "SELECT room, key, session, numbers FROM shown WHERE person = ?1 ORDER BY touched";
    let mut statement = sql.prepare(select)?;
    let mut rows = statement.query([person])?;
    while let Some(row) = rows.next()? {
        let (room, key, session, numbers): (String, String, String, String) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        if let (Some(series), Ok(numbers)) = (series(&key, &session), serde_json::from_str(&numbers)) {
            shown.entry(room).or_default().push((series, numbers));
        }
    }
    Ok(shown)
}

/// Adds messages of a series.
pub fn add(sql: &Transaction, person: i64, room: &str, series: &Series, numbers: &[u64]) -> Result<(), Error> {
    let (key, session) = columns(series);
    let select = "SELECT numbers FROM shown WHERE person = ?1 AND room = ?2 AND key = ?3 AND session = ?4";
    let known = sql.prepare_cached(select)?.query_row(params![person, room, key, session], |row| row.get(0));
    let known: Option<String> = known.optional()?;
    let mut shown: Ranges = known.and_then(|known| serde_json::from_str(&known).ok()).unwrap_or_default();
    for number in numbers {
        memo::add(&mut shown, *number);
    }
    let insert =
        "INSERT OR REPLACE INTO shown (person, room, key, session, numbers, touched) VALUES (?1, ?2, ?3, ?4, ?5,
         (SELECT ifnull(max(touched), 0) + 1 FROM shown WHERE person = ?1 AND room = ?2))";
    // A list of numbers can always be written.
    let shown = serde_json::to_string(&shown).unwrap_or_default();
    sql.prepare_cached(insert)?.execute(params![person, room, key, session, shown])?;
    Ok(())
}

/// Removes the oldest series of a room above the limits.
pub fn trim(sql: &Transaction, person: i64, room: &str) -> Result<(), Error> {
    let keep = if room == DIRECT { SERIES_DIRECT } else { SERIES };
    let delete = "DELETE FROM shown WHERE person = ?1 AND room = ?2 AND touched <= (
         SELECT max(touched) FROM (
             SELECT touched, row_number() OVER newest AS place, sum(length(numbers)) OVER newest AS size
             FROM shown WHERE person = ?1 AND room = ?2 WINDOW newest AS (ORDER BY touched DESC)
         ) WHERE place > ?3 OR size > ?4)";
    sql.prepare_cached(delete)?.execute(params![person, room, keep as i64, SIZE])?;
    Ok(())
}

/// Trims every room.
pub fn trim_all(sql: &Transaction, person: i64) -> Result<(), Error> {
    let mut statement = sql.prepare("SELECT DISTINCT room FROM shown WHERE person = ?1")?;
    let rooms: Vec<String> = statement.query_map([person], |row| row.get(0))?.collect::<Result<_, _>>()?;
    rooms.iter().try_for_each(|room| trim(sql, person, room))
}

fn columns(series: &Series) -> (&str, &str) {
    match series {
        Series::Sent(key, session) => (key.as_str(), session.as_str()),
        Series::Stored(epoch) => (HISTORY, epoch.as_str()),
    }
}

fn series(key: &str, session: &str) -> Option<Series> {
    match key {
        HISTORY => Epoch::parse(session).map(Series::Stored),
        key => Some(Series::Sent(NickKey::parse(key).ok()?, Session::parse(session)?)),
    }
}
