//! Pure: the messages that were typed and that the broker has not acknowledged yet, in order, and those that it has while
//! the chat's server was away and could not hear them. The conversation owns it.
//!
//! ```text
//!  push ─► waiting ── take_waiting ─► handed out ── settle, heard ─► gone
//!             ▲                         │     │
//!             ├────── lost (late) ◄─────┘     │ settle, not heard
//!             └─ server_came (late) ◄─ unheard ◄┘   (and of what is handed out what was not heard)
//! ```

use crate::protocol::{Chat, Nick, Private, SentId, Session, Topic};
use serde_json::Value;
use std::collections::VecDeque;

/// Messages that it holds; more cannot be typed until the broker has some.
pub const CAPACITY: usize = 10_000;
/// And of those that the server has not heard; past that the oldest are let go.
const UNHEARD: usize = 1_000;

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
    state: State,
    /// The broker has it.
    acknowledged: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    HandedOut {
        /// A server was there.
        heard: bool,
    },
    Unheard,
}

pub struct Outbox {
    session: Session,
    /// Of the last message; 0 before the first.
    last_seq: u64,
    /// In order of `seq`.
    entries: VecDeque<(u64, Entry)>,
    /// The `seq` of those that are unheard, in the order in which that was found.
    unheard: VecDeque<u64>,
    /// Messages that the broker has not acknowledged.
    unsent: usize,
}

impl Outbox {
    pub fn new(session: Session) -> Outbox {
        Outbox { session, last_seq: 0, entries: VecDeque::new(), unheard: VecDeque::new(), unsent: 0 }
    }

    /// Takes a message in and gives it its id, which it returns.
    pub fn push(&mut self, mut message: Message, reference: Option<Value>) -> Result<SentId, Full> {
        if self.unsent >= CAPACITY {
            return Err(Full);
        }
        self.unsent += 1;
        let id = SentId { session: self.session.clone(), seq: self.last_seq + 1 };
        self.last_seq = id.seq;
        *message.id_mut() = Some(id.clone());
        self.entries.push_back((id.seq, Entry { message, reference, state: State::Waiting, acknowledged: false }));
        Ok(id)
    }

    /// Everything that is to be published now, oldest first. `heard`: the chat's server is there, or there is none.
    pub fn take_waiting(&mut self, heard: bool) -> Vec<Outgoing> {
        let waiting = self.entries.iter_mut().filter(|(_, entry)| entry.state == State::Waiting);
        let outgoing = waiting.map(|(seq, entry)| {
            entry.state = State::HandedOut { heard };
            Outgoing { topic: entry.message.topic(), payload: entry.message.to_json(), ticket: *seq }
        });
        outgoing.collect()
    }

    /// The broker has this message. `None`: that was told before.
    pub fn settle(&mut self, ticket: u64, heard: bool) -> Option<Settled> {
        let at = self.position(ticket)?;
        let (seq, entry) = self.entries.get_mut(at)?;
        let settled =
            Settled { id: SentId { session: self.session.clone(), seq: *seq }, reference: entry.reference.take() };
        let is_news = !std::mem::replace(&mut entry.acknowledged, true);
        self.unsent -= usize::from(is_news);
        if heard && entry.state != (State::HandedOut { heard: false }) {
            self.entries.remove(at);
        } else {
            entry.state = State::Unheard;
            self.unheard.push_back(ticket);
            if self.unheard.len() > UNHEARD
                && let Some(oldest) = self.unheard.pop_front()
                && let Some(at) = self.position(oldest)
            {
                self.entries.remove(at);
            }
        }
        is_news.then_some(settled)
    }

    /// The broker will never take this message.
    pub fn reject(&mut self, ticket: u64) -> Option<Settled> {
        let settled = self.settle(ticket, true);
        if let Some(at) = self.position(ticket) {
            self.entries.remove(at);
        }
        settled
    }

    /// The connection is gone: whether the broker has what was handed out is not known, so it goes again, marked late.
    pub fn lost(&mut self) {
        self.again(|state| matches!(state, State::HandedOut { .. }));
    }

    /// The chat's server is there again: what it has not heard goes again, marked late.
    pub fn server_came(&mut self) {
        self.unheard.clear();
        self.again(|state| matches!(state, State::Unheard | State::HandedOut { heard: false }));
    }

    fn again(&mut self, which: fn(State) -> bool) {
        for (_, entry) in self.entries.iter_mut().filter(|(_, entry)| which(entry.state)) {
            entry.state = State::Waiting;
            *entry.message.late_mut() = true;
        }
    }

    fn position(&self, seq: u64) -> Option<usize> {
        self.entries.binary_search_by_key(&seq, |(seq, _)| *seq).ok()
    }

    /// What is still here goes out under another nick.
    pub fn rename(&mut self, nick: &Nick) {
        for (_, entry) in &mut self.entries {
            *entry.message.nick_mut() = nick.clone();
        }
    }

    /// What is still here, in order.
    pub fn messages(&self) -> impl DoubleEndedIterator<Item = &Message> {
        self.entries.iter().map(|(_, entry)| &entry.message)
    }

    /// Messages that the broker has not acknowledged.
    pub fn unsent(&self) -> usize {
        self.unsent
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
            .take_waiting(true)
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
        assert_eq!(outbox.settle(1, true).unwrap().id.seq, 1);
        assert_eq!(outbox.settle(1, true), None);
        assert_eq!(outbox.unsent(), 1);
    }

    #[test]
    fn what_was_handed_out_goes_again_late_and_past_the_originals() {
        let mut outbox = outbox(&["a", "b"]);
        check(&mut outbox, &[(1, "chat/messages", "a"), (2, "chat/messages", "b")]);
        outbox.settle(1, true);
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
        outbox.take_waiting(true);
        outbox.lost();
        let again = outbox.take_waiting(true).remove(0);
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
        outbox.settle(1, true);
        assert_eq!(outbox.push(chat("x", "lobby"), None).unwrap().seq, CAPACITY as u64 + 1);
    }

    #[test]
    fn a_new_nick_takes_everything_along() {
        let mut outbox = outbox(&["a"]);
        outbox.rename(&Nick::parse("Bob").unwrap());
        outbox.take_waiting(true);
        outbox.lost();
        check(&mut outbox, &[(1, "chat/messages/bob", "a")]);
    }

    #[test]
    fn what_the_server_did_not_hear_goes_again_when_it_comes() {
        let mut outbox = outbox(&["a", "b"]);
        assert_eq!(outbox.take_waiting(false).len(), 2);
        assert!(outbox.settle(1, false).is_some());
        assert!(outbox.settle(2, true).is_some(), "it came too late for it");
        assert_eq!(outbox.unsent(), 0);
        check(&mut outbox, &[]);
        outbox.server_came();
        check(&mut outbox, &[(1, "chat/messages/alice", "a"), (2, "chat/messages/alice", "b")]);
        assert_eq!(outbox.settle(1, true), None, "it was told before");
        outbox.lost();
        check(&mut outbox, &[(2, "chat/messages/alice", "b")]);
        assert_eq!(outbox.settle(2, true), None);
        outbox.server_came();
        check(&mut outbox, &[]);
    }

    #[test]
    fn only_so_much_is_kept_for_a_server() {
        let mut outbox = outbox(&[]);
        for seq in 1..=UNHEARD as u64 + 5 {
            outbox.push(chat("x", "lobby"), None).unwrap();
            outbox.take_waiting(false);
            outbox.settle(seq, false);
        }
        outbox.server_came();
        let again = outbox.take_waiting(true);
        assert_eq!((again.len(), again[0].ticket), (UNHEARD, 6));
    }
}
