//! Directs without a database: the tests play it, own the clock and move it.

use super::*;
use crate::protocol::Session;
use std::ops::RangeInclusive;

/// No row.
const NONE: RangeInclusive<i64> = RangeInclusive::new(1, 0);

struct Desk {
    directs: Directs,
    now: Instant,
}

fn key(nick: &str) -> NickKey {
    Nick::parse(nick).unwrap().key().clone()
}

fn id(row: i64) -> SentId {
    SentId::new(Session::from_random([1; 12]), row as u64).unwrap()
}

/// Alice's message to Bob in this row; its number is the row.
fn direct(row: i64) -> Direct {
    let nick = |nick| Nick::parse(nick).unwrap();
    let (text, id) = (row.to_string(), Some(id(row)));
    let private =
        Private { nick: nick("Alice"), to: nick("Bob"), text, timestamp: None, id, action: false, late: false };
    Direct { private, row }
}

fn directs(rows: RangeInclusive<i64>) -> Vec<Direct> {
    rows.map(direct).collect()
}

/// Steps in short: `ask 7`, `send 8 late`, `flat 8`, `waits 8`.
fn short(steps: Vec<Step>) -> Vec<String> {
    let short = |step| match step {
        Step::Ask { to, after } => {
            assert_eq!(to, key("bob"));
            format!("ask {after}")
        }
        Step::Deliver(private) => format!("send {}{}", private.text, if private.late { " late" } else { "" }),
        Step::Flatten(private) => format!("flat {}", private.text),
        Step::Waits { sender, id, to } => {
            assert_eq!((sender, to.as_str()), (key("alice"), "Bob"));
            format!("waits {}", id.seq)
        }
    };
    steps.into_iter().map(short).collect()
}

impl Desk {
    fn new() -> Desk {
        Desk { directs: Directs::default(), now: Instant::now() }
    }

    fn pass(&mut self, seconds: u64) -> Vec<String> {
        self.now += Duration::from_secs(seconds);
        short(self.directs.due(self.now))
    }

    fn joined(&mut self) -> Vec<String> {
        short(self.directs.joined(&key("bob"), self.now))
    }

    fn stored(&mut self, row: i64, seating: Seating) -> Vec<String> {
        short(self.directs.stored(direct(row), seating, self.now))
    }

    fn found(&mut self, after: i64, rows: RangeInclusive<i64>, seating: Seating) -> Vec<String> {
        short(self.directs.found(&key("bob"), after, directs(rows), seating, self.now))
    }

    fn received(&mut self, row: i64) -> Vec<String> {
        short(self.directs.received(&key("bob"), &key("alice"), &id(row), self.now))
    }
}

#[test]
fn what_waits_is_sent_when_its_addressee_joins_and_again_until_it_is_received() {
    let mut desk = Desk::new();
    assert_eq!(desk.stored(1, Seating::Away), ["waits 1"]);
    assert_eq!(desk.stored(1, Seating::Away), ["waits 1"], "it was sent again");
    assert_eq!(desk.joined(), ["ask 0"]);
    assert_eq!(desk.found(0, 1..=2, Seating::Ours), ["send 1 late", "send 2 late"]);
    assert_eq!(desk.received(1), [""; 0]);
    assert_eq!(desk.pass(9), [""; 0]);
    assert_eq!(desk.pass(1), ["ask 1"]);
    assert_eq!(desk.found(1, 2..=2, Seating::Ours), ["send 2 late"]);
    assert_eq!((desk.pass(19), desk.pass(1)), (vec![], vec!["ask 1".to_owned()]), "twice as long");
    assert_eq!(desk.found(1, 2..=2, Seating::Ours), ["send 2 late"]);
    assert_eq!(desk.received(2), [""; 0]);
    assert_eq!((desk.pass(10_000), desk.directs.addressees.len()), (vec![], 0));
}

