//! Screens.

use super::*;
use crate::simulation::ledger::{STRANGE_TEXT, STRANGER};
use crate::simulation::plan::{ClientKind, ClientTraits};
use Promise::{DeliveredAfterShown, EverybodyHasIt, NothingStrange, ShownOnce};

#[test]
fn everybody_in_the_room_has_it() {
    check(&[EverybodyHasIt], |_, ledger| drop_facts(ledger, is_shown(BOB, 2)));
    // He came later, or left.
    let join = |ledger: &mut Ledger, time| {
        drop_facts(ledger, |fact| matches!(fact, Fact::InRoom { run: BOB, .. }));
        ledger.note(at(time), Fact::InRoom { run: BOB, room: "red".to_owned() });
        drop_facts(ledger, is_shown(BOB, 2));
    };
    check(&[], |_, ledger| join(ledger, given(2) + 50));
    check(&[EverybodyHasIt], |_, ledger| join(ledger, given(2) - 50));
    check(&[], |_, ledger| {
        drop_facts(ledger, is_shown(BOB, 2));
        ledger.note(at(9_000), Fact::LeftRoom { run: BOB, room: "red".to_owned() });
    });
    // Nobody ever was in a room by its run that is over.
    check(&[], |_, ledger| {
        drop_facts(ledger, is_shown(BOB, 2));
        restart(ledger, BOB, 9_000, RunEnd::Quit);
    });
}

#[test]
fn who_remembers_has_what_it_missed_while_it_was_away() {
    check(&[EverybodyHasIt], |_, ledger| {
        drop_facts(ledger, is_shown(BOB, 2));
        restart_in_room(ledger, BOB, 9_000, RunEnd::Crashed);
    });
    check(&[], |_, ledger| {
        drop_facts(ledger, is_shown(BOB, 2));
        let run = restart_in_room(ledger, BOB, 9_000, RunEnd::Crashed);
        ledger.note(at(9_900), show(run, 2, Showing { late: true, ..Showing::default() }));
    });
    // Without a memory, and with one that the power cut took along, it has what is said from then on.
    check(&[], |_, ledger| {
        drop_facts(ledger, is_shown(CAT, 2));
        restart_in_room(ledger, CAT, 9_000, RunEnd::Crashed);
    });
    check(&[], |_, ledger| {
        drop_facts(ledger, is_shown(BOB, 2));
        restart_in_room(ledger, BOB, 9_000, RunEnd::PowerLost);
    });
}

#[test]
fn a_cursor_is_remembered_within_a_second_and_for_one_nick() {
    let missed = |ledger: &mut Ledger, ends: u64, how| {
        drop_facts(ledger, is_shown(BOB, 2));
        restart_in_room(ledger, BOB, ends, how)
    };
    // He came into the room after half a second.
    check(&[], |_, ledger| {
        ledger.facts.retain(|(_, fact)| !matches!(fact, Fact::Shown { run: BOB, .. }) || fact.number() == Some(DIRECT));
        restart_in_room(ledger, BOB, 1_400, RunEnd::Crashed);
    });
    check(&[EverybodyHasIt], |_, ledger| _ = missed(ledger, 1_600, RunEnd::Crashed));
    check(&[EverybodyHasIt], |_, ledger| _ = missed(ledger, 1_400, RunEnd::Quit));
    // An earlier run's cursor is that of the nick that it had; this run's own goes with it.
    let nick = |run| Fact::Nick { run, nick: "bobby".to_owned() };
    check(&[], |_, ledger| {
        let next = missed(ledger, 9_000, RunEnd::Quit);
        ledger.note(at(9_700), nick(next));
        ledger.note(at(9_800), Fact::InRoom { run: next, room: "red".to_owned() });
        is_called(ledger, next, "bob");
    });
    check(&[EverybodyHasIt], |_, ledger| {
        ledger.facts.insert(0, (at(0), Fact::Connected { run: BOB }));
        ledger.note(at(3_000), nick(BOB));
        let next = missed(ledger, 9_000, RunEnd::Quit);
        is_called(ledger, next, "bob");
    });
}

