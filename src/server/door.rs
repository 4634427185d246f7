//! The door: how much of what arrived may be held in memory until it is committed. Whatever holds some of it holds a
//! [`Held`] too, which gives it back when it is dropped; the cores never see either.

use crate::link::Message;
use crate::protocol::Topics;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Chat and direct messages that arrived and are not committed may hold this much, in bytes.
const DOOR_BYTES: usize = 64 * 1024 * 1024;
/// What a message costs beside its payload and its topic: the parts that it is parsed into, and its places in
/// channels and batches. Measured: 100,000 messages of 110 bytes that wait take 41 MB.
const OVERHEAD: usize = 320;

/// Counts what is held somewhere.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicUsize>);

/// A part of what a [`Gauge`] counts; given back on drop.
#[derive(Debug)]
pub struct Held {
    gauge: Gauge,
    amount: usize,
    since: Instant,
}

impl Gauge {
    /// `None` where more than `limit` would be held.
    pub fn take(&self, amount: usize, limit: usize) -> Option<Held> {
        let before = self.0.fetch_add(amount, Ordering::Relaxed);
        let held = Held { gauge: self.clone(), amount, since: Instant::now() };
        (before.saturating_add(amount) <= limit).then_some(held)
    }
}

impl Held {
    /// How long it has been held.
    pub fn age(&self) -> Duration {
        self.since.elapsed()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.gauge.0.fetch_sub(self.amount, Ordering::Relaxed);
    }
}

/// What becomes of a message at the door.
pub enum Entry {
    /// It may pass; what keeps it holds this.
    Passes(Option<Held>),
    /// It is turned away.
    Refused,
}

/// Stands in the connection's callback, before the channel to the main thread.
pub struct Door {
    topics: Topics,
    gauge: Gauge,
    refused: AtomicU64,
}

impl Door {
    pub fn new(topics: Topics) -> Door {
        Door { topics, gauge: Gauge::default(), refused: AtomicU64::new(0) }
    }

    /// Presence and requests always pass: they do not stay.
    pub fn enter(&self, message: &Message) -> Entry {
        if !self.topics.carries_messages(&message.topic) {
            return Entry::Passes(None);
        }
        let bytes = message.topic.len() + message.payload.len() + OVERHEAD;
        match self.gauge.take(bytes, DOOR_BYTES) {
            Some(held) => Entry::Passes(Some(held)),
            None => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Entry::Refused
            }
        }
    }

    /// How many messages were turned away since this was asked last.
    pub fn take_refused(&self) -> u64 {
        self.refused.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::Qos;

    fn message(topic: &str, bytes: usize) -> Message {
        Message { topic: topic.to_owned(), payload: vec![b'x'; bytes], qos: Qos::AtLeastOnce, retained: false }
    }

    #[test]
    fn messages_are_turned_away_while_too_many_wait() {
        let door = Door::new(Topics::new("chat"));
        let mut held = Vec::new();
        while let Entry::Passes(Some(weight)) = door.enter(&message("chat/rooms/dev/alice", 1 << 20)) {
            held.push(weight);
        }
        assert_eq!((held.len(), door.take_refused()), (63, 1));
        for topic in ["chat/messages", "chat/messages/alice", "chat/private/bob/alice"] {
            assert!(matches!(door.enter(&message(topic, 1 << 20)), Entry::Refused), "{topic}");
        }
        assert_eq!((door.take_refused(), door.take_refused()), (3, 0));
        for topic in ["chat/presence/alice", "chat/request/users", "chat/server", "other"] {
            assert!(matches!(door.enter(&message(topic, 1 << 20)), Entry::Passes(None)), "{topic}");
        }
        held.pop();
        assert!(matches!(door.enter(&message("chat/messages", 1 << 20)), Entry::Passes(Some(_))));
    }
}
