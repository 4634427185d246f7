//! Search.

use super::*;
use crate::protocol::SearchQuery;
use proptest::prelude::*;

const PATIENCE: Duration = Duration::from_secs(60);

pub fn texts(history: &Database, text: &str) -> Vec<String> {
    let query = SearchQuery::parse(text).unwrap();
    let page = history.questions().search(&query, 50, None, PATIENCE).unwrap();
    assert!(page.next.is_none() && !page.cut);
    page.messages.into_iter().map(|found| found.entry.text).collect()
}

fn example() -> Database {
    let mut history = in_memory();
    let says = |second: i64, to: &str, from: &str, text: &str| Arrived {
        received: START + second * 1_000,
        ..arrived(to, from, None, text)
    };
    let batch = [
        says(1, "lobby", "alice", "the new pump is running"),
        says(2, "dev", "Bob", "a NEW build with the old pump"),
        says(3, "dev", "alice", "Wasserpumpe läuft; see https://a.example/pump-2"),
        says(4, "ops", "bob", "AND or NOT: say \"NEAR\" (col:umn)"),
        says(5, "ops", "carol", "日本 café"),
    ];
    keep(&mut history, &batch);
    history
}

#[track_caller]
fn check(history: &Database, text: &str, expected: &[&str]) {
    let found = texts(history, text);
    let starts: Vec<&str> = found.iter().map(|text| text.split(' ').next().unwrap()).collect();
    assert_eq!(starts, expected, "{text}");
}

#[test]
fn words_phrases_and_beginnings_newest_first() {
    let history = example();
    check(&history, "pump", &["Wasserpumpe", "a", "the"]);
    check(&history, "new PUMP", &["a", "the"]);
    check(&history, "\"new pump\"", &["the"]);
    check(&history, "\"pump new\"", &[]);
    check(&history, "run*", &["the"]);
    check(&history, "wasser* pump", &["Wasserpumpe"]);
    check(&history, "lauft", &["Wasserpumpe"]);
    check(&history, "cafe", &["日本"]);
    check(&history, "日本*", &["日本"]);
    check(&history, "https://a.example/pump-2", &["Wasserpumpe"]);
    check(&history, "nothing", &[]);
}

#[test]
fn filters() {
    let history = example();
    let time = |second: i64| chrono::DateTime::from_timestamp_millis(START + second * 1_000).unwrap().to_rfc3339();
    check(&history, "from:BOB", &["AND", "a"]);
    check(&history, "pump from:alice", &["Wasserpumpe", "the"]);
    check(&history, "pump room:dev", &["Wasserpumpe", "a"]);
    check(&history, "room:#dev", &["Wasserpumpe", "a"]);
    check(&history, "room:nowhere pump", &[]);
    check(&history, &format!("pump after:{}", time(2)), &["Wasserpumpe", "a"]);
    check(&history, &format!("pump before:{}", time(2)), &["the"]);
    check(&history, &format!("after:{} before:{}", time(2), time(4)), &["Wasserpumpe", "a"]);
    check(&history, "from:nobody", &[]);
    check(&in_memory(), "pump", &[]);
}

#[test]
fn operators_are_words() {
    let history = example();
    for text in ["AND", "NOT OR", "near", "col:umn", "and:or", "-not", "^and", "{and}", "(or)", "+near", "not*", "or!"]
    {
        check(&history, text, &["AND"]);
    }
    for text in ["pump NOT", "OR pump", "NEAR(pump)", "text:pump", "a'b", "x;y", "a\0b", "\"a\0b\"", "%", "☃x"] {
        if let Ok(query) = SearchQuery::parse(text) {
            history.questions().search(&query, 50, None, PATIENCE).unwrap();
        }
    }
    check(&history, "pump NOT", &[]);
}

#[test]
fn found_messages_say_where_they_were_said() {
    let history = example();
    let query = SearchQuery::parse("build").unwrap();
    let found = history.questions().search(&query, 50, None, PATIENCE).unwrap().messages;
    assert_eq!((found[0].room.clone(), found[0].entry.pos), (room("dev"), Some(1)));
    assert!(found[0].entry.received.is_some());
}

/// Pretends that there were `times` as many messages as one part of the index holds. The next message begins a new
/// part.
pub fn jump(history: &Database, times: i64) {
    let update = "UPDATE sqlite_sequence SET seq = ?1 WHERE name = 'messages'";
    history.own.sql.execute(update, [times * words::ROWS]).unwrap();
}

/// Reads page by page. Returns the number of pages and all texts.
fn page_through(history: &Database, text: &str, limit: usize, deadline: Duration) -> (usize, Vec<String>) {
    let query = SearchQuery::parse(text).unwrap();
    let (mut pages, mut all, mut next) = (0, Vec::new(), None);
    loop {
        let page = history.questions().search(&query, limit, next.as_ref(), deadline).unwrap();
        assert!(page.messages.len() <= limit);
        all.extend(page.messages.into_iter().map(|found| found.entry.text));
        pages += 1;
        match page.next {
            Some(cursor) => next = Some(cursor),
            None => return (pages, all),
        }
    }
}

