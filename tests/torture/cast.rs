//! The participants: three senders, three receivers, a server and a broker; and the members of each room.

use std::fmt;
use std::time::Duration;

/// Everybody's keep alive: short, so some outages exceed it.
pub const KEEP_ALIVE: Duration = Duration::from_secs(5);

pub const LOBBY: &str = "lobby";
pub const ROOMS: [&str; 2] = ["red", "blue"];

/// Everything that a fault can hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Who {
    Broker,
    Server,
    Member(Member),
}

/// Everybody in the chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Member {
    Ann,
    Ben,
    Cat,
    Rex,
    Sue,
    Tom,
}

use Member::{Ann, Ben, Cat, Rex, Sue, Tom};

impl Member {
    pub const ALL: [Member; 6] = [Ann, Ben, Cat, Rex, Sue, Tom];
    pub const SENDERS: [Member; 3] = [Ann, Ben, Cat];
    pub const RECEIVERS: [Member; 3] = [Rex, Sue, Tom];

    pub fn nick(self) -> &'static str {
        match self {
            Ann => "ann",
            Ben => "ben",
            Cat => "cat",
            Rex => "rex",
            Sue => "sue",
            Tom => "tom",
        }
    }

    pub fn is_sender(self) -> bool {
        Member::SENDERS.contains(&self)
    }

    /// The rooms besides the lobby.
    pub fn rooms(self) -> &'static [&'static str] {
        match self {
            Ann | Ben | Cat | Rex => &ROOMS,
            Sue => &ROOMS[..1],
            Tom => &ROOMS[1..],
        }
    }

    pub fn is_in(self, room: &str) -> bool {
        room == LOBBY || self.rooms().contains(&room)
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.nick())
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Broker => f.pad("broker"),
            Who::Server => f.pad("server"),
            Who::Member(member) => member.fmt(f),
        }
    }
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Target {
    Room(&'static str),
    Direct(Member),
}

impl Target {
    /// Whether that member must get it.
    pub fn concerns(self, member: Member) -> bool {
        match self {
            Target::Room(room) => member.is_in(room),
            Target::Direct(to) => to == member,
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Room(room) => write!(f, "#{room}"),
            Target::Direct(member) => write!(f, "@{member}"),
        }
    }
}
