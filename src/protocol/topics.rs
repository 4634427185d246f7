//! Topic names and filters below a chat's root.

use super::names::{Nick, NickKey, RoomName, fits_topics};
use super::request::RequestKind;

/// A topic of a chat. Levels that name a sender or an addressee are keys (lower case).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Topic {
    /// Lobby messages; flat from original clients.
    Messages { sender: Option<NickKey> },
    /// Messages to a room.
    Room { room: RoomName, sender: NickKey },
    /// Direct messages and receipts from a client to a client.
    Private { to: NickKey, sender: NickKey },
    /// What the server says to a client of ours: replies, the fate of its messages, direct messages that waited.
    PrivateServer { to: NickKey },
    /// Replies to an original client; the nick as typed, because that is what the client subscribes to.
    PrivateFlat { to: Nick },
    /// Join, leave, heartbeat; flat from original clients.
    Presence { sender: Option<NickKey> },
    /// Requests to the server; flat from original clients.
    Request { what: RequestKind, sender: Option<NickKey> },
    /// Retained: how far a room's history reaches.
    Marks { room: RoomName },
    /// Notices to everybody.
    System,
    /// The retained list of who is online.
    Users,
    /// The retained description of the server.
    Server,
    /// The retained counters of the server.
    Stats,
}

/// The root of all topics of a chat (`chat` by default): turns [`Topic`]s into names and back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topics {
    root: String,
}

impl Topics {
    /// `root` is checked by `options`: not empty, no wildcards, no `/` at its ends.
    pub fn new(root: &str) -> Topics {
        Topics { root: root.to_owned() }
    }

    pub fn root(&self) -> &str {
        &self.root
    }

    pub fn name(&self, topic: &Topic) -> String {
        let root = &self.root;
        match topic {
            Topic::Messages { sender: None } => format!("{root}/messages"),
            Topic::Messages { sender: Some(sender) } => format!("{root}/messages/{sender}"),
            Topic::Room { room, sender } => format!("{root}/rooms/{room}/{sender}"),
            Topic::Private { to, sender } => format!("{root}/private/{to}/{sender}"),
            Topic::PrivateServer { to } => format!("{root}/private/{to}/server"),
            Topic::PrivateFlat { to } => format!("{root}/private/{to}"),
            Topic::Presence { sender: None } => format!("{root}/presence"),
            Topic::Presence { sender: Some(sender) } => format!("{root}/presence/{sender}"),
            Topic::Request { what, sender: None } => format!("{root}/request/{}", what.as_str()),
            Topic::Request { what, sender: Some(sender) } => format!("{root}/request/{}/{sender}", what.as_str()),
            Topic::Marks { room } => format!("{root}/marks/{room}"),
            Topic::System => format!("{root}/system"),
            Topic::Users => format!("{root}/users"),
            Topic::Server => format!("{root}/server"),
            Topic::Stats => format!("{root}/stats"),
        }
    }

    /// `None` for a name outside the root, of an unknown form, or with a level that no nick or room can have.
    pub fn parse(&self, name: &str) -> Option<Topic> {
        let mut levels = name.strip_prefix(self.root.as_str())?.strip_prefix('/')?.split('/');
        let head = levels.next()?;
        let (first, second, rest) = (levels.next(), levels.next(), levels.next());
        if rest.is_some() {
            return None;
        }
        let key = |level: &str| NickKey::parse(level).ok();
        // A flat topic has no sender level; one that is there must be a key.
        let sender = |level: Option<&str>| level.map(key).map_or(Some(None), |parsed| parsed.map(Some));
        Some(match (head, first, second) {
            ("messages", level, None) => Topic::Messages { sender: sender(level)? },
            // The lobby has a topic of its own; nobody would see its messages here.
            ("rooms", Some(room), Some(level)) => {
                let room = RoomName::parse(room).ok().filter(|room| !room.is_lobby())?;
                Topic::Room { room, sender: key(level)? }
            }
            ("private", Some(to), None) => Topic::PrivateFlat { to: Nick::parse(to).ok()? },
            ("private", Some(to), Some("server")) => Topic::PrivateServer { to: key(to)? },
            ("private", Some(to), Some(level)) => Topic::Private { to: key(to)?, sender: key(level)? },
            ("presence", level, None) => Topic::Presence { sender: sender(level)? },
            ("request", Some(what), level) => {
                Topic::Request { what: RequestKind::parse(what)?, sender: sender(level)? }
            }
            ("marks", Some(room), None) => Topic::Marks { room: RoomName::parse(room).ok()? },
            ("system", None, None) => Topic::System,
            ("users", None, None) => Topic::Users,
            ("server", None, None) => Topic::Server,
            ("stats", None, None) => Topic::Stats,
            _ => return None,
        })
    }

