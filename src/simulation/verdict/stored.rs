//! History and senders: nothing is lost, everything is stored once, and `stored` is said only of what is on the disk.

use super::case::{Case, Trail};
use super::{Promise, Violation};
use crate::simulation::ledger::{Addressed, MessageRecord, Number, Party, RunEnd, SenderNews};
use crate::simulation::plan::What;
use std::collections::BTreeMap;
use std::time::Duration;

pub fn judge(case: &Case, found: &mut Vec<Violation>) {
    for (number, message, trail) in case.trails() {
        found.extend(lost(case, number, message, trail));
        found.extend(removed_too_early(case, number, message, trail));
        found.extend(left_by_a_clean_stop(case, number, message, trail));
        found.extend(doubled(case, number, trail));
        found.extend(stored_before_sync(number, trail));
        found.extend(untold(case, number, message, trail));
        found.extend(told_twice(case, number, trail));
    }
    unsettled(case, found);
}

fn is_told_stored(trail: &Trail) -> bool {
    trail.told.iter().any(|(.., news)| *news == SenderNews::Stored)
}

fn lost(case: &Case, number: Number, message: &MessageRecord, trail: &Trail) -> Option<Violation> {
    let is_there = match &message.to {
        Addressed::Room(_) => !trail.places.is_empty(),
        // The server keeps it only until it is delivered. Without an addressee it waits.
        Addressed::Client { .. } => {
            case.addressee(message).is_none_or(|client| trail.shown.iter().any(|viewing| viewing.client == client))
        }
    };
    if is_there || case.left_history(number) {
        return None;
    }
    if is_told_stored(trail) {
        return Some(Violation::of(
            Promise::NothingLost,
            number,
            "its sender was told that it is stored, and it is not",
        ));
    }
    (!case.may_be_lost(number))
        .then(|| Violation::of(Promise::NothingLost, number, "an outbox took it, and it came nowhere"))
}

/// Retention by age removes nothing younger, unless the server's clock was set.
fn removed_too_early(case: &Case, number: Number, message: &MessageRecord, trail: &Trail) -> Option<Violation> {
    let is_in_a_room = matches!(message.to, Addressed::Room(_));
    let (_, stored, server) = trail.synced.first().filter(|_| trail.removed && is_in_a_room)?;
    let traits = case.plan.servers.get(*server).filter(|traits| traits.retention_s > 0 && traits.max_size_kb == 0)?;
    // Its age counts from its arrival at the run that stored it: a slow disk may take long.
    let runs = case.ledger.runs.iter().filter(|run| run.party == Party::Server(*server));
    let started = runs.map(|run| run.started).filter(|started| started <= stored).max().unwrap_or_default();
    let arrived = trail.arrived.iter().find(|(at, by)| by == server && started <= *at).map_or(*stored, |(at, _)| *at);
    let is_young = case.end().saturating_sub(arrived) < Duration::from_secs(traits.retention_s.into());
    (is_young && !case.clock_was_set(Party::Server(*server))).then(|| {
        let text = format!("it was removed, and {} s are not over", traits.retention_s);
        Violation::of(Promise::NothingLost, number, text)
    })
}

/// A server that is stopped cleanly first stores everything that it told the broker has arrived, whoever sent it. Trouble
/// with its disk may prevent that.
fn left_by_a_clean_stop(case: &Case, number: Number, message: &MessageRecord, trail: &Trail) -> Option<Violation> {
    let is_nameless_direct = matches!(message.to, Addressed::Client { .. }) && case.is_original(message.from);
    let is_stored = |server| trail.synced.iter().any(|(.., by)| *by == server) || !trail.places.is_empty();
    let was_refused = trail.told.iter().any(|(.., news)| *news == SenderNews::Refused);
    if is_nameless_direct || was_refused || case.left_history(number) {
        return None;
    }
    let (_, server) = trail.arrived.iter().find(|(at, server)| {
        let mut runs = case.ledger.runs.iter().filter(|run| run.party == Party::Server(*server) && run.started <= *at);
        let was_stopped = runs.any(|run| matches!(run.ended, Some((end, RunEnd::Quit)) if *at <= end));
        was_stopped && !is_stored(*server) && !has_disk_trouble(case, *server) && is_known(case, message, *server)
    })?;
    let text = format!("it had arrived when server {server} was stopped cleanly, and is not stored");
    Some(Violation::of(Promise::NothingLost, number, text))
}

