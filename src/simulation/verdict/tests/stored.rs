//! History and senders.

use super::*;
use crate::simulation::plan::{ClientKind, What};
use Promise::{EverybodyHasIt, NothingLost, OutboxEmpties, SenderTold, StoredAfterSync, StoredOnce};

fn forget(ledger: &mut Ledger, number: Number) {
    let text = Ledger::text(number, 0);
    ledger.end.histories[0].entries.retain(|entry| entry.text != text);
}

#[test]
fn what_was_told_stored_is_in_the_history() {
    check(&[NothingLost], |_, ledger| forget(ledger, 2));
    // Retention has removed it.
    check(&[], |_, ledger| {
        forget(ledger, 2);
        ledger.note(at(50_000), Fact::Removed { server: 0, number: 2 });
    });
    // A history in memory ends with its server; what is stored by the next one is kept.
    let memory = |plan: &mut Plan, ledger: &mut Ledger| {
        plan.servers[0].memory = true;
        restart(ledger, MAIN, 10_000, RunEnd::Crashed);
        forget(ledger, 2);
    };
    check(&[], memory);
    check(&[NothingLost], |plan, ledger| {
        drop_facts(ledger, is_synced(2));
        memory(plan, ledger);
        drop_facts(ledger, |fact| matches!(fact, Fact::Taken { number: 2 }));
        ledger.note(at(20_000), Fact::Taken { number: 2 });
        drop_facts(ledger, |fact| matches!(fact, Fact::StoredSaid { number: 2, .. }));
    });
}

#[test]
fn retention_by_age_removes_nothing_younger() {
    let removed = |retention_s| {
        move |plan: &mut Plan, ledger: &mut Ledger| {
            plan.servers[0].retention_s = retention_s;
            forget(ledger, 2);
            ledger.note(at(60_000), Fact::Removed { server: 0, number: 2 });
        }
    };
    check(&[], removed(50));
    check(&[NothingLost], removed(70));
    // It arrived before it was stored.
    for (arrived, expected) in [(900, &[][..]), (1_100, &[NothingLost])] {
        check(expected, |plan, ledger| {
            before(ledger, is_synced(2), Fact::Arrived { server: 0, number: 2 });
            let place = ledger.facts.iter().position(|(_, fact)| matches!(fact, Fact::Arrived { .. })).unwrap();
            ledger.facts[place].0 = at(arrived);
            removed(59)(plan, ledger);
        });
    }
    // The run ended later than planned.
    check(&[], |plan, ledger| {
        removed(70)(plan, ledger);
        ledger.end.at = at(80_000);
    });
    check(&[], |plan, ledger| {
        removed(70)(plan, ledger);
        plan.servers[0].max_size_kb = 256;
    });
    check(&[], |plan, ledger| {
        removed(70)(plan, ledger);
        ledger.note(at(10_000), Fact::ClockSet { party: Party::Server(0), by_s: 60 });
    });
}

#[test]
fn what_has_arrived_is_stored_before_a_clean_stop() {
    /// Its sender died without an outbox, so that nobody sends it again.
    fn arrived(plan: &mut Plan, ledger: &mut Ledger) {
        plan.clients[0].outbox = false;
        restart(ledger, ANN, 10_000, RunEnd::Crashed);
        forget(ledger, 2);
        drop_facts(ledger, |fact| fact.number() == Some(2) && !matches!(fact, Fact::Taken { .. } | Fact::Shown { .. }));
        ledger.note(at(5_000), Fact::Arrived { server: 0, number: 2 });
    }
    check(&[], |plan, ledger| {
        arrived(plan, ledger);
        restart(ledger, MAIN, 10_000, RunEnd::Crashed);
    });
    check(&[NothingLost], |plan, ledger| {
        arrived(plan, ledger);
        restart(ledger, MAIN, 10_000, RunEnd::Quit);
    });
    // It came to the run before.
    check(&[], |plan, ledger| {
        arrived(plan, ledger);
        let next = restart(ledger, MAIN, 6_000, RunEnd::Crashed);
        restart(ledger, next, 10_000, RunEnd::Quit);
    });
    check(&[], |plan, ledger| {
        arrived(plan, ledger);
        restart(ledger, MAIN, 10_000, RunEnd::Quit);
        let (who, trouble) = (plan.servers[0].name.clone(), crate::simulation::plan::DiskTrouble::Full);
        plan.push(4_000, What::Disk { who, trouble, time: 3_000 });
    });
    // An original's message has no id. It may have been stored and removed again.
    for (max_size_kb, expected) in [(0, &[NothingLost][..]), (512, &[])] {
        check(expected, |plan, ledger| {
            arrived(plan, ledger);
            plan.clients[0].kind = ClientKind::Original;
            plan.servers[0].max_size_kb = max_size_kb;
            restart(ledger, MAIN, 10_000, RunEnd::Quit);
        });
    }
}