#[test]
fn a_run_shows_everything_once() {
    let again = |how| move |_: &mut Plan, ledger: &mut Ledger| ledger.note(at(9_000), show(BOB, 2, how));
    check(&[ShownOnce], again(Showing { late: true, ..Showing::default() }));
    // Somebody asked to see it.
    check(&[], again(Showing { asked: true, ..Showing::default() }));
    // An original with his nick has asked for a page; not one with another nick.
    let original = |nick: &'static str| {
        move |plan: &mut Plan, ledger: &mut Ledger| {
            (plan.clients[3].kind, plan.clients[3].nick) = (ClientKind::Original, nick.to_owned());
            // Before the next one.
            before(ledger, is_shown(BOB, 3), show(BOB, 2, Showing::default()));
            ledger.end.rosters.clear();
        }
    };
    check(&[ShownOnce], original("dan"));
    check(&[], original("bob"));
    // He knew of a server by then.
    for (told, is_there, expected) in [(100, true, &[ShownOnce][..]), (100, false, &[]), (500, true, &[])] {
        check(expected, |plan, ledger| {
            let place = ledger.facts.partition_point(|(time, _)| *time < at(told));
            ledger.facts.insert(place, (at(told), Fact::ServerTold { run: BOB, is_there }));
            original("bob")(plan, ledger);
        });
    }
    // That was on another connection.
    check(&[], |plan, ledger| {
        ledger.facts.insert(0, (at(100), Fact::ServerTold { run: BOB, is_there: true }));
        ledger.facts.insert(1, (at(200), Fact::Connected { run: BOB }));
        original("bob")(plan, ledger);
    });
}

#[test]
fn what_an_earlier_run_of_its_own_said_is_no_repetition() {
    let own = |run| show(run, 2, Showing::default());
    check(&[ShownOnce], |_, ledger| (0..2).for_each(|_| ledger.note(at(9_000), own(ANN))));
    check(&[], |_, ledger| {
        ledger.note(at(given(2)), own(ANN));
        let next = restart_in_room(ledger, ANN, 9_000, RunEnd::Quit);
        ledger.note(at(10_000), own(next));
    });
}

/// Bob was shown message 2 some 10 ms after it was given.
fn next_run_shows_it_again(ledger: &mut Ledger, run: RunNumber, ends: u64, how: RunEnd) {
    let next = restart_in_room(ledger, run, ends, how);
    ledger.note(at(ends + 900), show(next, 2, Showing { late: true, ..Showing::default() }));
}

#[test]
fn only_the_last_second_before_a_kill_is_shown_again() {
    let ends = given(2) + 900;
    check(&[], |_, ledger| next_run_shows_it_again(ledger, BOB, ends, RunEnd::Crashed));
    check(&[ShownOnce], |_, ledger| next_run_shows_it_again(ledger, BOB, ends, RunEnd::Quit));
    check(&[ShownOnce], |_, ledger| next_run_shows_it_again(ledger, BOB, ends + 500, RunEnd::Crashed));
    // It was one of many, and waited for the next number.
    let counted = |ends: u64, how: RunEnd| {
        move |_: &mut Plan, ledger: &mut Ledger| {
            for (_, fact) in &mut ledger.facts {
                if let Fact::Shown { run: BOB, number: 2, how } = fact {
                    how.counted = true;
                }
            }
            next_run_shows_it_again(ledger, BOB, ends, how);
        }
    };
    check(&[], counted(ends + 8_000, RunEnd::Crashed));
    check(&[ShownOnce], counted(ends + 8_500, RunEnd::Crashed));
    check(&[ShownOnce], counted(ends, RunEnd::Quit));
    // It stood still for most of that.
    check(&[], |_, ledger| {
        ledger.run_stands_still(at(given(2) + 200), BOB);
        ledger.run_goes_on(at(given(2) + 5_200), BOB);
        next_run_shows_it_again(ledger, BOB, ends + 5_000, RunEnd::Crashed);
    });
    // Nobody read its output when it ended: then it ends as if it were killed.
    check(&[], |_, ledger| {
        ledger.run_stands_still(at(ends), BOB);
        next_run_shows_it_again(ledger, BOB, ends + 5_000, RunEnd::Quit);
    });
    check(&[], |_, ledger| next_run_shows_it_again(ledger, BOB, ends + 9_000, RunEnd::PowerLost));
    // Who remembers nothing is shown it again.
    check(&[], |_, ledger| next_run_shows_it_again(ledger, CAT, ends + 9_000, RunEnd::Quit));
    check(&[], |plan, ledger| {
        plan.clients[BOB_CLIENT].kind = ClientKind::Library;
        next_run_shows_it_again(ledger, BOB, ends + 9_000, RunEnd::Quit);
    });
}

