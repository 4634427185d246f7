//! Rooms that are forgotten and come back.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

const DAY: i64 = 86_400_000;
/// The first position of a room that comes back.
const ABOVE: u64 = (1 << 20) + 1;

/// Removes all messages, this many days after the start. Returns the forgotten rooms.
fn trim_all(history: &mut Database, day: i64, size: Option<u64>) -> Vec<String> {
    let limits = Retention { age: Some(Duration::ZERO), size };
    let mut rooms = Vec::new();
    loop {
        let trimmed = history.trim(&limits, START + day * DAY).unwrap();
        rooms.extend(trimmed.rooms.iter().map(RoomName::to_string));
        if !trimmed.more {
            return rooms;
        }
    }
}

fn known(history: &Database) -> Vec<String> {
    rooms(history).into_iter().map(|(name, _)| name.to_string()).collect()
}

fn after(history: &Database, name: &str, pos: u64) -> Span {
    page(history, name, 50, PagePosition::After(Cursor { epoch: history.epoch().clone(), pos })).1
}

/// Makes somebody a member of these rooms; without rooms, they have left.
fn seat(history: &mut Database, rooms: &[&str]) {
    let kept =
        KeptSeat { nick: nick("bob"), session: None, conn: 0, rooms: rooms.iter().map(|name| room(name)).collect() };
    let seats = if rooms.is_empty() { Vec::new() } else { vec![kept] };
    history.commit(&[], &[SeatChange { key: nick("bob").key().clone(), seats }]).unwrap();
}

#[test]
fn rooms_empty_for_long_are_forgotten() {
    let mut history = in_memory();
    for (n, name) in ["lobby", "dev", "den", "ops"].iter().enumerate() {
        keep(&mut history, &numbered(name, [n as u64 + 1]));
    }
    seat(&mut history, &["den"]);
    assert_eq!(trim_all(&mut history, 1, None), [""; 0]);
    keep(&mut history, &[Arrived { received: START + 50 * DAY, ..numbered("ops", [9])[0].clone() }]);
    assert_eq!(trim_all(&mut history, 91, None), [""; 0]);
    assert_eq!(trim_all(&mut history, 92, None), ["dev"]);
    assert_eq!(known(&history), ["den", "lobby", "ops"]);
    // A room that had members is looked at again after the same time.
    seat(&mut history, &[]);
    assert_eq!(trim_all(&mut history, 181, None), [""; 0]);
    assert_eq!(trim_all(&mut history, 183, None), ["ops", "den"]);
    assert_eq!((known(&history), history.is_empty().unwrap()), (vec!["lobby".to_owned()], false));
}

#[test]
fn one_that_comes_back_gives_out_no_position_twice() {
    let file = TempFile::new();
    let mut history = file.open();
    keep(&mut history, &numbered("dev", 1..=5));
    keep(&mut history, &numbered("ops", 6..=6));
    trim_all(&mut history, 1, None);
    keep(&mut history, &[Arrived { received: START + 200 * DAY, ..numbered("den", [7])[0].clone() }]);
    assert_eq!(trim_all(&mut history, 92, None), ["dev", "ops"]);
    // A member of that time asks before anybody speaks, and after.
    let span = after(&history, "dev", 5);
    assert_eq!((span.from, span.to, span.complete, span.gap), (ABOVE - 1, ABOVE - 1, true, true));
    let mut history = file.open();
    keep(&mut history, &numbered("dev", 8..=9));
    for (pos, from, gap) in
        [(3, ABOVE - 1, true), (5, ABOVE - 1, true), (ABOVE - 1, ABOVE - 1, false), (ABOVE, ABOVE, false)]
    {
        let span = after(&history, "dev", pos);
        assert_eq!((span.from, span.to, span.complete, span.gap), (from, ABOVE + 1, true, gap), "{pos}");
    }
    let (texts, span) = page(&history, "dev", 50, PagePosition::Newest);
    assert_eq!((texts.len(), span.from, span.complete, span.gap), (2, ABOVE - 1, true, false));
    // Other rooms go on where they were, and new ones begin there, too.
    keep(&mut history, &numbered("den", [10]));
    assert_eq!(page(&history, "den", 50, PagePosition::Newest).1.to, 2);
    assert_eq!(page(&history, "new", 50, PagePosition::Newest).1.to, ABOVE - 1);
    let committed = history.commit(&[Keep::Message(numbered("new", [11])[0].clone())], &[]).unwrap();
    assert_eq!((committed.progress[0].from, committed.progress[0].to), (ABOVE - 1, ABOVE));
}

