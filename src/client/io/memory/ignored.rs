//! The memory's table of people whose messages are hidden, per chat, whatever the user's own nick.

use super::Error;
use crate::protocol::{Nick, NickKey};
use rusqlite::{Connection, Transaction, params};

pub const SCHEMA: &str = "
    CREATE TABLE ignored (
        place INTEGER NOT NULL REFERENCES places (id),
        key TEXT NOT NULL,
        nick TEXT NOT NULL,
        PRIMARY KEY (place, key)
    ) WITHOUT ROWID;
";

/// In order of keys; skips what can no longer be read.
pub fn recall(sql: &Connection, place: i64) -> Result<Vec<Nick>, Error> {
    let mut statement = sql.prepare("SELECT nick FROM ignored WHERE place = ?1 ORDER BY key")?;
    let names: Vec<String> = statement.query_map([place], |row| row.get(0))?.collect::<Result<_, _>>()?;
    Ok(names.iter().filter_map(|name| Nick::parse(name).ok()).collect())
}

pub fn add(sql: &Transaction, place: i64, nick: &Nick) -> Result<(), Error> {
    let insert = "INSERT OR REPLACE INTO ignored (place, key, nick) VALUES (?1, ?2, ?3)";
    sql.execute(insert, params![place, nick.key().as_str(), nick.as_str()])?;
    Ok(())
}

pub fn remove(sql: &Transaction, place: i64, key: &NickKey) -> Result<(), Error> {
    sql.execute("DELETE FROM ignored WHERE place = ?1 AND key = ?2", params![place, key.as_str()])?;
    Ok(())
}