/// Bob is called bobby, and what was printed within a moment after that may have been told before.
#[test]
fn what_was_shown_to_another_nick_is_shown_again() {
    let again = |ledger: &mut Ledger, renamed: u64| {
        let place = ledger.facts.partition_point(|(time, _)| *time < at(renamed));
        ledger.facts.insert(place, (at(renamed), Fact::Nick { run: BOB, nick: "bobby".to_owned() }));
        next_run_shows_it_again(ledger, BOB, 9_000, RunEnd::Quit);
        is_called(ledger, BOB, "bob");
    };
    check(&[], |_, ledger| again(ledger, given(2) + 500));
    check(&[], |_, ledger| again(ledger, given(2) + 5));
    check(&[ShownOnce], |_, ledger| again(ledger, given(2) - 5));
    // Nobody read his output in between.
    let stood_still = |until: u64| {
        move |_: &mut Plan, ledger: &mut Ledger| {
            ledger.run_stands_still(at(given(2) - 30), BOB);
            ledger.run_goes_on(at(until), BOB);
            again(ledger, given(2) - 20);
        }
    };
    check(&[], stood_still(given(2) + 10));
    check(&[ShownOnce], stood_still(given(2) + 4));
}

/// Bob is called bobby for a moment, right after he was shown message 2.
#[test]
fn what_cannot_be_written_during_a_change_of_nick_is_shown_again() {
    let nick =
        |ledger: &mut Ledger, run, time, nick: &str| ledger.note(at(time), Fact::Nick { run, nick: nick.to_owned() });
    let renamed = |failed: u64, stop: (u64, u64)| {
        move |_: &mut Plan, ledger: &mut Ledger| {
            ledger.run_stands_still(at(stop.0), BOB);
            ledger.run_goes_on(at(stop.1), BOB);
            if failed < 1_600 {
                ledger.note(at(failed), Fact::NotRemembered { run: BOB });
            }
            nick(ledger, BOB, 1_600, "bobby");
            if failed >= 1_600 {
                ledger.note(at(failed), Fact::NotRemembered { run: BOB });
            }
            nick(ledger, BOB, 4_000, "bob");
            next_run_shows_it_again(ledger, BOB, 9_000, RunEnd::Quit);
        }
    };
    let no_stop = (0, 0);
    check(&[], renamed(1_700, no_stop));
    // What failed before is written again, and what fails later concerns the other nick.
    check(&[ShownOnce], renamed(1_590, no_stop));
    check(&[ShownOnce], renamed(3_000, no_stop));
    // It had stood still, and could write.
    check(&[ShownOnce], renamed(1_000, (1_550, 1_600)));
    check(&[ShownOnce], renamed(1_000, (1_550, 1_700)));
}

/// Bob's next run is called bobby for a moment, and then shows message 2 again.
#[test]
fn what_was_told_before_a_change_of_nick_is_printed_after_it() {
    let again = |goes_on: u64| {
        move |_: &mut Plan, ledger: &mut Ledger| {
            let next = restart_in_room(ledger, BOB, 9_000, RunEnd::Quit);
            ledger.run_stands_still(at(9_650), next);
            ledger.run_goes_on(at(goes_on), next);
            for (time, nick) in [(9_700, "bobby"), (9_800, "bob")] {
                ledger.note(at(time), Fact::Nick { run: next, nick: nick.to_owned() });
            }
            ledger.note(at(9_900), show(next, 2, Showing { late: true, ..Showing::default() }));
        }
    };
    check(&[], again(9_900));
    check(&[], again(9_895));
    // It was read before.
    check(&[ShownOnce], again(9_894));
}

