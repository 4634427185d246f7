//! A run in which all is well, and what is changed in it: each rule finds what breaks it and passes what is excused.

mod gaps;
mod order;
mod rest;
mod shown;
mod stored;

use super::*;
use crate::simulation::ledger::{
    Addressed, Fact, HistoryEntry, HistoryRecord, Party, RunEnd, RunNumber, SenderNews, Showing,
};
use crate::simulation::plan::text::parse;
use std::time::Duration;

/// Runs of the good ledger.
const MAIN: RunNumber = 0;
const ANN: RunNumber = 1;
const BOB: RunNumber = 2;
const CAT: RunNumber = 3;
const DAN: RunNumber = 4;

/// Clients of the plan: bob has a memory, cat has none, dan only sends from memory, and only if a test has him do so.
const BOB_CLIENT: usize = 1;

/// Ann's messages 0 to 4 are to #red, the fifth is to bob.
const DIRECT: Number = 5;

const fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// When a message was given; what becomes of it follows within 60 ms.
const fn given(number: Number) -> u64 {
    1_000 + 100 * number as u64
}

fn plan() -> Plan {
    let text = "\
seed 1
server main
client ann rooms=red
client bob rooms=red
client cat kind=library memory=no rooms=red
client dan kind=sender memory=no outbox=no
at 20000 heal
at 60000 end
";
    parse(text).unwrap()
}

fn red() -> Addressed {
    Addressed::Room("red".to_owned())
}

fn show(run: RunNumber, number: Number, how: Showing) -> Fact {
    Fact::Shown { run, number, how }
}

fn good() -> (Plan, Ledger) {
    let mut ledger = Ledger::default();
    for party in [Party::Server(0), Party::Client(0), Party::Client(1), Party::Client(2), Party::Client(3)] {
        let run = ledger.run_started(at(0), party);
        ledger.end.running.push(run);
        if (ANN..=CAT).contains(&run) {
            ledger.note(at(500), Fact::InRoom { run, room: "red".to_owned() });
        }
    }
    for number in 0..=DIRECT {
        let to =
            if number == DIRECT { Addressed::Client { client: BOB_CLIENT, nick: "bob".to_owned() } } else { red() };
        let is_direct = number == DIRECT;
        assert_eq!(ledger.give(at(given(number)), 0, ANN, to), number);
        let mut note = |after, fact| ledger.note(at(given(number) + after), fact);
        note(1, Fact::Taken { number });
        note(10, show(BOB, number, Showing::default()));
        if !is_direct {
            note(11, show(CAT, number, Showing::default()));
        }
        note(20, Fact::Synced { server: 0, number });
        note(21, Fact::StoredSaid { server: 0, number });
        note(30, Fact::Told { run: ANN, number, news: SenderNews::Stored });
        if is_direct {
            note(40, Fact::Told { run: ANN, number, news: SenderNews::Delivered });
        }
    }
    let entry = |number: Number| HistoryEntry {
        pos: 1 + number as u64,
        nick: "ann".to_owned(),
        text: Ledger::text(number, 0),
        late: false,
    };
    let entries = (0..DIRECT).map(entry).collect();
    ledger.end.histories.push(HistoryRecord { server: 0, room: "red".to_owned(), entries });
    let present = || ["Ann", "bob", "cat"].map(str::to_owned).to_vec();
    ledger.end.rosters = vec![(Party::Server(0), present()), (Party::Client(BOB_CLIENT), present())];
    (plan(), ledger)
}

/// The promises that the changed run breaks, each once.
#[track_caller]
fn check(expected: &[Promise], change: impl FnOnce(&mut Plan, &mut Ledger)) {
    let (mut plan, mut ledger) = good();
    change(&mut plan, &mut ledger);
    let found = judge(&plan, &ledger);
    let mut promises: Vec<Promise> = found.iter().map(|violation| violation.promise).collect();
    promises.sort_unstable();
    promises.dedup();
    assert_eq!(promises, expected, "{found:#?}");
}

/// Takes facts out of the ledger.
fn drop_facts(ledger: &mut Ledger, which: impl Fn(&Fact) -> bool) {
    ledger.facts.retain(|(_, fact)| !which(fact));
}

/// Takes facts out and puts another one in the first one's place.
fn replace(ledger: &mut Ledger, which: impl Fn(&Fact) -> bool, by: Fact) {
    let first = ledger.facts.iter().position(|(_, fact)| which(fact)).unwrap();
    ledger.facts[first].1 = by;
}

/// Puts a fact before the first that fits.
fn before(ledger: &mut Ledger, which: impl Fn(&Fact) -> bool, fact: Fact) {
    let first = ledger.facts.iter().position(|(_, fact)| which(fact)).unwrap();
    let time = ledger.facts[first].0;
    ledger.facts.insert(first, (time, fact));
}

fn is_told(number: Number) -> impl Fn(&Fact) -> bool {
    move |fact| matches!(fact, Fact::Told { .. }) && fact.number() == Some(number)
}

fn is_synced(number: Number) -> impl Fn(&Fact) -> bool {
    move |fact| matches!(fact, Fact::Synced { .. }) && fact.number() == Some(number)
}

fn is_shown(run: RunNumber, number: Number) -> impl Fn(&Fact) -> bool {
    move |fact| matches!(fact, Fact::Shown { run: by, number: shown, .. } if *by == run && *shown == number)
}

/// A run ends, and the next one of the same participant begins.
fn restart(ledger: &mut Ledger, run: RunNumber, ends: u64, how: RunEnd) -> RunNumber {
    let party = ledger.runs[run].party;
    ledger.run_ended(at(ends), run, how);
    let next = ledger.run_started(at(ends + 500), party);
    ledger.end.running.retain(|running| *running != run);
    ledger.end.running.push(next);
    next
}

/// And is in the room again.
fn restart_in_room(ledger: &mut Ledger, run: RunNumber, ends: u64, how: RunEnd) -> RunNumber {
    let next = restart(ledger, run, ends, how);
    ledger.note(at(ends + 600), Fact::InRoom { run: next, room: "red".to_owned() });
    next
}

/// It has this nick at the end, so that everybody knows it.
fn is_called(ledger: &mut Ledger, run: RunNumber, nick: &str) {
    ledger.note(at(50_000), Fact::Nick { run, nick: nick.to_owned() });
}

#[test]
fn all_is_well() {
    check(&[], |_, _| {});
}

#[test]
fn a_violation_names_its_promise_and_its_message() {
    let violation = Violation::of(Promise::NothingLost, 7, "it is gone");
    assert_eq!(violation.to_string(), "nothing lost: m7: it is gone");
    assert_eq!(Violation::general(Promise::Presence, "who").to_string(), "presence: who");
    let names: std::collections::BTreeSet<String> = Promise::ALL.iter().map(Promise::to_string).collect();
    assert_eq!(names.len(), Promise::ALL.len());
}