#[test]
fn the_wait_has_an_end() {
    let mut desk = Desk::new();
    desk.stored(7, Seating::Ours);
    let mut times = 0;
    for _ in 0..3_600 {
        if desk.pass(1) == ["ask 6"] {
            times += 1;
            desk.found(6, 7..=7, Seating::Ours);
        }
    }
    // After 10, 30, 70, 150 and 310 s, and then every 5 minutes.
    assert_eq!(times, 5 + 10);
}

#[test]
fn a_present_addressee_has_ten_seconds_for_the_receipt() {
    let mut desk = Desk::new();
    assert_eq!(desk.stored(5, Seating::Ours), [""; 0], "it went from client to client");
    assert_eq!(desk.received(5), [""; 0]);
    assert_eq!(desk.pass(100), [""; 0]);
    desk.stored(6, Seating::Ours);
    assert_eq!(desk.pass(10), ["ask 5"]);
    assert_eq!(desk.found(5, 6..=6, Seating::Ours), ["send 6 late"]);
}

#[test]
fn who_leaves_without_a_receipt_has_it_waiting() {
    let mut desk = Desk::new();
    desk.stored(5, Seating::Ours);
    desk.joined();
    desk.found(0, 4..=5, Seating::Ours);
    desk.stored(6, Seating::Ours);
    // Of 4 it was told when it came; the others went to a present addressee.
    assert_eq!(short(desk.directs.gone(&key("bob"))), ["waits 5", "waits 6"]);
    assert_eq!((desk.pass(100), desk.directs.addressees.len()), (vec![], 0));
}

#[test]
fn what_was_live_waits_also_where_the_addressee_joined_in_between() {
    let mut desk = Desk::new();
    for row in 5..=8 {
        desk.stored(row, Seating::Ours);
    }
    desk.joined();
    // The receipt for what it got before crosses the answer, and one message is gone with its age.
    assert_eq!(desk.received(6), [""; 0]);
    let found = [4, 5, 6, 8].map(direct).to_vec();
    let steps = desk.directs.found(&key("bob"), 0, found, Seating::Ours, desk.now);
    assert_eq!(short(steps), ["send 4 late", "send 5 late", "send 8 late"]);
    assert_eq!(desk.received(8), [""; 0]);
    desk.pass(10);
    // And again, before the answer came.
    desk.found(3, 4..=5, Seating::Ours);
    desk.joined();
    assert_eq!(short(desk.directs.gone(&key("bob"))), ["waits 5"]);
    assert_eq!((desk.pass(100), desk.directs.addressees.len()), (vec![], 0));
}

#[test]
fn a_live_one_above_a_backlog_hides_none_of_it() {
    let mut desk = Desk::new();
    desk.joined();
    assert_eq!(desk.found(0, 1..=100, Seating::Ours).len(), 100);
    for row in 1..=45 {
        assert_eq!(desk.received(row), [""; 0]);
    }
    desk.stored(500, Seating::Ours);
    assert_eq!(desk.pass(10), ["ask 45"]);
    let steps = desk.found(45, 46..=145, Seating::Ours);
    assert_eq!((steps.len(), steps[98].as_str()), (99, "send 144 late"), "55 again, and as many as there is room for");
    // The live one is beyond that answer.
    assert_eq!(desk.pass(0), ["ask 499"]);
    assert_eq!(desk.found(499, 500..=500, Seating::Ours), ["send 500 late"]);
    let asked: Vec<String> = (46..=95).flat_map(|row| desk.received(row)).collect();
    assert_eq!(asked, ["ask 144"], "those between are not forgotten");
    assert_eq!(desk.found(144, 145..=244, Seating::Ours).len(), 50);

    // Nor does one that there was no room for come before them.
    assert_eq!(desk.stored(501, Seating::Ours), [""; 0]);
    assert_eq!(desk.pass(20), ["ask 95"]);
    assert_eq!(desk.found(95, 96..=195, Seating::Ours).len(), 99);
    assert_eq!((desk.pass(0), desk.received(96)), (vec!["ask 499".to_owned()], vec![]));
    assert_eq!(desk.found(499, 500..=501, Seating::Ours), ["send 500 late"]);
}