/// Whether it is known what the server stored. A message without an id is seen only in a history at the end.
fn is_known(case: &Case, message: &MessageRecord, server: usize) -> bool {
    let traits = &case.plan.servers[server];
    let shows_all = traits.retention_s == 0 && traits.max_size_kb == 0 && case.servers_at_end().any(|s| s == server);
    shows_all || !case.is_original(message.from)
}

fn has_disk_trouble(case: &Case, server: usize) -> bool {
    let name = &case.plan.servers[server].name;
    case.plan.steps.iter().any(|step| matches!(&step.what, What::Disk { who, .. } if who == name))
}

fn doubled(case: &Case, number: Number, trail: &Trail) -> Option<Violation> {
    // Nobody can recognise a message without an id, or with two.
    if case.is_original(case.message(number).from) || case.is_renamed(number) {
        return None;
    }
    let mut counts = BTreeMap::new();
    for (server, ..) in &trail.places {
        *counts.entry(*server).or_insert(0) += 1;
    }
    let (server, count) = counts.into_iter().find(|(_, count)| *count > 1)?;
    Some(Violation::of(Promise::StoredOnce, number, format!("it is {count} times in the history of server {server}")))
}

fn stored_before_sync(number: Number, trail: &Trail) -> Option<Violation> {
    let too_early = trail.stored_said.iter().find(|(said, server)| {
        let mut synced = trail.synced.iter().filter(|(.., by)| by == server);
        !synced.any(|(synced, ..)| synced < said)
    })?;
    let text = format!("server {} said that it is stored before its fsync", too_early.1);
    Some(Violation::of(Promise::StoredAfterSync, number, text))
}

fn untold(case: &Case, number: Number, message: &MessageRecord, trail: &Trail) -> Option<Violation> {
    let goes_on = case.ledger.end.running.contains(&message.run) && case.may_send(message.from);
    // A run that ended may have known it without having told it.
    let has_word = case.has_server() && !case.ends_at_broker(number);
    let must_be_told = trail.taken.is_some() && goes_on && has_word && !case.is_original(message.from);
    let is_told = trail.told.iter().any(|(.., news)| matches!(news, SenderNews::Stored | SenderNews::Refused));
    (must_be_told && !is_told)
        .then(|| Violation::of(Promise::SenderTold, number, "its sender was never told what became of it"))
}

fn told_twice(case: &Case, number: Number, trail: &Trail) -> Option<Violation> {
    let mut heard: Vec<_> = trail.told.iter().map(|(_, run, news)| (*run, *news)).collect();
    heard.retain(|(_, news)| matches!(news, SenderNews::Stored | SenderNews::Delivered));
    heard.sort_unstable();
    let twice = heard.windows(2).find(|pair| pair[0] == pair[1])?[0];
    (!case.is_renamed(number)).then(|| {
        let text = format!("run {} of its sender was told {:?} twice", twice.0, twice.1);
        Violation::of(Promise::SenderTold, number, text)
    })
}

fn unsettled(case: &Case, found: &mut Vec<Violation>) {
    for (client, count) in case.ledger.end.unsettled.iter().filter(|(_, count)| *count > 0) {
        if case.has_server() && case.may_send(*client) && !case.is_original(*client) {
            let text = format!("{} messages are still in the outbox of client {client}", count);
            found.push(Violation::general(Promise::OutboxEmpties, text));
        }
    }
}