#[test]
fn the_number_of_empty_rooms_is_bounded() {
    let mut history = in_memory();
    let batch: Vec<Arrived> = (1..=10_100)
        .map(|n| Arrived { received: START + n, ..arrived(&format!("room-{n}"), "mallory", Some((1, n as u64)), "hi") })
        .collect();
    keep(&mut history, &batch);
    let gone = trim_all(&mut history, 1, None);
    assert_eq!((gone.len(), known(&history).is_empty()), (100, false));
    // And fewer in a small database, even if they have members.
    seat(&mut history, &["room-5000"]);
    let gone = trim_all(&mut history, 2, Some(1 << 20));
    let select = "SELECT count(*) FROM rooms";
    let left: i64 = history.own.sql.query_row(select, [], |row| row.get(0)).unwrap();
    assert_eq!(gone.len() as i64 + left, 10_000);
    assert!((200..500).contains(&left) && used(&history) < 1 << 20, "{left}");
}

/// The room's name has the highest cost.
#[test]
fn forgotten_rooms_take_no_more_space_than_counted() {
    let mut history = in_memory();
    let batch = |numbers: std::ops::RangeInclusive<u64>| -> Vec<Arrived> {
        let scattered = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        numbers.map(|n| arrived(&format!("{:016x}{:016x}", scattered(n), n), "m", Some((1, n)), "")).collect()
    };
    keep(&mut history, &batch(1..=100));
    trim_all(&mut history, 1, None);
    let before = used(&history);
    keep(&mut history, &batch(101..=8_100));
    trim_all(&mut history, 1, None);
    let each = (used(&history) - before) / 8_000;
    assert!((75..=150).contains(&each), "{each}");
}

proptest! {
    /// A client that asks from time to time for everything after its cursor gets it all, or is told that something may
    /// be missing. No two messages of a room share a position.
    #[test]
    fn nobody_misses_anything_unknowingly(steps in prop::collection::vec((0u8..5, 0usize..3), 1..60)) {
        let names = ["dev", "ops", "den"];
        let mut history = in_memory();
        let mut given_out: BTreeMap<(usize, u64), u64> = BTreeMap::new();
        let mut cursors = [None; 3];
        let mut unseen: [Vec<String>; 3] = Default::default();
        let (mut day, mut n) = (0, 0);
        for (what, place) in steps {
            match what {
                0 | 1 => {
                    n += 1;
                    let message = Arrived { received: START + day * DAY, ..numbered(names[place], [n])[0].clone() };
                    let committed = history.commit(&[Keep::Message(message.clone())], &[]).unwrap();
                    let pos = committed.progress[0].to;
                    prop_assert_eq!(given_out.insert((place, pos), n), None);
                    unseen[place].push(message.message.text);
                }
                2 => {
                    day += 40;
                    trim_all(&mut history, day, None);
                }
                _ => {
                    let place_of = |pos| PagePosition::After(Cursor { epoch: history.epoch().clone(), pos });
                    let asked = cursors[place].map_or(PagePosition::Newest, place_of);
                    let (texts, span) = page(&history, names[place], 500, asked);
                    prop_assert!(span.complete);
                    let all = std::mem::take(&mut unseen[place]);
                    if cursors[place].is_some() && !span.gap {
                        prop_assert_eq!(texts, all);
                    }
                    cursors[place] = Some(span.to);
                }
            }
        }
    }
}
