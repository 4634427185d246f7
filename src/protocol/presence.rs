//! Presence: who joins, who leaves, and who is still there. The will is a leave that the broker sends.

use super::fields::{self, Invalid, is_default, lenient, lenient_list, lenient_or_default};
use super::id::Session;
use super::limits::ROOMS_PER_SESSION;
use super::names::{Nick, RoomName};
use super::timestamp::Timestamp;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    Join,
    Leave,
    Heartbeat,
}

/// `{"action":"join"|"leave"|"heartbeat","username","timestamp","session","conn","rooms":["dev"]}`, with `"will":true`
/// in a will.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Presence {
    pub action: Action,
    #[serde(rename = "username")]
    pub nick: Nick,
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// `None` for an original client.
    #[serde(default, deserialize_with = "lenient", skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// Counts the connections of the run, from 1; 0 if the payload does not tell.
    #[serde(default, deserialize_with = "lenient_or_default", skip_serializing_if = "is_default")]
    pub conn: u32,
    #[serde(default, deserialize_with = "lenient_or_default", skip_serializing_if = "is_default")]
    pub will: bool,
    /// The rooms that the session is in besides the lobby, at most [`ROOMS_PER_SESSION`].
    #[serde(default, deserialize_with = "lenient_list", skip_serializing_if = "Vec::is_empty")]
    pub rooms: Vec<RoomName>,
}

impl Presence {
    /// `Ok(None)`: an action of a later version.
    pub fn parse(payload: &[u8]) -> Result<Option<Presence>, Invalid> {
        #[derive(Deserialize)]
        struct Kind {
            action: String,
        }
        let kind: Kind = fields::read(payload)?;
        if !["join", "leave", "heartbeat"].contains(&kind.action.as_str()) {
            return Ok(None);
        }
        let mut presence: Presence = fields::read(payload)?;
        presence.rooms.retain(|room| !room.is_lobby());
        presence.rooms.sort();
        presence.rooms.dedup();
        presence.rooms.truncate(ROOMS_PER_SESSION);
        Ok(Some(presence))
    }

    /// The number of its connection; `known`, the last one known of its session, if the payload tells none.
    pub fn conn_or(&self, known: u32) -> u32 {
        if self.conn == 0 { known } else { self.conn }
    }
}

fields::to_json!(Presence);
