//! Screens: everybody concerned is shown each message once, nobody else is, and *delivered* is true.

use super::case::{Case, Trail, Viewing};
use super::{Promise, Violation};
use crate::simulation::faults::LOBBY;
use crate::simulation::ledger::{
    Addressed, Fact, HistoryEntry, MessageRecord, Number, RunNumber, STRANGE_TEXT, STRANGER, SenderNews,
};
use crate::simulation::plan::What;
use std::collections::BTreeMap;

pub fn judge(case: &Case, found: &mut Vec<Violation>) {
    for (number, message, trail) in case.trails() {
        missed(case, number, message, trail, found);
        repeated(case, number, message, trail, found);
        found.extend(repeated_after_its_receipt(case, number, message, trail));
        misdirected(case, number, message, trail, found);
        found.extend(delivered_too_early(case, number, message, trail));
    }
    strange(case, found);
    gaps(case, found);
}

fn missed(case: &Case, number: Number, message: &MessageRecord, trail: &Trail, found: &mut Vec<Violation>) {
    let Addressed::Room(room) = &message.to else { return };
    let is_kept =
        trail.places.iter().any(|(server, place, _)| place == room && case.servers_at_end().any(|s| s == *server));
    if !is_kept || trail.removed || case.had_rival(message) {
        return;
    }
    for client in 0..case.plan.clients.len() {
        let must = client != message.from
            && case.client(client).kind.listens()
            && !case.is_original(client)
            && !case.shares_nick(client)
            && case.in_room_since(client, room).is_some_and(|since| since < message.given)
            && !case.skipped_to_the_newest_page(client, number, room);
        if must && !trail.shown.iter().any(|viewing| viewing.client == client) {
            let text = format!("{} was in {room} and was never shown it", case.client(client).name);
            found.push(Violation::of(Promise::EverybodyHasIt, number, text));
        }
    }
}

fn repeated(case: &Case, number: Number, message: &MessageRecord, trail: &Trail, found: &mut Vec<Violation>) {
    // Nobody can recognise a message without an id, or with two.
    if case.is_original(message.from) || case.is_renamed(number) {
        return;
    }
    let mut last: BTreeMap<usize, &Viewing> = BTreeMap::new();
    for viewing in trail.shown.iter().filter(|viewing| !viewing.how.asked && !case.is_original(viewing.client)) {
        let Some(before) = last.insert(viewing.client, viewing) else { continue };
        let name = &case.client(viewing.client).name;
        if before.run == viewing.run {
            // The messages in an original's page have no ids.
            if case.may_be_of_an_originals_page(viewing.run, viewing.fact) {
                continue;
            }
            let text = format!("run {} of {name} showed it twice", viewing.run);
            found.push(Violation::of(Promise::ShownOnce, number, text));
        } else if viewing.client != message.from && !may_repeat(case, before, viewing) {
            let text = format!("{name} was shown it in run {} and again in run {}", before.run, viewing.run);
            found.push(Violation::of(Promise::ShownOnce, number, text));
        }
    }
}

/// Once its receipt is kept and its sender knows that it is stored, nobody sends a direct message again: not even a client
/// without a memory is shown it in a later run.
fn repeated_after_its_receipt(
    case: &Case,
    number: Number,
    message: &MessageRecord,
    trail: &Trail,
) -> Option<Violation> {
    let Addressed::Client { client, .. } = message.to else { return None };
    let kept = trail.receipt_kept?;
    let told = trail.told.iter().find(|(.., news)| *news == SenderNews::Stored)?;
    let told = case.ledger.facts[told.0].0;
    let [server] = &case.plan.servers[..] else { return None };
    let ran = |viewing: &&Viewing| {
        let sender = &case.ledger.runs[message.run];
        let may_send_again = sender.ended.as_ref().is_some_and(|(ended, _)| *ended < viewing.at);
        viewing.client == client && !viewing.how.asked && !may_send_again
    };
    let again = |viewing: &&Viewing| case.ledger.runs[viewing.run].started > kept.max(told);
    let is_excused = server.memory || server.max_size_kb > 0 || case.shares_nick(client) || case.is_renamed(number);
    let viewing = trail.shown.iter().filter(ran).find(again).filter(|_| !is_excused && !case.is_original(client))?;
    let text = format!("{} was shown it in run {}, after its receipt", case.client(client).name, viewing.run);
    Some(Violation::of(Promise::ShownOnce, number, text))
}

fn may_repeat(case: &Case, before: &Viewing, again: &Viewing) -> bool {
    // What is remembered belongs to a nick.
    let is_another = case.nick_at(before.client, before.fact) != case.nick_at(again.client, again.fact);
    is_another
        || [before, again].iter().any(|viewing| case.was_told_before_its_nick(viewing))
        || case.was_dropped_with_its_nick(before)
        || case.may_forget(before.run, before.at)
        || case.may_forget_its_number(before)
        || !case.has_memory(before.client)
        || case.lost_power(before.client, before.at, again.at)
}

