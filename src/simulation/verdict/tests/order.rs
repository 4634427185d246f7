//! Order and lateness.

use super::*;
use Promise::{InOrder, LateWithReason};

/// Bob is shown message 1 after message 4.
fn comes_after_later_ones(ledger: &mut Ledger, late: bool) {
    drop_facts(ledger, is_shown(BOB, 1));
    ledger.note(at(5_000), show(BOB, 1, Showing { late, ..Showing::default() }));
}

#[test]
fn each_senders_messages_come_in_order() {
    check(&[InOrder], |_, ledger| comes_after_later_ones(ledger, false));
    check(&[], |_, ledger| comes_after_later_ones(ledger, true));
    // A page that somebody asks for is no news.
    check(&[], |_, ledger| ledger.note(at(5_000), show(BOB, 1, Showing { asked: true, ..Showing::default() })));
}

/// From message 3 on they are of another run of ann, before which her clock was set back.
#[test]
fn the_order_of_two_runs_is_the_clocks_matter() {
    let two_runs = |ledger: &mut Ledger| {
        let next = restart_in_room(ledger, ANN, given(3) - 20, RunEnd::Crashed);
        for number in 3..=4 {
            ledger.messages[number].run = next;
            replace(ledger, is_told(number), Fact::Told { run: next, number, news: SenderNews::Stored });
        }
    };
    let clock = Fact::ClockSet { party: Party::Client(0), by_s: -400 };
    check(&[InOrder], |_, ledger| {
        two_runs(ledger);
        comes_after_later_ones(ledger, false);
    });
    // The history tells that it is older.
    check(&[InOrder], |_, ledger| {
        two_runs(ledger);
        ledger.note(at(given(3)), clock.clone());
        comes_after_later_ones(ledger, false);
    });
    for excuse in [Fact::Connected { run: BOB }, Fact::SentAgain { number: 4 }] {
        check(&[], |_, ledger| {
            two_runs(ledger);
            ledger.note(at(given(3)), clock.clone());
            ledger.note(at(4_000), excuse);
            comes_after_later_ones(ledger, false);
        });
    }
    // Within a run the numbers tell.
    check(&[InOrder], |_, ledger| {
        ledger.note(at(given(3)), clock);
        comes_after_later_ones(ledger, false);
    });
}

#[test]
fn what_is_late_has_a_reason() {
    let late = |ledger: &mut Ledger| {
        let how = Showing { late: true, ..Showing::default() };
        replace(ledger, is_shown(BOB, 3), show(BOB, 3, how));
    };
    check(&[LateWithReason], |_, ledger| late(ledger));
    check(&[], |_, ledger| {
        late(ledger);
        before(ledger, is_shown(BOB, 3), Fact::SentAgain { number: 3 });
    });
    // That came later.
    check(&[LateWithReason], |_, ledger| {
        late(ledger);
        ledger.note(at(5_000), Fact::SentAgain { number: 3 });
    });
    // The history had it before a message of an earlier run.
    let earlier_run = |ledger: &mut Ledger| {
        ledger.messages[3].run = ledger.run_started(at(given(3)), Party::Client(0));
        late(ledger);
    };
    check(&[LateWithReason], |_, ledger| earlier_run(ledger));
    check(&[], |_, ledger| {
        earlier_run(ledger);
        before(ledger, is_synced(2), Fact::Synced { server: 0, number: 3 });
    });
    // In a cluster, a mark may overtake its message.
    check(&[], |plan, ledger| {
        plan.broker.cluster.nodes = 2;
        earlier_run(ledger);
    });
    // It was in an earlier history in memory.
    check(&[], |plan, ledger| {
        plan.servers[0].memory = true;
        earlier_run(ledger);
        restart(ledger, MAIN, given(3), RunEnd::Crashed);
    });
    check(&[], |_, ledger| {
        late(ledger);
        before(ledger, is_shown(BOB, 3), Fact::ClockSet { party: Party::Server(0), by_s: 20 });
    });
}

