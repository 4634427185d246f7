//! Pure: the user's messages that are not settled yet. The conversation owns it. `memory` stores a copy if it must
//! outlive the run.
//!
//! ```text
//!                        the window and the pace allow it             the broker has it
//!  push, restored ─► waiting ──────────────────────────► handed out ──────────────────► acknowledged
//!                      ▲                                  │      │                        │      │
//!                      │ connection lost, or unanswered: late    │ rejected               │      │ stored, or an error
//!                      ├──────────────────────────────────┘      ▼                        │      │ names it, or that the
//!                      │ connection lost, or no word of the server within 5 s … 60 s: late│      ▼ broker has it is the end
//!                      └──────────────────────────────────────────────────────────────────┘    settled
//! ```
//!
//! A broker's acknowledgement promises little. It settles a message only if no server of ours was ever there. Otherwise
//! the message is retransmitted, with the same id and marked late, until the server answers. The server may confirm at
//! any time, even while a message waits for its retransmission. A message over which the broker closes the connection
//! each time is given up (`suspicion`). A broker delivers in order: if a later message is stored before an earlier one,
//! the earlier one was dropped on the way and is retransmitted at once.
//!
//! Every step costs O(log n) per message; `stored` also scans the messages under way.

mod contents;
mod lineup;
mod message;
mod pace;
mod renewal;
mod suspicion;

pub use message::{Kept, OwnMessage};

use crate::protocol::{Nick, Ranges, SentId, Session, Topic};
use lineup::Lineup;
use pace::Pace;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};
use suspicion::Suspicion;

/// The most messages that it holds. Further ones are refused until some are settled.
pub const CAPACITY: usize = 10_000;
/// The most bytes that they may take on the wire.
pub const CAPACITY_BYTES: usize = 8 * 1024 * 1024;
/// The most messages handed out and unsettled at a time. Mosquitto queues as many for a session; beyond that it
/// acknowledges and drops.
pub const WINDOW: usize = 1_000;
/// How long to wait for the server's confirmation of an acknowledged message before a retransmission: the first time,
/// and at most.
const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);
/// How long to wait for a server that has just come to confirm messages sent before it came. Its session on the broker
/// may hold them.
const FRESH_SERVER: Duration = Duration::from_secs(1);
/// How long to wait for the broker's acknowledgement. On a working connection it comes or the connection breaks, but
/// the library may silently drop a publication.
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// A message on its way to the broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    pub topic: Topic,
    pub payload: Vec<u8>,
    /// Passed to [`Outbox::acknowledge`] and [`Outbox::reject`].
    pub ticket: u64,
}

/// A message that made progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    pub id: SentId,
    /// The program's `ref` for this message.
    pub reference: Option<Value>,
    /// The broker has acknowledged it for the first time.
    pub is_newly_sent: bool,
    /// It has left the outbox.
    pub is_settled: bool,
}

#[derive(Debug)]
struct Unsettled {
    message: OwnMessage,
    reference: Option<Value>,
    /// When it was taken; `None`: in an earlier run.
    since: Option<Instant>,
    /// The broker has acknowledged it at least once.
    acknowledged: bool,
    /// When it is retransmitted; `None` while it waits to go out.
    again_at: Option<Instant>,
    /// How long to wait for the server after the next acknowledgement.
    patience: Duration,
    /// How often it was given a new id.
    renewals: u32,
}

#[derive(Debug)]
pub struct Outbox {
    session: Session,
    /// The number of this run's last message; 0 before the first.
    last_seq: u64,
    last_ticket: u64,
    /// The first ticket of this run.
    first_ticket: u64,
    /// By ticket, and so in the order in which they were taken.
    entries: BTreeMap<u64, Unsettled>,
    /// Tickets by session and number.
    tickets: HashMap<Session, BTreeMap<u64, u64>>,
    lineup: Lineup,
    /// All other messages, by the time of their retransmission.
    under_way: BTreeSet<(Instant, u64)>,
    /// Messages handed out on this connection and not acknowledged.
    unacknowledged: BTreeSet<u64>,
    suspicion: Suspicion,
    bytes: usize,
    pace: Pace,
}

impl Outbox {
    /// `earlier`: messages that earlier runs did not settle. They keep their ids and go out first, marked late.
    pub fn new(session: Session, earlier: Vec<Kept>) -> Outbox {
        let mut outbox = Outbox {
            session,
            last_seq: 0,
            last_ticket: 0,
            first_ticket: 0,
            entries: BTreeMap::new(),
            tickets: HashMap::new(),
            lineup: Lineup::default(),
            under_way: BTreeSet::new(),
            unacknowledged: BTreeSet::new(),
            suspicion: Suspicion::default(),
            bytes: 0,
            pace: Pace::default(),
        };
        for Kept { mut message, reference } in earlier {
            let Some(id) = message.id.clone() else { continue };
            message.late = true;
            outbox.insert(id, Kept { message, reference }, None);
        }
        outbox.first_ticket = outbox.last_ticket + 1;
        outbox
    }

