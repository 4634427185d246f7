//! Directs without a database: the tests play it and move the clock.

mod law;

use super::*;
use crate::now::an_instant;
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

/// Alice's message to Bob in this row. Its number is the row.
fn direct(row: i64) -> WaitingDirect {
    let nick = |nick| Nick::parse(nick).unwrap();
    let (text, id) = (row.to_string(), Some(id(row)));
    let private =
        Private { nick: nick("Alice"), to: nick("Bob"), text, timestamp: None, id, action: false, late: false };
    WaitingDirect { private, row }
}

/// Steps in short: `ask 7`, `send 8 late`, `flat 8`, `delivered 8`, `waits 8`.
fn short(steps: Vec<DirectStep>) -> Vec<String> {
    let short = |step| match step {
        DirectStep::Ask { to, after } => {
            assert_eq!(to, key("bob"));
            format!("ask {after}")
        }
        DirectStep::Deliver(private) => format!("send {}{}", private.text, if private.late { " late" } else { "" }),
        DirectStep::Flatten(private) => format!("flat {}", private.text),
        DirectStep::Delivered { sender, id, to } => {
            assert_eq!((sender.as_str(), to.as_str()), ("Alice", "Bob"));
            format!("delivered {}", id.seq)
        }
        DirectStep::Waits { sender, id, to } => {
            assert_eq!((sender, to.as_str()), (key("alice"), "Bob"));
            format!("waits {}", id.seq)
        }
    };
    steps.into_iter().map(short).collect()
}

impl Desk {
    fn new() -> Desk {
        Desk { directs: Directs::default(), now: an_instant() }
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
        short(self.directs.found(&key("bob"), after, rows.map(direct).collect(), seating, self.now))
    }

    /// Like [`Desk::found`], to a client of ours.
    fn found_rows(&mut self, after: i64, rows: impl IntoIterator<Item = i64>) -> Vec<String> {
        let found = rows.into_iter().map(direct).collect();
        short(self.directs.found(&key("bob"), after, found, Seating::Ours, self.now))
    }

    fn received(&mut self, row: i64) -> Vec<String> {
        short(self.directs.received(&key("bob"), &key("alice"), &id(row), self.now))
    }

    fn kept(&mut self, row: i64) {
        self.directs.kept(&[(key("bob"), key("alice"), id(row))]);
    }

    fn heard_original(&mut self) -> Vec<String> {
        short(self.directs.heard_original(&key("bob"), self.now))
    }
}

