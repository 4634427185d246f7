//! What is under way on a connection: SUBSCRIBEs, and publications within a window; what is above it waits in a queue.

use crate::link::Publication;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// Publications under way at a time.
pub const WINDOW: usize = 1_000;
/// How long a publication may keep its place in the window without an answer. On a connection that works the broker
/// acknowledges, or the connection breaks; but paho may give one up without a word, and so may a broker. Its sender waits
/// as long before it gives the message again.
pub const UNANSWERED: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub struct Window {
    queue: VecDeque<Publication>,
    under_way: BTreeMap<u64, Sent>,
    /// The filters of each SUBSCRIBE under way.
    subscribing: BTreeMap<u64, Vec<String>>,
    last_operation: u64,
}

#[derive(Debug)]
struct Sent {
    ticket: Option<u64>,
    /// Others get its place then.
    until: Instant,
}

impl Window {
    pub fn push(&mut self, publication: Publication) {
        self.queue.push_back(publication);
    }

    /// The next publication that has a place in the window, and its number.
    pub fn next(&mut self, now: Instant) -> Option<(u64, Publication)> {
        if self.under_way.len() >= WINDOW {
            return None;
        }
        let publication = self.queue.pop_front()?;
        let operation = self.number();
        self.under_way.insert(operation, Sent { ticket: publication.ticket, until: now + UNANSWERED });
        Some((operation, publication))
    }

    /// This one has been answered: its ticket, if somebody wants to know.
    pub fn settled(&mut self, operation: u64) -> Option<u64> {
        self.under_way.remove(&operation)?.ticket
    }

    /// When the first place is taken back.
    pub fn due(&self) -> Option<Instant> {
        self.under_way.first_key_value().map(|(_, sent)| sent.until)
    }

    /// Takes back a place whose time has come: nobody will answer that publication any more.
    pub fn expired(&mut self, now: Instant) -> Option<u64> {
        let first = self.under_way.first_entry().filter(|first| first.get().until <= now)?;
        Some(first.remove_entry().0)
    }

    /// Everything is published and answered.
    pub fn is_settled(&self) -> bool {
        self.queue.is_empty() && self.under_way.is_empty()
    }

    pub fn subscribe(&mut self, filters: Vec<String>) -> u64 {
        let operation = self.number();
        self.subscribing.insert(operation, filters);
        operation
    }

    /// The filters of this SUBSCRIBE, which has been answered.
    pub fn subscribed(&mut self, operation: u64) -> Option<Vec<String>> {
        self.subscribing.remove(&operation)
    }

    /// The connection is gone. Numbers are never used twice, so late answers mean nothing.
    pub fn clear(&mut self) {
        self.queue.clear();
        self.under_way.clear();
        self.subscribing.clear();
    }

    fn number(&mut self) -> u64 {
        self.last_operation += 1;
        self.last_operation
    }
}
