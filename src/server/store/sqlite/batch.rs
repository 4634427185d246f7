//! Writes one transaction: messages, direct messages, receipts and presences.

use super::removed::{self, Removed};
use super::rooms::{self, RoomRow};
use super::rows::{Query, unsigned};
use super::share::{self, DIRECT_WEIGHT, ROSTER_WEIGHT, Tally};
use super::words::Words;
use crate::protocol::{ChatMessage, Nick, NickKey, Place, Private, RoomName, SentId, Session, Timestamp};
use crate::server::core::record::{
    Arrived, Committed, Keep, Refused, RoomProgress, SeatChange, StoreRefusal, WaitingDirect,
};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Transaction, params};
use std::collections::HashMap;

/// The most rooms that are cached. Then the cache starts over.
pub const ROOMS: usize = 10_000;

/// What is cached of the database, as of the last transaction.
#[derive(Debug)]
pub struct KnownState {
    /// `PRAGMA data_version`, which changes when another connection writes; `None` if nothing is cached.
    data_version: Option<i64>,
    /// Rooms that were written to lately.
    rooms: HashMap<RoomName, RoomRow>,
    pub removed: Removed,
    pub words: Words,
    pub waiting: Tally,
    pub present: Tally,
    /// New messages, and receipts without one, since the last step of retention.
    pub untrimmed: usize,
}

impl Default for KnownState {
    fn default() -> KnownState {
        KnownState {
            data_version: None,
            rooms: HashMap::new(),
            removed: Removed::default(),
            words: Words::default(),
            waiting: Tally::of("direct", DIRECT_WEIGHT),
            present: Tally::of("roster", ROSTER_WEIGHT),
            untrimmed: 0,
        }
    }
}

impl KnownState {
    /// Discards what another connection may have changed. The caller holds the write lock.
    pub fn refresh(&mut self, sql: &Connection) -> rusqlite::Result<()> {
        let version = sql.value("PRAGMA data_version", [])?;
        if self.data_version != Some(version) {
            *self = KnownState { data_version: Some(version), untrimmed: self.untrimmed, ..KnownState::default() };
        }
        // Not within a batch, because its end updates the positions of its rooms.
        if self.rooms.len() >= ROOMS {
            self.rooms.clear();
        }
        Ok(())
    }

    /// The room is not in the database any more.
    pub fn forget_room(&mut self, name: &RoomName) {
        self.rooms.remove(name);
    }

    #[cfg(test)]
    pub fn rooms_known(&self) -> usize {
        self.rooms.len()
    }
}

/// Writes one transaction.
pub struct BatchWriter<'a> {
    sql: &'a Connection,
    state: &'a mut KnownState,
    insert: CachedStatement<'a>,
    /// Selects whether a waiting direct message has an id.
    direct_has: CachedStatement<'a>,
    /// The index of a room's progress in `committed`.
    places: HashMap<RoomName, usize>,
    committed: Committed,
}

