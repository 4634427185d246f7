//! Retention: what goes, and that what is left is whole.

use super::*;

fn used(history: &History) -> u64 {
    let pragma = |name: &str| -> i64 { history.own.sql.pragma_query_value(None, name, |row| row.get(0)).unwrap() };
    ((pragma("page_count") - pragma("freelist_count")) * pragma("page_size")) as u64
}

#[test]
fn by_age_what_was_received_before_goes() {
    let mut history = History::in_memory().unwrap();
    let mut batch = numbered("dev", 1..=10);
    batch.extend(numbered("lobby", 11..=20));
    // One that was imported: it came last and is the oldest.
    batch.push(Arrived { received: START - 1, ..arrived("lobby", "bob", None, "from long ago") });
    keep(&mut history, &batch).unwrap();
    trim(&mut history, Some(6), None);
    assert_eq!(history.questions().rooms().unwrap(), [(room("dev"), 5), (room("lobby"), 10)]);
    trim(&mut history, Some(16), None);
    assert_eq!(history.questions().rooms().unwrap(), [(room("dev"), 0), (room("lobby"), 5)]);
    assert_eq!(page(&history, "lobby", 1, Place::Newest).1.to, 11);
}

#[test]
fn it_goes_in_steps() {
    let mut history = History::in_memory().unwrap();
    keep(&mut history, &numbered("dev", 1..=1_200)).unwrap();
    let limits = Retention { age: Some(Duration::from_secs(1)), size: None };
    let left = |history: &History| history.questions().rooms().unwrap()[0].1;
    let now = START + 10_000_000;
    assert!(!history.trim(&Retention::default(), now).unwrap());
    assert_eq!(left(&history), 1_200);
    assert!(history.trim(&limits, now).unwrap());
    assert_eq!(left(&history), 700);
    assert!(history.trim(&limits, now).unwrap());
    assert!(!history.trim(&limits, now).unwrap());
    assert_eq!(left(&history), 0);
    assert!(!history.trim(&limits, now).unwrap());
}

#[test]
fn direct_messages_that_wait_go_by_age_too() {
    let mut history = History::in_memory().unwrap();
    let batch = [direct("alice", "bob", (1, 1), "one")];
    history.commit(&batch, &[]).unwrap();
    trim(&mut history, Some(0), None);
    assert_eq!(waiting(&history, "bob"), ["one"]);
    trim(&mut history, Some(1), None);
    assert_eq!(waiting(&history, "bob"), [""; 0]);
    let committed = history.commit(&batch, &[]).unwrap();
    assert_eq!((committed.stored.len(), committed.direct.len()), (1, 0));
}

#[test]
fn by_size_the_oldest_go_until_it_is_small_enough() {
    let mut history = History::in_memory().unwrap();
    let long = |n: u64| Arrived {
        received: START + n as i64,
        ..arrived("dev", "alice", Some((1, n)), &format!("{n} {}", "word and ".repeat(40)))
    };
    for n in 0..40 {
        let batch: Vec<Arrived> = (n * 100 + 1..=(n + 1) * 100).map(long).collect();
        keep(&mut history, &batch).unwrap();
    }
    let size = used(&history);
    trim(&mut history, None, Some(size));
    assert_eq!(history.questions().rooms().unwrap(), [(room("dev"), 4_000)]);
    trim(&mut history, None, Some(size / 2));
    assert!(used(&history) <= size / 2);
    let left = history.questions().rooms().unwrap()[0].1;
    assert!((500..3_500).contains(&left), "{left}");
    assert_eq!(page(&history, "dev", 1, Place::Newest).0[0].split(' ').next(), Some("4000"));
    // What can never fit takes all there is, and no longer.
    trim(&mut history, None, Some(1));
    assert_eq!(history.questions().rooms().unwrap(), [(room("dev"), 0)]);
}

#[test]
fn ids_of_what_is_gone_take_a_small_part_of_a_limited_size() {
    let mut history = History::in_memory().unwrap();
    let size = 1 << 20;
    for n in 0..60 {
        // No two of them are neighbours.
        keep(&mut history, &numbered("dev", (n * 300..(n + 1) * 300).map(|n| n * 2 + 1))).unwrap();
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
    let mut history = History::in_memory().unwrap();
    keep(&mut history, &numbered("dev", 1..=2)).unwrap();
    // As if there had been many.
    searched::jump(&history, 3);
    keep(&mut history, &numbered("dev", 3..=4)).unwrap();
    assert_eq!(searched::texts(&history, "number"), ["number 4", "number 3", "number 2", "number 1"]);
    let tables = |history: &History| -> Vec<String> {
        let select = "SELECT name FROM sqlite_schema WHERE sql LIKE '%VIRTUAL%' ORDER BY name";
        let mut statement = history.own.sql.prepare(select).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(tables(&history), ["words_0", "words_3"]);
    trim(&mut history, Some(3), None);
    assert_eq!(tables(&history), ["words_3"]);
    assert_eq!(searched::texts(&history, "number"), ["number 4", "number 3"]);
    trim(&mut history, Some(5), None);
    assert_eq!(searched::texts(&history, "number"), [""; 0]);
    keep(&mut history, &numbered("dev", 5..=5)).unwrap();
    assert_eq!(searched::texts(&history, "number"), ["number 5"]);
    assert_eq!(tables(&history), ["words_3"]);
}

#[test]
fn a_large_index_goes_in_steps_and_is_not_looked_into_meanwhile() {
    let mut history = History::in_memory().unwrap();
    // Each word once: an index of some thousand blocks.
    let text = |n: u64| (0..500).map(|word| format!("{:x}", n * 1_000 + word)).collect::<Vec<_>>().join(" ");
    let batch: Vec<Arrived> = (1..=800)
        .map(|n| Arrived { received: START + n as i64, ..arrived("dev", "alice", Some((1, n)), &text(n)) })
        .collect();
    keep(&mut history, &batch).unwrap();
    searched::jump(&history, 1);
    keep(&mut history, &numbered("dev", [900])).unwrap();
    let limits = Retention { age: Some(Duration::from_secs(1)), size: None };
    let mut steps = 0;
    while history.trim(&limits, START + 10_000).unwrap() {
        steps += 1;
        assert_eq!(searched::texts(&history, "number"), ["number 900"]);
    }
    assert!(steps > 3, "{steps}");
}
