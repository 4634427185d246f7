//! Export and import: whole messages, in order of arrival.

use super::batch::BatchWriter;
use super::{Database, Error, HistoryReader, rows};
use crate::protocol::{ChatMessage, MessageId, NickKey, Place, Private, RoomName, Timestamp};
use crate::server::core::record::{Arrived, StoreRefusal};
use rusqlite::{Connection, params};
use std::collections::HashMap;

/// How many messages are read at a time, so nobody else waits long.
const STEP: usize = 500;
/// The most distinct messages without an id that are remembered. Beyond that the counts start over.
const NAMELESS: usize = 10_000;

/// How many of some records were new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Imported {
    pub new: u64,
    /// They existed before, perhaps gone since.
    pub known: u64,
    /// Direct messages for which there was no room.
    pub no_room: u64,
    /// Another message of the same sender has their id.
    pub taken: u64,
}

/// How often each message without an id was read lately: a message that occurs twice in a file must be in the history
/// twice, however often the file is read.
#[derive(Debug, Default)]
pub struct NamelessCounts(HashMap<(RoomName, NickKey, String, String, i64), u64>);

impl HistoryReader {
    /// Messages after that row (0: from the first), and the row to continue after if there may be more. Only those of
    /// `room`, if given, received at `since` (Unix milliseconds) or later.
    pub fn messages_after(
        &self,
        row: i64,
        room: Option<&RoomName>,
        since: i64,
    ) -> Result<(Vec<Arrived>, Option<i64>), Error> {
        let select = format!(
            "SELECT {}, r.name FROM messages m CROSS JOIN rooms r ON r.id = m.room
             WHERE m.row > ?1 ORDER BY m.row LIMIT ?2",
            rows::ENTRY
        );
        self.some(&select, row, |row| {
            let received: i64 = row.get(9)?;
            let Ok(name) = RoomName::parse(row.get_ref(10)?.as_str()?) else { return Ok(None) };
            if received < since || room.is_some_and(|room| *room != name) {
                return Ok(None);
            }
            let Some(entry) = rows::entry(row)? else { return Ok(None) };
            let Some(timestamp) = entry.timestamp.or(entry.received) else { return Ok(None) };
            let message = ChatMessage {
                nick: entry.nick,
                text: entry.text,
                timestamp: Some(timestamp),
                id: match entry.id {
                    Some(MessageId::Sent(id)) => Some(id),
                    _ => None,
                },
                to: Place::Room(name),
                action: entry.action,
                late: entry.late,
            };
            Ok(Some(Arrived { message, received }))
        })
    }

    /// The same for waiting direct messages.
    pub fn direct_after(&self, row: i64, since: i64) -> Result<(Vec<Arrived>, Option<i64>), Error> {
        let select = format!("SELECT {}, received FROM direct WHERE row > ?1 ORDER BY row LIMIT ?2", rows::DIRECT);
        self.some(&select, row, |row| {
            let received: i64 = row.get(9)?;
            let Some(direct) = rows::direct(row)?.filter(|_| received >= since) else { return Ok(None) };
            let Private { nick, to, text, timestamp, id, action, late } = direct.private;
            let timestamp = timestamp.or_else(|| rows::received(received));
            let message = ChatMessage { nick, to: Place::Direct(to), text, timestamp, id, action, late };
            Ok(Some(Arrived { message, received }))
        })
    }

    fn some(
        &self,
        select: &str,
        after: i64,
        mut read: impl FnMut(&rusqlite::Row) -> rusqlite::Result<Option<Arrived>>,
    ) -> Result<(Vec<Arrived>, Option<i64>), Error> {
        let mut statement = self.sql.prepare_cached(select)?;
        let mut rows = statement.query(params![after, STEP as i64])?;
        let (mut records, mut count, mut last) = (Vec::new(), 0, after);
        while let Some(row) = rows.next()? {
            count += 1;
            last = row.get(0)?;
            records.extend(read(row)?);
        }
        Ok((records, (count == STEP).then_some(last)))
    }
}

impl Database {
    /// Stores these records in one transaction: all of them, or none if it fails. Skips a message that is or was in the
    /// history, identified by sender and id, or without an id by its whole content.
    pub fn import(&mut self, records: &[Arrived], nameless: &mut NamelessCounts) -> Result<Imported, Error> {
        self.transact(|sql, state| {
            let mut batch = BatchWriter::begin(sql, state)?;
            let mut imported = Imported::default();
            for record in records {
                let Arrived { message, .. } = record;
                let is_new = match &message.to {
                    Place::Room(room) if message.id.is_none() && nameless.is_there(sql, record, room)? => false,
                    _ => batch.message(record)?,
                };
                let count = if is_new { &mut imported.new } else { &mut imported.known };
                *count += 1;
            }
            for refused in batch.finish()?.refused {
                let count = match refused.why {
                    StoreRefusal::NoRoom { .. } => &mut imported.no_room,
                    StoreRefusal::IdTaken => &mut imported.taken,
                    // Only the store produces this.
                    StoreRefusal::Unwritable => continue,
                };
                *count += 1;
                imported.known -= 1;
            }
            Ok(imported)
        })
    }
}

impl NamelessCounts {
    /// Whether the history has this message as often as it was read, including this time.
    fn is_there(&mut self, sql: &Connection, arrived: &Arrived, room: &RoomName) -> rusqlite::Result<bool> {
        if self.0.len() >= NAMELESS {
            self.0.clear();
        }
        let Arrived { message: chat, received } = arrived;
        let timestamp = chat.timestamp.as_ref().map_or("", Timestamp::as_str);
        let key = chat.nick.key();
        let said = (room.clone(), key.clone(), chat.text.clone(), timestamp.to_owned(), *received);
        let read = self.0.entry(said).or_default();
        *read += 1;
        let select = "SELECT count(*) FROM messages WHERE received = ?1 AND session IS NULL AND key = ?2 AND text = ?3
            AND timestamp = ?4 AND room = (SELECT id FROM rooms WHERE name = ?5)";
        let values = params![received, key.as_str(), chat.text, timestamp, room.as_str()];
        let there: i64 = sql.prepare_cached(select)?.query_row(values, |row| row.get(0))?;
        Ok(there as u64 >= *read)
    }
}
