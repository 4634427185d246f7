//! Transfers from one history to another.

use super::*;

fn records(history: &Database) -> Vec<Arrived> {
    let (mut all, mut after) = (Vec::new(), Some(0));
    while let Some(row) = after {
        let (records, next) = history.questions().messages_after(row, None, 0).unwrap();
        all.extend(records);
        after = next;
    }
    all.extend(history.questions().direct_after(0, 0).unwrap().0);
    all
}

#[test]
fn a_transfer_keeps_everything_once() {
    let mut history = in_memory();
    let mut batch = numbered("dev", 1..=1_200);
    // Two equal messages of an original client.
    batch.extend([arrived("lobby", "carol", None, "twice"), arrived("lobby", "carol", None, "twice")]);
    keep(&mut history, &batch);
    history.commit(&[direct("alice", "Bob", (1, 1_300), "waits")], &[]).unwrap();
    let all = records(&history);
    assert_eq!(all.len(), 1_203);
    let mut other = in_memory();
    for (new, known) in [(1_203, 0), (0, 1_203)] {
        let imported = other.import(&all, &mut NamelessCounts::default()).unwrap();
        assert_eq!(imported, Imported { new, known, ..Imported::default() });
        assert_eq!(records(&other), all);
    }
    assert_eq!(waiting(&other, "bob"), ["waits"]);
    assert_eq!(history.import(&all, &mut NamelessCounts::default()).unwrap().new, 0);
}

#[test]
fn some_of_it() {
    let mut history = in_memory();
    keep(&mut history, &numbered("dev", 1..=10));
    keep(&mut history, &numbered("lobby", 11..=20));
    let count = |room: Option<&RoomName>, second: i64| {
        history.questions().messages_after(0, room, START + second * 1_000).unwrap().0.len()
    };
    assert_eq!((count(Some(&room("dev")), 0), count(Some(&room("dev")), 6), count(None, 6)), (10, 5, 15));
}

#[test]
fn removed_messages_stay_removed() {
    let mut history = in_memory();
    keep(&mut history, &numbered("dev", 1..=10));
    let all = records(&history);
    trim(&mut history, Some(5), None);
    let imported = history.import(&all, &mut NamelessCounts::default()).unwrap();
    assert_eq!(imported, Imported { known: 10, ..Imported::default() });
}

#[test]
fn an_import_skips_and_counts_taken_ids() {
    let mut history = in_memory();
    keep(&mut history, &numbered("dev", 1..=3));
    let mut all = records(&history);
    all[1].message.text = "another".to_owned();
    let imported = history.import(&all, &mut NamelessCounts::default()).unwrap();
    assert_eq!(imported, Imported { known: 2, taken: 1, ..Imported::default() });
}
