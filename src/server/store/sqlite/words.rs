//! The index of the words of all messages: FTS5 tables without content, each for consecutive messages. A part is named
//! by the row of its first message and reaches to the next part.
//!
//! The parts have three reasons. A search looks at the newest messages first and can stop between two parts. The index
//! of removed messages is dropped as a whole, while removing words from one large index costs more than adding them.
//! And adding words costs the same however many there are. A search ignores rows that are gone, because their messages
//! are not there.

use super::rows::Query;
use rusqlite::{Connection, OptionalExtension, params};

/// The most messages in one part. With more, a search for rare words is faster (0.15 ms a part), and a step of one for
/// frequent words takes longer (50 ms).
pub const ROWS: i64 = 131_072;
/// The most bytes of messages in one part; 131,072 of the usual length have fewer. It limits the time and memory of a
/// search for prefixes, which are all put together first.
const WEIGHT: u64 = 32 << 20;
/// If the database's size is limited, the share of it for the messages of one part. Their index is removed only with
/// the last of them, and must not crowd out others.
const SHARE: u64 = 32;
/// The fewest bytes at which a part is closed: an empty one already takes 16 KB.
const LEAST_WEIGHT: u64 = 64 << 10;
/// About how many bytes a message takes besides its text.
pub const ROW_WEIGHT: u64 = 128;

/// The name of a part's table.
pub fn table(part: i64) -> String {
    format!("words_{part}")
}

/// Adds words.
#[derive(Debug, Default)]
pub struct Words {
    /// The newest part; `None`: not looked up yet, or there is none.
    open: Option<OpenPart>,
    /// The weight in the database is out of date.
    changed: bool,
}

/// The part that words are added to.
#[derive(Debug)]
pub struct OpenPart {
    part: i64,
    /// The bytes of its messages, and the most that there may be.
    weight: u64,
    limit: u64,
    insert: String,
}

impl Words {
    pub fn insert(&mut self, sql: &Connection, row: i64, text: &str) -> rusqlite::Result<()> {
        if self.open.is_none() {
            self.open = newest(sql)?;
        }
        if self.open.as_ref().is_none_or(|open| open.weight >= open.limit || row - open.part >= ROWS) {
            self.finish(sql)?;
            self.open = Some(create(sql, row)?);
        }
        if let Some(open) = &mut self.open {
            sql.prepare_cached(&open.insert)?.execute(params![row, text])?;
            open.weight += text.len() as u64 + ROW_WEIGHT;
            self.changed = true;
        }
        Ok(())
    }

    /// Updates the weight of the newest part. Call this before the transaction ends.
    pub fn finish(&mut self, sql: &Connection) -> rusqlite::Result<()> {
        if let Some(open) = self.open.as_ref().filter(|_| self.changed) {
            let update = "UPDATE word_parts SET weight = ?2 WHERE part = ?1";
            sql.run(update, params![open.part, open.weight as i64])?;
        }
        self.changed = false;
        Ok(())
    }

    /// Removes at most this many blocks of a part that is no longer searched, and finally the part itself. Returns how
    /// many there were to remove.
    pub fn take(&mut self, sql: &Connection, part: i64, blocks: usize) -> rusqlite::Result<usize> {
        if self.open.as_ref().is_some_and(|open| open.part == part) {
            *self = Words::default();
        }
        sql.run("UPDATE word_parts SET gone = 1 WHERE part = ?1", [part])?;
        let table = table(part);
        // Dropping a table takes time in proportion to its size, and delays commits meanwhile.
        let delete = format!("DELETE FROM {table}_data WHERE id IN (SELECT id FROM {table}_data LIMIT ?1)");
        let taken = sql.execute(&delete, [blocks as i64])?;
        if taken < blocks {
            sql.execute_batch(&format!("DROP TABLE {table}"))?;
            sql.run("DELETE FROM word_parts WHERE part = ?1", [part])?;
        }
        Ok(taken)
    }
}

