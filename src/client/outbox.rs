//! Pure: the messages that were typed and that the broker has not acknowledged yet, in order. The conversation owns it.
//!
//! ```text
//!  push ─► waiting ── take_waiting ─► handed out ── published, rejected ─► gone
//!             ▲                            │
//!             └──────── lost (late) ◄──────┘
//! ```

use crate::protocol::{Chat, Nick, Private, SentId, Session, Topic};
use serde_json::Value;
use std::collections::VecDeque;

/// Messages that it holds; more cannot be typed until the broker has some.
pub const CAPACITY: usize = 10_000;

/// What can be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Chat(Chat),
    Private(Private),
}

/// A message on its way to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub topic: Topic,
    pub payload: Vec<u8>,
    /// Its `seq`.
    pub ticket: u64,
}

/// A message that the broker has, or will not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settled {
    pub id: SentId,
    /// What the program that gave the message called it.
    pub reference: Option<Value>,
}

/// There are [`CAPACITY`] messages in it already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

struct Entry {
    message: Message,
    reference: Option<Value>,
    handed_out: bool,
}

pub struct Outbox {
    session: Session,
    /// Of the last message; 0 before the first.
    last_seq: u64,
    /// In order of `seq`, without holes but for those that are settled.
    entries: VecDeque<(u64, Entry)>,
}

impl Outbox {
    pub fn new(session: Session) -> Outbox {
        Outbox { session, last_seq: 0, entries: VecDeque::new() }
    }

    /// Takes a message in and gives it its id, which it returns.
    pub fn push(&mut self, mut message: Message, reference: Option<Value>) -> Result<SentId, Full> {
        if self.entries.len() >= CAPACITY {
            return Err(Full);
        }
        let id = SentId { session: self.session.clone(), seq: self.last_seq + 1 };
        self.last_seq = id.seq;
        *message.id_mut() = Some(id.clone());
        self.entries.push_back((id.seq, Entry { message, reference, handed_out: false }));
        Ok(id)
    }

    /// Everything that is to be published now, oldest first.
    pub fn take_waiting(&mut self) -> Vec<Outgoing> {
        let waiting = self.entries.iter_mut().filter(|(_, entry)| !entry.handed_out);
        let outgoing = waiting.map(|(seq, entry)| {
            entry.handed_out = true;
            Outgoing { topic: entry.message.topic(), payload: entry.message.to_json(), ticket: *seq }
        });
        outgoing.collect()
    }

    /// The broker has this message, or will never take it. `None`: it was settled before.
    pub fn settle(&mut self, ticket: u64) -> Option<Settled> {
        let at = self.entries.binary_search_by_key(&ticket, |(seq, _)| *seq).ok()?;
        let (seq, entry) = self.entries.remove(at)?;
        Some(Settled { id: SentId { session: self.session.clone(), seq }, reference: entry.reference })
    }

    /// The connection is gone: whether the broker has what was handed out is not known, so it goes again, marked late.
    pub fn lost(&mut self) {
        for (_, entry) in self.entries.iter_mut().filter(|(_, entry)| entry.handed_out) {
            entry.handed_out = false;
            *entry.message.late_mut() = true;
        }
    }

    /// What is still here goes out under another nick.
    pub fn rename(&mut self, nick: &Nick) {
        for (_, entry) in &mut self.entries {
            *entry.message.nick_mut() = nick.clone();
        }
    }

    /// Messages that the broker has not acknowledged.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl Message {
    /// Sent again, a lobby message takes the topic that original clients do not read: they see nothing twice.
    fn topic(&self) -> Topic {
        match self {
            Message::Chat(chat) if !chat.room.is_lobby() => {
                Topic::Room { room: chat.room.clone(), sender: chat.nick.key().clone() }
            }
            Message::Chat(chat) => Topic::Messages { sender: chat.late.then(|| chat.nick.key().clone()) },
            Message::Private(private) => {
                Topic::Private { to: private.to.key().clone(), sender: private.nick.key().clone() }
            }
        }
    }

    fn to_json(&self) -> Vec<u8> {
        match self {
            Message::Chat(chat) => chat.to_json(),
            Message::Private(private) => private.to_json(),
        }
    }

