//! The end of a run: presence is correct, programs rest, state is bounded, and no program ended by itself.

use super::case::{Case, JOINS};
use super::{Promise, Violation};
use crate::simulation::ledger::{Party, RunEnd, RunRecord, Traffic};
use crate::simulation::plan::Plan;
use std::collections::BTreeSet;
use std::time::Duration;

/// The last part of the quiet phase. Little but heartbeats is expected.
const WATCHED: Duration = Duration::from_secs(30);
/// Publications besides heartbeats: marks, lists and statistics.
const LEFT_OVER: u64 = 20;
/// The same for each client and each waiting message if no server comes back: the message again, receipts, joins and
/// requests.
const UNANSWERED: u64 = 6;
/// The most wake-ups of a program in [`WATCHED`].
const WAKE_UPS: u64 = 30 * 20;
/// The most wake-ups of a program in any second.
const WAKE_UPS_AT_ONCE: u64 = 2_000;
/// How long the last packets of a killed server are under way at most, while nothing keeps its successor's from passing.
const UNDER_WAY: Duration = Duration::from_secs(5);
/// How long after its timeout a nick may still be in use, and a refused client may take to end.
const FREE_AFTER: Duration = Duration::from_secs(30);

pub fn judge(case: &Case, found: &mut Vec<Violation>) {
    presence(case, found);
    traffic(case, found);
    wake_ups(case, found);
    sizes(case, found);
    fallen(case, found);
}

fn presence(case: &Case, found: &mut Vec<Violation>) {
    if !case.plan.servers.is_empty() && !case.has_server() {
        return;
    }
    let joined_by = case.end().saturating_sub(JOINS);
    let (mut present, mut possible) = (BTreeSet::new(), BTreeSet::new());
    for client in (0..case.plan.clients.len()).filter(|client| case.client(*client).kind.listens()) {
        let nick = case.last_nick(client);
        match case.running(Party::Client(client)) {
            Some(run) if case.ledger.runs[run].started <= joined_by => _ = present.insert(nick),
            Some(_) => _ = possible.insert(nick),
            None if nick_may_be_taken(case, client, case.end()) => _ = possible.insert(nick),
            None => {}
        }
    }
    for (party, nicks) in &case.ledger.end.rosters {
        let known: BTreeSet<String> = nicks.iter().map(|nick| nick.to_lowercase()).collect();
        let is_wrong = |nick: &&String| present.contains(*nick) || !possible.contains(*nick);
        if known.symmetric_difference(&present).any(|nick| is_wrong(&nick)) {
            let text = format!("{party} knows {known:?}, and {present:?} are there");
            found.push(Violation::general(Promise::Presence, text));
        }
    }
}

fn parties(plan: &Plan) -> impl Iterator<Item = Party> {
    let servers = (0..plan.servers.len()).map(Party::Server);
    servers.chain((0..plan.clients.len()).map(Party::Client)).chain([Party::Broker])
}

fn traffic(case: &Case, found: &mut Vec<Violation>) {
    let (mut expected, counts) = last_publications(case.plan, &case.ledger.traffic, case.end());
    if !case.has_server() {
        let waiting: usize = case.ledger.end.unsettled.iter().map(|(_, count)| count).sum();
        expected += UNANSWERED * (waiting + case.plan.clients.len()) as u64;
    }
    let published: u64 = counts.iter().map(|(_, count)| count).sum();
    if published > expected {
        let most = counts.iter().max_by_key(|(_, count)| *count);
        let most = most.map_or_else(String::new, |(party, count)| format!(", {count} of them by {party}"));
        let text = format!("{published} publications in the last {WATCHED:?}, {expected} at most expected{most}");
        found.push(Violation::general(Promise::TrafficEnds, text));
    }
}

/// Whether nobody published more than a chat at rest does in the time before `end`.
pub fn is_quiet(plan: &Plan, traffic: &Traffic, end: Duration) -> bool {
    let (expected, counts) = last_publications(plan, traffic, end);
    counts.iter().map(|(_, count)| count).sum::<u64>() <= expected
}

/// How many publications are expected at most in the time before `end`, and how many there were of each party.
fn last_publications(plan: &Plan, traffic: &Traffic, end: Duration) -> (u64, Vec<(Party, u64)>) {
    let from = end.saturating_sub(WATCHED);
    let timeout = plan.servers.iter().map(|server| u64::from(server.timeout_s)).min().unwrap_or(60);
    let heartbeats = WATCHED.as_secs() / (timeout / 2).max(1) + 1;
    let counts: Vec<(Party, u64)> = parties(plan).map(|party| (party, traffic.published_since(party, from))).collect();
    (counts.len() as u64 * heartbeats + LEFT_OVER, counts)
}

fn wake_ups(case: &Case, found: &mut Vec<Violation>) {
    let from = case.end().saturating_sub(WATCHED);
    for party in parties(case.plan) {
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
            RunEnd::NickInUse => {
                let at = case.refused(number).unwrap_or(*at);
                matches!(run.party, Party::Client(client) if nick_may_be_taken(case, client, at))
            }
            RunEnd::Rival => case.plan.servers.len() > 1 || follows_one_killed_while_it_looked(case, run),
            RunEnd::Fell(_) => false,
        };
        if !is_excused {
            let text = format!("run {number} of {} ended by itself at {:.3} s: {end:?}", run.party, at.as_secs_f64());
            found.push(Violation::general(Promise::NobodyFalls, text));
        }
    }
}

/// A server may take the last packets of its predecessor, which was killed while it looked for another one, for another
/// server's.
fn follows_one_killed_while_it_looked(case: &Case, run: &RunRecord) -> bool {
    let others = case.ledger.runs.iter().enumerate().filter(|(_, other)| other.party == run.party);
    others.into_iter().any(|(number, other)| {
        matches!(other.ended, Some((at, RunEnd::Crashed | RunEnd::PowerLost))
            if at <= run.started && run.started <= at + UNDER_WAY && !case.ended_connected(number))
    })
}

/// Whether an earlier run of the client may hold its nick: it does so until the server's timeout, which begins again with
/// each start, reconnect and standstill of a server. A run that was refused holds it only if it learned of that so late that
/// it may have been let in meanwhile.
fn nick_may_be_taken(case: &Case, client: usize, at: Duration) -> bool {
    let holds = |run: &&RunRecord| match &run.ended {
        Some((end, RunEnd::NickInUse)) => *end < at && run.started + JOINS <= *end,
        ended => ended.as_ref().is_some_and(|(end, _)| *end < at),
    };
    let ended = |run: &RunRecord| run.ended.as_ref().map(|(end, _)| *end);
    let runs = case.ledger.runs.iter().filter(|run| run.party == Party::Client(client));
    let Some(held) = runs.filter(holds).filter_map(ended).max() else { return case.shares_nick(client) };
    let timeout = case.plan.servers.iter().map(|server| u64::from(server.timeout_s)).max().unwrap_or(60);
    let heard = case.graces().filter(|grace| *grace < at).max().unwrap_or_default();
    let from = heard.max(held).max(Duration::from_millis(case.plan.heal));
    at < from + Duration::from_secs(timeout) + FREE_AFTER || case.shares_nick(client)
}
