//! Pure: what is past gets a heading, and a line where the present begins.

use crate::client::core::news::{Place, Said};
use crate::protocol::RoomName;
use std::collections::HashSet;

#[derive(Debug, Default)]
pub struct Sections {
    /// Rooms whose heading is told and whose end is not.
    open: HashSet<RoomName>,
    /// Rooms of which all that was missed has come since the last connection.
    caught_up: HashSet<RoomName>,
    came_back: bool,
}

impl Sections {
    /// There is a connection.
    pub fn begin(&mut self, again: bool) {
        self.caught_up.clear();
        self.open.clear();
        self.came_back = again;
    }

    /// A heading was told for it.
    pub fn open(&mut self, room: &RoomName) {
        self.open.insert(room.clone());
    }

    /// The connection was lost in this run: what was missed is news to somebody who sits there.
    pub fn came_back(&self) -> bool {
        self.came_back
    }

    /// Whether a message is no part of what one catches up with.
    pub fn is_caught_up(&self, said: &Said) -> bool {
        match &said.place {
            Place::Room(room) => !is_past(said) || self.caught_up.contains(room),
            Place::Direct(_) => true,
        }
    }

    /// What belongs above this message.
    pub fn heading(&mut self, said: &Said) -> Option<String> {
        let Place::Room(room) = &said.place else { return None };
        if !is_past(said) || self.open.contains(room) {
            return None;
        }
        let heading = match (self.caught_up.contains(room), said.history) {
            (false, true) => "before you came",
            (false, false) => "missed meanwhile",
            (true, true) => "the last messages",
            // It fills a hole.
            (true, false) => return None,
        };
        self.open.insert(room.clone());
        Some(format!("#{room}: {heading}"))
    }

    /// What belongs below a page.
    pub fn page(&mut self, room: &RoomName, by_user: bool, more: bool) -> Option<String> {
        if more {
            return None;
        }
        if !by_user {
            self.caught_up.insert(room.clone());
        }
        self.open.remove(room).then(|| format!("#{room}: now"))
    }
}

/// It comes with a page.
fn is_past(said: &Said) -> bool {
    said.history || said.pos.is_some()
}
