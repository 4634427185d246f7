//! What a commit stores, exactly once, and what it reports.

use super::*;

#[test]
fn each_id_is_kept_once_per_nick() {
    let mut history = in_memory();
    let batch = [
        arrived("lobby", "alice", Some((1, 1)), "one"),
        arrived("lobby", "Alice", Some((1, 1)), "one again"),
        arrived("lobby", "bob", Some((1, 1)), "same id, another nick"),
        arrived("lobby", "carol", None, "no id"),
        arrived("lobby", "carol", None, "no id"),
    ];
    assert_eq!(keep(&mut history, &batch), 4);
    assert_eq!(keep(&mut history, &batch[..1]), 0);
    let (texts, span) = page(&history, "lobby", 50, PagePosition::Newest);
    assert_eq!(texts, ["one", "same id, another nick", "no id", "no id"]);
    assert_eq!((span.from, span.to, span.complete, span.gap), (0, 4, true, false));
    assert_eq!(rooms(&history), [(RoomName::lobby(), 4)]);
}

#[test]
fn a_commit_tells_what_is_stored_and_what_is_new() {
    let mut history = in_memory();
    let key = |text: &str| nick(text).key().clone();
    keep(&mut history, &[arrived("dev", "alice", Some((1, 1)), "one")]);
    let batch = [
        Keep::Message(arrived("dev", "alice", Some((1, 1)), "one")),
        Keep::Message(arrived("dev", "Bob", Some((2, 1)), "two")),
        Keep::Message(arrived("lobby", "carol", None, "three")),
        Keep::Message(arrived("dev", "carol", None, "four")),
        direct("alice", "bob", (1, 2), "five"),
    ];
    let committed = history.commit(&batch, &[]).unwrap();
    let stored = [(key("alice"), id((1, 1))), (key("bob"), id((2, 1))), (key("alice"), id((1, 2)))];
    assert_eq!(committed.stored, stored);
    let progress = |name: &str, from, to, ids| RoomProgress { room: room(name), from, to, ids };
    let dev = progress("dev", 1, 3, vec![(key("bob"), Some(id((2, 1)))), (key("carol"), None)]);
    assert_eq!(committed.progress, [dev, progress("lobby", 0, 1, vec![(key("carol"), None)])]);
    let [WaitingDirect { private, row: 1 }] = &committed.direct[..] else { panic!("{:?}", committed.direct) };
    assert_eq!((private.text.as_str(), private.timestamp.is_some()), ("five", true));
}

#[test]
fn a_taken_id_is_refused() {
    let mut history = in_memory();
    let refused = |history: &mut Database, keep: Keep| {
        let committed = history.commit(&[keep], &[]).unwrap();
        assert_eq!(committed.refused.len() + committed.stored.len(), 1);
        assert!(committed.refused.is_empty() || committed.progress.is_empty() && committed.direct.is_empty());
        committed.refused
            == [Refused { sender: nick("alice").key().clone(), id: id((1, 1)), why: StoreRefusal::IdTaken }]
    };
    let chat = |to: &str, text: &str| arrived(to, "alice", Some((1, 1)), text);
    assert!(!refused(&mut history, Keep::Message(chat("dev", "one"))));
    // A retransmission differs in its time and the spelling of the nick.
    let mut again = arrived("dev", "Alice", Some((1, 1)), "one");
    (again.received, again.message.late) = (START + 9_000, true);
    again.message.timestamp = Timestamp::parse("2026-11-22T21:00:00.000+01:00");
    assert!(!refused(&mut history, Keep::Message(again)));
    let mut action = chat("dev", "one");
    action.message.action = true;
    for other in [chat("dev", "another"), chat("lobby", "one"), action] {
        assert!(refused(&mut history, Keep::Message(other)));
    }
    assert!(refused(&mut history, direct("alice", "bob", (1, 1), "one")));
    assert_eq!(page(&history, "dev", 50, PagePosition::Newest).0, ["one"]);
    assert!(waiting(&history, "bob").is_empty());

    let mut history = in_memory();
    assert!(!refused(&mut history, direct("alice", "bob", (1, 1), "one")));
    assert!(!refused(&mut history, direct("Alice", "Bob", (1, 1), "one")));
    for other in [direct("alice", "bob", (1, 1), "another"), direct("alice", "carol", (1, 1), "one")] {
        assert!(refused(&mut history, other));
    }
    assert!(refused(&mut history, Keep::Message(chat("dev", "one"))));
    assert_eq!((waiting(&history, "bob").len(), page(&history, "dev", 50, PagePosition::Newest).0.len()), (1, 0));

    // The text of a removed message is not known.
    let (to, sender) = (nick("bob").key().clone(), nick("alice").key().clone());
    history.commit(&[Keep::Delivered { to, sender, id: id((1, 1)), at: START }], &[]).unwrap();
    assert!(!refused(&mut history, direct("alice", "bob", (1, 1), "another")));
}

