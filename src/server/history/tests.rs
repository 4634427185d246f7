//! The history in memory.

use super::*;
use crate::protocol::history::Span;
use crate::protocol::limits::LISTED_ROOMS;
use crate::protocol::{Cursor, Nick, Session};

fn arrived(room: &str, nick: &str, id: Option<(u8, u64)>, text: &str) -> Arrived {
    Arrived {
        chat: Chat {
            nick: Nick::parse(nick).unwrap(),
            text: text.to_owned(),
            timestamp: None,
            id: id.and_then(|(session, seq)| SentId::new(Session::from_random([session; 12]), seq)),
            room: RoomName::parse(room).unwrap(),
            action: false,
            late: false,
        },
        timestamp: Timestamp::parse("2026-11-22T20:30:00.123+01:00").unwrap(),
        received: 1_795_375_800_123,
    }
}

fn kept(history: &mut History, messages: &[Arrived]) -> Result<u64, Error> {
    let keeps: Vec<Keep> = messages.iter().cloned().map(Keep::Chat).collect();
    let committed = history.commit(&keeps, &[])?;
    Ok(committed.progress.iter().map(|progress| progress.to - progress.from).sum())
}

fn page(history: &History, room: &str, limit: usize, place: Place) -> (Vec<String>, Span) {
    let query = PageQuery { room: RoomName::parse(room).unwrap(), limit, place };
    let page = history.questions().page(&query).unwrap();
    (page.messages.into_iter().map(|entry| entry.text).collect(), page.span)
}

#[test]
fn each_id_is_kept_once_per_nick() {
    let mut history = History::in_memory().unwrap();
    let batch = [
        arrived("lobby", "alice", Some((1, 1)), "one"),
        arrived("lobby", "Alice", Some((1, 1)), "one again"),
        arrived("lobby", "bob", Some((1, 1)), "same id, another nick"),
        arrived("lobby", "carol", None, "no id"),
        arrived("lobby", "carol", None, "no id"),
    ];
    assert_eq!(kept(&mut history, &batch).unwrap(), 4);
    assert_eq!(kept(&mut history, &batch[..1]).unwrap(), 0);
    let (texts, span) = page(&history, "lobby", 50, Place::Newest);
    assert_eq!(texts, ["one", "same id, another nick", "no id", "no id"]);
    assert_eq!((span.from, span.to, span.complete, span.gap), (0, 4, true, false));
    assert_eq!(history.questions().rooms().unwrap(), [(RoomName::lobby(), 4)]);
}

#[test]
fn pages_meet_in_both_directions() {
    let mut history = History::in_memory().unwrap();
    let batch: Vec<Arrived> = (1..=10).map(|n| arrived("dev", "alice", Some((1, n)), &n.to_string())).collect();
    kept(&mut history, &batch).unwrap();
    kept(&mut history, &[arrived("lobby", "alice", Some((1, 11)), "elsewhere")]).unwrap();
    let (texts, newest) = page(&history, "dev", 4, Place::Newest);
    assert_eq!(texts, ["7", "8", "9", "10"]);
    assert!(!newest.complete);
    let at = |pos| Cursor { epoch: newest.epoch.clone(), pos };
    let (texts, older) = page(&history, "dev", 4, Place::Before(at(newest.from)));
    assert_eq!(texts, ["3", "4", "5", "6"]);
    let (texts, oldest) = page(&history, "dev", 4, Place::Before(at(older.from)));
    assert_eq!((texts.as_slice(), oldest.complete), (["1".to_owned(), "2".to_owned()].as_slice(), true));
    let (texts, next) = page(&history, "dev", 6, Place::After(at(2)));
    assert_eq!((texts.len(), next.from, next.to, next.complete), (6, 2, 8, false));
    let (texts, rest) = page(&history, "dev", 6, Place::After(at(next.to)));
    assert_eq!((texts.len(), rest.complete), (2, true));
    let (texts, none) = page(&history, "dev", 6, Place::After(at(10)));
    assert_eq!((texts.len(), none.from, none.to, none.complete), (0, 10, 10, true));
}

#[test]
fn a_foreign_cursor_gets_the_newest_page_and_is_told_of_the_gap() {
    let mut history = History::in_memory().unwrap();
    kept(&mut history, &[arrived("lobby", "alice", None, "hi")]).unwrap();
    let foreign = Cursor { epoch: Epoch::from_random([9; 12]), pos: 0 };
    let (texts, span) = page(&history, "lobby", 50, Place::After(foreign));
    assert_eq!((texts.as_slice(), span.gap), (["hi".to_owned()].as_slice(), true));
    let beyond = Cursor { epoch: span.epoch, pos: 7 };
    assert!(page(&history, "lobby", 50, Place::After(beyond)).1.gap);
}

#[test]
fn an_empty_room_has_an_empty_page() {
    let history = History::in_memory().unwrap();
    let (texts, span) = page(&history, "nowhere", 50, Place::Newest);
    assert_eq!((texts.len(), span.from, span.to, span.complete, span.gap), (0, 0, 0, true, false));
}

#[test]
fn a_page_is_cut_at_the_size_of_a_reply() {
    let mut history = History::in_memory().unwrap();
    let batch: Vec<Arrived> =
        (1..=40).map(|n| arrived("lobby", "alice", Some((1, n)), &format!("{n}{}", "x".repeat(3_990)))).collect();
    kept(&mut history, &batch).unwrap();
    let (texts, span) = page(&history, "lobby", 50, Place::Newest);
    assert!(texts.len() < 13 && texts.last().unwrap().starts_with("40x"));
    assert_eq!((span.to - span.from, span.complete), (texts.len() as u64, false));
}

#[test]
fn what_could_not_be_kept_leaves_no_hole() {
    let mut history = History::in_memory().unwrap();
    kept(&mut history, &[arrived("lobby", "alice", None, "one")]).unwrap();
    // As with a full disk: neither can the second be kept nor the rooms be read again.
    history.own.sql.execute_batch("ALTER TABLE rooms RENAME TO gone").unwrap();
    assert!(kept(&mut history, &[arrived("lobby", "alice", None, "two")]).is_err());
    history.own.sql.execute_batch("ALTER TABLE gone RENAME TO rooms").unwrap();
    kept(&mut history, &[arrived("lobby", "alice", None, "three")]).unwrap();
    let (texts, span) = page(&history, "lobby", 50, Place::Newest);
    assert_eq!((texts, span.to), (vec!["one".to_owned(), "three".to_owned()], 2));
}

#[test]
fn of_many_rooms_the_first_by_name_are_listed() {
    let mut history = History::in_memory().unwrap();
    let batch: Vec<Arrived> = (0..600).rev().map(|n| arrived(&format!("r{n:03}"), "alice", None, "hi")).collect();
    kept(&mut history, &batch).unwrap();
    let rooms = history.questions().rooms().unwrap();
    assert_eq!((rooms.len(), rooms[0].0.as_str(), rooms[499].0.as_str()), (LISTED_ROOMS, "r000", "r499"));
}

#[test]
fn another_programs_database_is_left_alone() {
    let sql = Connection::open_in_memory().unwrap();
    sql.execute_batch("CREATE TABLE theirs (x)").unwrap();
    assert!(matches!(History::prepare(sql, None), Err(Error::Foreign(_))));
    let sql = Connection::open_in_memory().unwrap();
    sql.pragma_update(None, "application_id", schema::APPLICATION_ID).unwrap();
    sql.pragma_update(None, "user_version", schema::VERSION + 1).unwrap();
    assert!(matches!(History::prepare(sql, None), Err(Error::Foreign(_))));
}
