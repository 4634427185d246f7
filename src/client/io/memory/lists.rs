//! The memory's lists: the people whose messages are hidden, per chat and whatever the user's own nick, and the typed lines,
//! for the arrow keys.

use super::Error;
use crate::client::core::memo::LINES;
use crate::protocol::{Nick, NickKey};
use rusqlite::{Connection, OptionalExtension, Transaction, params};

pub const IGNORED: &str = "
    CREATE TABLE ignored (
        place INTEGER NOT NULL REFERENCES places (id),
        key TEXT NOT NULL,
        nick TEXT NOT NULL,
        PRIMARY KEY (place, key)
    ) WITHOUT ROWID;
";

pub const TYPED: &str = "
    CREATE TABLE typed (
        number INTEGER PRIMARY KEY,
        person INTEGER NOT NULL REFERENCES people (id),
        line TEXT NOT NULL
    );
    CREATE INDEX typed_order ON typed (person, number);
";

/// Whose messages are hidden, in order of keys; skips what can no longer be read.
pub fn ignored(sql: &Connection, place: i64) -> Result<Vec<Nick>, Error> {
    let mut statement = sql.prepare("SELECT nick FROM ignored WHERE place = ?1 ORDER BY key")?;
    let names: Vec<String> = statement.query_map([place], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names.iter().filter_map(|name| Nick::parse(name).ok()).collect())
}

pub fn ignore(sql: &Transaction, place: i64, nick: &Nick) -> Result<(), Error> {
    let insert = "INSERT OR REPLACE INTO ignored (place, key, nick) VALUES (?1, ?2, ?3)";
    sql.execute(insert, params![place, nick.key().as_str(), nick.as_str()])?;
    Ok(())
}

pub fn unignore(sql: &Transaction, place: i64, key: &NickKey) -> Result<(), Error> {
    sql.execute("DELETE FROM ignored WHERE place = ?1 AND key = ?2", params![place, key.as_str()])?;
    Ok(())
}

/// The typed lines, oldest first.
pub fn typed(sql: &Connection, person: i64) -> Result<Vec<String>, Error> {
    let mut statement = sql.prepare("SELECT line FROM typed WHERE person = ?1 ORDER BY number")?;
    let lines = statement.query_map([person], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(lines)
}

/// Adds a typed line, unless it repeats the last one, and removes the oldest.
pub fn add_typed(sql: &Transaction, person: i64, line: &str) -> Result<(), Error> {
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
