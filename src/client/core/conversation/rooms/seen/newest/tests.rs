//! Two runs of a sender, their clocks, and what the history shows of them.

use super::*;
use crate::now::an_instant;
use crate::protocol::{FromServer, Nick};

/// Two runs of alice, whose clock was set back by an hour between them, or was not.
const OLD: &str = "aaaaaaaaaaaa";
const NEW: &str = "bbbbbbbbbbbb";
const NOON: &str = "2026-11-22T12:00:00Z";
const ELEVEN: &str = "2026-11-22T11:00:00Z";

fn id(session: &str, seq: u64) -> SentId {
    match MessageId::parse(&format!("{session}-{seq}")) {
        Some(MessageId::Sent(id)) => id,
        other => panic!("{other:?}"),
    }
}

fn alice() -> NickKey {
    NickKey::parse("alice").unwrap()
}

fn at(time: &str) -> Option<DateTime<FixedOffset>> {
    Timestamp::parse(time).unwrap().at()
}

fn entry(session: &str, seq: u64, time: &str, pos: u64) -> Entry {
    Entry {
        nick: Nick::parse("Alice").unwrap(),
        text: String::new(),
        timestamp: Timestamp::parse(time),
        action: false,
        late: false,
        id: Some(MessageId::Sent(id(session, seq))),
        pos: Some(pos),
        received: None,
    }
}

fn now() -> Instant {
    an_instant()
}

fn live(session: &str, seq: u64, time: &str) -> Newest {
    let mut newest = Newest::default();
    newest.heard(now(), &alice(), &id(session, seq), at(time), false);
    newest
}

/// Checks which entries of the page are late, by their positions.
#[track_caller]
fn check(newest: &mut Newest, page: &[Entry], late: &[u64]) {
    newest.look_at(page);
    let overtaken = page.iter().filter(|entry| match &entry.id {
        Some(MessageId::Sent(id)) => newest.overtakes(entry, id),
        _ => false,
    });
    assert_eq!(overtaken.filter_map(|entry| entry.pos).collect::<Vec<_>>(), late);
}

