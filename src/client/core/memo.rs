//! What a conversation remembers beyond this run, and gets back at its start. `memory` stores it.

use super::outbox::Kept;
use crate::protocol::{Cursor, Epoch, MessageId, Nick, NickKey, Ranges, RoomName, SentId, Session};
use std::collections::HashMap;

/// How many ranges of one series are remembered. A sender who alternates between two rooms leaves one per message in each.
/// Above this, the lowest are forgotten, and their messages would be shown again.
pub const RANGES: usize = 10_000;

/// Messages that are numbered together. Usually all messages of a series are shown, so a few ranges cover many messages.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Series {
    /// Messages of one run of a client, numbered by the client.
    Sent(NickKey, Session),
    /// Messages without a number, numbered by their history.
    Stored(Epoch),
}

impl Series {
    pub fn of_sent(key: &NickKey, id: &SentId) -> Series {
        Series::Sent(key.clone(), id.session.clone())
    }

    /// The series of a message, and its number there. The server's number is useless if its history is not known.
    pub fn of(key: &NickKey, id: &MessageId, history: Option<&Epoch>) -> Option<(Series, u64)> {
        match id {
            MessageId::Sent(id) => Some((Series::of_sent(key, id), id.seq)),
            MessageId::Row(row) => history.map(|epoch| (Series::Stored(epoch.clone()), *row)),
        }
    }
}

/// Remembers a message of a series; `false` if it was remembered already.
pub fn add(numbers: &mut Ranges, number: u64) -> bool {
    let is_new = numbers.insert(number);
    if numbers.ranges().len() > RANGES {
        // Many at once, because each removal moves all others.
        numbers.forget_lowest(RANGES / 10);
    }
    is_new
}

/// How many typed lines are remembered.
pub const LINES: usize = 500;

/// One thing to remember, after everything told before it is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Memo {
    /// Everything in this room's history up to this cursor was shown.
    Cursor {
        room: RoomName,
        cursor: Cursor,
    },
    /// This message of a room was shown, or this direct message to the user if there is no room.
    Shown {
        room: Option<RoomName>,
        series: Series,
        number: u64,
    },
    /// A chat server that confirms what it stores was seen on this broker and under this root.
    ServerSeen,
    /// The messages of this nick are hidden in this chat, whatever the user's own nick.
    Ignored(Nick),
    Unignored(NickKey),
    /// This line was typed; later runs offer it again.
    Typed(String),
}

/// The messages that were shown, by series, the least recently shown series first.
pub type Shown = Vec<(Series, Ranges)>;

/// What earlier runs left behind, for this broker, root and nick.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    pub cursors: HashMap<RoomName, Cursor>,
    pub shown: HashMap<RoomName, Shown>,
    pub shown_direct: Shown,
    pub server_seen: bool,
    /// Whose messages are hidden.
    pub ignored: Vec<Nick>,
    /// Typed lines, oldest first.
    pub typed: Vec<String>,
    /// The messages in the `--outbox`, in the order in which they were added.
    pub outbox: Vec<Kept>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_highest_numbers_of_a_series_are_remembered() {
        let mut numbers = Ranges::default();
        let odd = |count: usize| (0..count as u64).map(|number| 2 * number + 1);
        for number in odd(2 * RANGES) {
            assert!(add(&mut numbers, number));
        }
        assert!(numbers.ranges().len() <= RANGES);
        assert!(odd(2 * RANGES).skip(RANGES + RANGES / 10).all(|number| !add(&mut numbers, number)));
    }
}
