//! Questions: pages of a room, the rooms, waiting direct messages. Each sees one consistent state of the database.

use super::rooms::{self, RoomRow};
use super::rows::{self, Query, unsigned};
use super::{Error, schema};
use crate::protocol::history::{Span, fitting};
use crate::protocol::limits::LISTED_ROOMS;
use crate::protocol::{Cursor, Entry, Epoch, NickKey, RoomName};
use crate::server::core::record::{Page, PagePosition, PageQuery, WaitingDirect};
use rusqlite::{Connection, OpenFlags, params};
use std::path::Path;

/// The database, for questions.
pub struct HistoryReader {
    pub(super) sql: Connection,
    epoch: Epoch,
}

/// Some messages of a room, in the order of the query.
struct PageRun {
    messages: Vec<Entry>,
    /// The position of the last row that it reaches, even if that cannot be read.
    end: Option<u64>,
    /// There is nothing more in this direction.
    complete: bool,
}

impl HistoryReader {
    /// Opens the database of a server, which may be running. Changes nothing.
    ///
    /// # Errors
    ///
    /// There is no database, or it cannot be read, is damaged, or belongs to another program.
    pub fn open(path: &Path) -> Result<HistoryReader, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        HistoryReader::on(Connection::open_with_flags(path, flags)?)
    }

    /// As [`HistoryReader::open`], on any connection to the database.
    pub fn on(sql: Connection) -> Result<HistoryReader, Error> {
        schema::prepare_to_read(&sql)?;
        HistoryReader::over(sql)
    }

    pub(super) fn over(sql: Connection) -> Result<HistoryReader, Error> {
        let epoch = sql.meta("epoch")?.as_deref().and_then(Epoch::parse);
        let epoch = epoch.ok_or_else(|| schema::foreign("its epoch is damaged; move it away"))?;
        Ok(HistoryReader { sql, epoch })
    }

    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// A page that fits into a reply.
    ///
    /// A cursor of another history, or beyond the room's end, gets the newest page, with `gap`. If the cursor is before
    /// what retention removed, and newer messages are requested, the page has the oldest remaining ones, with `gap`,
    /// too.
    pub fn page(&self, query: &PageQuery) -> Result<Page, Error> {
        let snapshot = self.sql.unchecked_transaction()?;
        let room = rooms::find(&snapshot, &query.room)?.map_or_else(|| rooms::unknown(&snapshot), Ok)?;
        let known = |cursor: &Cursor| cursor.epoch == self.epoch && cursor.pos <= room.last_pos;
        match &query.position {
            PagePosition::After(cursor) if known(cursor) => self.page_after(query, room, cursor.pos),
            PagePosition::After(_) => {
                let mut page = self.page_before(query, room, room.last_pos, true)?;
                // There is nothing newer.
                page.span.complete = true;
                Ok(page)
            }
            PagePosition::Before(cursor) if known(cursor) => {
                let gap = cursor.pos > 0 && cursor.pos <= room.trimmed;
                self.page_before(query, room, cursor.pos, gap)
            }
            PagePosition::Before(_) => self.page_before(query, room, room.last_pos, true),
            PagePosition::Newest => self.page_before(query, room, room.last_pos, false),
        }
    }

    fn page_before(&self, query: &PageQuery, room: RoomRow, end: u64, gap: bool) -> Result<Page, Error> {
        let mut run = self.run("pos <= ?2 ORDER BY pos DESC", room, end, query.limit)?;
        run.messages.reverse();
        let from = run.end.map_or(end, |pos| pos - 1);
        Ok(self.paged(query, run, (from, end), gap))
    }

    fn page_after(&self, query: &PageQuery, room: RoomRow, start: u64) -> Result<Page, Error> {
        let run = self.run("pos > ?2 ORDER BY pos", room, start, query.limit)?;
        let to = if run.complete { room.last_pos } else { run.end.unwrap_or(start) };
        let gap = start < room.trimmed;
        // The page begins after the removed messages.
        let from = match run.messages.first().and_then(|entry| entry.pos) {
            _ if !gap => start,
            Some(pos) => pos - 1,
            None => to,
        };
        Ok(self.paged(query, run, (from, to), gap))
    }

    fn paged(&self, query: &PageQuery, run: PageRun, (from, to): (u64, u64), gap: bool) -> Page {
        let PageRun { messages, complete, .. } = run;
        let span = Span { room: query.room.clone(), epoch: self.epoch.clone(), from, to, complete, gap };
        Page { messages, span }
    }

    /// As many messages as a page may have. Selects one row more than the limit, to know whether there is more.
    fn run(&self, which: &str, room: RoomRow, pos: u64, limit: usize) -> Result<PageRun, Error> {
        let select = format!("SELECT {} FROM messages m WHERE room = ?1 AND {which} LIMIT ?3", rows::ENTRY);
        let mut statement = self.sql.prepare_cached(&select)?;
        let mut rows = statement.query(params![room.id, pos as i64, limit as i64 + 1])?;
        let mut run = PageRun { messages: Vec::with_capacity(limit), end: None, complete: true };
        let mut count = 0;
        while let Some(row) = rows.next()? {
            if count == limit {
                run.complete = false;
                break;
            }
            count += 1;
            run.end = Some(unsigned(row, 1)?);
            run.messages.extend(rows::entry(row)?);
        }
        let fits = fitting(&run.messages);
        if fits < run.messages.len() {
            run.messages.truncate(fits);
            run.end = run.messages.last().and_then(|entry| entry.pos);
            run.complete = false;
        }
        Ok(run)
    }

    /// The first rooms by name, as many as a reply lists, and how many messages they have. Rooms that never had a
    /// message, or were forgotten, are left out.
    pub fn rooms(&self) -> Result<Vec<(RoomName, u64)>, Error> {
        let select = "SELECT name, messages FROM rooms ORDER BY name LIMIT ?1";
        Ok(self.sql.list(select, [LISTED_ROOMS as i64], rows::room)?)
    }

    /// The rooms of this many of the newest messages, and their last positions.
    pub fn newest_rooms(&self, messages: usize) -> Result<Vec<(RoomName, u64)>, Error> {
        let select = "SELECT name, last_pos FROM rooms
            WHERE id IN (SELECT room FROM (SELECT room FROM messages ORDER BY row DESC LIMIT ?1))";
        Ok(self.sql.list(select, [messages as i64], rows::room)?)
    }

    /// The direct messages that wait for an addressee above this row (0: all), oldest first.
    pub fn waiting_for(&self, to: &NickKey, after_row: i64, limit: usize) -> Result<Vec<WaitingDirect>, Error> {
        let select =
            format!("SELECT {} FROM direct WHERE to_key = ?1 AND row > ?2 ORDER BY row LIMIT ?3", rows::DIRECT);
        Ok(self.sql.list(&select, params![to.as_str(), after_row, limit as i64], rows::direct)?)
    }
}