#[test]
fn nobody_is_shown_what_is_not_for_them() {
    check(&[NothingStrange], |_, ledger| ledger.note(at(9_000), show(CAT, DIRECT, Showing::default())));
    check(&[NothingStrange], |plan, _| plan.clients[BOB_CLIENT].rooms.clear());
    check(&[], |plan, _| {
        plan.clients[BOB_CLIENT].rooms.clear();
        let what = crate::simulation::plan::What::Join { who: "bob".to_owned(), room: "red".to_owned() };
        plan.push(100, what);
    });
    let strange = |text: &str| Fact::ShownStrange { run: BOB, text: text.to_owned() };
    check(&[NothingStrange], |_, ledger| ledger.note(at(9_000), strange("boo")));
    // What the server sends to an original client is shown by another client with its nick, too.
    let for_original = |number: Number, kind: ClientKind| {
        move |plan: &mut Plan, ledger: &mut Ledger| {
            let other = plan.clients[BOB_CLIENT].clone();
            plan.clients.push(ClientTraits { kind, starts: false, ..other });
            ledger.note(at(9_000), strange(&format!("(direct) {}", Ledger::text(number, 0))));
        }
    };
    check(&[], for_original(DIRECT, ClientKind::Original));
    check(&[NothingStrange], for_original(DIRECT, ClientKind::Json));
    check(&[NothingStrange], for_original(1, ClientKind::Original));
    // He knew of a server, and did not take it for an answer.
    check(&[NothingStrange], |plan, ledger| {
        ledger.note(at(7_000), Fact::ServerTold { run: BOB, is_there: true });
        for_original(DIRECT, ClientKind::Original)(plan, ledger);
    });
}

#[test]
fn the_history_holds_what_was_said_as_it_was_said() {
    let entry = |ledger: &mut Ledger, change: fn(&mut HistoryEntry)| change(&mut ledger.end.histories[0].entries[2]);
    check(&[NothingStrange], |_, ledger| entry(ledger, |entry| entry.nick = "bob".to_owned()));
    check(&[NothingStrange], |_, ledger| entry(ledger, |entry| entry.pos = 99));
    check(&[NothingStrange], |_, ledger| {
        let stray = HistoryEntry { pos: 9, nick: "eve".to_owned(), text: "stray".to_owned(), late: false };
        ledger.end.histories[0].entries.push(stray);
    });
    check(&[NothingStrange], |_, ledger| ledger.end.histories[0].room = "blue".to_owned());
    // What a stranger said is there as what it said, and as nothing else.
    for (nick, expected) in [(STRANGER, &[][..]), ("ann", &[NothingStrange])] {
        check(expected, |_, ledger| {
            let stray = HistoryEntry { pos: 9, nick: nick.to_owned(), text: STRANGE_TEXT.to_owned(), late: false };
            ledger.end.histories[0].entries.push(stray);
            ledger.note(at(9_000), Fact::ShownStrange { run: BOB, text: STRANGE_TEXT.to_owned() });
        });
    }
}

#[test]
fn delivered_is_told_when_it_was_shown() {
    check(&[DeliveredAfterShown], |_, ledger| {
        drop_facts(ledger, is_shown(BOB, DIRECT));
        ledger.note(at(9_000), show(BOB, DIRECT, Showing::default()));
    });
    let delivered = Fact::Told { run: ANN, number: 1, news: SenderNews::Delivered };
    check(&[DeliveredAfterShown], |_, ledger| ledger.note(at(9_000), delivered));
    // The server answers for originals.
    check(&[], |plan, ledger| {
        plan.clients[BOB_CLIENT].kind = ClientKind::Original;
        drop_facts(ledger, is_shown(BOB, DIRECT));
    });
}

/// Bob has no memory, and is shown the direct message once more in his next run.
#[test]
fn a_direct_message_is_not_sent_again_after_its_receipt() {
    let again = |plan: &mut Plan, ledger: &mut Ledger, kept: u64| {
        plan.clients[BOB_CLIENT].memory = false;
        ledger.note(at(kept), Fact::ReceiptKept { server: 0, number: DIRECT });
        let next = restart_in_room(ledger, BOB, 10_000, RunEnd::Quit);
        ledger.note(at(11_000), show(next, DIRECT, Showing::default()));
    };
    check(&[ShownOnce], |plan, ledger| again(plan, ledger, 5_000));
    // The run had begun before.
    check(&[], |plan, ledger| again(plan, ledger, 10_800));
    check(&[], |plan, ledger| {
        plan.servers[0].memory = true;
        again(plan, ledger, 5_000);
    });
    // Its sender may have sent it once more, from its outbox.
    check(&[], |plan, ledger| {
        again(plan, ledger, 5_000);
        restart_in_room(ledger, ANN, 9_000, RunEnd::Crashed);
    });
}