#[test]
fn what_an_outbox_took_comes_into_the_history() {
    let unconfirmed = |ledger: &mut Ledger| {
        forget(ledger, 2);
        let is_of_it =
            |fact: &Fact| fact.number() == Some(2) && !matches!(fact, Fact::Taken { .. } | Fact::Shown { .. });
        drop_facts(ledger, is_of_it);
    };
    check(&[NothingLost, SenderTold], |_, ledger| unconfirmed(ledger));
    // Its outbox is on the disk and outlives its sender.
    check(&[NothingLost], |_, ledger| {
        unconfirmed(ledger);
        restart(ledger, ANN, 10_000, RunEnd::Crashed);
    });
    let excused: [fn(&mut Plan, &mut Ledger); 5] = [
        // It died with the sender's memory.
        |plan, ledger| {
            plan.clients[0].outbox = false;
            restart(ledger, ANN, 10_000, RunEnd::Crashed);
        },
        // The outbox is written without fsync.
        |_, ledger| _ = restart(ledger, ANN, 10_000, RunEnd::PowerLost),
        // Its sender is away, with it in the outbox.
        |_, ledger| {
            ledger.run_ended(at(10_000), ANN, RunEnd::Quit);
            ledger.end.running.retain(|run| *run != ANN);
            ledger.end.rosters.clear();
        },
        // It never came so far as to the outbox.
        |_, ledger| drop_facts(ledger, |fact| matches!(fact, Fact::Taken { number: 2 })),
        |_, ledger| ledger.note(at(10_000), Fact::Told { run: ANN, number: 2, news: SenderNews::Refused }),
    ];
    for excuse in excused {
        check(&[], |plan, ledger| {
            unconfirmed(ledger);
            excuse(plan, ledger);
        });
    }
    check(&[SenderTold], |_, ledger| {
        drop_facts(ledger, is_told(2));
    });
}

#[test]
fn where_no_server_was_seen_the_broker_has_the_last_word() {
    fn acknowledged(ledger: &mut Ledger) {
        forget(ledger, 2);
        drop_facts(ledger, |fact| fact.number() == Some(2) && !matches!(fact, Fact::Taken { .. } | Fact::Shown { .. }));
        ledger.note(at(8_000), Fact::Acknowledged { run: ANN, number: 2 });
    }
    let seen = |run| Fact::ServerSeen { run };
    check(&[], |_, ledger| acknowledged(ledger));
    check(&[], |_, ledger| {
        acknowledged(ledger);
        ledger.note(at(8_100), seen(ANN));
        ledger.note(at(8_100), seen(BOB));
    });
    check(&[NothingLost, SenderTold], |_, ledger| {
        ledger.note(at(600), seen(ANN));
        acknowledged(ledger);
    });
    // Somebody who only sends waits a second for the word of a server.
    let listens = |after: u64| {
        move |plan: &mut Plan, ledger: &mut Ledger| {
            plan.clients[0].kind = crate::simulation::plan::ClientKind::Sender;
            ledger.end.rosters.clear();
            ledger.note(at(7_500), Fact::Connected { run: ANN });
            acknowledged(ledger);
            ledger.note(at(7_500 + after), seen(ANN));
        }
    };
    check(&[NothingLost, SenderTold], listens(900));
    check(&[], listens(1_100));
    // A later run knows what is written.
    let later = |how: RunEnd, lived: u64, outbox: bool| {
        move |plan: &mut Plan, ledger: &mut Ledger| {
            plan.clients[0].outbox = outbox;
            ledger.note(at(600), seen(ANN));
            drop_facts(ledger, |fact| matches!(fact, Fact::Taken { number: 2 }));
            acknowledged(ledger);
            let run = restart(ledger, ANN, 600 + lived, how);
            ledger.messages[2].run = run;
            ledger.note(at(8_000), Fact::Taken { number: 2 });
            ledger.note(at(8_000), Fact::Acknowledged { run, number: 2 });
        }
    };
    check(&[NothingLost, SenderTold], later(RunEnd::Crashed, 6_000, false));
    check(&[NothingLost, SenderTold], later(RunEnd::Crashed, 100, true));
    check(&[], later(RunEnd::Crashed, 100, false));
    check(&[], later(RunEnd::PowerLost, 6_000, false));
}

