//! The door: limits how much memory messages hold from their arrival until they are committed.

use crate::gauge::{Gauge, weight};
use crate::link::Message;
use crate::protocol::Topics;
use crate::server::store::Pass;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The most bytes that chat and direct messages may hold until they are committed.
const DOOR_BYTES: usize = 64 * 1024 * 1024;

/// Whether a message is admitted.
pub enum Admission {
    /// It may pass. Its memory is released when this is dropped.
    Passes(Option<Pass>),
    /// There is no room for it.
    Refused,
}

/// Used in the connection's callback, before the channel to the main thread.
pub struct StoreDoor {
    topics: Topics,
    gauge: Gauge,
    refused: AtomicU64,
}

impl StoreDoor {
    pub fn new(topics: Topics) -> StoreDoor {
        StoreDoor { topics, gauge: Gauge::default(), refused: AtomicU64::new(0) }
    }

    /// Presence and requests are always admitted: they do not stay in memory.
    pub fn enter(&self, message: &Message, now: Instant) -> Admission {
        if !self.topics.carries_messages(&message.topic) {
            return Admission::Passes(None);
        }
        match self.gauge.take(weight(message), DOOR_BYTES) {
            Some(held) => Admission::Passes(Some(Pass { arrived: now, held })),
            None => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                Admission::Refused
            }
        }
    }

    /// How many messages were turned away since the last call.
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
        let door = StoreDoor::new(Topics::new("chat"));
        let mut held = Vec::new();
        while let Admission::Passes(Some(weight)) =
            door.enter(&message("chat/rooms/dev/alice", 1 << 20), Instant::now())
        {
            held.push(weight);
        }
        assert_eq!((held.len(), door.take_refused()), (63, 1));
        for topic in ["chat/messages", "chat/messages/alice", "chat/private/bob/alice"] {
            assert!(matches!(door.enter(&message(topic, 1 << 20), Instant::now()), Admission::Refused), "{topic}");
        }
        assert_eq!((door.take_refused(), door.take_refused()), (3, 0));
        for topic in ["chat/presence/alice", "chat/request/users", "chat/server", "other"] {
            assert!(matches!(door.enter(&message(topic, 1 << 20), Instant::now()), Admission::Passes(None)), "{topic}");
        }
        held.pop();
        assert!(matches!(door.enter(&message("chat/messages", 1 << 20), Instant::now()), Admission::Passes(Some(_))));
    }
}
