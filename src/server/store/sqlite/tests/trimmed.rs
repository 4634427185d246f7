//! Retention: what is removed, and that the rest is complete.

use super::*;

#[test]
fn age_removes_older_messages() {
    let mut history = in_memory();
    let mut batch = numbered("dev", 1..=10);
    batch.extend(numbered("lobby", 11..=20));
    keep(&mut history, &batch);
    trim(&mut history, Some(6), None);
    assert_eq!(rooms(&history), [(room("dev"), 5), (room("lobby"), 10)]);
    trim(&mut history, Some(16), None);
    assert_eq!(rooms(&history), [(room("dev"), 0), (room("lobby"), 5)]);
    assert_eq!(page(&history, "lobby", 1, PagePosition::Newest).1.to, 10);
}

#[test]
fn an_old_stamp_waits_for_its_turn() {
    let mut history = in_memory();
    // Ten messages imported from long ago, or received while the clock was wrong, among ten that were not.
    let mut batch = numbered("dev", 1..=5);
    batch.extend((11..=20).map(|n| Arrived { received: n, ..arrived("dev", "bob", Some((2, n as u64)), "old") }));
    batch.extend(numbered("dev", 6..=10));
    keep(&mut history, &batch);
    history.commit(&[direct("alice", "bob", (1, 77), "one")], &[]).unwrap();
    let span = |history: &Database, pos| {
        let cursor = Cursor { epoch: history.epoch().clone(), pos };
        let (texts, span) = page(history, "dev", 50, PagePosition::After(cursor));
        (texts.len(), span.gap)
    };
    trim(&mut history, Some(1), None);
    assert_eq!(span(&history, 0), (20, false));
    // The rest has no hole, whatever comes after it.
    trim(&mut history, Some(4), None);
    assert_eq!((span(&history, 0), span(&history, 3), span(&history, 12)), ((17, true), (17, false), (8, false)));
    trim(&mut history, Some(6), None);
    assert_eq!((span(&history, 14), span(&history, 15)), ((5, true), (5, false)));
    trim(&mut history, Some(11), None);
    assert_eq!(span(&history, 20), (0, false));
}

#[test]
fn it_goes_in_steps() {
    let mut history = in_memory();
    keep(&mut history, &numbered("dev", 1..=1_200));
    let limits = Retention { age: Some(Duration::from_secs(1)), size: None };
    let left = |history: &Database| rooms(history)[0].1;
    let now = START + 10_000_000;
    assert!(!history.trim(&Retention::default(), now).unwrap().more);
    assert_eq!(left(&history), 1_200);
    assert!(history.trim(&limits, now).unwrap().more);
    assert_eq!(left(&history), 700);
    assert!(history.trim(&limits, now).unwrap().more);
    assert!(!history.trim(&limits, now).unwrap().more);
    assert_eq!(left(&history), 0);
    assert!(!history.trim(&limits, now).unwrap().more);
}

#[test]
fn direct_messages_that_wait_go_by_age_too() {
    let mut history = in_memory();
    let batch = [direct("alice", "bob", (1, 1), "one")];
    history.commit(&batch, &[]).unwrap();
    trim(&mut history, Some(0), None);
    assert_eq!(waiting(&history, "bob"), ["one"]);
    trim(&mut history, Some(1), None);
    assert_eq!(waiting(&history, "bob"), [""; 0]);
    let committed = history.commit(&batch, &[]).unwrap();
    assert_eq!((committed.stored.len(), committed.direct.len()), (1, 0));
}

/// Words of a vocabulary with a natural distribution: the index of such texts is as large as the texts.
fn prose(n: u64, words: u64) -> String {
    let mut state = n;
    let mut word = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Few words are frequent, many are rare.
        format!("word{}", (state >> 33) % (1 << (4 + (state >> 60) % 10)))
    };
    (0..words).map(|_| word()).collect::<Vec<_>>().join(" ")
}

fn talk(numbers: std::ops::RangeInclusive<u64>, words: u64) -> Vec<Arrived> {
    let message = |n: u64| Arrived {
        received: START + n as i64,
        ..arrived("dev", "alice", Some((1, n)), &format!("n{n} {}", prose(n, words)))
    };
    numbers.map(message).collect()
}

#[test]
fn size_removes_the_oldest_messages() {
    let mut history = in_memory();
    let size = 2 << 20;
    for (words, first) in [(30, 0), (5, 10_000), (300, 40_000)] {
        history.commit(&[direct("alice", "bob", (3, first + 1), "waits")], &[]).unwrap();
        let count = 360_000 / (words + 6);
        for n in 0..count / 100 {
            trim(&mut history, None, Some(size));
            assert!(used(&history) <= size);
            keep(&mut history, &talk(first + n * 100 + 1..=first + (n + 1) * 100, words));
        }
        trim(&mut history, None, Some(size));
        let select = "SELECT count(*), sum(length(text)), min(row) = max(row) - count(*) + 1 FROM messages";
        let (left, bytes, is_whole): (u64, u64, bool) = history
            .own
            .sql
            .query_row(select, [], |row| Ok((row.get::<_, i64>(0)? as u64, row.get::<_, i64>(1)? as u64, row.get(2)?)))
            .unwrap();
        // The rest fills the size: at least half of it with messages, the other half with their words.
        let weight = bytes + left * 100;
        assert!(weight > size / 4, "{words} words: {left} messages of {bytes} bytes");
        let newest = format!("n{}", first + count / 100 * 100);
        assert_eq!((is_whole, searched::texts(&history, &newest).len()), (true, 1));
    }
    assert_eq!(waiting(&history, "bob"), ["waits"; 3]);
    // A message that can never fit is removed at once with all others. Only waiting messages stay.
    trim(&mut history, None, Some(1));
    assert_eq!(rooms(&history), []);
    assert_eq!(waiting(&history, "bob"), ["waits"; 3]);
    keep(&mut history, &talk(90_001..=90_002, 10));
    assert_eq!(searched::texts(&history, "n90001").len(), 1);
}