#[test]
fn a_direct_message_comes_to_its_addressee() {
    let undelivered = |ledger: &mut Ledger| {
        drop_facts(ledger, is_shown(BOB, DIRECT));
        drop_facts(ledger, |fact| matches!(fact, Fact::Told { news: SenderNews::Delivered, .. }));
    };
    check(&[NothingLost], |_, ledger| undelivered(ledger));
    // It waits for him.
    check(&[], |_, ledger| {
        undelivered(ledger);
        ledger.run_ended(at(10_000), BOB, RunEnd::Quit);
        ledger.end.running.retain(|run| *run != BOB);
        ledger.end.rosters.clear();
    });
    // Its server waits while another one serves.
    let two = |plan: &mut Plan, ledger: &mut Ledger| {
        undelivered(ledger);
        plan.servers.push(crate::simulation::plan::ServerTraits::new("rival"));
    };
    check(&[NothingLost], two);
    check(&[], |plan, ledger| {
        two(plan, ledger);
        ledger.end.rosters.retain(|(party, _)| *party != Party::Server(0));
    });
    // It was for another nick.
    check(&[], |_, ledger| {
        undelivered(ledger);
        ledger.note(at(3_000), Fact::Nick { run: BOB, nick: "Robert".to_owned() });
        ledger.end.rosters.clear();
        ledger.end.rosters.push((Party::Server(0), ["ann", "robert", "cat"].map(str::to_owned).to_vec()));
    });
}

#[test]
fn everything_is_stored_once() {
    let twice = |ledger: &mut Ledger| {
        let entries = &mut ledger.end.histories[0].entries;
        entries.push(HistoryEntry { pos: 9, late: true, ..entries[2].clone() });
    };
    check(&[StoredOnce], |_, ledger| twice(ledger));
    // It was under way when its sender took another nick.
    check(&[], |_, ledger| {
        twice(ledger);
        before(ledger, is_told(2), Fact::Nick { run: ANN, nick: "Anna".to_owned() });
        ledger.note(at(9_000), Fact::Nick { run: ANN, nick: "ann".to_owned() });
    });
    let is_renamed = |ledger: &mut Ledger, run| {
        ledger.note(at(8_000), Fact::Nick { run, nick: "Anna".to_owned() });
        ledger.note(at(9_000), Fact::Nick { run, nick: "ann".to_owned() });
    };
    check(&[StoredOnce], |_, ledger| {
        twice(ledger);
        is_renamed(ledger, ANN);
    });
    // After a power loss, its outbox has it again.
    check(&[], |_, ledger| {
        twice(ledger);
        let run = restart_in_room(ledger, ANN, 6_000, RunEnd::PowerLost);
        is_renamed(ledger, run);
    });
    check(&[StoredOnce], |_, ledger| {
        twice(ledger);
        let run = restart_in_room(ledger, ANN, 6_000, RunEnd::PowerLost);
        ledger.note(at(7_500), Fact::Told { run, number: 2, news: SenderNews::Stored });
        is_renamed(ledger, run);
    });
    // Its outbox could not be written until the run was killed.
    for (failures, end, expected) in [
        (&[true][..], RunEnd::Crashed, &[][..]),
        (&[true], RunEnd::Quit, &[StoredOnce]),
        (&[true, false], RunEnd::Crashed, &[StoredOnce]),
    ] {
        check(expected, |_, ledger| {
            twice(ledger);
            for fails in failures {
                before(ledger, is_told(3), Fact::OutboxFails { run: ANN, fails: *fails });
            }
            let run = restart_in_room(ledger, ANN, 6_000, end.clone());
            is_renamed(ledger, run);
        });
    }
}

#[test]
fn stored_is_said_after_the_sync() {
    check(&[StoredAfterSync], |_, ledger| {
        drop_facts(ledger, is_synced(3));
        ledger.note(at(given(3) + 500), Fact::Synced { server: 0, number: 3 });
    });
    // The other server's disk is another one.
    check(&[StoredAfterSync], |plan, ledger| {
        plan.servers.push(crate::simulation::plan::ServerTraits::new("rival"));
        ledger.note(at(5_000), Fact::StoredSaid { server: 1, number: 3 });
    });
}