    fn id_mut(&mut self) -> &mut Option<SentId> {
        match self {
            Message::Chat(chat) => &mut chat.id,
            Message::Private(private) => &mut private.id,
        }
    }

    fn late_mut(&mut self) -> &mut bool {
        match self {
            Message::Chat(chat) => &mut chat.late,
            Message::Private(private) => &mut private.late,
        }
    }

    fn nick_mut(&mut self) -> &mut Nick {
        match self {
            Message::Chat(chat) => &mut chat.nick,
            Message::Private(private) => &mut private.nick,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::RoomName;

    fn chat(text: &str, room: &str) -> Message {
        Message::Chat(Chat {
            nick: Nick::parse("Alice").unwrap(),
            text: text.to_owned(),
            timestamp: None,
            id: None,
            room: RoomName::parse(room).unwrap(),
            action: false,
            late: false,
        })
    }

    fn outbox(texts: &[&str]) -> Outbox {
        let mut outbox = Outbox::new(Session::from_random([7; 12]));
        for text in texts {
            outbox.push(chat(text, "lobby"), None).unwrap();
        }
        outbox
    }

    /// `expected`: ticket, topic and text of each.
    #[track_caller]
    fn check(outbox: &mut Outbox, expected: &[(u64, &str, &str)]) {
        let topics = crate::protocol::Topics::new("chat");
        let taken: Vec<(u64, String, String)> = outbox
            .take_waiting()
            .into_iter()
            .map(|out| {
                let text = Chat::parse(&out.payload, RoomName::lobby()).unwrap().unwrap().text;
                (out.ticket, topics.name(&out.topic), text)
            })
            .collect();
        let taken: Vec<(u64, &str, &str)> = taken.iter().map(|(n, t, x)| (*n, t.as_str(), x.as_str())).collect();
        assert_eq!(taken, expected);
    }

    #[test]
    fn goes_out_once_and_in_order() {
        let mut outbox = outbox(&["a", "b"]);
        check(&mut outbox, &[(1, "chat/messages", "a"), (2, "chat/messages", "b")]);
        check(&mut outbox, &[]);
        assert_eq!(outbox.settle(1).unwrap().id.seq, 1);
        assert_eq!(outbox.settle(1), None);
        assert_eq!(outbox.len(), 1);
    }

    #[test]
    fn what_was_handed_out_goes_again_late_and_past_the_originals() {
        let mut outbox = outbox(&["a", "b"]);
        check(&mut outbox, &[(1, "chat/messages", "a"), (2, "chat/messages", "b")]);
        outbox.settle(1);
        outbox.push(chat("c", "lobby"), None).unwrap();
        outbox.push(chat("d", "dev"), None).unwrap();
        outbox.lost();
        check(
            &mut outbox,
            &[(2, "chat/messages/alice", "b"), (3, "chat/messages", "c"), (4, "chat/rooms/dev/alice", "d")],
        );
    }

    #[test]
    fn late_is_written() {
        let mut outbox = outbox(&["a"]);
        outbox.take_waiting();
        outbox.lost();
        let again = outbox.take_waiting().remove(0);
        let chat = Chat::parse(&again.payload, RoomName::lobby()).unwrap().unwrap();
        assert!(chat.late);
        assert_eq!(chat.id.unwrap().seq, 1);
    }

    #[test]
    fn it_is_bounded_and_its_numbers_go_on() {
        let mut outbox = outbox(&[]);
        for _ in 0..CAPACITY {
            outbox.push(chat("x", "lobby"), None).unwrap();
        }
        assert_eq!(outbox.push(chat("x", "lobby"), None), Err(Full));
        outbox.settle(1);
        assert_eq!(outbox.push(chat("x", "lobby"), None).unwrap().seq, CAPACITY as u64 + 1);
    }

    #[test]
    fn a_new_nick_takes_everything_along() {
        let mut outbox = outbox(&["a"]);
        outbox.rename(&Nick::parse("Bob").unwrap());
        outbox.take_waiting();
        outbox.lost();
        check(&mut outbox, &[(1, "chat/messages/bob", "a")]);
    }
}