fn misdirected(case: &Case, number: Number, message: &MessageRecord, trail: &Trail, found: &mut Vec<Violation>) {
    for viewing in &trail.shown {
        let is_for_it = match &message.to {
            Addressed::Room(room) => may_be_in(case, viewing.client, room),
            Addressed::Client { client, nick } => {
                *client == viewing.client || case.was_called(viewing.client, &nick.to_lowercase())
            }
        };
        // A sender is shown its own messages.
        if !is_for_it && viewing.client != message.from {
            let text = format!("{} was shown it, and it is for {:?}", case.client(viewing.client).name, message.to);
            found.push(Violation::of(Promise::NothingStrange, number, text));
        }
    }
}

/// Whether its options or a step of the plan may bring it into the room.
fn may_be_in(case: &Case, client: usize, room: &str) -> bool {
    let traits = case.client(client);
    let is_asked_to = || {
        case.plan.steps.iter().any(|step| match &step.what {
            What::Join { who, room: other } | What::Page { who, room: other } => *who == traits.name && other == room,
            What::Start { who, rooms } => *who == traits.name && rooms.iter().any(|other| other == room),
            What::Crash(crash) => crash.who == traits.name && crash.rooms.iter().any(|other| other == room),
            What::Search { who, .. } => *who == traits.name,
            _ => false,
        })
    };
    room == LOBBY || traits.rooms.iter().any(|other| other == room) || is_asked_to()
}

fn delivered_too_early(case: &Case, number: Number, message: &MessageRecord, trail: &Trail) -> Option<Violation> {
    let (told, ..) = trail.told.iter().find(|(.., news)| *news == SenderNews::Delivered)?;
    let Addressed::Client { client, .. } = message.to else {
        return Some(Violation::of(Promise::DeliveredAfterShown, number, "a message to a room was told delivered"));
    };
    // The server sends receipts for originals; with a shared nick, either client may be shown it.
    let is_excused = case.is_original(client) || case.shares_nick(client);
    let is_shown = trail.shown.iter().any(|viewing| viewing.client == client && viewing.fact < *told);
    (!is_shown && !is_excused).then(|| {
        let text = format!("delivered was told before {} was shown it", case.client(client).name);
        Violation::of(Promise::DeliveredAfterShown, number, text)
    })
}

fn strange(case: &Case, found: &mut Vec<Violation>) {
    for (place, (_, fact)) in case.ledger.facts.iter().enumerate() {
        if let Fact::ShownStrange { run, text } = fact
            && text != STRANGE_TEXT
            && !(is_direct_for_its_nick(case, *run, text) && case.may_be_of_an_originals_page(*run, place))
        {
            let text = format!("run {run} showed what nobody was given: {text:?}");
            found.push(Violation::general(Promise::NothingStrange, text));
        }
    }
    for history in &case.ledger.end.histories {
        let place = format!("the history of {} with server {}", history.room, history.server);
        let is_strangers = |entry: &HistoryEntry| entry.nick == STRANGER && entry.text == STRANGE_TEXT;
        for entry in history.entries.iter().filter(|entry| !is_strangers(entry)) {
            let Some(number) = case.ledger.number(&entry.text) else {
                let text = format!("{place} holds what nobody was given: {entry:?}");
                found.push(Violation::general(Promise::NothingStrange, text));
                continue;
            };
            let message = case.message(number);
            let fits = case.was_called(message.from, &entry.nick.to_lowercase());
            if !fits || message.to != Addressed::Room(history.room.clone()) {
                let text = format!("{place} has it as {entry:?}, and it is for {:?}", message.to);
                found.push(Violation::of(Promise::NothingStrange, number, text));
            }
        }
        if !history.entries.windows(2).all(|pair| pair[0].pos < pair[1].pos) {
            let text = format!("the positions of {place} do not grow");
            found.push(Violation::general(Promise::NothingStrange, text));
        }
    }
}

/// An original client gets its direct messages as pages without ids.
fn is_direct_for_its_nick(case: &Case, run: RunNumber, text: &str) -> bool {
    let number = text.strip_prefix("(direct) ").and_then(|text| case.ledger.number(text));
    let Some((number, client)) = number.zip(case.client_of(run)) else { return false };
    let Addressed::Client { nick, .. } = &case.message(number).to else { return false };
    case.was_called(client, &nick.to_lowercase())
}

fn gaps(case: &Case, found: &mut Vec<Violation>) {
    let servers = &case.plan.servers;
    // A new history, or removed messages, are a reason.
    let may_be = servers.len() > 1
        || servers.iter().any(|server| server.memory || server.retention_s > 0 || server.max_size_kb > 0);
    for (place, (_, fact)) in case.ledger.facts.iter().enumerate().filter(|_| !may_be) {
        if let Fact::Gap { run, room } = fact
            && !case.was_cut_short(*run, room, place)
        {
            let text = format!("run {run} was told of a gap in {room}, and nothing was ever removed");
            found.push(Violation::general(Promise::GapWithReason, text));
        }
    }
}
