//! What follows if a client knows of no server: the broker's acknowledgement of a message is the end, or an original client's
//! page is taken for an answer.

use super::Case;
use super::memory::PRINTED;
use crate::simulation::ledger::{Number, RunNumber};
use crate::simulation::plan::ClientKind;
use std::time::Duration;

/// How long a sender that has just connected waits for a server's word.
const LISTEN: Duration = Duration::from_secs(1);
/// A program that runs writes its memory within this time.
const WRITTEN: Duration = Duration::from_secs(1);

impl Case<'_> {
    /// Whether a run of its sender counted the broker's acknowledgement as the end.
    pub fn ends_at_broker(&self, number: Number) -> bool {
        let acknowledged = &self.trail(number).acknowledged;
        acknowledged.iter().any(|(place, run)| !self.knew_a_server(*run, *place))
    }

    /// Whether what the run printed may be of a page for an original client with its nick. It takes that for an answer while it
    /// does not know of a server.
    pub fn may_be_of_an_originals_page(&self, run: RunNumber, fact: usize) -> bool {
        let Some(client) = self.client_of(run) else { return false };
        let mut told = self.servers_told.iter().rev();
        let last = told.find(|(place, by, _)| *by == run && *place < fact);
        let at = |place: usize| self.ledger.facts[place].0;
        let was_unknown = last
            .is_none_or(|(place, _, is_there)| !is_there || self.ledger.runs[run].ran(at(*place), at(fact)) <= PRINTED);
        was_unknown && self.shares_nick_with_original(client)
    }

    /// Whether a run knew at this fact that there is, or was, a server.
    fn knew_a_server(&self, run: RunNumber, fact: usize) -> bool {
        self.servers_seen.iter().any(|(place, seer)| match *seer == run {
            true => *place < fact || self.listens(run, fact, *place),
            false => self.remembers(run, *seer, *place),
        })
    }

    /// Whether a sender still listened at a later fact.
    fn listens(&self, run: RunNumber, fact: usize, later: usize) -> bool {
        let at = |place: usize| self.ledger.facts[place].0;
        let is_sender = self.client_of(run).is_some_and(|client| self.client(client).kind == ClientKind::Sender);
        let connected = self.connections.iter().rfind(|(place, other)| *other == run && *place < fact);
        is_sender && connected.is_some_and(|(place, _)| at(later) < at(*place) + LISTEN)
    }

    /// Whether a run knows what an earlier one of the same client saw.
    fn remembers(&self, run: RunNumber, earlier: RunNumber, seen: usize) -> bool {
        let (Some(client), Some(other)) = (self.client_of(run), self.client_of(earlier)) else { return false };
        let (traits, earlier) = (self.client(client), &self.ledger.runs[earlier]);
        let (seen, started) = (self.ledger.facts[seen].0, self.ledger.runs[run].started);
        let ended = earlier.ended.as_ref().map(|(at, _)| *at).filter(|at| *at <= started);
        let is_written = |ended| traits.outbox || (traits.memory && earlier.ran(seen, ended) >= WRITTEN);
        client == other && ended.is_some_and(is_written) && !self.lost_power(client, seen, started)
    }
}
