//! Bounds the news that waits for a program's member to take it. Beyond the bound, arriving messages are dropped, to be
//! fetched later, and joins and leaves are not told.

use super::command::Command;
use super::news::News;
use super::session::SessionEvent;
use crate::link::Event as LinkEvent;
use crate::protocol::Topics;
use std::collections::VecDeque;

/// The most bytes of unread news. Beyond that, messages are dropped until half of the news is taken.
const UNREAD: usize = 12 * 1024 * 1024;
/// The same, including news of the user's own messages and everything else. Beyond that, only the end is told.
const ALL_UNREAD: usize = 16 * 1024 * 1024;
/// What a piece of news takes in memory besides its source.
const NEWS: usize = 512;

/// News that nobody has taken yet.
#[derive(Debug)]
pub struct Unread {
    topics: Topics,
    /// The size of each piece of news in bytes, oldest first.
    sizes: VecDeque<usize>,
    bytes: usize,
    is_full: bool,
    /// Messages dropped so far.
    dropped: u64,
    /// The size of what the next news is made from.
    source: usize,
}

impl Unread {
    pub fn new(topics: Topics) -> Unread {
        Unread { topics, sizes: VecDeque::new(), bytes: 0, is_full: false, dropped: 0, source: 0 }
    }

    /// Takes the number of pieces that wait. Returns what the session must know, if anything.
    pub fn look(&mut self, waiting: usize) -> Option<SessionEvent> {
        while self.sizes.len() > waiting
            && let Some(size) = self.sizes.pop_front()
        {
            self.bytes -= size;
        }
        match self.is_full {
            false if self.bytes > UNREAD => {
                self.is_full = true;
                Some(SessionEvent::Full)
            }
            true if self.bytes <= UNREAD / 2 => {
                self.is_full = false;
                Some(SessionEvent::HasRoom { dropped: std::mem::take(&mut self.dropped) })
            }
            _ => None,
        }
    }

    /// Whether to look again soon even if nothing happens.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether to pass this to the session. Counts what is not passed.
    pub fn admits(&mut self, event: &SessionEvent) -> bool {
        self.source = match event {
            SessionEvent::Link { event: LinkEvent::Message(message), .. } => message.payload.len(),
            SessionEvent::Ordered(Command::Say { text, .. }, _) => text.len(),
            _ => 0,
        };
        let is_dropped = matches!(event, SessionEvent::Link { event: LinkEvent::Message(message), .. }
            if self.is_full && self.topics.carries_messages(&message.topic));
        self.dropped += u64::from(is_dropped);
        !is_dropped
    }

    /// Whether there is room for this news. Counts it if so.
    pub fn takes(&mut self, news: &News) -> bool {
        let waits = self.is_full && matches!(news, News::Presence(_));
        let has_room = !waits && self.bytes <= ALL_UNREAD;
        if has_room {
            let size = NEWS + std::mem::take(&mut self.source);
            self.sizes.push_back(size);
            self.bytes += size;
        }
        has_room
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Message, Qos};
    use crate::protocol::RoomName;

    fn message(topic: &str) -> SessionEvent {
        let (topic, payload) = (topic.to_owned(), vec![b'x'; 1 << 20]);
        let message = Message { topic, payload, qos: Qos::AtLeastOnce, retained: false };
        SessionEvent::Link { number: 1, event: LinkEvent::Message(message) }
    }

    fn news() -> News {
        News::Gap(RoomName::lobby())
    }

    #[test]
    fn messages_are_dropped_until_half_of_what_waits_is_taken() {
        let mut unread = Unread::new(Topics::new("chat"));
        let mut waiting = 0;
        while unread.look(waiting).is_none() {
            assert!(unread.admits(&message("chat/messages")));
            assert!(unread.takes(&news()));
            waiting += 1;
        }
        assert_eq!(waiting, 12, "MiB and what news holds beside");
        assert!(!unread.admits(&message("chat/messages")));
        assert!(unread.admits(&message("chat/private/alice/server")), "replies come through");
        assert!(unread.look(6).is_none());
        assert!(matches!(unread.look(5), Some(SessionEvent::HasRoom { dropped: 1 })));
        assert!(unread.admits(&message("chat/messages")));
    }

    #[test]
    fn beyond_a_limit_nothing_is_told() {
        let mut unread = Unread::new(Topics::new("chat"));
        let mut told = 0;
        loop {
            unread.admits(&message("chat/private/alice/server"));
            if !unread.takes(&news()) {
                break;
            }
            told += 1;
        }
        assert_eq!(told, 16);
    }
}
