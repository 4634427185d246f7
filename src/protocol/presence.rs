//! Presence: who joins, leaves and is still there. The will is a leave that the broker sends.

use super::fields::{self, Invalid, is_false, lenient, lenient_list};
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

/// `{"action":"join"|"leave"|"heartbeat","username","timestamp","session","conn","rooms":["dev"]}`, `"will":true` on a will.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Presence {
    pub action: Action,
    #[serde(rename = "username")]
    pub nick: Nick,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timestamp: Option<Timestamp>,
    /// `None` for an original client.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Session>,
    /// Counts the connections of the run, from 1; 0 where it is not told.
    #[serde(skip_serializing_if = "is_zero")]
    pub conn: u32,
    #[serde(skip_serializing_if = "is_false")]
    pub will: bool,
    /// The rooms that the session is in, the lobby not named; at most [`ROOMS_PER_SESSION`].
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rooms: Vec<RoomName>,
}

fn is_zero(value: &u32) -> bool {
    *value == 0
}

impl Presence {
    /// `Ok(None)`: an action of a later version.
    pub fn parse(payload: &[u8]) -> Result<Option<Presence>, Invalid> {
        #[derive(Deserialize)]
        struct Fields {
            action: String,
            username: Nick,
            #[serde(default, deserialize_with = "lenient")]
            timestamp: Option<Timestamp>,
            #[serde(default, deserialize_with = "lenient")]
            session: Option<Session>,
            #[serde(default, deserialize_with = "lenient")]
            conn: Option<u32>,
            #[serde(default, deserialize_with = "lenient")]
            will: Option<bool>,
            #[serde(default, deserialize_with = "lenient_list")]
            rooms: Vec<RoomName>,
        }
        let fields: Fields = fields::read(payload)?;
        let action = match fields.action.as_str() {
            "join" => Action::Join,
            "leave" => Action::Leave,
            "heartbeat" => Action::Heartbeat,
            _ => return Ok(None),
        };
        let mut rooms = fields.rooms;
        rooms.retain(|room| !room.is_lobby());
        rooms.sort();
        rooms.dedup();
        rooms.truncate(ROOMS_PER_SESSION);
        Ok(Some(Presence {
            action,
            nick: fields.username,
            timestamp: fields.timestamp,
            session: fields.session,
            conn: fields.conn.unwrap_or(0),
            will: fields.will.unwrap_or(false),
            rooms,
        }))
    }

    /// Its connection's number: where it tells none, that of the connection that is known of its session.
    pub fn conn_or(&self, known: u32) -> u32 {
        if self.conn == 0 { known } else { self.conn }
    }

    pub fn to_json(&self) -> Vec<u8> {
        fields::write(self)
    }
}
