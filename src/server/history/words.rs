//! The index of the words of all messages: FTS5 tables without content, one for every [`ROWS`] rows of messages.
//!
//! In parts, so that a search looks at the newest messages first and can stop between two; that the index of what
//! retention took is dropped as a whole, where taking words out of one large index costs more than putting them in; and
//! that putting words in costs the same however much there is. A row that is gone is passed over by whoever searches,
//! for the message is not there.

use rusqlite::{Connection, params};

/// Messages in one part of the index: the more, the faster is a search for rare words (0.15 ms a part), and the longer a
/// step of one for frequent words (50 ms).
pub const ROWS: i64 = 131_072;
/// Blocks of a part that is gone that are taken at a time, of 4 KB each.
const BLOCKS: i64 = 500;

/// Which part a message belongs to.
pub fn part_of(row: i64) -> i64 {
    row / ROWS
}

/// The name of a part's table.
pub fn table(part: i64) -> String {
    format!("words_{part}")
}

/// Puts words in.
#[derive(Debug, Default)]
pub struct Words {
    /// The part that the last one went to, and the statement that puts them there.
    last: Option<(i64, String)>,
}

impl Words {
    pub fn insert(&mut self, sql: &Connection, row: i64, text: &str) -> rusqlite::Result<()> {
        let part = part_of(row);
        if self.last.as_ref().is_none_or(|(last, _)| *last != part) {
            let table = table(part);
            if sql.execute("INSERT OR IGNORE INTO word_parts (part) VALUES (?1)", [part])? == 1 {
                create(sql, &table)?;
            }
            self.last = Some((part, format!("INSERT INTO {table} (rowid, text) VALUES (?1, ?2)")));
        }
        if let Some((_, insert)) = &self.last {
            sql.prepare_cached(insert)?.execute(params![row, text])?;
        }
        Ok(())
    }
}

/// `prefix`: so that the beginning of a word is found as fast as a word. Without `columnsize`, which only ranking needs.
/// `automerge`: twice the usual, so that less is merged while messages come; a part is small anyway.
fn create(sql: &Connection, table: &str) -> rusqlite::Result<()> {
    sql.execute_batch(&format!(
        "CREATE VIRTUAL TABLE {table} USING fts5 (
            text, content = '', columnsize = 0, prefix = '2 3', tokenize = 'unicode61 remove_diacritics 2'
        );
        INSERT INTO {table} ({table}, rank) VALUES ('automerge', 8);"
    ))
}

/// The newest part that is not newer than this one.
pub fn part_up_to(sql: &Connection, part: i64) -> rusqlite::Result<Option<i64>> {
    let mut statement = sql.prepare_cached("SELECT max(part) FROM word_parts WHERE part <= ?1 AND NOT gone")?;
    statement.query_row([part], |row| row.get(0))
}

/// Whether no message of the oldest part is left. The part that is written to stays.
pub fn has_empty_part(sql: &Connection) -> rusqlite::Result<bool> {
    let select = "SELECT EXISTS (
        SELECT 1 FROM (SELECT min(part) AS part FROM word_parts)
        WHERE part < (SELECT max(part) FROM word_parts)
        AND NOT EXISTS (SELECT 1 FROM messages WHERE row >= part * ?1 AND row < (part + 1) * ?1)
    )";
    sql.prepare_cached(select)?.query_row([ROWS], |row| row.get(0))
}

/// Takes some of the oldest part, which nobody looks into any more; in the end the part itself.
pub fn take_oldest_part(sql: &Connection) -> rusqlite::Result<()> {
    let update = "UPDATE word_parts SET gone = 1 WHERE part = (SELECT min(part) FROM word_parts) RETURNING part";
    let part = sql.prepare_cached(update)?.query_row([], |row| row.get(0))?;
    let table = table(part);
    // A table of any size would be dropped at once, and hold up what is to be kept meanwhile.
    let blocks = format!("DELETE FROM {table}_data WHERE id IN (SELECT id FROM {table}_data LIMIT ?1)");
    if sql.execute(&blocks, [BLOCKS])? < BLOCKS as usize {
        sql.execute_batch(&format!("DROP TABLE {table}"))?;
        sql.execute("DELETE FROM word_parts WHERE part = ?1", [part])?;
    }
    Ok(())
}