impl<'a> BatchWriter<'a> {
    pub fn begin(sql: &'a Transaction, state: &'a mut KnownState) -> rusqlite::Result<BatchWriter<'a>> {
        let insert = sql.prepare_cached(
            "INSERT INTO messages (room, pos, key, nick, session, seq, text, timestamp, action, late, received)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (key, session, seq) WHERE session IS NOT NULL DO NOTHING",
        )?;
        let direct_has =
            sql.prepare_cached("SELECT EXISTS (SELECT 1 FROM direct WHERE key = ?1 AND session = ?2 AND seq = ?3)")?;
        Ok(BatchWriter { sql, state, insert, direct_has, places: HashMap::new(), committed: Committed::default() })
    }

    pub fn keep(&mut self, keep: &Keep) -> rusqlite::Result<()> {
        match keep {
            Keep::Message(arrived) => self.message(arrived).map(drop),
            Keep::Delivered { to, sender, id, at } => self.delivered(to, sender, id, *at),
        }
    }

    /// True if it is new, and if there is room for it.
    pub fn message(&mut self, arrived: &Arrived) -> rusqlite::Result<bool> {
        match &arrived.message.to {
            Place::Room(room) => self.chat(arrived, room),
            Place::Direct(to) => self.direct(arrived, to),
        }
    }

    fn chat(&mut self, arrived: &Arrived, to: &RoomName) -> rusqlite::Result<bool> {
        let chat = &arrived.message;
        let key = chat.nick.key();
        if let Some(id) = &chat.id {
            if self.state.removed.has(self.sql, key.as_str(), id)? {
                self.committed.stored.push((key.clone(), id.clone()));
                return Ok(false);
            }
            // As part of the INSERT, this would cost five times as much as everything else.
            let values = params![key.as_str(), id.session.as_str(), id.seq as i64];
            if self.direct_has.query_row(values, |row| row.get(0))? {
                self.refuse(key, id, StoreRefusal::IdTaken);
                return Ok(false);
            }
        }
        let room = match self.state.rooms.get_mut(to) {
            Some(room) => room,
            None => load_room(self.sql, &mut self.state.rooms, to)?,
        };
        let new = self.insert.execute(params![
            room.id,
            room.last_pos as i64 + 1,
            key.as_str(),
            chat.nick.as_str(),
            chat.id.as_ref().map(|id| id.session.as_str()),
            chat.id.as_ref().map(|id| id.seq as i64),
            chat.text,
            chat.timestamp.as_ref().map(Timestamp::as_str),
            chat.action,
            chat.late,
            arrived.received,
        ])? == 1;
        if let Some(id) = &chat.id {
            if !new && !is_there(self.sql, chat, room.id, id)? {
                self.refuse(key, id, StoreRefusal::IdTaken);
                return Ok(false);
            }
            self.committed.stored.push((key.clone(), id.clone()));
        }
        if new {
            room.last_pos += 1;
            self.state.untrimmed += 1;
            self.state.words.insert(self.sql, self.sql.last_insert_rowid(), &chat.text)?;
            let all = &mut self.committed.progress;
            let place = *self.places.entry(to.clone()).or_insert(all.len());
            if place == all.len() {
                let from = room.last_pos - 1;
                all.push(RoomProgress { room: to.clone(), from, to: from, ids: Vec::new() });
            }
            let progress = &mut all[place];
            progress.to = room.last_pos;
            progress.ids.push((key.clone(), chat.id.clone()));
        }
        Ok(new)
    }

    fn direct(&mut self, arrived: &Arrived, to: &Nick) -> rusqlite::Result<bool> {
        let private = &arrived.message;
        let Some(id) = &private.id else { return Ok(false) };
        let key = private.nick.key();
        let overtaken = removed::to_one(key, to.key());
        if self.state.removed.has(self.sql, key.as_str(), id)? || self.state.removed.has(self.sql, &overtaken, id)? {
            self.committed.stored.push((key.clone(), id.clone()));
            return Ok(false);
        }
        let messages_have = "SELECT EXISTS (SELECT 1 FROM messages WHERE key = ?1 AND session = ?2 AND seq = ?3)";
        let values = params![key.as_str(), id.session.as_str(), id.seq as i64];
        if self.sql.value(messages_have, values)? {
            self.refuse(key, id, StoreRefusal::IdTaken);
            return Ok(false);
        }
        let mut insert = self.sql.prepare_cached(&format!(
            "INSERT INTO direct (to_key, to_nick, key, nick, session, seq, text, timestamp, action, late, received)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
             ON CONFLICT (key, session, seq) DO NOTHING RETURNING row, {DIRECT_WEIGHT}"
        ))?;
        let values = params![
            to.key().as_str(),
            to.as_str(),
            key.as_str(),
            private.nick.as_str(),
            id.session.as_str(),
            id.seq as i64,
            private.text,
            private.timestamp.as_ref().map(Timestamp::as_str),
            private.action,
            private.late,
            arrived.received,
        ];
        let new = insert.query_row(values, |row| Ok((row.get::<_, i64>(0)?, unsigned(row, 1)?))).optional()?;
        if let Some((row, weight)) = new {
            self.state.waiting.add(weight);
            if !self.state.waiting.has_room(self.sql, share::DIRECT)? {
                self.sql.run("DELETE FROM direct WHERE row = ?1", [row])?;
                self.state.waiting.remove(weight);
                self.refuse(key, id, StoreRefusal::NoRoom { to: to.clone() });
                return Ok(false);
            }
        }
        let row = match new {
            Some((row, _)) => Some(row),
            None => row_of(self.sql, private, to, id)?,
        };
        let Some(row) = row else {
            self.refuse(key, id, StoreRefusal::IdTaken);
            return Ok(false);
        };
        self.committed.stored.push((key.clone(), id.clone()));
        if new.is_some() || self.committed.direct.iter().all(|direct| direct.row != row) {
            let ChatMessage { nick, text, timestamp, id, action, late, .. } = private.clone();
            let private = Private { nick, to: to.clone(), text, timestamp, id, action, late };
            self.committed.direct.push(WaitingDirect { private, row });
        }
        Ok(new.is_some())
    }

    fn refuse(&mut self, sender: &NickKey, id: &SentId, why: StoreRefusal) {
        self.committed.refused.push(Refused { sender: sender.clone(), id: id.clone(), why });
    }

    /// A receipt may overtake its message, which has another publisher. It is stored in case the message follows. It
    /// counts for no other addressee: anybody can publish a receipt, but only `to` may decline a message.
    fn delivered(&mut self, to: &NickKey, sender: &NickKey, id: &SentId, at: i64) -> rusqlite::Result<()> {
        let delete = format!(
            "DELETE FROM direct WHERE key = ?1 AND session = ?2 AND seq = ?3 AND to_key = ?4
             RETURNING row, {DIRECT_WEIGHT}"
        );
        let values = params![sender.as_str(), id.session.as_str(), id.seq as i64, to.as_str()];
        let gone =
            self.sql.prepare_cached(&delete)?.query_row(values, |row| Ok((row.get::<_, i64>(0)?, unsigned(row, 1)?)));
        if let Some((row, weight)) = gone.optional()? {
            self.state.waiting.remove(weight);
            self.state.removed.add(self.sql, sender.as_str(), &id.session, (id.seq, id.seq), at)?;
            self.committed.direct.retain(|direct| direct.row != row);
        } else if !self.state.removed.has(self.sql, sender.as_str(), id)? {
            let key = removed::to_one(sender, to);
            self.state.removed.add(self.sql, &key, &id.session, (id.seq, id.seq), at)?;
            self.state.untrimmed += 1;
        }
        self.committed.delivered.push((to.clone(), sender.clone(), id.clone()));
        Ok(())
    }

    /// Anybody may be present under any number of nicks, so presences beyond their share are not stored.
    pub fn seats(&mut self, change: &SeatChange) -> rusqlite::Result<()> {
        let key = change.key.as_str();
        let delete = format!("DELETE FROM roster WHERE key = ?1 RETURNING {ROSTER_WEIGHT}");
        for weight in self.sql.list(&delete, [key], |row| unsigned(row, 0).map(Some))? {
            self.state.present.remove(weight);
        }
        let insert = format!(
            "INSERT INTO roster (key, session, nick, conn, rooms, heard) VALUES (?1, ?2, ?3, ?4, ?5, 0)
             RETURNING {ROSTER_WEIGHT}"
        );
        let mut insert = self.sql.prepare_cached(&insert)?;
        for seat in &change.seats {
            let rooms: Vec<&str> = seat.rooms.iter().map(RoomName::as_str).collect();
            let session = seat.session.as_ref().map_or("", Session::as_str);
            let values = params![key, session, seat.nick.as_str(), seat.conn, rooms.join(" ")];
            let weight = insert.query_row(values, |row| unsigned(row, 0))?;
            self.state.present.add(weight);
            if !self.state.present.has_room(self.sql, share::PRESENT)? {
                self.sql.run("DELETE FROM roster WHERE key = ?1 AND session = ?2", [key, session])?;
                self.state.present.remove(weight);
            }
        }
        Ok(())
    }

    /// Updates the positions of the rooms, and the index of words.
    pub fn finish(self) -> rusqlite::Result<Committed> {
        self.state.words.finish(self.sql)?;
        for RoomProgress { room, to, ids, .. } in &self.committed.progress {
            let update = "UPDATE rooms SET last_pos = ?2, messages = messages + ?3 WHERE name = ?1";
            self.sql.run(update, params![room.as_str(), *to as i64, ids.len() as i64])?;
        }
        Ok(self.committed)
    }
}