#[test]
fn page_by_page_each_is_found_once() {
    let mut history = in_memory();
    keep(&mut history, &numbered("dev", 1..=30));
    // Three parts of the index.
    for (times, numbers) in [(1, 31..=60), (2, 61..=90)] {
        jump(&history, times);
        keep(&mut history, &numbered("dev", numbers));
    }
    let all: Vec<String> = (1..=90).rev().map(|n| format!("number {n}")).collect();
    for text in ["number", "num*", "from:alice", "room:dev"] {
        assert_eq!(page_through(&history, text, 30, PATIENCE), (3, all.clone()), "{text}");
        assert_eq!(page_through(&history, text, 7, PATIENCE), (13, all.clone()), "{text}");
        assert_eq!(page_through(&history, text, 500, PATIENCE), (1, all.clone()), "{text}");
        // A search that is cut at once continues where it stopped.
        assert_eq!(page_through(&history, text, 500, Duration::ZERO).1, all, "{text}");
    }
    assert_eq!(page_through(&history, "nothing", 50, Duration::ZERO).1, [""; 0]);
    assert_eq!(page_through(&history, "nothing", 50, PATIENCE), (1, Vec::new()));
    // A position in another history means nothing here.
    let foreign = Cursor { epoch: Epoch::from_random([9; 12]), pos: 5 };
    let query = SearchQuery::parse("number").unwrap();
    assert_eq!(history.questions().search(&query, 90, Some(&foreign), PATIENCE).unwrap().messages.len(), 90);
}

/// Messages that all contain the words of "b a", but only every 250th contains the phrase, in one part of the index.
fn tedious(history: &mut Database) -> Vec<String> {
    let text = |n: u64| format!("{n} {} {}", "a b ".repeat(400), if n.is_multiple_of(250) { "b b" } else { "c" });
    let batch: Vec<Arrived> = (1..=1_000).map(|n| arrived("dev", "alice", Some((1, n)), &text(n))).collect();
    keep(history, &batch);
    (1..=1_000).rev().filter(|n| n % 250 == 0).map(text).collect()
}

#[test]
fn a_search_is_cut_within_a_part_too_and_goes_on() {
    let mut history = in_memory();
    let expected = tedious(&mut history);
    // Without any time, not even the first match is found.
    for (text, expected) in [("\"b b\"", expected.as_slice()), ("\"b b\" from:bob", &[]), ("\"c b b\"", &[])] {
        let query = SearchQuery::parse(text).unwrap();
        let page = history.questions().search(&query, 50, None, Duration::ZERO).unwrap();
        assert!(page.cut && page.next.is_some_and(|next| next.pos > 1), "{text}");
        let (pages, found) = page_through(&history, text, 50, Duration::ZERO);
        assert!(pages > 2 && found == expected, "{text}: {pages}");
        // The interruption does not outlive it.
        assert_eq!(page_through(&history, text, 50, PATIENCE), (1, expected.to_vec()));
    }
    // A word that all messages contain is found at once, and the search continues after the last match.
    let (pages, found) = page_through(&history, "a", 500, Duration::ZERO);
    assert_eq!((pages > 2, found.len()), (true, 1_000));
    let (pages, found) = page_through(&history, "from:bob", 500, Duration::ZERO);
    assert_eq!((pages > 2, found.len()), (true, 0));
}

#[test]
fn a_few_texts_are_searched_as_the_index_is() {
    let texts = [(3, "the new pump".to_owned()), (5, "läuft".to_owned()), (9, "pumps".to_owned())];
    let few = words::Few::new().unwrap();
    for (words, rows) in [("\"pump\" *", &[3, 9][..]), ("\"new pump\"", &[3]), ("\"lauft\"", &[5]), ("\"x\"", &[])] {
        assert_eq!(few.fitting(&texts, words).unwrap(), rows, "{words}");
        assert_eq!(few.fitting(&texts[..1], "\"pumps\"").unwrap(), [0; 0]);
    }
}

#[test]
fn a_reply_holds_no_more_than_it_can() {
    let mut history = in_memory();
    let batch: Vec<Arrived> =
        (1..=40).map(|n| arrived("dev", "alice", Some((1, n)), &format!("long {n} {}", "x".repeat(3_980)))).collect();
    keep(&mut history, &batch);
    let (pages, all) = page_through(&history, "long", 500, PATIENCE);
    assert!(pages >= 4);
    assert_eq!(all.len(), 40);
}

proptest! {
    #[test]
    fn no_search_text_causes_a_database_error(text in "\\PC*|[a-z\"*:() ^+-]{0,20}|[\\x00-\\x7f]{0,20}") {
        if let Ok(query) = SearchQuery::parse(&text) {
            let history = example();
            prop_assert!(history.questions().search(&query, 50, None, PATIENCE).is_ok(), "{text:?}");
        }
    }
}