fn newest(sql: &Connection) -> rusqlite::Result<Option<OpenPart>> {
    let select = "SELECT part, weight FROM word_parts WHERE NOT gone ORDER BY part DESC LIMIT 1";
    let newest: Option<(i64, i64)> =
        sql.prepare_cached(select)?.query_row([], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
    newest.map(|(part, weight)| open(sql, part, weight as u64)).transpose()
}

fn open(sql: &Connection, part: i64, weight: u64) -> rusqlite::Result<OpenPart> {
    let limit = size_limit(sql)?.map_or(WEIGHT, |size| (size / SHARE).clamp(LEAST_WEIGHT, WEIGHT));
    Ok(OpenPart { part, weight, limit, insert: format!("INSERT INTO {} (rowid, text) VALUES (?1, ?2)", table(part)) })
}

/// Creates a part that begins with this row. It is the newest then.
pub fn create(sql: &Connection, part: i64) -> rusqlite::Result<OpenPart> {
    sql.run("INSERT INTO word_parts (part, weight) VALUES (?1, 0)", [part])?;
    let table = table(part);
    create_table(sql, &table)?;
    // Twice the default, to merge less while messages arrive. A part is small anyway.
    sql.execute_batch(&format!("INSERT INTO {table} ({table}, rank) VALUES ('automerge', 8)"))?;
    open(sql, part, 0)
}

/// `prefix` makes prefixes as fast to find as words. `columnsize` is only for ranking.
fn create_table(sql: &Connection, table: &str) -> rusqlite::Result<()> {
    sql.execute_batch(&format!(
        "CREATE VIRTUAL TABLE {table} USING fts5 (
            text, content = '', columnsize = 0, prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'
        )"
    ))
}

/// The most bytes that the database may have, as given to the server that writes it.
pub fn size_limit(sql: &Connection) -> rusqlite::Result<Option<u64>> {
    Ok(sql.meta("max_size")?.and_then(|limit| limit.parse().ok()))
}

/// Kept in the database, because other programs that write to it must respect it, too.
pub fn set_size_limit(sql: &Connection, limit: Option<u64>) -> rusqlite::Result<()> {
    match limit {
        Some(limit) => sql.set_meta("max_size", &limit.to_string()),
        None => sql.run("DELETE FROM meta WHERE name = 'max_size'", []).map(drop),
    }
}

/// The newest part that has rows before this one.
pub fn part_before(sql: &Connection, row: i64) -> rusqlite::Result<Option<i64>> {
    sql.value("SELECT max(part) FROM word_parts WHERE part < ?1 AND NOT gone", [row])
}

/// The part after the oldest.
pub fn second_part(sql: &Connection) -> rusqlite::Result<Option<i64>> {
    sql.find("SELECT part FROM word_parts ORDER BY part LIMIT 1 OFFSET 1", [])
}

/// The oldest part, if none of its messages is left. The newest part, which is written to, counts only with
/// `or_newest`.
pub fn empty_part(sql: &Connection, or_newest: bool) -> rusqlite::Result<Option<i64>> {
    let select = "SELECT part, gone, (SELECT min(part) FROM word_parts WHERE part > oldest.part),
        (SELECT min(row) FROM messages) FROM word_parts oldest ORDER BY part LIMIT 1";
    let oldest = sql.prepare_cached(select)?.query_row([], |row| {
        let (part, is_gone): (i64, bool) = (row.get(0)?, row.get(1)?);
        let (next, first): (Option<i64>, Option<i64>) = (row.get(2)?, row.get(3)?);
        let is_empty = match next {
            Some(next) => first.is_none_or(|first| first >= next),
            None => first.is_none() && or_newest,
        };
        Ok((is_empty || is_gone).then_some(part))
    });
    Ok(oldest.optional()?.flatten())
}

/// An index of a few texts, in memory: a search uses it if a whole part would take too long.
pub struct Few(Connection);

impl Few {
    pub fn new() -> rusqlite::Result<Few> {
        let sql = Connection::open_in_memory()?;
        create_table(&sql, "few")?;
        Ok(Few(sql))
    }

    /// The rows whose text matches, in ascending order.
    pub fn fitting(&self, texts: &[(i64, String)], words: &str) -> rusqlite::Result<Vec<i64>> {
        let transaction = self.0.unchecked_transaction()?;
        let mut insert = transaction.prepare_cached("INSERT INTO few (rowid, text) VALUES (?1, ?2)")?;
        for (row, text) in texts {
            insert.execute(params![row, text])?;
        }
        let mut select = transaction.prepare_cached("SELECT rowid FROM few WHERE few MATCH ?1 ORDER BY rowid")?;
        let rows = select.query_map([words], |row| row.get(0))?.collect();
        // Nothing of this is committed, so the next texts find the index empty.
        rows
    }
}
