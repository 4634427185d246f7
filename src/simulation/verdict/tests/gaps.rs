//! What is missing with a reason: gaps, another history's newest page, and a first visit that is cut short.

use super::*;
use crate::simulation::plan::ServerTraits;
use Promise::{EverybodyHasIt, GapWithReason};

#[test]
fn a_gap_has_a_reason() {
    let gap = || Fact::Gap { run: BOB, room: "red".to_owned() };
    check(&[GapWithReason], |_, ledger| ledger.note(at(9_000), gap()));
    check(&[], |plan, ledger| {
        plan.servers[0].retention_s = 60;
        ledger.note(at(9_000), gap());
    });
}

#[test]
fn who_had_not_reached_the_next_history_skips_to_its_newest_page() {
    /// Bob has not seen message 1 when he is told of a gap, after a page that begins with the messages behind a `long` one.
    fn missed(ledger: &mut Ledger, gap: u64, is_long: bool) {
        drop_facts(ledger, is_shown(BOB, 1));
        if is_long {
            ledger.end.histories[0].entries[1].text = Ledger::text(1, 48 * 1_024);
        }
        ledger.note(at(gap), Fact::Gap { run: BOB, room: "red".to_owned() });
    }
    /// The server is another one, whose history in memory began before all messages, or which takes turns with a rival.
    type Other = fn(&mut Plan, &mut Ledger);
    let in_memory: Other = |plan, ledger| {
        plan.servers[0].memory = true;
        ledger.facts.insert(0, (at(100), Fact::Connected { run: MAIN }));
        restart(ledger, MAIN, 900, RunEnd::Crashed);
    };
    let second: Other = |plan, ledger| {
        plan.servers.push(ServerTraits { starts: false, ..plan.servers[0].clone() });
        let rival = ledger.run_started(at(500), Party::Server(1));
        ledger.facts.insert(0, (at(550), Fact::Connected { run: rival }));
        ledger.run_ended(at(900), rival, RunEnd::Quit);
    };
    for other_history in [in_memory, second] {
        for (gap, is_long, expected) in
            [(9_000, true, &[][..]), (9_000, false, &[EverybodyHasIt]), (1_050, true, &[EverybodyHasIt])]
        {
            check(expected, |plan, ledger| {
                other_history(plan, ledger);
                missed(ledger, gap, is_long);
            });
        }
    }
    // Its history is the only one that there was.
    check(&[EverybodyHasIt], |plan, ledger| {
        plan.servers[0].memory = true;
        ledger.facts.insert(0, (at(100), Fact::Connected { run: MAIN }));
        missed(ledger, 9_000, true);
    });
    check(&[EverybodyHasIt], |plan, ledger| {
        plan.servers.push(ServerTraits { starts: false, ..plan.servers[0].clone() });
        missed(ledger, 9_000, true);
    });
    // The gap was in the history before.
    check(&[EverybodyHasIt], |plan, ledger| {
        in_memory(plan, ledger);
        missed(ledger, 9_000, true);
        ledger.runs.last_mut().unwrap().started = at(9_100);
    });
}

/// A connection that was lost before the first page leaves it open what was missed.
#[test]
fn a_first_visit_that_is_cut_short_may_have_a_gap() {
    let gap = |ledger: &mut Ledger, connections: usize, is_first: bool| {
        let place = ledger.facts.iter().position(|(_, fact)| matches!(fact, Fact::InRoom { run: BOB, .. })).unwrap();
        let gap = (at(if is_first { 500 } else { 2_500 }), Fact::Gap { run: BOB, room: "red".to_owned() });
        ledger.facts.insert(if is_first { place } else { place + 1 }, gap);
        for _ in 0..connections {
            ledger.facts.insert(0, (at(100), Fact::Connected { run: BOB }));
        }
    };
    check(&[], |_, ledger| gap(ledger, 2, true));
    check(&[GapWithReason], |_, ledger| gap(ledger, 1, true));
    let drops = |ledger: &mut Ledger, is_first: bool| {
        gap(ledger, 1, is_first);
        ledger.facts.insert(0, (at(100), Fact::Dropped { run: BOB }));
    };
    check(&[], |_, ledger| drops(ledger, true));
    check(&[GapWithReason], |_, ledger| drops(ledger, false));
    check(&[GapWithReason], |_, ledger| gap(ledger, 2, false));
    // A cursor that an earlier run left belongs to its nick.
    let returns = |ledger: &mut Ledger, nick: &str| {
        let next = restart_in_room(ledger, BOB, 10_000, RunEnd::Quit);
        ledger.note(at(11_000), Fact::Connected { run: next });
        ledger.note(at(11_500), Fact::Nick { run: next, nick: nick.to_owned() });
        ledger.note(at(12_000), Fact::Connected { run: next });
        ledger.note(at(13_000), Fact::Gap { run: next, room: "red".to_owned() });
        is_called(ledger, next, "bob");
    };
    check(&[], |_, ledger| returns(ledger, "bobby"));
    check(&[GapWithReason], |_, ledger| returns(ledger, "bob"));
}
