//! Pure: what a conversation wants remembered beyond this run, and what it is given at its start. `memory` keeps it.

use super::outbox::Kept;
use crate::protocol::{Cursor, Epoch, MessageId, Nick, NickKey, Ranges, RoomName, SentId, Session};
use std::collections::HashMap;

/// Ranges of one series that are remembered. A sender who talks in two rooms by turns leaves one for each message in
/// either; past that the lowest are let go, and would be shown again.
pub const RANGES: usize = 10_000;

/// Messages that are counted together. Of a series mostly everything is shown, so that many are few ranges.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Series {
    /// Those of one run of a client, as it counts them.
    Sent(NickKey, Session),
    /// Those that came without a number, as their history counts them.
    Stored(Epoch),
}

impl Series {
    pub fn of_sent(key: &NickKey, id: &SentId) -> Series {
        Series::Sent(key.clone(), id.session.clone())
    }

    /// The series of a message, and its number there. The server's number says nothing where its history is not known.
    pub fn of(key: &NickKey, id: &MessageId, history: Option<&Epoch>) -> Option<(Series, u64)> {
        match id {
            MessageId::Sent(id) => Some((Series::of_sent(key, id), id.seq)),
            MessageId::Row(row) => history.map(|epoch| (Series::Stored(epoch.clone()), *row)),
        }
    }
}

/// Adds a message of a series to those that are remembered; `false` where it was there.
pub fn add(numbers: &mut Ranges, number: u64) -> bool {
    let is_new = numbers.insert(number);
    if numbers.ranges().len() > RANGES {
        // Many at once: each time all others move.
        numbers.forget_lowest(RANGES / 10);
    }
    is_new
}

/// Lines typed that are remembered.
pub const LINES: usize = 500;

/// One thing to remember, once what was told before it is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Memo {
    /// Everything in this room's history up to here was shown.
    Cursor {
        room: RoomName,
        cursor: Cursor,
    },
    /// This message of a room was shown.
    Shown {
        room: RoomName,
        series: Series,
        number: u64,
    },
    /// This direct message to us was shown.
    ShownDirect {
        series: Series,
        number: u64,
    },
    /// A chat server was there, which says what it has stored, on this broker and under this root.
    ServerSeen,
    /// This one's messages are hidden, in this chat, whatever one's own nick.
    Ignored(Nick),
    Unignored(NickKey),
    /// This line was typed, and is offered again in later runs.
    Typed(String),
}

/// Series of which messages were shown, and which ones: the series that was longest not heard of first.
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
    /// Lines that were typed, the last one last.
    pub typed: Vec<String>,
    /// What an `--outbox` still holds, in the order in which it was taken.
    pub outbox: Vec<Kept>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_one_series_the_highest_numbers_are_remembered() {
        let mut numbers = Ranges::default();
        let odd = |count: usize| (0..count as u64).map(|number| 2 * number + 1);
        for number in odd(2 * RANGES) {
            assert!(add(&mut numbers, number));
        }
        assert!(numbers.ranges().len() <= RANGES);
        assert!(odd(2 * RANGES).skip(RANGES + RANGES / 10).all(|number| !add(&mut numbers, number)));
    }
}
