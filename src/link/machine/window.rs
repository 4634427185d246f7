//! Operations under way on a connection: SUBSCRIBEs, and publications within a window. Further publications wait in a
//! queue.

use crate::link::Publication;
use std::collections::{BTreeMap, VecDeque};
use std::time::{Duration, Instant};

/// The most publications under way.
pub const WINDOW: usize = 1_000;
/// How long a publication may occupy the window without an answer. A working connection acknowledges or breaks, but
/// paho or a broker may silently drop a publication. The sender waits as long before it retransmits.
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
    /// When its place becomes free without an answer.
    until: Instant,
}

impl Window {
    pub fn push(&mut self, publication: Publication) {
        self.queue.push_back(publication);
    }

    /// The next publication that fits into the window, and its operation.
    pub fn next(&mut self, now: Instant) -> Option<(u64, Publication)> {
        if self.under_way.len() >= WINDOW {
            return None;
        }
        let publication = self.queue.pop_front()?;
        let operation = self.number();
        self.under_way.insert(operation, Sent { ticket: publication.ticket, until: now + UNANSWERED });
        Some((operation, publication))
    }

    /// This operation was answered. Returns its ticket, if there is one.
    pub fn settled(&mut self, operation: u64) -> Option<u64> {
        self.under_way.remove(&operation)?.ticket
    }

    /// When the first place becomes free without an answer.
    pub fn due(&self) -> Option<Instant> {
        self.under_way.first_key_value().map(|(_, sent)| sent.until)
    }

    /// Takes an operation whose time is over: nobody will answer it any more.
    pub fn expired(&mut self, now: Instant) -> Option<u64> {
        let first = self.under_way.first_entry().filter(|first| first.get().until <= now)?;
        Some(first.remove_entry().0)
    }

    /// Whether everything is published and answered.
    pub fn is_settled(&self) -> bool {
        self.queue.is_empty() && self.under_way.is_empty()
    }

    pub fn subscribe(&mut self, filters: Vec<String>) -> u64 {
        let operation = self.number();
        self.subscribing.insert(operation, filters);
        operation
    }

    /// This SUBSCRIBE was answered. Returns its filters.
    pub fn subscribed(&mut self, operation: u64) -> Option<Vec<String>> {
        self.subscribing.remove(&operation)
    }

    /// The connection is lost. Numbers are never reused, so late answers mean nothing.
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