#[test]
fn a_direct_message_waits_until_it_is_delivered() {
    let mut history = in_memory();
    let batch = [
        direct("alice", "Bob", (1, 1), "one"),
        direct("alice", "carol", (1, 2), "to another"),
        direct("alice", "bob", (1, 3), "two"),
        direct("alice", "bob", (1, 1), "one"),
    ];
    let committed = history.commit(&batch, &[]).unwrap();
    assert_eq!((committed.stored.len(), committed.direct.len()), (4, 3));
    assert_eq!(waiting(&history, "bob"), ["one", "two"]);
    let first = history.questions().waiting_for(nick("bob").key(), 0, 1).unwrap()[0].row;
    assert_eq!(history.questions().waiting_for(nick("bob").key(), first, 9).unwrap().len(), 1);

    let key = |name| nick(name).key().clone();
    let delivered = |n| Keep::Delivered { to: key("bob"), sender: key("alice"), id: id((1, n)), at: START };
    // Receipts with another sender or addressee than the message's, and one for no message.
    let foreign = Keep::Delivered { to: key("bob"), sender: key("bob"), id: id((1, 3)), at: START };
    let other = Keep::Delivered { to: key("carol"), sender: key("alice"), id: id((1, 3)), at: START };
    let committed = history.commit(&[delivered(1), foreign, other, delivered(77)], &[]).unwrap();
    assert_eq!(committed.delivered.len(), 4);
    assert_eq!(committed, Committed { delivered: committed.delivered.clone(), ..Committed::default() });
    assert_eq!(waiting(&history, "bob"), ["two"]);
    // Retransmitted, it is stored and no longer waits.
    let committed = history.commit(&batch[..1], &[]).unwrap();
    assert_eq!((committed.stored.len(), committed.direct.len()), (1, 0));
    assert_eq!(waiting(&history, "bob"), ["two"]);
    // A message that still waits is reported again.
    let committed = history.commit(&batch[2..3], &[]).unwrap();
    assert_eq!((committed.stored.len(), committed.direct.len()), (1, 1));
    // A message delivered within its own batch waits for nobody.
    let committed = history.commit(&[direct("alice", "bob", (1, 4), "quick"), delivered(4)], &[]).unwrap();
    assert_eq!((committed.stored.len(), committed.direct.len()), (1, 0));
}

#[test]
fn a_receipt_that_overtakes_its_message_counts_for_its_addressee_alone() {
    let file = TempFile::new();
    let key = |name| nick(name).key().clone();
    let receipt = |from, n| Keep::Delivered { to: key(from), sender: key("alice"), id: id((1, n)), at: START };
    let mut history = file.open();
    history.commit(&[receipt("bob", 1), receipt("mallory", 2), receipt("bob", 3)], &[]).unwrap();
    drop(history);
    let mut history = file.open();
    let batch = [
        direct("Alice", "Bob", (1, 1), "overtaken"),
        direct("alice", "bob", (1, 2), "mallory's receipt is none"),
        direct("alice", "carol", (1, 3), "nor is bob's for another's"),
    ];
    for _ in 0..2 {
        let committed = history.commit(&batch, &[]).unwrap();
        let texts: Vec<&str> = committed.direct.iter().map(|direct| direct.private.text.as_str()).collect();
        assert_eq!(
            (committed.stored.len(), texts),
            (3, vec!["mallory's receipt is none", "nor is bob's for another's"])
        );
    }
    assert_eq!(waiting(&history, "bob").len() + waiting(&history, "carol").len(), 2);
    // A repeated receipt is no news.
    let bytes = |history: &mut Database| history.state.removed.tally.bytes(&history.own.sql).unwrap();
    history.commit(&[receipt("bob", 2)], &[]).unwrap();
    let before = bytes(&mut history);
    history.commit(&[receipt("bob", 2)], &[]).unwrap();
    assert_eq!(bytes(&mut history), before);
}

#[test]
fn removed_messages_are_not_stored_again() {
    let file = TempFile::new();
    let mut history = file.open();
    keep(&mut history, &numbered("dev", 1..=10));
    trim(&mut history, Some(5), None);
    let again = |history: &mut Database| {
        let keeps: Vec<Keep> = numbered("dev", 1..=10).into_iter().map(Keep::Message).collect();
        let committed = history.commit(&keeps, &[]).unwrap();
        assert_eq!((committed.stored.len(), committed.progress.len()), (10, 0));
        assert_eq!(page(history, "dev", 50, PagePosition::Newest).0.len(), 6);
    };
    again(&mut history);
    drop(history);
    again(&mut file.open());
    // Somebody else's message with such an id is another message.
    let other = arrived("dev", "bob", Some((1, 1)), "mine");
    assert_eq!(keep(&mut file.open(), &[other]), 1);
}