#[test]
fn many_go_by_the_hundred() {
    let mut desk = Desk::new();
    desk.joined();
    assert_eq!(desk.found(0, 1..=100, Seating::Ours).len(), 100);
    assert_eq!(desk.stored(251, Seating::Ours), [""; 0], "no room");
    let asked: Vec<String> = (1..=50).flat_map(|row| desk.received(row)).collect();
    assert_eq!(asked, ["ask 100"]);
    assert_eq!(desk.found(100, 101..=200, Seating::Ours).len(), 50);
    let asked: Vec<String> = (51..=150).flat_map(|row| desk.received(row)).collect();
    assert_eq!(asked, ["ask 150"]);
    // One comes while the answer is under way, which may hold it or not.
    desk.stored(252, Seating::Ours);
    assert_eq!(desk.found(150, 151..=250, Seating::Ours).len(), 99, "and one that came live");
    let asked: Vec<String> = (151..=252).flat_map(|row| desk.received(row)).collect();
    assert_eq!(asked, ["ask 249"]);
    assert_eq!(desk.found(249, 250..=251, Seating::Ours), ["send 250 late", "send 251 late"]);
    assert_eq!((desk.received(250), desk.received(251), desk.directs.addressees.len()), (vec![], vec![], 0));
}

#[test]
fn answers_and_receipts_may_cross() {
    let mut desk = Desk::new();
    desk.stored(5, Seating::Ours);
    desk.stored(6, Seating::Ours);
    desk.pass(10);
    desk.received(5);
    assert_eq!(desk.found(4, 5..=6, Seating::Ours), ["send 6 late"]);
    // Its age took it from the database.
    assert_eq!((desk.pass(20), desk.found(5, NONE, Seating::Ours)), (vec!["ask 5".to_owned()], vec![]));
    assert_eq!(desk.directs.addressees.len(), 0);
    // An answer that nobody waits for.
    assert_eq!(desk.found(5, 6..=6, Seating::Ours), [""; 0]);
}

#[test]
fn a_receipt_may_be_faster_than_the_database() {
    let mut desk = Desk::new();
    desk.received(5);
    assert_eq!((desk.stored(5, Seating::Ours), desk.directs.addressees.len()), (vec![], 0));
    desk.stored(5, Seating::Ours);
    assert_eq!(desk.directs.addressees.len(), 1, "sent again, and not received");
}

#[test]
fn a_question_that_is_lost_is_asked_again() {
    let mut desk = Desk::new();
    assert_eq!((desk.joined(), desk.joined()), (vec!["ask 0".to_owned()], vec![]));
    assert_eq!((desk.pass(59), desk.pass(1)), (vec![], vec!["ask 0".to_owned()]));
    assert_eq!(desk.found(0, 1..=1, Seating::Ours), ["send 1 late"]);
    assert_eq!(
        (desk.joined(), desk.found(0, 1..=1, Seating::Ours)),
        (vec!["ask 0".into()], vec!["send 1 late".into()])
    );
}

#[test]
fn an_original_client_gets_each_once() {
    let mut desk = Desk::new();
    assert_eq!(desk.stored(1, Seating::Original), ["flat 1"]);
    assert_eq!(desk.stored(1, Seating::Original), [""; 0], "sent again before the database knows");
    desk.joined();
    assert_eq!(desk.found(0, 1..=3, Seating::Original), ["flat 2", "flat 3"]);
    assert_eq!(desk.directs.addressees.len(), 0);
    desk.joined();
    let steps = desk.found(0, 4..=103, Seating::Original);
    assert_eq!((steps.len(), steps[100].as_str()), (101, "ask 103"));
    assert_eq!(desk.found(103, 104..=104, Seating::Original), ["flat 104"]);
}