    /// Takes a message and assigns its id. `None`: the outbox is full. It never drops a message to make room.
    pub fn push(&mut self, now: Instant, mut message: OwnMessage, reference: Option<Value>) -> Option<Kept> {
        let id = SentId { session: self.session.clone(), seq: self.last_seq + 1 };
        message.id = Some(id.clone());
        if self.entries.len() >= CAPACITY || self.bytes + message.bytes() > CAPACITY_BYTES {
            return None;
        }
        self.last_seq = id.seq;
        let kept = Kept { message, reference };
        self.insert(id, kept.clone(), Some(now));
        Some(kept)
    }

    fn insert(&mut self, id: SentId, Kept { message, reference }: Kept, since: Option<Instant>) {
        self.last_ticket += 1;
        let ticket = self.last_ticket;
        self.bytes += message.bytes();
        self.lineup.add(ticket, message.late);
        self.tickets.entry(id.session).or_default().insert(id.seq, ticket);
        let entry = Unsettled {
            message,
            reference,
            since,
            acknowledged: false,
            again_at: None,
            patience: PATIENCE,
            renewals: 0,
        };
        self.entries.insert(ticket, entry);
    }

    /// The messages to publish now, oldest first. `rate`: the limit in messages per second.
    pub fn take(&mut self, now: Instant, rate: Option<u64>) -> Vec<Outgoing> {
        let mut outgoing = Vec::new();
        while let Some(ticket) = self.next_waiting()
            && self.pace.allows(now, rate)
        {
            self.lineup.goes_out(ticket);
            let Some(entry) = self.entries.get_mut(&ticket) else { continue };
            let again_at = now + UNACKNOWLEDGED;
            entry.again_at = Some(again_at);
            self.under_way.insert((again_at, ticket));
            self.unacknowledged.insert(ticket);
            let (topic, payload) = (entry.message.topic(), entry.message.to_json());
            outgoing.push(Outgoing { topic, payload, ticket });
        }
        outgoing
    }

    /// The broker has acknowledged this message. `is_the_end`: no server will confirm it. `None`: there is nothing new
    /// to tell.
    pub fn acknowledge(&mut self, now: Instant, ticket: u64, is_the_end: bool) -> Option<Progress> {
        self.suspicion.acknowledged(ticket);
        self.unacknowledged.remove(&ticket);
        let entry = self.entries.get_mut(&ticket)?;
        if is_the_end {
            return self.settle(ticket);
        }
        // If it waits for its retransmission, this acknowledges the transmission before.
        if let Some(before) = entry.again_at {
            let again_at = now + entry.patience;
            entry.again_at = Some(again_at);
            self.under_way.remove(&(before, ticket));
            self.under_way.insert((again_at, ticket));
        }
        let is_newly_sent = !std::mem::replace(&mut entry.acknowledged, true);
        let reference = entry.reference.clone();
        let id = entry.message.id.clone()?;
        is_newly_sent.then_some(Progress { id, reference, is_newly_sent, is_settled: false })
    }

    /// From now on the broker's acknowledgement settles a message. This includes the acknowledgements of this
    /// connection. What was acknowledged on an earlier connection may be lost since, so it is retransmitted first.
    pub fn acknowledged_is_settled(&mut self) -> Vec<Progress> {
        let is_there = |ticket: &u64, entry: &Unsettled| {
            entry.acknowledged && entry.again_at.is_some() && !self.unacknowledged.contains(ticket)
        };
        let acknowledged = self.entries.iter().filter(|(ticket, entry)| is_there(ticket, entry));
        let tickets: Vec<u64> = acknowledged.map(|(ticket, _)| *ticket).collect();
        tickets.into_iter().filter_map(|ticket| self.settle(ticket)).collect()
    }

    /// The server has stored these, of this run or an earlier one. Ids that are not in the outbox are ignored.
    pub fn stored(&mut self, session: &Session, seqs: &Ranges) -> Vec<Progress> {
        let Some(ours) = self.tickets.get(session) else { return Vec::new() };
        let ranges = seqs.ranges().iter();
        let tickets: Vec<u64> =
            ranges.flat_map(|(first, last)| ours.range(*first..=*last)).map(|(_, ticket)| *ticket).collect();
        // For a message that went out more than once, it is unknown which transmission arrived.
        let newest = tickets.iter().copied().filter(|ticket| self.went_once(*ticket)).max();
        let settled: Vec<Progress> = tickets.into_iter().filter_map(|ticket| self.settle(ticket)).collect();
        self.lineup.stored(settled.len());
        newest.into_iter().for_each(|newest| self.overtook(newest));
        settled
    }

    fn went_once(&self, ticket: u64) -> bool {
        self.entries.get(&ticket).is_some_and(|entry| entry.again_at.is_some() && !entry.message.late)
    }

