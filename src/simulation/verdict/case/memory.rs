//! What a client remembers beyond a run, and from when on it must not miss anything in a room.

use super::{Case, Viewing};
use crate::simulation::ledger::{Fact, Party, RunEnd, RunNumber};
use crate::simulation::plan::{ClientKind, DiskTrouble, What};
use std::time::Duration;

/// A client that is killed may forget what it showed within this time before.
const LAST_SECOND: Duration = Duration::from_secs(1);

/// How rarely a terminal counts what it leaves out in a burst. Until then it remembers no more.
const COUNTED: Duration = Duration::from_secs(8);

/// A client prints what a page tells it within this time, if somebody reads its output.
pub(super) const PRINTED: Duration = Duration::from_secs(1);

/// A client that does not stand still prints what it tells within this time: the slowest pace of a screen.
const PACE: Duration = Duration::from_millis(5);

#[derive(Debug, Clone, Copy)]
pub struct Stay<'a> {
    pub(super) since: Duration,
    pub(super) run: RunNumber,
    /// The nick that the cursor belongs to, and since when the client has it.
    pub(super) nick: &'a str,
    pub(super) named: Duration,
    /// The run has connected. Until then the cursor is an earlier run's.
    pub(super) is_own: bool,
}

impl<'a> Case<'a> {
    /// A client that returns without its cursor is owed only what follows.
    pub(super) fn comes(&mut self, run: RunNumber, room: &'a str, at: Duration) {
        let Some(client) = self.client_of(run) else { return };
        let nick = self.nicks[client].last().map_or("", |(_, nick)| nick);
        let is_own = self.connections.iter().any(|(_, connected)| *connected == run);
        let is_kept = |stay: &Stay| {
            self.has_memory(client)
                && self.client(client).history
                && !self.lost_power(client, stay.since, at)
                && !self.may_forget(stay.run, stay.named)
        };
        let has_cursor = |stay: &&Stay| stay.nick.eq_ignore_ascii_case(nick) && (stay.run == run || is_kept(stay));
        let stay = self.rooms[client].get(room).filter(has_cursor);
        let stay = stay.map_or(Stay { since: at, run, nick, named: at, is_own }, |stay| Stay { run, is_own, ..*stay });
        self.rooms[client].insert(room, stay);
    }

    /// Since when it must not miss anything in the room; `None` if it is not in the room at the end.
    pub fn in_room_since(&self, client: usize, room: &str) -> Option<Duration> {
        let stay = self.rooms[client].get(room)?;
        (self.running(Party::Client(client)) == Some(stay.run)).then_some(stay.since)
    }

    /// Whether a later run knows what an earlier one has shown.
    pub fn has_memory(&self, client: usize) -> bool {
        let traits = self.client(client);
        traits.memory && traits.kind != ClientKind::Library
    }

    /// Whether the run may have ended before it wrote down what was true since then: it was killed within a second, or ended
    /// while nobody read its output or its memory could not be written. Time for which it stood still does not count.
    pub fn may_forget(&self, run: RunNumber, since: Duration) -> bool {
        self.may_forget_within(LAST_SECOND, run, since)
    }

    /// The same for what a terminal counted in a burst: the next count may have been to come.
    pub fn may_forget_its_number(&self, viewing: &Viewing) -> bool {
        viewing.how.counted && self.may_forget_within(COUNTED + LAST_SECOND, viewing.run, viewing.at)
    }

    fn may_forget_within(&self, time: Duration, run: RunNumber, since: Duration) -> bool {
        let run = &self.ledger.runs[run];
        let Some((ended, how)) = &run.ended else { return false };
        let stood_still = run.stops.last().is_some_and(|(_, end)| *end == Some(*ended));
        (*how == RunEnd::Crashed || stood_still) && run.ran(since, *ended) <= time
    }

    /// Whether the client then changed its nick within a second and could not write its memory after that. What it showed
    /// under the old nick is written once more, and dropped if that fails.
    pub fn was_dropped_with_its_nick(&self, viewing: &Viewing) -> bool {
        let run = &self.ledger.runs[viewing.run];
        let mut changes = self.nicks[viewing.client].iter();
        let Some((renamed, _)) = changes.find(|(place, _)| *place > viewing.fact) else { return false };
        let at = |place: usize| self.ledger.facts[place].0;
        let mut failures = self.unremembered.iter().filter(|(place, by)| *by == viewing.run && place > renamed);
        let failed_then = failures.any(|(failed, _)| run.ran(at(*renamed), at(*failed)) <= LAST_SECOND);
        failed_then && run.ran(viewing.at, at(*renamed)) <= LAST_SECOND
    }

    /// Whether the client may have told it under an earlier nick and printed it under this one: its screen takes a moment, and
    /// longer while nobody reads it. That time does not count.
    pub fn was_told_before_its_nick(&self, viewing: &Viewing) -> bool {
        let mut changes = self.nicks[viewing.client].iter().filter(|(place, _)| (1..viewing.fact).contains(place));
        let renamed = changes.next_back().map(|(place, _)| self.ledger.facts[*place].0);
        renamed.is_some_and(|renamed| self.ledger.runs[viewing.run].ran(renamed, viewing.at) <= PACE)
    }

    /// Whether the run had no cursor in the room yet and lost a connection meanwhile, or dropped arrivals: it cannot know
    /// what it missed. A cursor of an earlier run belongs to that run's nick.
    pub fn was_cut_short(&self, run: RunNumber, room: &str, before: usize) -> bool {
        let told = self.ledger.facts[before].0;
        let connections = || self.connections.iter().filter(|(_, by)| *by == run).map(|(place, _)| *place);
        let is_kept = |place: usize| {
            let nick_at = |place| self.client_of(run).map(|client| self.nick_at(client, place));
            connections().any(|connection| connection < place) || nick_at(place) == nick_at(before)
        };
        let is_there = |(place, (at, fact)): (usize, &(Duration, Fact))| {
            matches!(fact, Fact::InRoom { run: by, room: there } if *by == run && there == room)
                && *at + PRINTED <= told
                && is_kept(place)
        };
        let connections = connections().filter(|place| *place < before).count();
        let has_dropped = self.drops.iter().any(|(place, by)| *by == run && *place < before);
        (connections > 1 || has_dropped) && !self.ledger.facts[..before].iter().enumerate().any(is_there)
    }

    /// Whether it was killed before its outbox could be written again, or ended while the disk was full.
    pub(super) fn ended_with_a_full_outbox(&self, run: RunNumber) -> bool {
        let Some((ended, how)) = &self.ledger.runs[run].ended else { return false };
        let was_killed = matches!(how, RunEnd::Crashed | RunEnd::PowerLost) || self.disk_is_full(run, *ended);
        let fails = |(_, fact): &(Duration, Fact)| match fact {
            Fact::OutboxFails { run: by, fails } if *by == run => Some(*fails),
            _ => None,
        };
        was_killed && self.ledger.facts.iter().rev().find_map(fails) == Some(true)
    }

    fn disk_is_full(&self, run: RunNumber, at: Duration) -> bool {
        let Some(client) = self.client_of(run) else { return false };
        let name = &self.client(client).name;
        self.plan.steps.iter().any(|step| match &step.what {
            What::Disk { who, trouble: DiskTrouble::Full, time } if who == name => {
                (step.at..=step.at + time).contains(&(at.as_millis() as u64))
            }
            _ => false,
        })
    }
}
