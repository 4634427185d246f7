//! Search: through the index of words where there are any, else through the messages themselves, newest first.
//!
//! What is typed never becomes SQL, and each term is quoted for FTS5, whose operators it then cannot be. The search goes
//! through the messages in steps and looks at the clock after each, so that none takes for ever.

use super::reader::Reader;
use super::{Error, rows, words};
use crate::protocol::search::{Term, fitting};
use crate::protocol::{Cursor, Found, RoomName, SearchQuery};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::time::{Duration, Instant};

/// Messages in one step where there are no words to find them by.
const STEP: i64 = 16_384;

/// What was found, newest first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SearchPage {
    pub found: Vec<Found>,
    /// From where it can go on; `None`: nothing older fits.
    pub next: Option<Cursor>,
    /// It took too long: what is older was not looked at.
    pub cut: bool,
}

impl Reader {
    /// The newest messages that fit, `limit` at most and as many as a reply holds, from `before` (the `next` of an
    /// earlier page) on back. After `deadline` no further step is begun.
    pub fn search(
        &self,
        query: &SearchQuery,
        limit: usize,
        before: Option<&Cursor>,
        deadline: Duration,
    ) -> Result<SearchPage, Error> {
        let started = Instant::now();
        let snapshot = self.sql.unchecked_transaction()?;
        let Some((oldest, newest)) = span(&snapshot)? else { return Ok(SearchPage::default()) };
        let Some(filters) = Filters::of(&snapshot, query)? else { return Ok(SearchPage::default()) };
        let words = matching(&query.terms);
        let limit = limit.max(1);
        // Rows before this one are to be looked at.
        let mut end = match before {
            Some(cursor) if cursor.epoch == *self.epoch() => (newest + 1).min(cursor.pos as i64),
            _ => newest + 1,
        };
        let mut found: Vec<(i64, Found)> = Vec::new();
        let mut cut = false;
        // One more than the limit tells whether there is more.
        while end > oldest && found.len() <= limit && !cut {
            let more = limit + 1 - found.len();
            end = match &words {
                Some(words) => match words::part_before(&snapshot, end)? {
                    Some(part) => in_part(&snapshot, part, words, &filters, end, more, &mut found)?,
                    None => oldest,
                },
                None => in_rows(&snapshot, &filters, end, more, &mut found)?,
            };
            cut = end > oldest && found.len() <= limit && started.elapsed() >= deadline;
        }
        let fits = fitting(found.iter().map(|(_, found)| found)).min(limit);
        let is_full = fits < found.len();
        let next = match is_full {
            true => Some(found[fits - 1].0),
            false => cut.then_some(end),
        };
        found.truncate(fits);
        Ok(SearchPage {
            found: found.into_iter().map(|(_, found)| found).collect(),
            next: next.map(|row| Cursor { epoch: self.epoch().clone(), pos: row.max(0) as u64 }),
            cut: cut && !is_full,
        })
    }
}

/// What a message must be beside holding the words.
struct Filters<'a> {
    room: Option<i64>,
    from: Option<&'a str>,
    /// Unix milliseconds, as in the database.
    after: Option<i64>,
    before: Option<i64>,
}

impl Filters<'_> {
    /// As conditions on a message `m`, from the fourth parameter on.
    const SQL: &'static str = "(?4 IS NULL OR m.room = ?4) AND (?5 IS NULL OR m.key = ?5)
        AND (?6 IS NULL OR m.received >= ?6) AND (?7 IS NULL OR m.received < ?7)";

    /// `None`: in that room nobody ever said anything.
    fn of<'a>(sql: &Connection, query: &'a SearchQuery) -> rusqlite::Result<Option<Filters<'a>>> {
        let room = match &query.room {
            None => None,
            Some(name) => {
                let select = "SELECT id FROM rooms WHERE name = ?1";
                let id = sql.prepare_cached(select)?.query_row([name.as_str()], |row| row.get(0)).optional()?;
                match id {
                    None => return Ok(None),
                    id => id,
                }
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

/// The rows that there are, first and last.
fn span(sql: &Connection) -> rusqlite::Result<Option<(i64, i64)>> {
    let select = "SELECT (SELECT min(row) FROM messages), (SELECT max(row) FROM messages)";
    sql.prepare_cached(select)?.query_row([], |row| Ok(row.get::<_, Option<i64>>(0)?.zip(row.get(1)?)))
}

/// The terms as FTS5 reads them; `None` where there are none.
fn matching(terms: &[Term]) -> Option<String> {
    // A string of FTS5 cannot hold U+0000, and has no escapes but the doubled quote.
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

/// What fits in one part of the index, before the row `end`. Returns the first row of the part.
fn in_part(
    sql: &Connection,
    part: i64,
    words: &str,
    filters: &Filters,
    end: i64,
    limit: usize,
    found: &mut Vec<(i64, Found)>,
) -> rusqlite::Result<i64> {
    let table = words::table(part);
    // The order of this join: the words first.
    let select = format!(
        "SELECT {}, r.name FROM {table} w CROSS JOIN messages m ON m.row = w.rowid CROSS JOIN rooms r ON r.id = m.room
         WHERE w.{table} MATCH ?1 AND w.rowid < ?2 AND {} ORDER BY w.rowid DESC LIMIT ?3",
        rows::ENTRY,
        Filters::SQL
    );
    let mut statement = sql.prepare(&select)?;
    let Filters { room, from, after, before } = filters;
    let mut rows = statement.query(params![words, end, limit as i64, room, from, after, before])?;
    while let Some(row) = rows.next()? {
        found.extend(read(row)?);
    }
    Ok(part)
}

/// What fits among the messages of one step before the row `end`. Returns the first row of the step.
fn in_rows(
    sql: &Connection,
    filters: &Filters,
    end: i64,
    limit: usize,
    found: &mut Vec<(i64, Found)>,
) -> rusqlite::Result<i64> {
    let select = format!(
        "SELECT {}, r.name FROM messages m NOT INDEXED CROSS JOIN rooms r ON r.id = m.room
         WHERE m.row >= ?1 AND m.row < ?2 AND {} ORDER BY m.row DESC LIMIT ?3",
        rows::ENTRY,
        Filters::SQL
    );
    let start = end - STEP;
    let mut statement = sql.prepare_cached(&select)?;
    let Filters { room, from, after, before } = filters;
    let mut rows = statement.query(params![start, end, limit as i64, room, from, after, before])?;
    while let Some(row) = rows.next()? {
        found.extend(read(row)?);
    }
    Ok(start)
}

fn read(row: &Row) -> rusqlite::Result<Option<(i64, Found)>> {
    let number = row.get(0)?;
    let room = RoomName::parse(row.get_ref(10)?.as_str()?).ok();
    Ok(rows::entry(row)?.zip(room).map(|(entry, room)| (number, Found { room, entry })))
}
