//! The door: limits how much memory arrivals hold: messages until they are committed, everything else until it is handled.

use crate::gauge::{Gauge, weight};
use crate::link::Message;
use crate::protocol::Topics;
use crate::server::store::Pass;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// The most bytes that chat and direct messages may hold until they are committed.
const MESSAGES: usize = 64 * 1024 * 1024;
/// The most bytes including everything else: presence and requests. A stalled disk does not keep these waiting.
const EVERYTHING: usize = 80 * 1024 * 1024;

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

    /// The admission of an arrival. Its memory is released when this is dropped. `None`: there is no room.
    pub fn enter(&self, message: &Message, now: Instant) -> Option<Pass> {
        let limit = if self.topics.carries_messages(&message.topic) { MESSAGES } else { EVERYTHING };
        let held = self.gauge.take(weight(message), limit);
        if held.is_none() {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        held.map(|held| Pass { arrived: now, held })
    }

    /// How many arrivals were turned away since the last call.
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
        let enter = |topic| door.enter(&message(topic, 1 << 20), Instant::now());
        let mut held: Vec<Pass> = std::iter::from_fn(|| enter("chat/rooms/dev/alice")).collect();
        assert_eq!((held.len(), door.take_refused()), (63, 1));
        for topic in ["chat/messages", "chat/messages/alice", "chat/private/bob/alice"] {
            assert!(enter(topic).is_none(), "{topic}");
        }
        assert_eq!((door.take_refused(), door.take_refused()), (3, 0));
        for topic in ["chat/presence/alice", "chat/request/users", "chat/server", "other"] {
            assert!(enter(topic).is_some(), "{topic}");
        }
        held.pop();
        assert!(enter("chat/messages").is_some());
    }

    #[test]
    fn so_are_requests_but_later() {
        let door = StoreDoor::new(Topics::new("chat"));
        let enter = |topic| door.enter(&message(topic, 1 << 20), Instant::now());
        let held: Vec<Pass> = ["chat/messages", "chat/request/users"]
            .iter()
            .flat_map(|topic| std::iter::from_fn(|| enter(topic)))
            .collect();
        assert_eq!((held.len(), door.take_refused()), (79, 2));
        drop(held);
        assert!(enter("chat/request/users").is_some());
    }
}
