//! Headings over past messages, and a line where the present begins.

use crate::client::core::news::{Place, Said};
use crate::protocol::RoomName;
use std::collections::HashSet;

#[derive(Debug, Default)]
pub struct Sections {
    /// Rooms whose heading was shown, but not the end.
    open: HashSet<RoomName>,
    /// Rooms that have caught up since the last connection.
    caught_up: HashSet<RoomName>,
    came_back: bool,
}

impl Sections {
    /// A connection was made.
    pub fn begin(&mut self, again: bool) {
        self.caught_up.clear();
        self.open.clear();
        self.came_back = again;
    }

    /// A heading was shown for it.
    pub fn open(&mut self, room: &RoomName) {
        self.open.insert(room.clone());
    }

    /// The connection was lost during this run: a person at the terminal has not seen what was missed.
    pub fn came_back(&self) -> bool {
        self.came_back
    }

    /// Whether a message is new, not part of catching up.
    pub fn is_caught_up(&self, said: &Said) -> bool {
        match &said.place {
            Place::Room(room) => !is_past(said) || self.caught_up.contains(room),
            Place::Direct(_) => true,
        }
    }

    /// The heading above this message.
    pub fn heading(&mut self, said: &Said) -> Option<String> {
        let Place::Room(room) = &said.place else { return None };
        if !is_past(said) || self.open.contains(room) {
            return None;
        }
        let heading = match (self.caught_up.contains(room), said.history) {
            (false, true) => "before you came",
            (false, false) => "missed meanwhile",
            (true, true) => "the last messages",
            // It fills a gap.
            (true, false) => return None,
        };
        self.open.insert(room.clone());
        Some(format!("#{room}: {heading}"))
    }

    /// The line below a page.
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

/// Whether it came with a page.
fn is_past(said: &Said) -> bool {
    said.history || said.pos.is_some()
}
