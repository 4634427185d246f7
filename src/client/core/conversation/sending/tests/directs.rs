//! Direct messages: whose addressee is away, and which were delivered.

use super::*;
use crate::protocol::ReceiptOf;

fn direct(to: &str) -> OwnMessage {
    let (nick, to, text) = (nick("Alice"), Place::Direct(nick(to)), "psst".to_owned());
    OwnMessage { nick, to, text, timestamp: None, id: None, action: false, late: false }
}

#[test]
fn whoever_is_away_is_told_of_once() {
    let waiting = |to: &str, seq: u64| Waiting { of: MessageId::Sent(id(session(), seq)), to: nick(to) };
    let alice = nick("Alice");
    let mut people = People::new([]);
    people.spoke(&nick("bob"));
    for (on_terminal, told) in [(true, &["waits for bob"][..]), (false, &["waits for bob", "waits for bob"])] {
        let mut stage = Stage::with(&[], false, on_terminal);
        for seq in [1, 2] {
            stage.take(direct("bob"));
            for _ in 0..2 {
                stage.sending.waits(waiting("bob", seq), alice.key(), &people, &mut stage.out);
            }
        }
        stage.check_out(told);
        // Under another nick nobody is told of the end of the wait.
        stage.sending.renamed(&nick("Alina"));
        stage.sending.waits(waiting("bob", 1), alice.key(), &people, &mut stage.out);
        stage.check_out(&["waits for bob"]);
        stage.sending.waits(waiting("bob", 7), alice.key(), &people, &mut stage.out);
        stage.check_out(&[]);
    }
    let mut stage = Stage::with(&[], false, true);
    stage.take(direct("bbo"));
    stage.sending.waits(waiting("bbo", 1), alice.key(), &people, &mut stage.out);
    stage.check_out(&["nobody called bbo was seen here (did you mean bob?); \
                       the message waits until somebody comes with that nick"]);
}

#[test]
fn a_receipt_counts_only_for_this_nick() {
    let mut stage = Stage::new();
    stage.take(direct("bob"));
    let receipt = |of: &str| Receipt {
        nick: nick("bob"),
        of: ReceiptOf { nick: nick(of), id: MessageId::Sent(id(session(), 1)) },
        timestamp: None,
    };
    stage.sending.delivered(&receipt("eve"), nick("alice").key(), &mut stage.out);
    stage.check_out(&[]);
    stage.sending.delivered(&receipt("ALICE"), nick("alice").key(), &mut stage.out);
    stage.check_out(&["delivered k3v9x2m1q8f0-1"]);
}