#[test]
fn the_sender_is_told_once() {
    let again = Fact::Told { run: ANN, number: 1, news: SenderNews::Stored };
    check(&[SenderTold], |_, ledger| ledger.note(at(9_000), again.clone()));
    // To be told twice that it waits is no harm, and neither is another run.
    check(&[], |_, ledger| {
        let waits = Fact::Told { run: ANN, number: DIRECT, news: SenderNews::Waiting };
        ledger.note(at(9_000), waits.clone());
        ledger.note(at(9_100), waits);
        let run = restart_in_room(ledger, ANN, 10_000, RunEnd::Crashed);
        ledger.note(at(11_000), Fact::Told { run, number: 1, news: SenderNews::Stored });
    });
    // A run that ended may have known.
    check(&[], |_, ledger| {
        drop_facts(ledger, is_told(1));
        restart_in_room(ledger, ANN, 10_000, RunEnd::Crashed);
    });
}

/// Somebody has stopped one of them by then.
#[test]
fn a_second_server_keeps_no_outbox_from_emptying() {
    check(&[SenderTold, OutboxEmpties], |plan, ledger| {
        plan.servers.push(crate::simulation::plan::ServerTraits::new("rival"));
        let rival = ledger.run_started(at(0), Party::Server(1));
        ledger.end.running.push(rival);
        ledger.end.rosters.push((Party::Server(1), ["Ann", "bob", "cat"].map(str::to_owned).to_vec()));
        ledger.end.unsettled.push((0, 2));
        drop_facts(ledger, is_told(2));
    });
}

#[test]
fn outboxes_empty() {
    check(&[OutboxEmpties], |_, ledger| ledger.end.unsettled.push((0, 2)));
    check(&[], |_, ledger| ledger.end.unsettled.push((0, 0)));
    check(&[], |_, ledger| {
        ledger.end.unsettled.push((0, 2));
        ledger.end.running.retain(|run| *run != MAIN);
        ledger.run_ended(at(9_000), MAIN, RunEnd::Quit);
    });
    // Whose nick another client has cannot send.
    for (nick, expected) in [("ann", &[][..]), ("dan", &[OutboxEmpties])] {
        check(expected, |plan, ledger| {
            ledger.end.unsettled.push((0, 2));
            ledger.note(at(9_000), Fact::NickRefused { run: ANN });
            plan.clients[3].nick = nick.to_owned();
        });
    }
    // It took another nick after that.
    check(&[OutboxEmpties], |plan, ledger| {
        ledger.end.unsettled.push((0, 2));
        ledger.note(at(9_000), Fact::NickRefused { run: ANN });
        ledger.note(at(9_100), Fact::Nick { run: ANN, nick: "anna".to_owned() });
        ledger.end.rosters.clear();
        plan.clients[3].nick = "ann".to_owned();
    });
    // The other one shares that.
    check(&[], |plan, ledger| {
        ledger.end.unsettled.push((0, 2));
        ledger.note(at(8_900), Fact::Nick { run: ANN, nick: "anna".to_owned() });
        ledger.note(at(9_000), Fact::NickRefused { run: ANN });
        ledger.end.rosters.clear();
        plan.clients[3].nick = "anna".to_owned();
    });
}

#[test]
fn who_only_sends_has_nothing_to_be_shown() {
    check(&[], |_, ledger| {
        let number = ledger.give(at(5_000), 3, DAN, red());
        ledger.note(at(5_000), Fact::Taken { number });
        ledger.note(at(5_010), Fact::Synced { server: 0, number });
        ledger.note(at(5_020), Fact::StoredSaid { server: 0, number });
        ledger.note(at(5_030), Fact::Told { run: DAN, number, news: SenderNews::Stored });
        for run in [ANN, BOB, CAT] {
            ledger.note(at(5_040), show(run, number, Showing::default()));
        }
        let text = Ledger::text(number, 0);
        let entry = HistoryEntry { pos: 9, nick: "dan".to_owned(), text, late: false };
        ledger.end.histories[0].entries.push(entry);
    });
    check(&[EverybodyHasIt], |_, ledger| drop_facts(ledger, is_shown(CAT, 2)));
}