#[test]
fn waiting_messages_are_sent_until_received() {
    let mut desk = Desk::new();
    assert_eq!(desk.stored(1, Seating::Away), ["waits 1"]);
    assert_eq!(desk.stored(1, Seating::Away), ["waits 1"], "it was sent again");
    assert_eq!(desk.joined(), ["ask 0"]);
    assert_eq!(desk.found(0, 1..=2, Seating::Ours), ["send 1 late", "send 2 late"]);
    assert_eq!(desk.pass(9), [""; 0]);
    assert_eq!(desk.pass(1), ["ask 0"]);
    assert_eq!(desk.found(0, 1..=2, Seating::Ours), ["send 1 late", "send 2 late"]);
    assert_eq!(desk.received(1), [""; 0]);
    assert_eq!((desk.pass(9), desk.pass(1)), (vec![], vec!["ask 1".to_owned()]), "the receipt shows that it is there");
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
fn a_message_waits_if_its_addressee_leaves_without_a_receipt() {
    let mut desk = Desk::new();
    desk.stored(5, Seating::Ours);
    desk.joined();
    desk.found(0, 4..=5, Seating::Ours);
    desk.stored(6, Seating::Ours);
    // The sender was told about 4 when it arrived. The others went to a present addressee.
    assert_eq!(short(desk.directs.gone(&key("bob"))), ["waits 5", "waits 6"]);
    assert_eq!((desk.pass(100), desk.directs.addressees.len()), (vec![], 0));
}

#[test]
fn live_messages_wait_even_after_another_join() {
    let mut desk = Desk::new();
    for row in 5..=8 {
        desk.stored(row, Seating::Ours);
    }
    desk.joined();
    // The receipt for earlier messages crosses the answer, and retention has removed a message.
    assert_eq!(desk.received(6), [""; 0]);
    assert_eq!(desk.found_rows(0, [4, 5, 6, 8]), ["send 4 late", "send 5 late", "send 8 late"]);
    assert_eq!(desk.received(8), ["ask 3"], "the two before it were dropped");
    // And again, before the answer arrives.
    desk.found(3, 4..=5, Seating::Ours);
    desk.joined();
    assert_eq!(short(desk.directs.gone(&key("bob"))), ["waits 5"]);
    assert_eq!((desk.pass(100), desk.directs.addressees.len()), (vec![], 0));
}

#[test]
fn receipts_let_more_follow() {
    let mut desk = Desk::new();
    desk.joined();
    assert_eq!(desk.found(0, 1..=100, Seating::Ours).len(), 8);
    let asked: Vec<String> = (1..=4).flat_map(|row| desk.received(row)).collect();
    assert_eq!(asked, ["ask 8"]);
    assert_eq!((5..=8).flat_map(|row| desk.received(row)).count(), 0, "the answer is awaited");
    assert_eq!(desk.found(8, 9..=108, Seating::Ours).len(), 9);
}

#[test]
fn an_overtaken_message_was_dropped() {
    let mut desk = Desk::new();
    desk.joined();
    assert_eq!(desk.found(0, 1..=8, Seating::Ours).len(), 8);
    desk.received(1);
    // 2 and 3 were dropped, so half as many go out from now on. That many are under way already.
    assert_eq!(desk.received(4), [""; 0]);
    let asked: Vec<String> = (5..=7).flat_map(|row| desk.received(row)).collect();
    assert_eq!(asked, ["ask 1"]);
    assert_eq!(desk.found_rows(1, [2, 3, 8]), ["send 2 late", "send 3 late"]);
    // Dropped again, they wait a while.
    assert_eq!(desk.received(8), [""; 0]);
    desk.stored(9, Seating::Ours);
    assert_eq!(desk.received(3), [""; 0]);
    desk.now += Duration::from_millis(249);
    assert_eq!(desk.pass(0), [""; 0]);
    desk.now += Duration::from_millis(1);
    assert_eq!(desk.pass(0), ["ask 1"]);
}

#[test]
fn a_later_receipt_reveals_the_loss_of_a_live_message() {
    let mut desk = Desk::new();
    (1..=5).for_each(|row| drop(desk.stored(row, Seating::Ours)));
    assert_eq!(desk.received(3), ["ask 0"]);
    assert_eq!(desk.found_rows(0, [1, 2, 4, 5]), ["send 1 late", "send 2 late"]);
    // Another run of hers publishes for itself.
    let mut other = direct(6);
    other.private.id = Some(SentId::new(Session::from_random([2; 12]), 9).unwrap());
    desk.directs.stored(other, Seating::Ours, desk.now);
    let id = SentId::new(Session::from_random([2; 12]), 9).unwrap();
    assert_eq!(desk.directs.received(&key("bob"), &key("alice"), &id, desk.now), []);
}

#[test]
fn a_message_never_received_blocks_no_others() {
    let mut desk = Desk::new();
    let start = desk.now;
    desk.joined();
    let mut waiting: Vec<i64> = (1..=2_000).collect();
    let mut steps = desk.found_rows(0, waiting[..100].iter().copied());
    let mut times = 0;
    while waiting.len() > 1 && desk.now < start + Duration::from_secs(60) {
        desk.now += Duration::from_millis(20);
        let mut next = short(desk.directs.due(desk.now));
        for step in steps {
            if let Some(after) = step.strip_prefix("ask ") {
                let after = after.parse::<i64>().unwrap();
                next.extend(desk.found_rows(after, waiting.iter().copied().filter(|row| *row > after).take(100)));
            } else if step == "send 1 late" {
                times += 1;
            } else {
                let row = step.split(' ').nth(1).unwrap().parse::<i64>().unwrap();
                waiting.retain(|known| *known != row);
                next.extend(desk.received(row));
            }
        }
        steps = next;
    }
    let elapsed = desk.now - start;
    assert_eq!(waiting, [1], "after {elapsed:?}");
    assert!(times <= 20, "sent {times} times in {elapsed:?}");
}

#[test]
fn a_live_message_above_a_backlog_hides_none_of_it() {
    let mut desk = Desk::new();
    desk.joined();
    assert_eq!(desk.found(0, 1..=100, Seating::Ours).len(), 8);
    desk.stored(500, Seating::Ours);
    assert_eq!(desk.pass(10), ["ask 0"], "nothing was received");
    assert_eq!(desk.found(0, 1..=100, Seating::Ours), [1, 2, 3, 4].map(|row| format!("send {row} late")));
    for row in (5..=8).chain(1..=4) {
        assert_eq!(desk.received(row), if row == 2 { vec!["ask 499"] } else { vec![] }, "it is beyond that answer");
    }
    assert_eq!(desk.found(499, 500..=500, Seating::Ours), ["send 500 late", "ask 8"]);
    assert_eq!(desk.found(8, 9..=108, Seating::Ours).first().map(String::as_str), Some("send 9 late"));
    // Nor does a message that there was no room for overtake them.
    (600..=700).for_each(|row| drop(desk.stored(row, Seating::Ours)));
    assert_eq!(desk.received(500), [""; 0]);
    assert!(desk.directs.addressees[&key("bob")].seen < 20);
}

#[test]
fn live_ones_beyond_a_hundred_are_fetched() {
    let mut desk = Desk::new();
    (1..=150).for_each(|row| drop(desk.stored(row, Seating::Ours)));
    let asked: Vec<String> = (1..=50).flat_map(|row| desk.received(row)).collect();
    assert_eq!(asked, ["ask 100"]);
    // A message is stored while the answer is under way, which may contain it or not.
    desk.stored(151, Seating::Ours);
    let sent = desk.found(100, 101..=150, Seating::Ours);
    assert!((8..50).contains(&sent.len()), "{sent:?}");
    let last = 100 + sent.len() as i64;
    let asked: Vec<String> = (51..=last).flat_map(|row| desk.received(row)).collect();
    assert_eq!(asked, [format!("ask {last}")]);
    assert!(desk.found(last, last + 1..=151, Seating::Ours).len() >= sent.len());
}

#[test]
fn answers_and_receipts_may_cross() {
    let mut desk = Desk::new();
    desk.stored(5, Seating::Ours);
    desk.stored(6, Seating::Ours);
    desk.pass(10);
    desk.received(5);
    assert_eq!(desk.found(4, 5..=6, Seating::Ours), ["send 6 late"]);
    // Retention has removed it from the database.
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
    assert_eq!((desk.stored(5, Seating::Away), desk.stored(5, Seating::Original)), (vec![], vec![]));
    desk.kept(5);
    assert!(desk.directs.received.is_empty());
}

#[test]
fn a_received_message_does_not_wait_despite_a_retransmission() {
    let mut desk = Desk::new();
    desk.stored(5, Seating::Ours);
    // Its sender has retransmitted it. Before the database confirms that, the receipt arrives and the addressee leaves.
    desk.received(5);
    assert_eq!(short(desk.directs.gone(&key("bob"))), [""; 0]);
    assert_eq!(desk.stored(5, Seating::Away), [""; 0]);
    desk.joined();
    assert_eq!(desk.found(0, 5..=5, Seating::Ours), [""; 0], "an answer of before the receipt");
}

#[test]
fn a_lost_question_is_repeated() {
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
fn a_heartbeat_confirms_what_was_sent_to_an_original_client() {
    let mut desk = Desk::new();
    assert_eq!(desk.stored(1, Seating::Original), ["flat 1"]);
    assert_eq!(desk.stored(1, Seating::Original), [""; 0], "sent again");
    assert_eq!((desk.heard_original(), desk.pass(100)), (vec![], vec![]), "that was under way");
    desk.now += SURVIVED;
    assert_eq!(desk.heard_original(), ["delivered 1"]);
    assert_eq!((desk.stored(1, Seating::Original), desk.directs.addressees.len()), (vec![], 0));
    desk.kept(1);

    desk.joined();
    let steps = desk.found(0, 4..=103, Seating::Original);
    assert_eq!((steps.len(), steps[99].as_str()), (100, "flat 103"));
    desk.now += SURVIVED;
    let steps = desk.heard_original();
    assert_eq!((steps.len(), steps[99].as_str(), steps[100].as_str()), (101, "delivered 103", "ask 103"));
    assert_eq!(desk.found(103, 104..=104, Seating::Original), ["flat 104"]);
    // A new connection has received nothing yet.
    assert_eq!(
        (desk.joined(), desk.found(0, 104..=104, Seating::Original)),
        (vec!["ask 0".into()], vec!["flat 104".into()])
    );
}

#[test]
fn an_original_client_that_dies_has_received_nothing() {
    let mut desk = Desk::new();
    desk.stored(1, Seating::Away);
    desk.joined();
    desk.found(0, 1..=1, Seating::Original);
    desk.stored(2, Seating::Original);
    assert_eq!(short(desk.directs.gone(&key("bob"))), ["waits 2"], "of 1 it was told before");
    assert_eq!(desk.heard_original(), [""; 0]);
}

#[test]
fn a_client_of_ours_in_place_of_an_original_gets_it_again() {
    let mut desk = Desk::new();
    desk.stored(1, Seating::Original);
    desk.joined();
    assert_eq!(desk.found(0, 1..=1, Seating::Ours), ["send 1 late"]);
    // And the other way round.
    desk.pass(10);
    assert_eq!(desk.found(0, 1..=1, Seating::Original), ["flat 1"]);
}