fn mark(session: &str, from: u64, to: u64) -> Mark {
    let json = format!(
        r#"{{"type":"mark","room":"lobby","epoch":"rkrxc5f0sqnm","from":{from},"to":{to},"ids":{{"alice":{{"{session}":[[1,1]]}}}}}}"#
    );
    match FromServer::parse(json.as_bytes()) {
        Ok(FromServer::Mark(mark)) => mark,
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_earlier_run_is_late_whatever_the_clock_says() {
    for time in [ELEVEN, NOON] {
        let old = entry(OLD, 7, NOON, 5);
        check(&mut live(NEW, 3, time), std::slice::from_ref(&old), &[5]);
        check(&mut live(NEW, 3, time), &[old.clone(), entry(NEW, 3, time, 6)], &[5]);
        check(&mut live(NEW, 3, time), &[old, entry(NEW, 2, time, 6)], &[5]);
    }
}

#[test]
fn a_later_run_is_in_time_whatever_the_clock_says() {
    for time in [ELEVEN, NOON] {
        let new = entry(NEW, 1, time, 6);
        check(&mut live(OLD, 3, NOON), &[entry(OLD, 3, NOON, 5), new.clone()], &[]);
        let mut marked = live(OLD, 3, NOON);
        marked.look_at_mark(&mark(OLD, 4, 5));
        check(&mut marked, std::slice::from_ref(&new), &[]);
        // The mark names a position at or after the message of the old run. A message before that position may be
        // older or newer.
        check(&mut marked, &[entry(NEW, 1, time, 4)], &[4]);
        let sent_again = Entry { late: true, ..entry(OLD, 2, NOON, 5) };
        check(&mut live(OLD, 3, NOON), &[sent_again, new], &[]);
    }
}

#[test]
fn the_newest_message_says_nothing_about_its_own_run_or_others() {
    let bob = Entry { nick: Nick::parse("bob").unwrap(), ..entry(OLD, 1, ELEVEN, 6) };
    let row = Entry { id: Some(MessageId::Row(7)), ..entry(OLD, 1, ELEVEN, 7) };
    check(&mut live(NEW, 3, NOON), &[entry(NEW, 1, NOON, 5), bob, row], &[]);
}

#[test]
fn the_clock_orders_messages_of_earlier_connections() {
    for (time, late) in [(ELEVEN, &[5][..]), (NOON, &[]), ("2026-11-22T13:00:00+01:00", &[]), ("no time", &[])] {
        let mut newest = live(NEW, 3, "2026-11-22T11:30:00Z");
        newest.connection_is_another();
        check(&mut newest, &[entry(OLD, 7, time, 5)], late);
    }
    // If the history has it, that decides.
    let mut newest = live(NEW, 3, ELEVEN);
    newest.connection_is_another();
    check(&mut newest, &[entry(OLD, 7, NOON, 5), entry(NEW, 3, ELEVEN, 6)], &[5]);
    newest.history_is_another();
    check(&mut newest, &[entry(OLD, 7, NOON, 5)], &[]);
}

#[test]
fn the_clock_orders_retransmitted_messages() {
    for (time, late) in [(ELEVEN, &[5][..]), (NOON, &[])] {
        let mut newest = Newest::default();
        newest.heard(now(), &alice(), &id(NEW, 3), at("2026-11-22T11:30:00Z"), true);
        check(&mut newest, &[entry(OLD, 7, time, 5)], late);
    }
    // An old one does not replace the newest live one, even if that came on an earlier connection.
    for is_another in [false, true] {
        let mut newest = live(NEW, 3, NOON);
        if is_another {
            newest.connection_is_another();
        }
        newest.heard(now(), &alice(), &id(OLD, 2), at(ELEVEN), true);
        check(&mut newest, &[entry(OLD, 7, ELEVEN, 5)], &[5]);
    }
}

/// A message of an earlier run has a later time, because the sender's clock was set back since. The live one, which
/// was retransmitted, arrived at noon by the server's clock; the page was made at ten past.
#[test]
fn the_servers_clock_decides_if_the_senders_was_set() {
    let check = |time: &str, live_time: &str, received: &str, server_time: &str, expected: &[u64]| {
        let (mut newest, start) = (Newest::default(), now());
        newest.heard(start, &alice(), &id(NEW, 3), at(live_time), true);
        newest.server_clock_is(start + std::time::Duration::from_secs(600), at(server_time).unwrap());
        let entry = Entry { received: Timestamp::parse(received), ..entry(OLD, 7, time, 5) };
        check(&mut newest, &[entry], expected);
    };
    let (before, after, made) = ("2026-11-22T11:59:00Z", "2026-11-22T12:05:00Z", "2026-11-22T12:10:00Z");
    check(before, "2026-11-22T10:00:00Z", before, made, &[5]);
    // It may be newer than the live one, which was lost on its way to the server.
    check(after, "2026-11-22T10:00:00Z", after, made, &[]);
    // No clock was set: the live one only took long.
    check(before, "2026-11-22T11:58:00Z", before, made, &[]);
    // The server's clock was set back, too.
    check("2026-11-22T18:00:00Z", "2026-11-22T10:00:00Z", "2026-11-22T18:00:00Z", made, &[5]);
    check(before, "2026-11-22T10:00:00Z", "no time", made, &[]);
}

#[test]
fn messages_of_own_earlier_runs_are_late() {
    let mut newest = Newest::default();
    newest.said(now(), &alice(), &id(NEW, 1), at(NOON));
    newest.connection_is_another();
    check(&mut newest, &[entry(OLD, 7, "2026-11-22T13:00:00Z", 5)], &[5]);
    assert!(newest.overtakes_live(&alice(), &id(OLD, 7), at(ELEVEN)));
    // Another program with this nick.
    assert!(!newest.overtakes_live(&alice(), &id(OLD, 7), at("2026-11-22T13:00:00Z")));
    assert!(!newest.overtakes_live(&alice(), &id(NEW, 2), at(ELEVEN)));
    assert!(!live(NEW, 1, NOON).overtakes_live(&alice(), &id(OLD, 7), at(ELEVEN)), "another's");
}

#[test]
fn many_nicks_take_no_more_memory() {
    let mut newest = Newest::default();
    for number in 0..2 * SPEAKERS {
        let key = NickKey::parse(&format!("n{number}")).unwrap();
        newest.heard(now(), &key, &id(NEW, 1), None, false);
    }
    assert_eq!(newest.live.len(), SPEAKERS);
}

#[test]
fn clocks_order_the_pages_of_two_histories() {
    let mut newest = Newest::default();
    newest.shown(&entry(NEW, 3, NOON, 8));
    newest.history_is_another();
    check(&mut newest, &[entry(OLD, 7, ELEVEN, 9), entry(NEW, 4, NOON, 1)], &[9]);
    // Its clock was set back within the run.
    check(&mut newest, &[entry(NEW, 5, ELEVEN, 10)], &[]);
}