#[test]
fn what_is_gone_is_remembered_in_runs_and_for_90_days() {
    let mut history = in_memory();
    let count = |history: &Database| -> i64 {
        history.own.sql.query_row("SELECT count(*) FROM removed", [], |row| row.get(0)).unwrap()
    };
    keep(&mut history, &numbered("dev", (1..=20).filter(|n| n % 2 == 1)));
    trim(&mut history, Some(21), None);
    assert_eq!(count(&history), 10);
    keep(&mut history, &numbered("dev", (1..=20).filter(|n| n % 2 == 0)));
    trim(&mut history, Some(21), None);
    assert_eq!(count(&history), 1);
    trim(&mut history, Some(21 + 90 * 86_400 - 3_600), None);
    assert_eq!(count(&history), 1);
    trim(&mut history, Some(22 + 90 * 86_400), None);
    assert_eq!(count(&history), 0);
    assert_eq!(keep(&mut history, &numbered("dev", 1..=1)), 1);
}

#[test]
fn a_failed_commit_leaves_nothing() {
    let mut history = in_memory();
    keep(&mut history, &[arrived("lobby", "alice", None, "one")]);
    let full = "CREATE TEMP TRIGGER full BEFORE INSERT ON messages WHEN new.text = 'bad' BEGIN
        SELECT RAISE(ABORT, 'full'); END";
    history.own.sql.execute_batch(full).unwrap();
    let batch = [
        arrived("new-room", "alice", Some((1, 1)), "findable"),
        arrived("lobby", "alice", Some((1, 2)), "two"),
        arrived("lobby", "alice", Some((1, 3)), "bad"),
    ];
    assert!(try_to_keep(&mut history, &batch).is_err());
    assert_eq!(rooms(&history), [(RoomName::lobby(), 1)]);
    history.own.sql.execute_batch("DROP TRIGGER full").unwrap();
    assert_eq!(keep(&mut history, &batch), 3);
    let (texts, span) = page(&history, "lobby", 50, PagePosition::Newest);
    assert_eq!((texts, span.to), (vec!["one".to_owned(), "two".to_owned(), "bad".to_owned()], 3));
    assert_eq!(searched::texts(&history, "findable"), ["findable"]);
}

#[test]
fn a_full_disk_is_an_error_and_does_not_end_the_chat() {
    let file = TempFile::new();
    let mut history = file.open();
    keep(&mut history, &numbered("dev", 1..=5));
    let pages: i64 = history.own.sql.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
    history.own.sql.pragma_update(None, "max_page_count", pages).unwrap();
    let large: Vec<Arrived> =
        (6..=100).map(|n| arrived("dev", "alice", Some((1, n)), &format!("{n} ").repeat(900))).collect();
    let error = try_to_keep(&mut history, &large).unwrap_err();
    assert_eq!(error.to_string(), "the disk is full");
    assert_eq!(page(&history, "dev", 50, PagePosition::Newest).1.to, 5);
    history.own.sql.pragma_update(None, "max_page_count", 1_000_000).unwrap();
    assert_eq!(keep(&mut history, &large), 95);
    assert_eq!(page(&history, "dev", 1, PagePosition::Newest).1.to, 100);
}

#[test]
fn writes_of_another_program_are_noticed() {
    let file = TempFile::new();
    let (mut one, mut other) = (file.open(), file.open());
    for n in 1..=6 {
        let history = if n % 2 == 0 { &mut one } else { &mut other };
        let batch = [arrived("dev", "alice", Some((1, n)), "x"), arrived(&format!("r{}", n / 2), "bob", None, "y")];
        assert_eq!(keep(history, &batch), 2);
        assert_eq!(page(&one, "dev", 50, PagePosition::Newest).1.to, n);
    }
    trim(&mut one, Some(1), None);
    assert_eq!(keep(&mut other, &numbered("dev", 1..=6)), 0);
}

#[test]
fn only_so_many_rooms_are_known_in_memory() {
    let mut history = in_memory();
    for round in 1..=2 {
        for n in 0..11 {
            let batch: Vec<Arrived> =
                (0..1_000).map(|room| arrived(&format!("r{}", n * 1_000 + room), "alice", None, "hi")).collect();
            assert_eq!(keep(&mut history, &batch), 1_000);
            assert!(history.state.rooms_known() <= batch::ROOMS + 1_000);
        }
        // A forgotten room goes on where it was.
        assert_eq!(page(&history, "r1", 1, PagePosition::Newest).1.to, round);
        assert_eq!(page(&history, "r10999", 1, PagePosition::Newest).1.to, round);
    }
}
