//! What a client skips when it comes from one history to another: it gets the newest page there, and is told of the gap.

use super::Case;
use crate::protocol::limits::{PAGE_MESSAGES, REPLY_BYTES};
use crate::simulation::ledger::{Fact, HistoryRecord, Number, Party};
use std::time::Duration;

/// The most bytes of an entry of a page besides its text, and of the page besides its entries.
const AROUND_A_TEXT: usize = 300;
const AROUND_A_PAGE: usize = 1_024;

impl Case<'_> {
    /// Whether the client came to the history that has this message from another one, of which a cursor was left, and the
    /// newest page did not reach back to the message.
    pub fn skipped_to_the_newest_page(&self, client: usize, number: Number, room: &str) -> bool {
        let Some(since) = self.in_room_since(client, room) else { return false };
        let histories = self.ledger.end.histories.iter().filter(|history| history.room == room);
        histories.into_iter().any(|history| {
            let gaps = self.ledger.facts.iter().filter(|(at, fact)| {
                matches!(fact, Fact::Gap { run, room: there } if there == room && self.client_of(*run) == Some(client))
                    && *at >= self.message(number).given
            });
            gaps.into_iter().any(|(at, _)| {
                self.had_another_history(history.server, since, *at) && self.is_before_newest_page(history, number, *at)
            })
        })
    }

    /// Whether another server served between these times, or an earlier run of this one with its history in memory, which
    /// ended with it.
    fn had_another_history(&self, server: usize, since: Duration, until: Duration) -> bool {
        let party = |run: usize| self.ledger.runs[run].party;
        let is_in_memory = self.plan.servers[server].memory;
        let last = (0..self.ledger.runs.len()).rfind(|run| is_in_memory && party(*run) == Party::Server(server));
        if last.is_some_and(|last| until < self.ledger.runs[last].started) {
            return false;
        }
        let is_another = |run: usize| match party(run) {
            Party::Server(other) if other == server => is_in_memory && Some(run) != last,
            Party::Server(_) => true,
            _ => false,
        };
        let ended = |run: usize| self.ledger.runs[run].ended.as_ref().map(|(at, _)| *at);
        self.connections.iter().any(|(place, run)| {
            is_another(*run) && self.ledger.facts[*place].0 <= until && ended(*run).is_none_or(|end| since <= end)
        })
    }

    /// Whether the newest page of this time may have begun after the message.
    fn is_before_newest_page(&self, history: &HistoryRecord, number: Number, at: Duration) -> bool {
        let of = |text: &str| self.ledger.number(text);
        let Some(place) = history.entries.iter().position(|entry| of(&entry.text) == Some(number)) else {
            return false;
        };
        let was_there = |text: &str| of(text).is_none_or(|number| self.message(number).given <= at);
        let page = history.entries[place..].iter().filter(|entry| was_there(&entry.text));
        let sizes: Vec<usize> = page.map(|entry| entry.text.len() + AROUND_A_TEXT).collect();
        sizes.len() > PAGE_MESSAGES || AROUND_A_PAGE + sizes.iter().sum::<usize>() > REPLY_BYTES
    }
}
