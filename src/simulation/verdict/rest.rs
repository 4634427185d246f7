//! The end of a run: presence is correct, programs rest, state is bounded, and no program ended by itself.

use super::case::Case;
use super::{Promise, Violation};
use crate::simulation::ledger::{Party, RunEnd};
use std::collections::BTreeSet;
use std::time::Duration;

/// The last part of the quiet phase. Little but heartbeats is expected.
const WATCHED: Duration = Duration::from_secs(30);
/// Publications besides heartbeats: marks, lists and statistics.
const LEFT_OVER: u64 = 20;
/// The most wake-ups of a program in [`WATCHED`].
const WAKE_UPS: u64 = 30 * 20;
/// The most wake-ups of a program in any second.
const WAKE_UPS_AT_ONCE: u64 = 2_000;
/// How long after its time-out a nick is free at the latest.
const FREE_AFTER: Duration = Duration::from_secs(30);

pub fn judge(case: &Case, found: &mut Vec<Violation>) {
    presence(case, found);
    traffic(case, found);
    wake_ups(case, found);
    sizes(case, found);
    fallen(case, found);
}

fn presence(case: &Case, found: &mut Vec<Violation>) {
    if !case.has_server() {
        return;
    }
    let clients = (0..case.plan.clients.len()).filter(|client| case.client(*client).kind.listens());
    let present: BTreeSet<String> = clients
        .filter(|client| case.running(Party::Client(*client)).is_some())
        .map(|client| case.last_nick(client))
        .collect();
    for (party, nicks) in &case.ledger.end.rosters {
        let known: BTreeSet<String> = nicks.iter().map(|nick| nick.to_lowercase()).collect();
        if known != present {
            let text = format!("{party} knows {known:?}, and {present:?} are there");
            found.push(Violation::general(Promise::Presence, text));
        }
    }
}

fn end(case: &Case) -> Duration {
    Duration::from_millis(case.plan.end).max(case.ledger.end.at)
}

fn parties(case: &Case) -> impl Iterator<Item = Party> {
    let servers = (0..case.plan.servers.len()).map(Party::Server);
    servers.chain((0..case.plan.clients.len()).map(Party::Client)).chain([Party::Broker])
}

fn traffic(case: &Case, found: &mut Vec<Violation>) {
    let from = end(case).saturating_sub(WATCHED);
    let timeout = case.plan.servers.iter().map(|server| u64::from(server.timeout_s)).min().unwrap_or(60);
    let heartbeats = WATCHED.as_secs() / (timeout / 2).max(1) + 1;
    let expected = parties(case).count() as u64 * heartbeats + LEFT_OVER;
    let counts: Vec<(Party, u64)> =
        parties(case).map(|party| (party, case.ledger.traffic.published_since(party, from))).collect();
    let published: u64 = counts.iter().map(|(_, count)| count).sum();
    if published > expected {
        let most = counts.iter().max_by_key(|(_, count)| *count);
        let most = most.map_or_else(String::new, |(party, count)| format!(", {count} of them by {party}"));
        let text = format!("{published} publications in the last {WATCHED:?}, {expected} at most expected{most}");
        found.push(Violation::general(Promise::TrafficEnds, text));
    }
}

fn wake_ups(case: &Case, found: &mut Vec<Violation>) {
    let from = end(case).saturating_sub(WATCHED);
    for party in parties(case) {
        let count = case.ledger.traffic.woken_since(party, from);
        if count > WAKE_UPS {
            let text = format!("{party} woke up {count} times in the last {WATCHED:?}");
            found.push(Violation::general(Promise::NoBusyLoop, text));
        }
    }
    if let Some((party, second, count)) = case.ledger.traffic.busiest().filter(|(.., count)| *count > WAKE_UPS_AT_ONCE)
    {
        let text = format!("{party} woke up {count} times in second {second}");
        found.push(Violation::general(Promise::NoBusyLoop, text));
    }
}

fn sizes(case: &Case, found: &mut Vec<Violation>) {
    for state in case.ledger.end.sizes.iter().filter(|state| state.size > state.bound) {
        let text =
            format!("{} of {} has grown to {}, and {} is enough", state.what, state.party, state.size, state.bound);
        found.push(Violation::general(Promise::StateBounded, text));
    }
}

fn fallen(case: &Case, found: &mut Vec<Violation>) {
    for (number, run) in case.ledger.runs.iter().enumerate() {
        let Some((at, end)) = &run.ended else { continue };
        let is_excused = match end {
            RunEnd::Crashed | RunEnd::PowerLost | RunEnd::Quit | RunEnd::NoBroker => true,
            RunEnd::NickInUse => matches!(run.party, Party::Client(client) if nick_may_be_taken(case, client, *at)),
            RunEnd::Rival => case.plan.servers.len() > 1,
            RunEnd::Fell(_) => false,
        };
        if !is_excused {
            let text = format!("run {number} of {} ended by itself at {:.3} s: {end:?}", run.party, at.as_secs_f64());
            found.push(Violation::general(Promise::NobodyFalls, text));
        }
    }
}

/// Until the time-out, an earlier run of the client may hold the nick.
fn nick_may_be_taken(case: &Case, client: usize, at: Duration) -> bool {
    let timeout = case.plan.servers.iter().map(|server| u64::from(server.timeout_s)).max().unwrap_or(60);
    let free = Duration::from_millis(case.plan.heal) + Duration::from_secs(timeout) + FREE_AFTER;
    at < free || case.shares_nick(client)
}
