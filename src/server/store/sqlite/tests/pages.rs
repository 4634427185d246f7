//! Pages: where they begin and end, and how they report what is missing.

use super::*;

#[track_caller]
fn check(history: &Database, limit: usize, position: PagePosition, texts: &[&str], span: (u64, u64, bool, bool)) {
    let (found, is) = page(history, "dev", limit, position);
    assert_eq!(found, texts);
    assert_eq!((is.from, is.to, is.complete, is.gap), span);
}

fn at(history: &Database, pos: u64) -> Cursor {
    Cursor { epoch: history.epoch().clone(), pos }
}

#[test]
fn they_meet_in_both_directions() {
    let mut history = in_memory();
    let batch: Vec<Arrived> = (1..=10).map(|n| arrived("dev", "alice", Some((1, n)), &n.to_string())).collect();
    keep(&mut history, &batch);
    keep(&mut history, &[arrived("lobby", "alice", Some((1, 11)), "elsewhere")]);
    check(&history, 4, PagePosition::Newest, &["7", "8", "9", "10"], (6, 10, false, false));
    check(&history, 4, PagePosition::Before(at(&history, 6)), &["3", "4", "5", "6"], (2, 6, false, false));
    check(&history, 4, PagePosition::Before(at(&history, 2)), &["1", "2"], (0, 2, true, false));
    check(&history, 2, PagePosition::Before(at(&history, 2)), &["1", "2"], (0, 2, true, false));
    check(&history, 6, PagePosition::After(at(&history, 2)), &["3", "4", "5", "6", "7", "8"], (2, 8, false, false));
    check(&history, 2, PagePosition::After(at(&history, 8)), &["9", "10"], (8, 10, true, false));
    check(&history, 6, PagePosition::After(at(&history, 8)), &["9", "10"], (8, 10, true, false));
    check(&history, 6, PagePosition::After(at(&history, 10)), &[], (10, 10, true, false));
}

#[test]
fn a_limit_of_zero_finds_the_end_of_the_history() {
    let mut history = in_memory();
    check(&history, 0, PagePosition::Newest, &[], (0, 0, true, false));
    keep(&mut history, &numbered("dev", 1..=3));
    check(&history, 0, PagePosition::Newest, &[], (3, 3, false, false));
    check(&history, 0, PagePosition::After(at(&history, 1)), &[], (1, 1, false, false));
    check(&history, 0, PagePosition::After(at(&history, 3)), &[], (3, 3, true, false));
}

#[test]
fn a_foreign_cursor_gets_the_newest_page_and_is_told_of_the_gap() {
    let mut history = in_memory();
    keep(&mut history, &numbered("dev", 1..=3));
    let foreign = || Cursor { epoch: Epoch::from_random([9; 12]), pos: 0 };
    check(&history, 2, PagePosition::After(foreign()), &["number 2", "number 3"], (1, 3, true, true));
    check(&history, 2, PagePosition::Before(foreign()), &["number 2", "number 3"], (1, 3, false, true));
    check(&history, 2, PagePosition::After(at(&history, 7)), &["number 2", "number 3"], (1, 3, true, true));
}

#[test]
fn over_trimmed_positions_they_go_on_where_there_is_something() {
    let mut history = in_memory();
    keep(&mut history, &numbered("dev", 1..=10));
    trim(&mut history, Some(5), None);
    check(&history, 2, PagePosition::After(at(&history, 2)), &["number 5", "number 6"], (4, 6, false, true));
    check(&history, 2, PagePosition::After(at(&history, 4)), &["number 5", "number 6"], (4, 6, false, false));
    check(&history, 2, PagePosition::Before(at(&history, 6)), &["number 5", "number 6"], (4, 6, true, false));
    check(&history, 2, PagePosition::Before(at(&history, 4)), &[], (4, 4, true, true));
    check(&history, 2, PagePosition::Before(at(&history, 0)), &[], (0, 0, true, false));
    check(&history, 2, PagePosition::Newest, &["number 9", "number 10"], (8, 10, false, false));
    trim(&mut history, Some(11), None);
    check(&history, 2, PagePosition::After(at(&history, 2)), &[], (10, 10, true, true));
    check(&history, 2, PagePosition::After(at(&history, 10)), &[], (10, 10, true, false));
    check(&history, 2, PagePosition::Newest, &[], (10, 10, true, false));
    keep(&mut history, &numbered("dev", [11]));
    check(&history, 2, PagePosition::After(at(&history, 10)), &["number 11"], (10, 11, true, false));
}

#[test]
fn an_empty_room_has_an_empty_one() {
    let history = in_memory();
    check(&history, 50, PagePosition::Newest, &[], (0, 0, true, false));
}

#[test]
fn one_is_cut_at_the_size_of_a_reply() {
    let mut history = in_memory();
    let batch: Vec<Arrived> =
        (1..=40).map(|n| arrived("dev", "alice", Some((1, n)), &format!("{n}{}", "x".repeat(3_990)))).collect();
    keep(&mut history, &batch);
    let (texts, span) = page(&history, "dev", 50, PagePosition::Newest);
    assert!(texts.len() < 13 && texts.last().unwrap().starts_with("40x"));
    assert_eq!((span.to - span.from, span.complete), (texts.len() as u64, false));
    let (texts, span) = page(&history, "dev", 50, PagePosition::After(at(&history, 0)));
    assert!(texts.len() < 13 && texts[0].starts_with("1x"));
    assert_eq!((span.to - span.from, span.complete), (texts.len() as u64, false));
}

#[test]
fn a_long_list_has_the_first_rooms_by_name() {
    let mut history = in_memory();
    let batch: Vec<Arrived> = (0..600).rev().map(|n| arrived(&format!("r{n:03}"), "alice", None, "hi")).collect();
    keep(&mut history, &batch);
    let rooms = rooms(&history);
    assert_eq!((rooms.len(), rooms[0].0.as_str(), rooms[499].0.as_str()), (LISTED_ROOMS, "r000", "r499"));
}

#[test]
fn the_rooms_of_the_newest_messages() {
    let mut history = in_memory();
    let rooms = |history: &Database, messages| {
        let mut rooms = history.questions().newest_rooms(messages).unwrap();
        rooms.sort();
        rooms.into_iter().map(|(room, pos)| (room.to_string(), pos)).collect::<Vec<_>>()
    };
    assert_eq!(rooms(&history, 5), []);
    keep(&mut history, &numbered("old", 1..=3));
    keep(&mut history, &numbered("dev", 4..=7));
    keep(&mut history, &numbered("ops", 8..=8));
    assert_eq!(rooms(&history, 5), [("dev".to_owned(), 4), ("ops".to_owned(), 1)]);
    assert_eq!(rooms(&history, 6).len(), 3);
}
