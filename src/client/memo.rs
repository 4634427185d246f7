//! Pure: what a conversation wants remembered beyond this run, and what it is given at its start. `memory` keeps it.

use super::outbox::Kept;
use crate::protocol::{Cursor, MessageId, NickKey, RoomName};
use std::collections::HashMap;

/// One thing to remember, once what was told before it is printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Memo {
    /// Everything in this room's history up to here was shown.
    Cursor { room: RoomName, cursor: Cursor },
    /// This message of a room was shown.
    Shown { room: RoomName, key: NickKey, id: MessageId },
    /// This direct message to us was shown.
    ShownDirect { key: NickKey, id: MessageId },
    /// A chat server was there that stores what it hears, on this broker and under this root.
    ServerSeen,
}

/// What earlier runs left behind, for this broker, root and nick.
#[derive(Debug, Clone, Default)]
pub struct Remembered {
    pub cursors: HashMap<RoomName, Cursor>,
    /// By room, oldest first.
    pub shown: HashMap<RoomName, Vec<(NickKey, MessageId)>>,
    /// Oldest first.
    pub shown_direct: Vec<(NickKey, MessageId)>,
    pub server_seen: bool,
    /// What an `--outbox` still holds, in the order in which it was taken.
    pub outbox: Vec<Kept>,
}