    /// Whether this topic carries chat messages, direct messages or receipts, judged by its first level. What a server says
    /// to a client does not count.
    pub fn carries_messages(&self, name: &str) -> bool {
        let below_root = name.strip_prefix(self.root.as_str()).and_then(|rest| rest.strip_prefix('/'));
        below_root.is_some_and(|rest| match rest.split('/').next() {
            Some("messages" | "rooms") => true,
            Some("private") => !rest.ends_with("/server"),
            _ => false,
        })
    }

    /// The messages of the lobby. Here and below, flat topics are included: `a/#` also matches `a`.
    pub fn all_messages(&self) -> String {
        self.all("messages")
    }

    /// The messages of all other rooms.
    pub fn all_rooms(&self) -> String {
        self.all("rooms")
    }

    pub fn all_presence(&self) -> String {
        self.all("presence")
    }

    pub fn all_requests(&self) -> String {
        self.all("request")
    }

    fn all(&self, level: &str) -> String {
        format!("{}/{level}/#", self.root)
    }

    /// The messages of one room.
    pub fn one_room(&self, room: &RoomName) -> String {
        format!("{}/rooms/{room}/#", self.root)
    }

    /// Everything sent to one nick: direct messages, and replies without a sender's level.
    pub fn private_to(&self, key: &NickKey) -> String {
        format!("{}/private/{key}/#", self.root)
    }

    /// The topic on which an original client with this name listens. `None` if that is not a valid topic of its own. The
    /// name need not be a nick.
    pub fn flat_private(&self, name: &str) -> Option<String> {
        /// Longer than anybody types.
        const NAME_BYTES: usize = 256;
        let is_level = |name: &str| name.chars().all(|c| fits_topics(c) && !matches!(c, '/' | '+' | '#'));
        (!name.is_empty() && name.len() <= NAME_BYTES && is_level(name))
            .then(|| format!("{}/private/{name}", self.root))
    }

    /// Everybody's direct messages and receipts, and what the server says to each. The server also receives its own, unless
    /// the broker can leave those out.
    pub fn all_private(&self) -> String {
        format!("{}/private/+/+", self.root)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, known: bool) {
        let topics = Topics::new("chat");
        let topic = topics.parse(name);
        assert_eq!(topic.is_some(), known, "{name}: {topic:?}");
        if let Some(topic) = topic {
            assert_eq!(topics.name(&topic), name);
        }
    }

    #[test]
    fn names() {
        check("chat/messages", true);
        check("chat/messages/alice", true);
        check("chat/messages/Alice", false);
        check("chat/messages/alice/x", false);
        check("chat/rooms/dev/alice", true);
        check("chat/rooms/dev", false);
        check("chat/rooms/lobby/alice", false);
        check("chat/rooms/Dev/alice", false);
        check("chat/private/Alice", true);
        check("chat/private/alice/bob", true);
        check("chat/private/alice/server", true);
        check("chat/marks/lobby", true);
        check("chat/marks", false);
        check("chat/marks/Dev", false);
        check("chat/presence", true);
        check("chat/presence/", false);
        check("chat/request/users", true);
        check("chat/request/history/alice", true);
        check("chat/request/search/alice", true);
        check("chat/request/nonsense", false);
        check("chat/system", true);
        check("chat/system/x", false);
        check("chat/users", true);
        check("chat/server", true);
        check("chat/stats", true);
        check("chat", false);
        check("chatter/messages", false);
        check("other/messages", false);
    }

    #[test]
    fn a_root_of_several_levels() {
        let topics = Topics::new("home/attic");
        assert_eq!(topics.name(&Topic::System), "home/attic/system");
        assert_eq!(topics.parse("home/attic/system"), Some(Topic::System));
        assert_eq!(topics.parse("home/system"), None);
    }
}
