//! Search: through the index of words if the query has any, else through the messages themselves, newest first.
//!
//! What is typed never becomes SQL, and each term is quoted for FTS5, so that it cannot be an operator. No search runs
//! for ever: SQLite is interrupted when the time is over, and the search says where it can go on. If the index yields
//! nothing in half of the time, perhaps because the first match takes long to find, some messages are indexed
//! separately. They say for certain which of them match, so that a repeated search comes to an end.

use super::reader::HistoryReader;
use super::rows::Query;
use super::{Error, rows, words};
use crate::protocol::history::fitting;
use crate::protocol::search::Term;
use crate::protocol::{Cursor, Found, RoomName, SearchQuery, SearchResult};
use rusqlite::{Connection, ErrorCode, Params, Row, Statement, params};
use std::time::{Duration, Instant};

/// How many messages a step reads if there are no words to find them by.
const STEP: i64 = 16_384;
/// How many instructions of SQLite pass between two looks at the clock: microseconds. Few, because FTS5 may need only
/// some for one block.
const INSTRUCTIONS: i32 = 100;
/// How many messages are indexed separately at a time, and about how many of their bytes: some 10 ms.
const FEW_MESSAGES: usize = 512;
const FEW_BYTES: usize = 64 << 10;

impl HistoryReader {
    /// The newest matching messages, at most `limit` and as many as a reply holds, going back from `before` (the `next`
    /// of an earlier page). Ends about `deadline` after its start.
    pub fn search(
        &self,
        query: &SearchQuery,
        limit: usize,
        before: Option<&Cursor>,
        deadline: Duration,
    ) -> Result<SearchResult, Error> {
        let started = Instant::now();
        let snapshot = self.sql.unchecked_transaction()?;
        let Some((oldest, newest)) = span(&snapshot)? else { return Ok(SearchResult::default()) };
        let Some(filters) = Filters::of(&snapshot, query)? else { return Ok(SearchResult::default()) };
        let start = match before {
            Some(cursor) if cursor.epoch == *self.epoch() => (newest + 1).min(cursor.pos as i64),
            _ => newest + 1,
        };
        let limit = limit.max(1);
        // One more than the limit shows whether there is more.
        let mut looked = Looked { sql: &snapshot, filters, end: start, found: Vec::new(), enough: limit + 1 };
        let (half, whole) = (started + deadline / 2, started + deadline);
        let words = matching(&query.terms);
        let mut few = None;
        while looked.end > oldest && !looked.has_enough() {
            match (&words, &few) {
                (None, _) => looked.in_rows(whole)?,
                (Some(words), Some(few)) => looked.in_few(few, words, whole)?,
                (Some(words), None) => {
                    let until = if looked.end == start { half } else { whole };
                    let part = looked.in_part(words, oldest, until);
                    // If the part is damaged, the texts still contain its words.
                    let is_interrupted = has_failed(&part, ErrorCode::OperationInterrupted);
                    if has_failed(&part, ErrorCode::DatabaseCorrupt) || is_interrupted && looked.end == start {
                        few = Some(words::Few::new()?);
                        continue;
                    }
                    if !is_interrupted {
                        part?;
                    }
                }
            }
            if Instant::now() >= whole {
                break;
            }
        }
        let Looked { end, mut found, .. } = looked;
        let cut = end > oldest && found.len() <= limit;
        let fits = fitting(found.iter().map(|(_, found)| found)).min(limit);
        let is_full = fits < found.len();
        let next = if is_full { Some(found[fits - 1].0) } else { cut.then_some(end) };
        found.truncate(fits);
        Ok(SearchResult {
            messages: found.into_iter().map(|(_, found)| found).collect(),
            next: next.map(|row| Cursor { epoch: self.epoch().clone(), pos: row.max(0) as u64 }),
            cut: cut && !is_full,
            ..SearchResult::default()
        })
    }
}

/// The progress of a search.
struct Looked<'a> {
    sql: &'a Connection,
    filters: Filters<'a>,
    /// Rows before this one are not searched yet.
    end: i64,
    found: Vec<(i64, Found)>,
    enough: usize,
}

