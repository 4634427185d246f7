//! A limited size: the space that room messages have to themselves, whatever else is stored.

use super::*;
use crate::server::core::record::SeatChange;
use crate::server::store::sqlite::share::{DIRECT_WEIGHT, ROSTER_WEIGHT, Tally};
use proptest::prelude::*;

const SIZE: u64 = 4 << 20;

/// Direct messages of Alice's first run, each to another addressee.
fn to_nobody(numbers: std::ops::RangeInclusive<u64>, text: &str) -> Vec<Keep> {
    numbers.map(|n| direct("alice", &format!("nobody-{n}"), (1, n), text)).collect()
}

/// The size of waiting messages, counted again.
fn counted(history: &Database) -> u64 {
    Tally::of("direct", DIRECT_WEIGHT).bytes(&history.own.sql).unwrap()
}

/// The size of presences, counted again.
fn present_counted(history: &Database) -> u64 {
    Tally::of("roster", ROSTER_WEIGHT).bytes(&history.own.sql).unwrap()
}

/// Somebody present in rooms whose names take this many bytes.
fn present(n: u64, bytes: usize) -> SeatChange {
    let nick = nick(&format!("somebody-{n}"));
    let rooms = (0..bytes / 33).map(|room| RoomName::parse(&format!("{room:032}")).unwrap()).collect();
    let seat = KeptSeat { nick: nick.clone(), session: Some(id((1, 1)).session), conn: 1, rooms };
    SeatChange { key: nick.key().clone(), seats: vec![seat] }
}

fn count(history: &Database, table: &str) -> u64 {
    let select = format!("SELECT count(*) FROM {table}");
    history.own.sql.query_row(&select, [], |row| row.get::<_, i64>(0)).unwrap() as u64
}

#[test]
fn direct_messages_to_nobody_take_nothing_from_the_history() {
    let mut history = in_memory();
    trim(&mut history, None, Some(SIZE));
    let before: Vec<Arrived> = numbered("dev", 10_001..=15_000);
    keep(&mut history, &before);
    trim(&mut history, None, Some(SIZE));
    let long = "x".repeat(4_000);
    let (mut stored, mut refused) = (0, 0);
    for n in 0..15 {
        let committed = history.commit(&to_nobody(n * 100 + 1..=n * 100 + 100, &long), &[]).unwrap();
        stored += committed.stored.len();
        refused += committed.refused.len();
        assert_eq!(committed.stored.len(), committed.direct.len());
        trim(&mut history, None, Some(SIZE));
    }
    assert_eq!((stored + refused, stored as u64), (1_500, count(&history, "direct")));
    assert!((50..100).contains(&stored), "{stored}");
    assert!(counted(&history) <= SIZE / 8 && used(&history) <= SIZE);
    // Later messages stay, too.
    keep(&mut history, &numbered("dev", 15_001..=16_000));
    trim(&mut history, None, Some(SIZE));
    assert_eq!(count(&history, "messages"), 6_000);
}

/// Receipts for messages that nobody has sent, with the longest names, no two of them adjacent.
fn for_nothing(numbers: std::ops::Range<u64>) -> Vec<Keep> {
    let [to, sender] = ["\u{10400}", "\u{1F600}"].map(|c| nick(&c.repeat(32)).key().clone());
    let receipt =
        |n: u64| Keep::Delivered { to: to.clone(), sender: sender.clone(), id: id((1, 2 * n + 1)), at: START };
    numbers.map(receipt).collect()
}

#[test]
fn receipts_for_nothing_take_nothing_from_the_history() {
    let mut history = in_memory();
    trim(&mut history, None, Some(SIZE));
    keep(&mut history, &numbered("dev", 10_001..=15_000));
    for n in 0..10 {
        history.commit(&for_nothing(n * 1_000..(n + 1) * 1_000), &[]).unwrap();
        // One step after each batch keeps up.
        history.trim(&Retention { age: None, size: Some(SIZE) }, START).unwrap();
        assert!(used(&history) <= SIZE, "{}", used(&history));
    }
    trim(&mut history, None, Some(SIZE));
    assert_eq!(count(&history, "messages"), 5_000);
}

#[test]
fn ids_take_no_more_space_than_counted() {
    for receipts in [for_nothing(0..1_000), for_nothing(0..1_000).into_iter().rev().collect()] {
        let mut history = in_memory();
        let before = used(&history);
        history.commit(&receipts, &[]).unwrap();
        let taken = used(&history) - before;
        let known = history.transact(|sql, state| state.removed.tally.bytes(sql)).unwrap();
        assert!((known / 3..=known).contains(&taken), "{taken} of {known}");
    }
}

#[test]
fn a_refusal_names_the_addressee_and_a_receipt_makes_room() {
    let mut history = in_memory();
    trim(&mut history, None, Some(64 << 10));
    let long = "x".repeat(3_000);
    let messages = to_nobody(1..=2, &long);
    let committed = history.commit(&messages, &[]).unwrap();
    assert_eq!((committed.stored.len(), committed.direct.len()), (1, 1));
    let why = StoreRefusal::NoRoom { to: nick("nobody-2") };
    let refused = [Refused { sender: nick("alice").key().clone(), id: id((1, 2)), why }];
    assert_eq!(committed.refused, refused);
    // A message that already waits is stored, however often it arrives. A smaller one may have room.
    let again = history.commit(&messages, &[]).unwrap();
    assert_eq!((again.stored, again.direct, again.refused), (committed.stored, committed.direct, committed.refused));
    assert_eq!(history.commit(&to_nobody(3..=3, "short"), &[]).unwrap().stored.len(), 1);
    let (to, sender) = (nick("nobody-1").key().clone(), nick("alice").key().clone());
    history.commit(&[Keep::Delivered { to, sender, id: id((1, 1)), at: START }], &[]).unwrap();
    let later = history.commit(&messages, &[]).unwrap();
    assert_eq!((later.stored.len(), later.direct.len(), later.refused.len()), (2, 1, 0));
}

