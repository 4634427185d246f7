//! The memory's table of typed lines, for the arrow keys.

use super::Error;
use crate::client::core::memo::LINES;
use rusqlite::{Connection, OptionalExtension, Transaction, params};

pub const SCHEMA: &str = "
    CREATE TABLE typed (
        number INTEGER PRIMARY KEY,
        person INTEGER NOT NULL REFERENCES people (id),
        line TEXT NOT NULL
    );
    CREATE INDEX typed_order ON typed (person, number);
";

/// Oldest first.
pub fn recall(sql: &Connection, person: i64) -> Result<Vec<String>, Error> {
    let mut statement = sql.prepare("SELECT line FROM typed WHERE person = ?1 ORDER BY number")?;
    let lines = statement.query_map([person], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(lines)
}

/// Adds a line, unless it repeats the last one, and removes the oldest.
pub fn add(sql: &Transaction, person: i64, line: &str) -> Result<(), Error> {
    let last = "SELECT line FROM typed WHERE person = ?1 ORDER BY number DESC LIMIT 1";
    let last: Option<String> = sql.prepare_cached(last)?.query_row([person], |row| row.get(0)).optional()?;
    if last.as_deref() == Some(line) {
        return Ok(());
    }
    sql.prepare_cached("INSERT INTO typed (person, line) VALUES (?1, ?2)")?.execute(params![person, line])?;
    let delete = "DELETE FROM typed WHERE person = ?1 AND number <=
         (SELECT number FROM typed WHERE person = ?1 ORDER BY number DESC LIMIT 1 OFFSET ?2)";
    sql.prepare_cached(delete)?.execute(params![person, LINES as i64])?;
    Ok(())
}
