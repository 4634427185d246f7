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
/// The most bytes in the queue. Beyond that, a publication without a ticket that is not retained is dropped, as a broker
/// drops it that has a full queue for its addressee: a chat requests, sends or confirms such a one again. Of the others,
/// an owner has few.
pub const QUEUE_BYTES: usize = 64 * 1024 * 1024;

#[derive(Debug, Default)]
pub struct Window {
    queue: VecDeque<Publication>,
    queue_bytes: usize,
    /// Something was dropped since the queue was last empty.
    has_dropped: bool,
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
        let bytes = self.queue_bytes + weight(&publication);
        if bytes > QUEUE_BYTES && publication.ticket.is_none() && !publication.retain {
            if !std::mem::replace(&mut self.has_dropped, true) {
                log::warn!("the broker takes less than is published: replies are dropped, until it has caught up");
            }
            return;
        }
        self.queue_bytes = bytes;
        self.queue.push_back(publication);
    }

    /// The next publication that fits into the window, and its operation.
    pub fn next(&mut self, now: Instant) -> Option<(u64, Publication)> {
        if self.under_way.len() >= WINDOW {
            return None;
        }
        let publication = self.queue.pop_front()?;
        self.queue_bytes -= weight(&publication);
        self.has_dropped &= !self.queue.is_empty();
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
        (self.queue_bytes, self.has_dropped) = (0, false);
        self.under_way.clear();
        self.subscribing.clear();
    }

    fn number(&mut self) -> u64 {
        self.last_operation += 1;
        self.last_operation
    }
}

/// The memory that a queued publication takes, in bytes.
fn weight(publication: &Publication) -> usize {
    size_of::<Publication>() + publication.topic.len() + publication.payload.len()
}