#[test]
fn the_history_has_each_senders_messages_in_order() {
    let swap = |ledger: &mut Ledger, late| {
        let entries = &mut ledger.end.histories[0].entries;
        let (two, three) = (entries[2].text.clone(), entries[3].text.clone());
        (entries[2].text, entries[3].text, entries[3].late) = (three, two, late);
    };
    check(&[InOrder], |_, ledger| swap(ledger, false));
    check(&[], |_, ledger| swap(ledger, true));
}

/// Ann takes another nick before a message is given.
fn is_renamed(ledger: &mut Ledger, number: Number, to: &str) {
    let taken = move |fact: &Fact| matches!(fact, Fact::Taken { number: taken } if *taken == number);
    before(ledger, taken, Fact::Nick { run: ANN, nick: to.to_owned() });
    is_called(ledger, ANN, "ann");
}

#[test]
fn each_nick_of_a_sender_has_an_order_of_its_own() {
    check(&[], |_, ledger| {
        is_renamed(ledger, 2, "anna");
        comes_after_later_ones(ledger, false);
    });
    check(&[InOrder], |_, ledger| {
        is_renamed(ledger, 1, "anna");
        comes_after_later_ones(ledger, false);
    });
    // Capitals make no other person.
    check(&[InOrder], |_, ledger| {
        is_renamed(ledger, 2, "Ann");
        comes_after_later_ones(ledger, false);
    });
}

#[test]
fn what_comes_after_one_that_was_renamed_or_asked_for_is_late() {
    // Message 2 is not stored when ann becomes anna, and goes out under that nick again.
    let overtaken = |ledger: &mut Ledger, is_renamed_before_stored: bool, how: Showing| {
        drop_facts(ledger, is_shown(BOB, 1));
        drop_facts(ledger, is_shown(BOB, 2));
        drop_facts(ledger, is_shown(BOB, 3));
        drop_facts(ledger, is_shown(BOB, 4));
        drop_facts(ledger, is_told(2));
        let told = Fact::Told { run: ANN, number: 2, news: SenderNews::Stored };
        let renamed = Fact::Nick { run: ANN, nick: "anna".to_owned() };
        let (first, second) = if is_renamed_before_stored { (renamed, told) } else { (told, renamed) };
        for (time, fact) in [(3_000, first), (3_001, second), (3_002, show(BOB, 2, how))] {
            ledger.note(at(time), fact);
        }
        for (time, number) in [(3_003, 1), (3_004, 3), (3_005, 4)] {
            ledger.note(at(time), show(BOB, number, Showing { late: number == 1, ..Showing::default() }));
        }
        is_called(ledger, ANN, "ann");
    };
    check(&[], |_, ledger| overtaken(ledger, true, Showing { late: true, ..Showing::default() }));
    check(&[], |_, ledger| overtaken(ledger, false, Showing::default()));
    check(&[], |_, ledger| {
        overtaken(ledger, false, Showing { asked: true, ..Showing::default() });
        ledger.note(at(3_006), show(BOB, 2, Showing { late: true, ..Showing::default() }));
    });
}

/// A client that shares a nick with ann has said message 2.
#[test]
fn what_comes_after_one_of_another_client_with_the_nick_is_late() {
    let late = |ledger: &mut Ledger| {
        let how = Showing { late: true, ..Showing::default() };
        replace(ledger, is_shown(BOB, 3), show(BOB, 3, how));
        ledger.note(at(given(2) + 10), show(ANN, 2, Showing::default()));
    };
    check(&[LateWithReason], |plan, ledger| {
        (plan.clients[3].nick, ledger.messages[2].from) = ("dan".to_owned(), 3);
        ledger.end.histories[0].entries[2].nick = "dan".to_owned();
        late(ledger);
    });
    check(&[], |plan, ledger| {
        (plan.clients[3].nick, ledger.messages[2].from) = ("ann".to_owned(), 3);
        late(ledger);
    });
}
