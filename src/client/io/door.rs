//! The door: bounds the arrivals that wait for the reader of the client's output. Beyond the bound, messages are
//! dropped before they are queued, until the queue is taken. Missing messages are then fetched. The connection's
//! callbacks use it; `uplink` owns it.

use crate::gauge::{Gauge, Held, weight};
use crate::link::Event;
use crate::protocol::Topics;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What may wait.
#[derive(Debug, Clone, Copy)]
pub struct DoorLimits {
    /// In bytes of messages.
    pub messages: usize,
    /// In bytes, everything else included.
    pub everything: usize,
}

/// The most bytes of waiting messages: together with what waits for the screen, no more than a client should take. A
/// reader that is merely slow seldom gets this far behind.
const MESSAGES: usize = 8 * 1024 * 1024;
/// The most bytes including everything else: pages, replies, notices, marks. These mend holes, so they get room even if
/// messages do not.
const EVERYTHING: usize = 12 * 1024 * 1024;

/// What passes the door.
#[derive(Debug)]
pub enum Admitted {
    /// A message holds its share of the bound.
    Event(Event, Option<Held>),
    /// Messages were dropped from here on.
    Dropped,
}

impl Default for DoorLimits {
    fn default() -> DoorLimits {
        DoorLimits { messages: MESSAGES, everything: EVERYTHING }
    }
}

pub struct Door {
    topics: Topics,
    limits: DoorLimits,
    gauge: Gauge,
    /// Something was dropped. No message passes until that was reported, which keeps messages in order.
    is_closed: AtomicBool,
    dropped: AtomicU64,
}

impl Door {
    pub fn new(topics: Topics, limits: DoorLimits) -> Door {
        Door { topics, limits, gauge: Gauge::default(), is_closed: AtomicBool::new(false), dropped: AtomicU64::new(0) }
    }

    /// `None`: a message that is dropped, after the first one.
    pub fn admit(&self, event: Event) -> Option<Admitted> {
        let Event::Message(message) = &event else { return Some(Admitted::Event(event, None)) };
        let is_message = self.topics.carries_messages(&message.topic);
        let limit = if is_message { self.limits.messages } else { self.limits.everything };
        let waits = is_message && self.is_closed.load(Ordering::Relaxed);
        match if waits { None } else { self.gauge.take(weight(message), limit) } {
            Some(held) => Some(Admitted::Event(event, Some(held))),
            None => {
                self.dropped.fetch_add(1, Ordering::Relaxed);
                let is_first = !self.is_closed.swap(true, Ordering::Relaxed);
                is_first.then_some(Admitted::Dropped)
            }
        }
    }

    /// Everything before the first drop was taken: messages pass again. Returns how many were dropped.
    pub fn open(&self) -> u64 {
        // In this order: a message dropped in between is counted the next time.
        self.is_closed.store(false, Ordering::Relaxed);
        self.dropped.swap(0, Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Message, Qos};

    fn arrives(door: &Door, topic: &str) -> Option<Admitted> {
        let (topic, payload) = (topic.to_owned(), vec![b'x'; 1 << 20]);
        door.admit(Event::Message(Message { topic, payload, qos: Qos::AtLeastOnce, retained: false }))
    }

    #[test]
    fn messages_are_dropped_until_those_before_them_are_taken() {
        let door = Door::new(Topics::new("chat"), DoorLimits::default());
        let mut waiting = Vec::new();
        while let Some(Admitted::Event(_, held)) = arrives(&door, "chat/rooms/dev/alice") {
            waiting.push(held);
        }
        assert_eq!(waiting.len(), 7, "and their topics");
        waiting.clear();
        assert!(arrives(&door, "chat/messages/bob").is_none(), "it would come out of order");
        assert!(matches!(arrives(&door, "chat/private/alice/server"), Some(Admitted::Event(..))));
        assert_eq!(door.open(), 2);
        assert!(matches!(arrives(&door, "chat/private/alice/bob"), Some(Admitted::Event(..))));
        assert_eq!(door.open(), 0);
    }

    #[test]
    fn replies_pass_longer_but_not_without_end() {
        let door = Door::new(Topics::new("chat"), DoorLimits::default());
        let mut waiting = Vec::new();
        for topic in ["chat/messages", "chat/system"] {
            while let Some(Admitted::Event(_, held)) = arrives(&door, topic) {
                waiting.push(held);
            }
        }
        assert_eq!(waiting.len(), 11);
        assert_eq!(door.open(), 2);
        assert!(matches!(arrives(&door, "chat/users"), Some(Admitted::Dropped)));
    }
}
