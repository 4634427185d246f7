//! When all is quiet.

use super::*;
use crate::simulation::ledger::StateSize;
use Promise::{NoBusyLoop, NobodyFalls, Presence, StateBounded, TrafficEnds};

#[test]
fn who_is_there_is_known() {
    check(&[Presence], |_, ledger| drop(ledger.end.rosters[0].1.pop()));
    check(&[Presence], |_, ledger| ledger.end.rosters[1].1.push("eve".to_owned()));
    // He is called otherwise by now.
    let rename = |ledger: &mut Ledger| ledger.note(at(9_000), Fact::Nick { run: BOB, nick: "robert".to_owned() });
    check(&[Presence], |_, ledger| rename(ledger));
    check(&[], |_, ledger| {
        rename(ledger);
        ledger.end.rosters.iter_mut().for_each(|(_, nicks)| nicks[1] = "Robert".to_owned());
    });
    // Who has just started may have joined or not, and who has left may still count as present.
    for (restarts, known, expected) in [(50_000, true, &[][..]), (50_000, false, &[]), (9_000, false, &[Presence])] {
        check(expected, |_, ledger| {
            restart_in_room(ledger, BOB, restarts, RunEnd::Quit);
            ledger.end.rosters.iter_mut().filter(|_| !known).for_each(|(_, nicks)| _ = nicks.remove(1));
        });
    }
    for (end, expected) in [(90_000, &[][..]), (120_000, &[Presence])] {
        check(expected, |plan, ledger| {
            plan.end = end;
            ledger.run_ended(at(9_000), BOB, RunEnd::Quit);
            ledger.end.running.retain(|run| *run != BOB);
        });
    }
    // Without a server nobody knows.
    check(&[], |_, ledger| {
        ledger.end.rosters.clear();
        ledger.run_ended(at(9_000), MAIN, RunEnd::Quit);
        ledger.end.running.retain(|run| *run != MAIN);
    });
}

#[test]
fn traffic_ends() {
    let publish = |from: u64, count: u64| {
        move |_: &mut Plan, ledger: &mut Ledger| {
            (0..count).for_each(|number| ledger.traffic.published(at(from + number), Party::Server(0)));
        }
    };
    check(&[], publish(10_000, 1_000));
    check(&[], publish(45_000, 20));
    check(&[TrafficEnds], publish(45_000, 200));
    // Without the server, everything that waits goes out again.
    for (count, expected) in [(100, &[][..]), (200, &[TrafficEnds])] {
        check(expected, |plan, ledger| {
            ledger.end.rosters.clear();
            ledger.run_ended(at(9_000), MAIN, RunEnd::Quit);
            ledger.end.running.retain(|run| *run != MAIN);
            ledger.end.unsettled.push((0, 10));
            publish(45_000, count)(plan, ledger);
        });
    }
}

#[test]
fn nobody_wakes_up_for_nothing() {
    let wake = |from: u64, every: u64, count: u64| {
        move |_: &mut Plan, ledger: &mut Ledger| {
            let moment = |number| Duration::from_micros(1_000 * from + every * number);
            (0..count).for_each(|number| ledger.traffic.woken(moment(number), Party::Client(0)));
        }
    };
    check(&[], wake(5_000, 10_000, 1_000));
    check(&[NoBusyLoop], wake(5_000, 100, 9_000));
    check(&[NoBusyLoop], wake(31_000, 20_000, 1_000));
}

#[test]
fn state_is_bounded() {
    let size = |size| StateSize { party: Party::Server(0), what: "acks", size, bound: 10 };
    check(&[], |_, ledger| ledger.end.sizes.push(size(10)));
    check(&[StateBounded], |_, ledger| ledger.end.sizes.push(size(11)));
}

#[test]
fn nobody_falls_without_a_reason() {
    let falls =
        |ends: u64, how: RunEnd| move |_: &mut Plan, ledger: &mut Ledger| _ = restart_in_room(ledger, BOB, ends, how);
    check(&[NobodyFalls], falls(9_000, RunEnd::Fell("it panicked".to_owned())));
    check(&[], falls(9_000, RunEnd::NoBroker));
    check(&[], |_, ledger| _ = restart(ledger, MAIN, 9_000, RunEnd::Crashed));
    check(&[NobodyFalls], |_, ledger| _ = restart(ledger, MAIN, 9_000, RunEnd::Rival));
}

#[test]
fn a_server_may_find_its_predecessor_that_was_killed_while_it_looked() {
    let finds = |before: &[Fact], how: RunEnd, starts: u64| {
        let before = before.to_vec();
        move |_: &mut Plan, ledger: &mut Ledger| {
            before.into_iter().for_each(|fact| ledger.note(at(6_000), fact));
            let next = restart(ledger, MAIN, 9_000, how);
            ledger.runs[next].started = at(starts);
            restart(ledger, next, starts + 300, RunEnd::Rival);
        }
    };
    let (connected, lost) = (Fact::Connected { run: MAIN }, Fact::Lost { run: MAIN });
    check(&[], finds(&[], RunEnd::Crashed, 9_500));
    check(&[], finds(&[connected.clone(), lost.clone()], RunEnd::PowerLost, 9_500));
    // It served, ended cleanly, or was killed long ago.
    check(&[NobodyFalls], finds(std::slice::from_ref(&connected), RunEnd::Crashed, 9_500));
    check(&[NobodyFalls], finds(&[lost, connected], RunEnd::Crashed, 9_500));
    check(&[NobodyFalls], finds(&[], RunEnd::Quit, 9_500));
    check(&[NobodyFalls], finds(&[], RunEnd::Crashed, 15_000));
}

#[test]
fn a_nick_is_in_use_until_an_earlier_run_has_timed_out() {
    let refused = |ends: u64, refused: u64| {
        move |plan: &mut Plan, ledger: &mut Ledger| {
            plan.end = 300_000;
            let next = restart_in_room(ledger, BOB, ends, RunEnd::Quit);
            restart_in_room(ledger, next, refused, RunEnd::NickInUse);
        }
    };
    check(&[], refused(9_000, 12_000));
    check(&[NobodyFalls], refused(9_000, 115_000));
    check(&[], refused(100_000, 115_000));
    // A server that connects gives everybody another timeout.
    for (connects, expected) in [(50_000, &[][..]), (10_000, &[NobodyFalls])] {
        check(expected, |plan, ledger| {
            ledger.note(at(connects), Fact::Connected { run: MAIN });
            refused(9_000, 115_000)(plan, ledger);
        });
    }
    // A refused run holds nothing, unless it learned of that late; and before the first run nobody does.
    for (first, expected) in [(20_000, &[NobodyFalls][..]), (60_000, &[])] {
        check(expected, |plan, ledger| {
            refused(9_000, first)(plan, ledger);
            restart_in_room(ledger, ledger.runs.len() - 1, 115_000, RunEnd::NickInUse);
        });
    }
    check(&[NobodyFalls], |_, ledger| _ = restart_in_room(ledger, BOB, 9_000, RunEnd::NickInUse));
    // The answer may be older than the end.
    for (answered, expected) in [(100_000, &[][..]), (112_000, &[NobodyFalls])] {
        check(expected, |plan, ledger| {
            refused(9_000, 115_000)(plan, ledger);
            let run = ledger.runs.iter().position(|run| matches!(run.ended, Some((_, RunEnd::NickInUse)))).unwrap();
            ledger.note(at(answered), Fact::NickRefused { run });
        });
    }
}
