//! Questions: pages of a room, the rooms, direct messages that wait. Each sees the database as it is at one moment.

use super::rooms::{self, RoomRow};
use super::rows::{self, unsigned};
use super::{Error, schema};
use crate::protocol::history::{Span, fitting};
use crate::protocol::limits::LISTED_ROOMS;
use crate::protocol::{Cursor, Entry, Epoch, NickKey, RoomName};
use crate::server::core::record::{Page, PagePlace, PageQuery, WaitingDirect};
use rusqlite::{Connection, OpenFlags, OptionalExtension, params};
use std::path::Path;

/// The database, for questions.
pub struct HistoryReader {
    pub(super) sql: Connection,
    epoch: Epoch,
}

/// Some messages of a room, in the order of the query.
struct PageRun {
    messages: Vec<Entry>,
    /// The position of the last row, even if it cannot be read.
    end: Option<u64>,
    /// There is more in this direction.
    more: bool,
}

impl HistoryReader {
    /// Opens the database of a server, which may be running. Nothing is changed.
    ///
    /// # Errors
    /// There is no database, or it cannot be read, is damaged, or belongs to another program.
    pub fn open(path: &Path) -> Result<HistoryReader, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let sql = Connection::open_with_flags(path, flags)?;
        schema::prepare_to_read(&sql)?;
        HistoryReader::over(sql)
    }

    pub(super) fn over(sql: Connection) -> Result<HistoryReader, Error> {
        let epoch = schema::meta(&sql, "epoch").optional()?.as_deref().and_then(Epoch::parse);
        let epoch = epoch.ok_or_else(|| Error::Foreign("its epoch is damaged; move it away".to_owned()))?;
        Ok(HistoryReader { sql, epoch })
    }

    pub fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// A page that fits into a reply.
    ///
    /// A cursor of another history, or beyond the room's end, gets the newest page, with `gap`. If the cursor is before
    /// what retention removed, and newer messages are asked for, the page has the oldest that there are after it, with
    /// `gap`, too.
    pub fn page(&self, query: &PageQuery) -> Result<Page, Error> {
        let snapshot = self.sql.unchecked_transaction()?;
        let room = match rooms::find(&snapshot, &query.room)? {
            Some(room) => room,
            None => rooms::unknown(&snapshot)?,
        };
        let known = |cursor: &Cursor| cursor.epoch == self.epoch && cursor.pos <= room.last_pos;
        match &query.place {
            PagePlace::After(cursor) if known(cursor) => self.page_after(query, room, cursor.pos),
            PagePlace::Before(cursor) if known(cursor) => {
                let gap = cursor.pos > 0 && cursor.pos <= room.trimmed;
                self.page_before(query, room, cursor.pos, gap)
            }
            PagePlace::Newest => self.page_before(query, room, room.last_pos, false),
            PagePlace::Before(_) => self.page_before(query, room, room.last_pos, true),
            PagePlace::After(_) => {
                let mut page = self.page_before(query, room, room.last_pos, true)?;
                // There is nothing newer.
                page.span.complete = true;
                Ok(page)
            }
        }
    }

    fn page_before(&self, query: &PageQuery, room: RoomRow, end: u64, gap: bool) -> Result<Page, Error> {
        let select =
            format!("SELECT {} FROM messages m WHERE room = ?1 AND pos <= ?2 ORDER BY pos DESC LIMIT ?3", rows::ENTRY);
        let PageRun { mut messages, end: oldest, more } = self.run(&select, room, end, query.limit)?;
        let fits = fitting(messages.iter());
        let complete = !more && fits >= messages.len();
        let oldest = if fits < messages.len() { messages[fits - 1].pos } else { oldest };
        messages.truncate(fits);
        messages.reverse();
        let from = oldest.map_or(end, |pos| pos - 1);
        Ok(self.paged(query, messages, (from, end), complete, gap))
    }

    fn page_after(&self, query: &PageQuery, room: RoomRow, start: u64) -> Result<Page, Error> {
        let select =
            format!("SELECT {} FROM messages m WHERE room = ?1 AND pos > ?2 ORDER BY pos LIMIT ?3", rows::ENTRY);
        let PageRun { mut messages, end, more } = self.run(&select, room, start, query.limit)?;
        let fits = fitting(messages.iter());
        let complete = !more && fits >= messages.len();
        let to = match fits < messages.len() {
            _ if complete => Some(room.last_pos),
            true => messages[fits - 1].pos,
            false => end,
        };
        messages.truncate(fits);
        let to = to.unwrap_or(start);
        let gap = start < room.trimmed;
        let from = match messages.first().and_then(|entry| entry.pos) {
            _ if !gap => start,
            Some(pos) => pos - 1,
            None => to,
        };
        Ok(self.paged(query, messages, (from, to), complete, gap))
    }

    fn paged(
        &self,
        query: &PageQuery,
        messages: Vec<Entry>,
        (from, to): (u64, u64),
        complete: bool,
        gap: bool,
    ) -> Page {
        let span = Span { room: query.room.clone(), epoch: self.epoch.clone(), from, to, complete, gap };
        Page { messages, span }
    }

    /// Selects one row more than the limit, to know whether there is more.
    fn run(&self, select: &str, room: RoomRow, pos: u64, limit: usize) -> Result<PageRun, Error> {
        let mut statement = self.sql.prepare_cached(select)?;
        let mut rows = statement.query(params![room.id, pos as i64, limit as i64 + 1])?;
        let mut run = PageRun { messages: Vec::with_capacity(limit), end: None, more: false };
        let mut count = 0;
        while let Some(row) = rows.next()? {
            if count == limit {
                run.more = true;
                break;
            }
            count += 1;
            run.end = Some(unsigned(row, 1)?);
            run.messages.extend(rows::entry(row)?);
        }
        Ok(run)
    }

    /// The first rooms by name, as many as are listed, and how many messages they have. Rooms that never had a message
    /// or are forgotten are left out.
    pub fn rooms(&self) -> Result<Vec<(RoomName, u64)>, Error> {
        let mut statement = self.sql.prepare_cached("SELECT name, messages FROM rooms ORDER BY name LIMIT ?1")?;
        let rows = statement.query_map([LISTED_ROOMS as i64], |row| {
            let messages = unsigned(row, 1)?;
            Ok(RoomName::parse(row.get_ref(0)?.as_str()?).ok().map(|name| (name, messages)))
        })?;
        Ok(rows.filter_map(Result::transpose).collect::<Result<_, _>>()?)
    }

    /// The rooms of this many of the newest messages, and how far each has come.
    pub fn newest_rooms(&self, messages: usize) -> Result<Vec<(RoomName, u64)>, Error> {
        let select = "SELECT name, last_pos FROM rooms
            WHERE id IN (SELECT room FROM (SELECT room FROM messages ORDER BY row DESC LIMIT ?1))";
        let mut statement = self.sql.prepare(select)?;
        let rows = statement.query_map([messages as i64], |row| {
            let pos = unsigned(row, 1)?;
            Ok(RoomName::parse(row.get_ref(0)?.as_str()?).ok().map(|name| (name, pos)))
        })?;
        Ok(rows.filter_map(Result::transpose).collect::<Result<_, _>>()?)
    }

    /// The direct messages that wait for somebody above that row (0: all), oldest first.
    pub fn waiting_for(&self, to: &NickKey, after_row: i64, limit: usize) -> Result<Vec<WaitingDirect>, Error> {
        let select =
            format!("SELECT {} FROM direct WHERE to_key = ?1 AND row > ?2 ORDER BY row LIMIT ?3", rows::DIRECT);
        let mut statement = self.sql.prepare_cached(&select)?;
        let rows = statement.query_map(params![to.as_str(), after_row, limit as i64], rows::direct)?;
        Ok(rows.filter_map(Result::transpose).collect::<Result<_, _>>()?)
    }
}
