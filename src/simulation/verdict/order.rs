//! Order: each sender's messages come in the order in which they were given, and late marks have a reason.

use super::case::{Case, Viewing};
use super::{Promise, Violation};
use crate::simulation::ledger::{Addressed, MessageRecord, Number, Party, RunNumber};
use std::collections::{BTreeMap, BTreeSet};

pub fn judge(case: &Case, found: &mut Vec<Violation>) {
    let mut viewings: Vec<(Number, &Viewing)> =
        case.trails().flat_map(|(number, _, trail)| trail.shown.iter().map(move |viewing| (number, viewing))).collect();
    viewings.retain(|(_, viewing)| !case.is_original(viewing.client));
    viewings.sort_by_key(|(_, viewing)| viewing.fact);
    late_with_reason(case, &viewings, found);
    viewings.retain(|(_, viewing)| !viewing.how.asked);
    shown_in_order(case, &viewings, found);
    stored_in_order(case, found);
}

/// What has an order: the sender's nick, and where it says something.
type Flow = (String, String);

/// Originals do not number their messages; a renamed message may come twice.
fn has_order(case: &Case, number: Number) -> bool {
    !case.is_original(case.message(number).from) && !case.is_renamed(number)
}

fn shown_in_order(case: &Case, viewings: &[(Number, &Viewing)], found: &mut Vec<Violation>) {
    let mut newest: BTreeMap<(RunNumber, usize, Flow), (Number, usize)> = BTreeMap::new();
    for (number, viewing) in viewings.iter().filter(|(number, viewing)| !viewing.how.late && has_order(case, *number)) {
        let message = case.message(*number);
        if message.from == viewing.client {
            continue;
        }
        let flow = (viewing.run, message.from, (case.sender(*number), target(&message.to)));
        let last = newest.entry(flow).or_insert((*number, viewing.fact));
        if last.0 > *number && !excused(case, *last, *number, viewing) {
            let text = format!(
                "{} in run {} was shown it after m{}, and it is not marked late",
                case.client(viewing.client).name,
                viewing.run,
                last.0
            );
            found.push(Violation::of(Promise::InOrder, *number, text));
        }
        *last = (*last).max((*number, viewing.fact));
    }
}

/// Clocks may decide the order of two runs of a sender, and a clock that was set decides wrongly. But if the later message
/// came on the same connection and none was sent again, the history tells their order.
fn excused(case: &Case, (later, came): (Number, usize), earlier: Number, viewing: &Viewing) -> bool {
    let (one, other) = (case.message(later), case.message(earlier));
    let is_of_same = |message: &MessageRecord| (message.from, &message.to) == (other.from, &other.to);
    let sent_again = || {
        case.trails().any(|(_, message, trail)| {
            is_of_same(message) && trail.sent_again.is_some_and(|again| again < viewing.fact)
        })
    };
    one.run != other.run
        && case.clocks_tell_nothing(one.from, viewing.fact)
        && (case.connected_between(viewing.run, came, viewing.fact) || sent_again())
}

fn target(to: &Addressed) -> String {
    match to {
        Addressed::Room(room) => format!("#{room}"),
        Addressed::Client { nick, .. } => nick.to_lowercase(),
    }
}

/// A message that somebody asked to see counts, too: an earlier one that comes after it is late.
fn late_with_reason(case: &Case, viewings: &[(Number, &Viewing)], found: &mut Vec<Violation>) {
    // The messages that each receiver was shown of each flow, by the client that sent them.
    let mut seen: BTreeMap<(usize, Flow), BTreeMap<usize, BTreeSet<Number>>> = BTreeMap::new();
    for (number, viewing) in viewings {
        let message = case.message(*number);
        let flow = |nick| (viewing.client, (nick, target(&message.to)));
        // The history decides the order of two clients with one nick, and of a message of an earlier run that it did not
        // contain yet.
        let is_after = |(from, shown): (&usize, &BTreeSet<Number>)| {
            *from != message.from
                || shown.last() > Some(number)
                || shown.iter().any(|other| is_stored_after(case, *other, *number))
        };
        let follows = || seen.get(&flow(case.sender(*number))).is_some_and(|seen| seen.iter().any(is_after));
        let sent_again = || case.trail(*number).sent_again.is_some_and(|again| again < viewing.fact);
        let has_reason = || follows() || sent_again() || case.clocks_tell_nothing(message.from, viewing.fact);
        let is_judged = viewing.how.late && !viewing.how.asked && has_order(case, *number);
        if is_judged && message.from != viewing.client && !has_reason() {
            let text = format!("{} in run {} was shown it late", case.client(viewing.client).name, viewing.run);
            found.push(Violation::of(Promise::LateWithReason, *number, text));
        }
        for nick in case.senders(*number) {
            seen.entry(flow(nick)).or_default().entry(message.from).or_default().insert(*number);
        }
    }
}

/// Whether a message is of an earlier run than this one, and the history did not have it when it got this one. In a cluster,
/// its mark may have overtaken it, so that the client does not know that the history had it.
fn is_stored_after(case: &Case, other: Number, number: Number) -> bool {
    let Some((fact, at, server)) = case.trail(number).synced.first() else { return false };
    let runs = || case.ledger.runs.iter().filter(|run| run.party == Party::Server(*server));
    let has_ended = |since| {
        let mut ends = runs().filter_map(|run| run.ended.as_ref());
        case.plan.servers[*server].memory && ends.any(|(end, _)| (since..=*at).contains(end))
    };
    let mut stored = case.trail(other).synced.iter();
    let had = stored.any(|(before, since, by)| by == server && before < fact && !has_ended(*since));
    case.message(other).run < case.message(number).run && (!had || case.plan.broker.cluster.nodes > 1)
}

fn stored_in_order(case: &Case, found: &mut Vec<Violation>) {
    for history in &case.ledger.end.histories {
        let mut newest: BTreeMap<usize, Number> = BTreeMap::new();
        let entries = history.entries.iter().filter(|entry| !entry.late);
        for number in entries.filter_map(|entry| case.ledger.number(&entry.text)) {
            if !has_order(case, number) {
                continue;
            }
            let last = newest.entry(case.message(number).from).or_insert(number);
            if *last > number {
                let text = format!("the history of {} has it after m{last}, and it is not marked late", history.room);
                found.push(Violation::of(Promise::InOrder, number, text));
            }
            *last = (*last).max(number);
        }
    }
}