impl Looked<'_> {
    fn has_enough(&self) -> bool {
        self.found.len() >= self.enough
    }

    /// Searches the newest part of the index that was not searched yet. An interruption is an error.
    fn in_part(&mut self, words: &str, oldest: i64, until: Instant) -> rusqlite::Result<()> {
        let Some(part) = words::part_before(self.sql, self.end)? else {
            self.end = oldest;
            return Ok(());
        };
        let table = words::table(part);
        // CROSS JOIN fixes the order of the join: the words first.
        let select = Filters::select(
            &format!("{table} w CROSS JOIN messages m ON m.row = w.rowid"),
            &format!("w.{table} MATCH ?5 AND w.rowid < ?6 ORDER BY w.rowid DESC"),
        );
        let mut statement = self.sql.prepare(&select)?;
        let Filters { room, from, after, before } = self.filters;
        let (end, _alarm) = (self.end, Alarm::set(self.sql, until)?);
        if self.through(&mut statement, params![room, from, after, before, words, end], until)? {
            self.end = part;
        }
        Ok(())
    }

    /// Searches the messages of one step.
    fn in_rows(&mut self, until: Instant) -> rusqlite::Result<()> {
        let select = Filters::select("messages m NOT INDEXED", "m.row >= ?5 AND m.row < ?6 ORDER BY m.row DESC");
        let (start, end) = (self.end - STEP, self.end);
        let mut statement = self.sql.prepare_cached(&select)?;
        let Filters { room, from, after, before } = self.filters;
        if self.through(&mut statement, params![room, from, after, before, start, end], until)? {
            self.end = start;
        }
        Ok(())
    }

    /// Searches some messages without the parts of the index.
    fn in_few(&mut self, few: &words::Few, words: &str, until: Instant) -> rusqlite::Result<()> {
        let select = "SELECT row, text FROM messages WHERE row < ?1 ORDER BY row DESC LIMIT ?2";
        let mut select = self.sql.prepare_cached(select)?;
        let mut rows = select.query(params![self.end, FEW_MESSAGES as i64])?;
        let mut texts: Vec<(i64, String)> = Vec::new();
        let mut bytes = 0;
        while bytes < FEW_BYTES
            && let Some(row) = rows.next()?
        {
            let (row, text): (i64, String) = (row.get(0)?, row.get(1)?);
            bytes += text.len();
            texts.push((row, text));
        }
        let mut statement = self.sql.prepare_cached(&Filters::select("messages m", "m.row = ?5"))?;
        let Filters { room, from, after, before } = self.filters;
        for row in few.fitting(&texts, words)?.into_iter().rev() {
            self.through(&mut statement, params![room, from, after, before, row], until)?;
            if self.has_enough() {
                return Ok(());
            }
        }
        if let Some((first, _)) = texts.last() {
            self.end = *first;
        }
        Ok(())
    }

    /// Reads the rows of a statement: messages in descending order, some of which match. False if it stopped early,
    /// because there are enough or the time is over.
    fn through(&mut self, statement: &mut Statement, values: impl Params, until: Instant) -> rusqlite::Result<bool> {
        let mut rows = statement.query(values)?;
        while let Some(row) = rows.next()? {
            self.end = row.get(0)?;
            if row.get(11)? {
                self.found.extend(read(row)?);
            }
            if self.has_enough() || Instant::now() >= until {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

/// Interrupts a connection at this time, unless it is dropped before.
struct Alarm<'a>(&'a Connection);

impl Alarm<'_> {
    fn set(sql: &Connection, at: Instant) -> rusqlite::Result<Alarm<'_>> {
        sql.progress_handler(INSTRUCTIONS, Some(move || Instant::now() >= at))?;
        Ok(Alarm(sql))
    }
}

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        // This fails only for connections that this program does not own.
        let _ = self.0.progress_handler(0, None::<fn() -> bool>);
    }
}

fn has_failed(result: &rusqlite::Result<()>, how: ErrorCode) -> bool {
    result.as_ref().err().and_then(rusqlite::Error::sqlite_error_code) == Some(how)
}

/// The conditions on a message besides its words.
#[derive(Clone, Copy)]
struct Filters<'a> {
    room: Option<i64>,
    from: Option<&'a str>,
    /// Unix milliseconds, as in the database.
    after: Option<i64>,
    before: Option<i64>,
}

impl Filters<'_> {
    /// Whether a message `m` passes; uses the first four parameters.
    const SQL: &'static str = "(?1 IS NULL OR m.room = ?1) AND (?2 IS NULL OR m.key = ?2)
        AND (?3 IS NULL OR m.received >= ?3) AND (?4 IS NULL OR m.received < ?4)";

    /// Selects the columns of [`read`], and whether a message `m` passes.
    fn select(from: &str, which: &str) -> String {
        let (entry, passes) = (rows::ENTRY, Filters::SQL);
        format!("SELECT {entry}, r.name, {passes} FROM {from} CROSS JOIN rooms r ON r.id = m.room WHERE {which}")
    }

    /// `None`: the room has no messages.
    fn of<'a>(sql: &Connection, query: &'a SearchQuery) -> rusqlite::Result<Option<Filters<'a>>> {
        let room = match &query.room {
            None => None,
            Some(name) => {
                let id = sql.find("SELECT id FROM rooms WHERE name = ?1", [name.as_str()])?;
                let Some(id) = id else { return Ok(None) };
                Some(id)
            }
        };
        Ok(Some(Filters {
            room,
            from: query.from.as_ref().map(|key| key.as_str()),
            after: query.after.map(|at| at.timestamp_millis()),
            before: query.before.map(|at| at.timestamp_millis()),
        }))
    }
}

/// The first and the last row.
fn span(sql: &Connection) -> rusqlite::Result<Option<(i64, i64)>> {
    let select = "SELECT (SELECT min(row) FROM messages), (SELECT max(row) FROM messages)";
    sql.prepare_cached(select)?.query_row([], |row| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get(1)?)))
}

/// The terms as FTS5 reads them; `None` if there are none.
fn matching(terms: &[Term]) -> Option<String> {
    // A string of FTS5 cannot contain U+0000, and has no escapes but the doubled quote.
    let quoted = |text: &str| format!("\"{}\"", text.replace('\0', " ").replace('"', "\"\""));
    let terms: Vec<String> = terms
        .iter()
        .map(|term| match term {
            Term::Word(text) | Term::Phrase(text) => quoted(text),
            Term::Prefix(text) => format!("{} *", quoted(text)),
        })
        .collect();
    (!terms.is_empty()).then(|| terms.join(" AND "))
}

fn read(row: &Row) -> rusqlite::Result<Option<(i64, Found)>> {
    let number = row.get(0)?;
    let room = RoomName::parse(row.get_ref(10)?.as_str()?).ok();
    Ok(rows::entry(row)?.zip(room).map(|(entry, room)| (number, Found { room, entry })))
}
