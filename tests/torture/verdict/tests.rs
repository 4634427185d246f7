//! The verdict on invented rounds: a good one, and changes to it that must be found.

use super::*;
use crate::account::{Account, End, Told};
use Promise::{
    EverybodyHasIt, InOrder, LateWithReason, NobodyFalls, NothingDoubled, NothingLost, NothingStrange, SenderIsTold,
    ShownOnce,
};

const fn at(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Messages 1 to 5 of ann to #red, 6 to rex. ann, rex and sue (sue is in #red, tom is not) have one run each.
const ANN: RunNumber = 0;
const BEN: RunNumber = 1;
const CAT: RunNumber = 2;
const REX: RunNumber = 3;
const SUE: RunNumber = 4;
const TOM: RunNumber = 5;
const DIRECT: Number = 6;

fn print(number: Number) -> Print {
    Print { at: at(number * 100 + 50), number, late: false, paged: false }
}

fn run(member: Member, numbers: &[Number]) -> Run {
    Run {
        member: Some(member),
        started: at(0),
        ended: Some((at(60_000), End::Asked)),
        stops: Vec::new(),
        connected: true,
        is_in: true,
        prints: numbers.iter().map(|number| print(*number)).collect(),
        told: Vec::new(),
    }
}

fn id(number: Number) -> String {
    format!("a-{number}")
}

fn good() -> Account {
    let mut account = Account::default();
    for number in 1..=DIRECT {
        let message = Message {
            sender: Member::Ann,
            run: ANN,
            target: if number == DIRECT { Target::Direct(Member::Rex) } else { Target::Room("red") },
            text: format!("text {number}"),
            given: at(number * 100),
            taken: Some(at(number * 100 + 10)),
            id: Some(id(number)),
            sent: None,
            stored: vec![at(number * 100 + 60)],
            delivered: (number == DIRECT).then_some(at(number * 100 + 70)),
        };
        account.texts.insert(message.text.clone(), number);
        account.messages.insert(number, message);
    }
    account.runs = vec![
        run(Member::Ann, &[]),
        run(Member::Ben, &[1, 2, 3, 4, 5]),
        run(Member::Cat, &[1, 2, 3, 4, 5]),
        run(Member::Rex, &[1, 2, 3, 4, 5, DIRECT]),
        run(Member::Sue, &[1, 2, 3, 4, 5]),
        run(Member::Tom, &[]),
    ];
    account.runs[ANN].told = (1..=DIRECT).map(|number| (at(number * 100 + 60), Told::Stored, id(number))).collect();
    let kept = |number| Kept {
        nick: "ann".to_owned(),
        text: format!("text {number}"),
        id: id(number),
        pos: number,
        late: false,
    };
    account.history.insert("red".to_owned(), (1..DIRECT).map(kept).collect());
    account
}

/// The promises that a change to the good round breaks, each with the message concerned.
#[track_caller]
fn check(change: impl Fn(&mut Account), expected: &[(Promise, Option<Number>)]) {
    let mut account = good();
    change(&mut account);
    let found = violations(&account);
    let short: Vec<_> = found.iter().map(|violation| (violation.promise, violation.number)).collect();
    assert_eq!(short, expected, "{found:#?}");
}

fn history(account: &mut Account) -> &mut Vec<Kept> {
    account.history.get_mut("red").unwrap()
}

fn message(account: &mut Account, number: Number) -> &mut Message {
    account.messages.get_mut(&number).unwrap()
}

fn forget(account: &mut Account, run: RunNumber, number: Number) {
    account.runs[run].prints.retain(|print| print.number != number);
}

fn killed(account: &mut Account, run: RunNumber, time: Duration) {
    account.runs[run].ended = Some((time, End::Killed));
}

#[test]
fn a_good_round_is_good() {
    check(|_| (), &[]);
    assert_eq!(outstanding(&good()), [] as [Number; 0]);
}

#[test]
fn a_lost_message_is_found() {
    let lose = |account: &mut Account| drop(history(account).remove(2));
    check(lose, &[(NothingLost, Some(3))]);
    // A message in an outbox counts as if it were told.
    let untold = |account: &mut Account| {
        lose(account);
        message(account, 3).stored.clear();
        killed(account, ANN, at(400));
    };
    check(untold, &[(NothingLost, Some(3))]);
    // Messages that died in a pipe were never promised; those that survived must reach everybody.
    let in_the_pipe = |account: &mut Account| {
        untold(account);
        message(account, 3).taken = None;
        [BEN, CAT, REX, SUE].into_iter().for_each(|run| forget(account, run, 3));
    };
    check(in_the_pipe, &[]);
    check(
        |account| {
            in_the_pipe(account);
            *history(account) = history(&mut good()).clone();
            account.runs[REX].prints.push(Print { late: true, ..print(3) });
        },
        &[(EverybodyHasIt, Some(3)), (EverybodyHasIt, Some(3)), (EverybodyHasIt, Some(3))],
    );
    check(
        |account| forget(account, REX, DIRECT),
        &[(NothingLost, Some(DIRECT)), (EverybodyHasIt, Some(DIRECT)), (EverybodyHasIt, Some(DIRECT))],
    );
    let strangers = |account: &mut Account| account.runs[ANN].told.push((at(1), Told::Stored, "b-9".to_owned()));
    check(strangers, &[(NothingLost, None)]);
}

#[test]
fn a_doubled_message_is_found() {
    check(
        |account| {
            let again = Kept { pos: 9, late: true, ..history(account)[1].clone() };
            history(account).push(again);
        },
        &[(NothingDoubled, Some(2))],
    );
    check(|account| account.runs[REX].prints.push(Print { late: true, ..print(2) }), &[(ShownOnce, Some(2))]);
    let direct = |account: &mut Account| account.runs[REX].prints.push(Print { late: true, ..print(DIRECT) });
    check(direct, &[(ShownOnce, Some(DIRECT))]);
}

/// Adds a second run of rex that shows a message again.
fn again(account: &mut Account, number: Number) {
    account.runs.push(run(Member::Rex, &[number]));
}

#[test]
fn only_the_last_second_before_a_kill_may_come_again() {
    let last = print(5).at;
    check(
        |account| {
            forget(account, REX, DIRECT);
            killed(account, REX, last + at(900));
            again(account, 5);
            account.runs.last_mut().unwrap().prints.push(print(DIRECT));
        },
        &[],
    );
    let too_old = |account: &mut Account| {
        killed(account, REX, last + LAST_SECOND + at(1));
        again(account, 5);
    };
    check(too_old, &[(ShownOnce, Some(5))]);
    // While stopped, it can do nothing about it.
    check(
        |account| {
            too_old(account);
            account.runs[REX].stops = vec![(last + at(500), None)];
        },
        &[],
    );
    check(|account| again(account, 5), &[(ShownOnce, Some(5))]);
}

#[test]
fn a_message_that_did_not_reach_everybody_is_found() {
    check(|account| forget(account, SUE, 4), &[(EverybodyHasIt, Some(4))]);
    let mut account = good();
    forget(&mut account, SUE, 4);
    assert_eq!(outstanding(&account), [4]);
    // Seen by an earlier run counts as seen.
    again(&mut account, 4);
    account.runs.last_mut().unwrap().member = Some(Member::Sue);
    assert_eq!(outstanding(&account), [] as [Number; 0]);
    check(
        |account| {
            account.runs[REX].prints.last_mut().unwrap().at = at(50_000);
        },
        &[(EverybodyHasIt, Some(DIRECT))],
    );
}

#[test]
fn disorder_is_found_unless_it_is_marked() {
    let swap = |account: &mut Account| account.runs[REX].prints.swap(1, 2);
    check(swap, &[(InOrder, Some(2))]);
    check(
        |account| {
            swap(account);
            account.runs[REX].prints[2].late = true;
        },
        &[],
    );
    let swap = |account: &mut Account| {
        let history = history(account);
        history.swap(1, 2);
        (history[1].pos, history[2].pos) = (2, 3);
    };
    check(swap, &[(InOrder, Some(2))]);
    check(
        |account| {
            swap(account);
            history(account)[2].late = true;
        },
        &[],
    );
    // There is no order between rooms or senders.
    check(
        |account| {
            message(account, 3).target = Target::Room("lobby");
            let moved = history(account).remove(2);
            account.history.insert("lobby".to_owned(), vec![moved]);
            account.runs[TOM].prints.push(print(3));
            account.runs[REX].prints.swap(2, 3);
        },
        &[],
    );
}

#[test]
fn a_mark_without_a_reason_is_found() {
    let paged = |account: &mut Account| {
        account.runs[REX].prints[2] = Print { late: true, paged: true, ..print(3) };
    };
    check(paged, &[(LateWithReason, Some(3))]);
    check(
        |account| {
            paged(account);
            account.runs[REX].prints.swap(2, 3);
        },
        &[],
    );
    check(
        |account| {
            paged(account);
            history(account)[2].late = true;
        },
        &[],
    );
    let live = |account: &mut Account| account.runs[REX].prints[2].late = true;
    check(live, &[]);
}

#[test]
fn misdelivered_and_changed_messages_are_found() {
    check(|account| account.runs[TOM].prints.push(print(1)), &[(NothingStrange, Some(1))]);
    check(|account| account.runs[SUE].prints.push(print(DIRECT)), &[(NothingStrange, Some(DIRECT))]);
    check(|account| history(account)[4].text = "other".to_owned(), &[(NothingLost, Some(5)), (NothingStrange, None)]);
    check(|account| history(account)[4].nick = "ben".to_owned(), &[(NothingStrange, Some(5))]);
    check(|account| history(account)[4].id = "a-9".to_owned(), &[(NothingStrange, Some(5))]);
    check(|account| history(account)[4].pos = 4, &[(NothingStrange, None)]);
}

#[test]
fn a_missing_confirmation_is_found() {
    let untold = |account: &mut Account| message(account, 2).stored.clear();
    check(untold, &[(SenderIsTold, Some(2))]);
    let mut account = good();
    untold(&mut account);
    assert_eq!(outstanding(&account), [2]);
    // It may have died before reporting it, and the next run has nothing to report.
    killed(&mut account, ANN, at(300));
    assert_eq!((violations(&account), outstanding(&account)), (vec![], vec![]));
    let kept = history(&mut account).remove(1);
    assert_eq!(outstanding(&account), [2], "its outbox still holds it");
    history(&mut account).insert(1, kept);
    // A kill before it took the message is no excuse.
    killed(&mut account, ANN, at(200));
    assert_eq!(outstanding(&account), [2]);
    let twice = |account: &mut Account| account.runs[ANN].told.push((at(9_000), Told::Stored, id(1)));
    check(twice, &[(SenderIsTold, None)]);
}

#[test]
fn immediate_errors_are_reported() {
    check(|account| account.wrong.push("it fell".to_owned()), &[(NobodyFalls, None)]);
}