#[test]
fn a_smaller_size_removes_no_waiting_message() {
    let mut history = in_memory();
    keep(&mut history, &numbered("dev", 10_001..=10_100));
    let long = "x".repeat(3_000);
    assert_eq!(history.commit(&to_nobody(1..=200, &long), &[]).unwrap().stored.len(), 200, "without a limit");
    // They exceed the whole size, and none of them counts against the others.
    trim(&mut history, None, Some(512 << 10));
    assert_eq!((count(&history, "direct"), count(&history, "messages")), (200, 100));
    assert_eq!(history.commit(&to_nobody(201..=201, "one more"), &[]).unwrap().refused.len(), 1);
    trim(&mut history, None, None);
    assert_eq!(history.commit(&to_nobody(201..=201, "one more"), &[]).unwrap().refused.len(), 0);
}

#[test]
fn forgotten_rooms_take_no_more_space_than_counted() {
    for length in [1, 100, 1_000, 1_300, 2_000, 2_050, 3_000, 4_000, 6_000, 16_000] {
        let mut history = in_memory();
        let before = used(&history);
        history.commit(&to_nobody(1..=500, &"x".repeat(length)), &[]).unwrap();
        let (taken, counted) = (used(&history) - before, counted(&history));
        assert!((counted / 3..=counted).contains(&taken), "{length}: {taken} of {counted}");
    }
}

#[test]
fn presences_take_nothing_from_the_history() {
    let mut history = in_memory();
    trim(&mut history, None, Some(SIZE));
    keep(&mut history, &numbered("dev", 10_001..=15_000));
    let crowd: Vec<SeatChange> = (1..=2_000).map(|n| present(n, 2_112)).collect();
    for _ in 0..2 {
        history.commit(&[], &crowd).unwrap();
        trim(&mut history, None, Some(SIZE));
        assert!((SIZE / 18..=SIZE / 16).contains(&present_counted(&history)), "{}", present_counted(&history));
    }
    assert_eq!(count(&history, "messages"), 5_000);
    // There is room for others when these are gone.
    let gone: Vec<SeatChange> = crowd.into_iter().map(|change| SeatChange { seats: Vec::new(), ..change }).collect();
    history.commit(&[], &gone).unwrap();
    history.commit(&[], &[present(1, 99)]).unwrap();
    assert_eq!(history.earlier_run().unwrap().seats.len(), 1);
}

#[test]
fn presences_take_no_more_space_than_counted() {
    for bytes in [0, 99, 495, 825, 924, 990, 1_320, 2_112] {
        let mut history = in_memory();
        let before = used(&history);
        history.commit(&[], &(0..1_000).map(|n| present(n, bytes)).collect::<Vec<_>>()).unwrap();
        let (taken, counted) = (used(&history) - before, present_counted(&history));
        assert!((counted / 8..=counted).contains(&taken), "{bytes}: {taken} of {counted}");
    }
}

#[test]
fn an_import_leaves_out_those_without_room() {
    let file = TempFile::new();
    trim(&mut file.open(), None, Some(64 << 10));
    let long = "x".repeat(3_000);
    let records: Vec<Arrived> = to_nobody(1..=3, &long)
        .into_iter()
        .filter_map(|keep| match keep {
            Keep::Message(direct) => Some(direct),
            _ => None,
        })
        .collect();
    let mut nameless = NamelessCounts::default();
    let imported = file.open().import(&records, &mut nameless).unwrap();
    assert_eq!(imported, Imported { new: 1, no_room: 2, ..Imported::default() });
    let imported = file.open().import(&records, &mut nameless).unwrap();
    assert_eq!(imported, Imported { known: 1, no_room: 2, ..Imported::default() });
}

proptest! {
    // Each case waits for the disk a dozen times.
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// The counted sizes stay exact through commits, receipts, retention, another program, and restarts.
    #[test]
    fn the_space_of_waiting_messages_and_presences_is_known_exactly(
        steps in prop::collection::vec((0u8..8, 1u64..30, 0usize..300), 1..40),
    ) {
        let file = TempFile::new();
        let mut history = file.open();
        trim(&mut history, None, Some(16 << 10));
        for (what, n, length) in steps {
            let message = to_nobody(n..=n, &"ä".repeat(length));
            match what {
                0 | 1 => drop(history.commit(&message, &[]).unwrap()),
                2 => drop(file.open().commit(&message, &[]).unwrap()),
                3 => {
                    let (to, sender) = (nick(&format!("nobody-{n}")).key().clone(), nick("alice").key().clone());
                    history.commit(&[Keep::Delivered { to, sender, id: id((1, n)), at: START }], &[]).unwrap();
                }
                4 => trim(&mut history, Some(1), Some(16 << 10)),
                5 => drop(history.commit(&[], &[present(n % 3, length % 200)]).unwrap()),
                6 => {
                    let gone = SeatChange { seats: Vec::new(), ..present(n % 3, 0) };
                    history.commit(&[], &[gone]).unwrap();
                }
                _ => history = file.open(),
            }
            let counted = counted(&history);
            let known = history.transact(|sql, state| state.waiting.bytes(sql)).unwrap();
            prop_assert_eq!(known, counted);
            prop_assert!(known <= 2 << 10);
            let known = history.transact(|sql, state| state.present.bytes(sql)).unwrap();
            prop_assert_eq!(known, present_counted(&history));
            prop_assert!(known <= 1 << 10);
        }
    }
}