    /// This message is stored. Earlier ones that the broker has acknowledged but the server does not have were dropped.
    /// They are retransmitted at once, but only once this way: a broker that drops messages is overloaded.
    fn overtook(&mut self, newest: u64) {
        let before = self.entries.range(..newest).filter(|(_, entry)| entry.acknowledged).map(|(ticket, _)| *ticket);
        for ticket in before.filter(|ticket| self.went_once(*ticket)).collect::<Vec<_>>() {
            if let Some(again_at) = self.entries.get(&ticket).and_then(|entry| entry.again_at) {
                self.under_way.remove(&(again_at, ticket));
            }
            self.again(ticket, PATIENCE);
        }
    }

    /// The broker will never take this message.
    pub fn reject(&mut self, ticket: u64) -> Option<Progress> {
        self.settle(ticket)
    }

    /// The server will never store this message.
    pub fn refuse(&mut self, id: &SentId) -> Option<Progress> {
        let ticket = *self.tickets.get(&id.session)?.get(&id.seq)?;
        self.settle(ticket)
    }

    fn settle(&mut self, ticket: u64) -> Option<Progress> {
        let entry = self.entries.remove(&ticket)?;
        self.suspicion.gone(ticket);
        self.unacknowledged.remove(&ticket);
        self.bytes -= entry.message.bytes();
        match entry.again_at {
            Some(again_at) => {
                self.under_way.remove(&(again_at, ticket));
                self.lineup.is_back(entry.message.late);
            }
            None => self.lineup.remove(ticket),
        }
        let id = entry.message.id.clone()?;
        if let Some(seqs) = self.tickets.get_mut(&id.session) {
            seqs.remove(&id.seq);
            if seqs.is_empty() {
                self.tickets.remove(&id.session);
            }
        }
        Some(Progress { id, reference: entry.reference, is_newly_sent: !entry.acknowledged, is_settled: true })
    }

    /// The connection is lost. Messages under way may be lost with it, so they are retransmitted. Returns the message
    /// that is given up because the broker keeps closing the connection over it.
    pub fn lost(&mut self, now: Instant) -> Option<(OwnMessage, Progress)> {
        let given_up = self.unacknowledged.first().copied().filter(|first| {
            let handed_out = self.entries.get(first).and_then(|entry| entry.again_at?.checked_sub(UNACKNOWLEDGED));
            let alone = handed_out.filter(|_| self.unacknowledged.len() == 1);
            self.suspicion.connection_broke(*first, alone.map(|at| now.saturating_duration_since(at)))
        });
        let given_up = given_up.and_then(|ticket| {
            let message = self.entries.get(&ticket)?.message.clone();
            self.settle(ticket).map(|progress| (message, progress))
        });
        self.take_back();
        given_up
    }

    /// Retransmits everything under way.
    fn take_back(&mut self) {
        self.unacknowledged.clear();
        for (_, ticket) in std::mem::take(&mut self.under_way) {
            self.again(ticket, PATIENCE);
        }
    }

    /// A chat server came, perhaps after messages were sent. What it does not confirm soon is retransmitted.
    pub fn server_came(&mut self, now: Instant) {
        let soon = now + FRESH_SERVER;
        for (before, ticket) in std::mem::take(&mut self.under_way) {
            let entry = self.entries.get_mut(&ticket).filter(|entry| entry.acknowledged);
            let again_at = entry.map_or(before, |entry| {
                entry.patience = PATIENCE;
                // A server that restarts repeatedly does not postpone this any further.
                let again_at = if before > now { before.min(soon) } else { soon };
                entry.again_at = Some(again_at);
                again_at
            });
            self.under_way.insert((again_at, ticket));
        }
    }

    /// Retransmits what was unanswered for too long. What the broker has acknowledged is retransmitted only if a server
    /// is there to answer.
    pub fn expire(&mut self, now: Instant, server_is_there: bool) {
        let expired = self.awaited(server_is_there).take_while(|(again_at, _)| *again_at <= now);
        for (again_at, ticket) in expired.collect::<Vec<_>>() {
            self.under_way.remove(&(again_at, ticket));
            let entry = self.entries.get(&ticket);
            if entry.is_some_and(|entry| entry.acknowledged) {
                self.lineup.silent();
            }
            let patience = entry.map_or(PATIENCE, |entry| entry.patience);
            self.again(ticket, (patience * 2).min(LONGEST));
        }
    }

    fn again(&mut self, ticket: u64, patience: Duration) {
        self.unacknowledged.remove(&ticket);
        if let Some(entry) = self.entries.get_mut(&ticket) {
            self.lineup.is_back(entry.message.late);
            entry.message.late = true;
            entry.again_at = None;
            entry.patience = patience;
            self.lineup.add(ticket, true);
        }
    }

    /// Renames the sender of all messages. They go out on a new connection.
    pub fn rename(&mut self, nick: &Nick) {
        self.take_back();
        for entry in self.entries.values_mut() {
            entry.message.nick = nick.clone();
        }
    }
}

#[cfg(test)]
mod tests;