#[test]
fn the_index_of_a_large_part_goes_with_its_last_message() {
    let mut history = in_memory();
    // Before a size was set.
    keep(&mut history, &talk(1..=2_000, 30));
    let size = 1 << 20;
    for n in 0..30 {
        trim(&mut history, None, Some(size));
        assert!(used(&history) <= size);
        keep(&mut history, &talk(2_001 + n * 100..=2_100 + n * 100, 30));
    }
    assert!(rooms(&history)[0].1 > 500);
}

#[test]
fn another_program_respects_the_size_too() {
    let file = TempFile::new();
    let mut history = file.open();
    trim(&mut history, None, Some(1 << 20));
    keep(&mut file.open(), &talk(1..=2_000, 10));
    let parts = |history: &Database| -> i64 {
        history.own.sql.query_row("SELECT count(*) FROM word_parts", [], |row| row.get(0)).unwrap()
    };
    assert!((3..=10).contains(&parts(&history)), "{}", parts(&history));
    // After reopening, the newest part is as full as before.
    for n in 0..100 {
        keep(&mut file.open(), &talk(3_000 + n * 10..=3_009 + n * 10, 10));
    }
    assert!((5..=12).contains(&parts(&history)), "{}", parts(&history));
    // Without a limit the parts are large again.
    trim(&mut history, None, None);
    let before = parts(&history);
    keep(&mut history, &talk(5_000..=7_000, 10));
    assert!(parts(&history) <= before + 1);
}

#[test]
fn more_goes_at_a_time_where_more_came() {
    let mut history = in_memory();
    let size = 1 << 20;
    trim(&mut history, None, Some(size));
    // One step after each batch keeps up.
    for n in 0..10 {
        keep(&mut history, &talk(n * 2_000 + 1..=(n + 1) * 2_000, 5));
        history.trim(&Retention { age: None, size: Some(size) }, START).unwrap();
        assert!(used(&history) <= size + size / 4, "{}", used(&history));
    }
    assert!(rooms(&history)[0].1 > 1_000);
}

#[test]
fn ids_of_what_is_gone_take_a_small_part_of_a_limited_size() {
    let mut history = in_memory();
    let size = 1 << 20;
    for n in 0..60 {
        // No two of them are adjacent.
        keep(&mut history, &numbered("dev", (n * 300..(n + 1) * 300).map(|n| n * 2 + 1)));
        trim(&mut history, None, Some(size));
        assert!(used(&history) <= size);
    }
    let count = |table: &str| -> u64 {
        let select = format!("SELECT count(*) FROM {table}");
        history.own.sql.query_row(&select, [], |row| row.get::<_, i64>(0)).unwrap() as u64
    };
    let (removed, kept) = (count("removed"), count("messages"));
    assert!((1_000..=2_100).contains(&removed) && kept > 1_500, "{removed} {kept}");
}

#[test]
fn the_index_of_what_is_gone_is_dropped() {
    let mut history = in_memory();
    keep(&mut history, &numbered("dev", 1..=2));
    // Pretends that there had been many.
    searched::jump(&history, 3);
    keep(&mut history, &numbered("dev", 3..=4));
    assert_eq!(searched::texts(&history, "number"), ["number 4", "number 3", "number 2", "number 1"]);
    let tables = |history: &Database| -> Vec<String> {
        let select = "SELECT name FROM sqlite_schema WHERE sql LIKE '%VIRTUAL%' ORDER BY name";
        let mut statement = history.own.sql.prepare(select).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(tables(&history), ["words_1", "words_393217"]);
    trim(&mut history, Some(3), None);
    assert_eq!(tables(&history), ["words_393217"]);
    assert_eq!(searched::texts(&history, "number"), ["number 4", "number 3"]);
    trim(&mut history, Some(5), None);
    assert_eq!(searched::texts(&history, "number"), [""; 0]);
    keep(&mut history, &numbered("dev", 5..=5));
    assert_eq!(searched::texts(&history, "number"), ["number 5"]);
    assert_eq!(tables(&history), ["words_393217"]);
}

#[test]
fn a_large_index_goes_in_steps_and_is_not_looked_into_meanwhile() {
    let mut history = in_memory();
    // Each word occurs once, which makes an index of some thousand blocks.
    let text = |n: u64| (0..500).map(|word| format!("{:x}", n * 1_000 + word)).collect::<Vec<_>>().join(" ");
    let batch: Vec<Arrived> = (1..=800)
        .map(|n| Arrived { received: START + n as i64, ..arrived("dev", "alice", Some((1, n)), &text(n)) })
        .collect();
    keep(&mut history, &batch);
    searched::jump(&history, 1);
    keep(&mut history, &numbered("dev", [900]));
    let limits = Retention { age: Some(Duration::from_secs(1)), size: None };
    let mut steps = 0;
    while history.trim(&limits, START + 10_000).unwrap().more {
        steps += 1;
        assert_eq!(searched::texts(&history, "number"), ["number 900"]);
    }
    assert!(steps >= 3, "{steps}");
}