/// Whether the message with this id is the same one, perhaps retransmitted with another time.
fn is_there(sql: &Connection, chat: &ChatMessage<Place>, room: i64, id: &SentId) -> rusqlite::Result<bool> {
    let select = "SELECT EXISTS (SELECT 1 FROM messages WHERE key = ?1 AND session = ?2 AND seq = ?3
        AND room = ?4 AND text = ?5 AND action = ?6)";
    let values = params![chat.nick.key().as_str(), id.session.as_str(), id.seq as i64, room, chat.text, chat.action];
    sql.value(select, values)
}

/// The row of this direct message, if it waits.
fn row_of(sql: &Connection, private: &ChatMessage<Place>, to: &Nick, id: &SentId) -> rusqlite::Result<Option<i64>> {
    let select = "SELECT row FROM direct WHERE key = ?1 AND session = ?2 AND seq = ?3
        AND to_key = ?4 AND text = ?5 AND action = ?6";
    let (key, to) = (private.nick.key().as_str(), to.key().as_str());
    let values = params![key, id.session.as_str(), id.seq as i64, to, private.text, private.action];
    sql.find(select, values)
}

/// Loads the room from the database, or creates it.
fn load_room<'a>(
    sql: &Connection,
    known: &'a mut HashMap<RoomName, RoomRow>,
    name: &RoomName,
) -> rusqlite::Result<&'a mut RoomRow> {
    let room = rooms::find(sql, name)?.map_or_else(|| rooms::create(sql, name), Ok)?;
    Ok(known.entry(name.clone()).or_insert(room))
}
