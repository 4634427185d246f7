//! Opening a database: ours, an older version of ours, and others.

use super::*;
use rusqlite::hooks::{AuthAction, AuthContext, Authorization};

#[test]
fn another_programs_database_is_left_alone() {
    let file = TempFile::new();
    Connection::open(&file.0).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
    let before = std::fs::read(&file.0).unwrap();
    let error = Database::open(&file.0, Random::of_the_system()).err().unwrap();
    assert!(error.what.contains("another program's database"), "{error}");
    assert!(std::fs::read(&file.0).unwrap() == before);
    let sql = Connection::open_in_memory().unwrap();
    sql.pragma_update(None, "application_id", schema::APPLICATION_ID).unwrap();
    sql.pragma_update(None, "user_version", schema::VERSION + 1).unwrap();
    let error = Database::over(sql, Random::of_the_system()).err().unwrap();
    assert!(error.what.contains("use a later mqttchat"), "{error}");
}

#[track_caller]
fn check(content: &[u8], part: &str) {
    let file = TempFile::new();
    std::fs::write(&file.0, content).unwrap();
    let told = |error: Option<Error>| error.map_or("no error".to_owned(), |error| error.to_string());
    let (writer, reader) =
        (told(Database::open(&file.0, Random::of_the_system()).err()), told(HistoryReader::open(&file.0).err()));
    assert!(writer.contains(part), "{writer}");
    assert!(reader.contains(part), "{reader}");
    assert!(!writer.contains('\n'));
}

#[test]
fn a_damaged_file_is_reported_as_damaged() {
    check(&[b'x'; 5_000], "it is damaged, or another program's file; move it away");
    let file = TempFile::new();
    keep(&mut file.open(), &numbered("dev", 1..=100));
    let mut bytes = std::fs::read(&file.0).unwrap();
    bytes.truncate(5_000);
    check(&bytes, "it is damaged; move it away");
    let sql = Connection::open(&file.0).unwrap();
    sql.execute_batch("UPDATE meta SET value = 'no epoch' WHERE name = 'epoch'; PRAGMA journal_mode = DELETE").unwrap();
    drop(sql);
    check(&std::fs::read(&file.0).unwrap(), "its epoch is damaged");
}

#[test]
fn a_reader_does_not_create_a_missing_database() {
    let file = TempFile::new();
    let error = HistoryReader::open(&file.0).err().unwrap().to_string();
    assert!(error.contains("cannot be opened"), "{error}");
    assert!(!file.0.exists());
}

/// A server that starts has created the file, but no tables yet.
#[test]
fn a_reader_leaves_the_creation_of_the_tables_to_a_server() {
    let file = TempFile::new();
    std::fs::write(&file.0, "").unwrap();
    let error = HistoryReader::open(&file.0).err().unwrap().to_string();
    assert!(error.contains("it is empty; start mqttchat server on it first"), "{error}");
}

/// A database of version 1, with messages.
fn first_version(file: &TempFile) {
    let sql = Connection::open(&file.0).unwrap();
    sql.execute_batch(schema::FIRST).unwrap();
    sql.execute_batch(
        "INSERT INTO meta VALUES ('epoch', 'k3v9x2m1q8f0'), ('secret', 's'), ('broker', 'localhost:1883');
        INSERT INTO rooms VALUES (1, 'lobby', 2, 2), (2, 'dev', 1, 1);
        INSERT INTO messages VALUES
            (1, 1, 1, 'alice', 'Alice', '000000000000', 1, 'an old word', '2026-11-22T20:30:00', 0, 0, 1),
            (2, 2, 1, 'bob', 'bob', NULL, NULL, 'another', '2026-11-22T20:30:00', 1, 1, 2),
            (3, 1, 2, 'alice', 'Alice', '000000000000', 2, 'a later word', '2026-11-22T20:30:00', 0, 0, 3);
        INSERT INTO roster VALUES ('alice', '000000000000', 'Alice', 3, 'dev', 7);
        PRAGMA user_version = 1; PRAGMA journal_mode = WAL",
    )
    .unwrap();
    sql.pragma_update(None, "application_id", schema::APPLICATION_ID).unwrap();
}

#[test]
fn the_first_version_is_brought_over() {
    let file = TempFile::new();
    first_version(&file);
    let error = HistoryReader::open(&file.0).err().unwrap().to_string();
    assert!(error.contains("earlier version 1"), "{error}");
    for _ in 0..2 {
        let mut history = file.open();
        assert_eq!((history.epoch().as_str(), history.secret().unwrap()), ("k3v9x2m1q8f0", "s".to_owned()));
        assert_eq!(history.broker().unwrap().as_deref(), Some("localhost:1883"));
        assert_eq!(history.earlier_run().unwrap().seats.len(), 1);
        assert_eq!(searched::texts(&history, "word"), ["a later word", "an old word"]);
        assert_eq!(page(&history, "lobby", 50, PagePosition::Newest).0, ["an old word", "a later word"]);
        // This id has session 000000000000 and number 2.
        assert_eq!(keep(&mut history, &[arrived("lobby", "alice", Some((0, 2)), "again")]), 0);
    }
    let mut history = file.open();
    assert_eq!(keep(&mut history, &[arrived("lobby", "alice", Some((0, 3)), "a new word")]), 1);
    assert_eq!(page(&history, "lobby", 50, PagePosition::Newest).1.to, 3);
    assert_eq!(searched::texts(&history, "word"), ["a new word", "a later word", "an old word"]);
    trim(&mut history, Some(0), None);
    assert_eq!(rooms(&history), [(room("dev"), 0), (room("lobby"), 1)]);
}

#[test]
fn the_second_version_is_brought_over() {
    let file = TempFile::new();
    first_version(&file);
    let sql = Connection::open(&file.0).unwrap();
    sql.execute_batch(schema::SECOND).unwrap();
    sql.execute_batch(
        "DELETE FROM messages WHERE room = 2; UPDATE rooms SET messages = 0 WHERE id = 2; PRAGMA user_version = 2",
    )
    .unwrap();
    drop(sql);
    let mut history = file.open();
    // It is unknown since when a room has been empty: since now.
    assert_eq!(history.trim(&Retention::default(), chrono::Utc::now().timestamp_millis()).unwrap(), Trimmed::default());
    assert_eq!(rooms(&history), [(room("dev"), 0), (room("lobby"), 2)]);
    assert_eq!(keep(&mut history, &[arrived("dev", "alice", Some((0, 2)), "again")]), 0);
    assert_eq!(keep(&mut history, &[arrived("dev", "alice", Some((0, 3)), "new")]), 1);
    assert_eq!(page(&history, "dev", 50, PagePosition::Newest).1.to, 2);
}

#[test]
fn a_failed_migration_changes_nothing() {
    let file = TempFile::new();
    first_version(&file);
    let sql = Connection::open(&file.0).unwrap();
    sql.execute_batch("CREATE TABLE removed (x)").unwrap();
    assert!(Database::open(&file.0, Random::of_the_system()).is_err());
    let version: i32 = sql.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
    let trimmed = sql.prepare("SELECT trimmed FROM rooms").is_ok();
    assert_eq!((version, trimmed), (1, false));
    sql.execute_batch("DROP TABLE removed").unwrap();
    file.open();
}

/// Lets another connection create or migrate the database just before this pragma runs on the first one.
#[track_caller]
fn check_beside_another(pragma: &'static str, prepare: fn(&TempFile)) {
    let file = TempFile::new();
    prepare(&file);
    let sql = Connection::open(&file.0).unwrap();
    let path = file.0.clone();
    let mut other = Some(move || drop(Database::open(&path, Random::of_the_system()).unwrap()));
    let hook = move |context: AuthContext| {
        if let AuthAction::Pragma { pragma_name, .. } = context.action
            && pragma_name == pragma
            && let Some(other) = other.take()
        {
            other();
        }
        Authorization::Allow
    };
    sql.authorizer(Some(hook)).unwrap();
    let history = Database::over(sql, Random::of_the_system()).map_err(|error| error.to_string());
    assert_eq!(history.err(), None, "{pragma}");
    assert_eq!(file.open().epoch(), HistoryReader::open(&file.0).unwrap().epoch());
}

#[test]
fn a_program_that_opens_the_database_while_another_one_prepares_it_finds_it_done() {
    let empty = |file: &TempFile| {
        Connection::open(&file.0).unwrap().pragma_update(None, "journal_mode", "WAL").unwrap();
    };
    for pragma in ["journal_mode", "user_version"] {
        check_beside_another(pragma, empty);
        check_beside_another(pragma, first_version);
    }
}

#[test]
fn a_reader_answers_next_to_a_writer() {
    let file = TempFile::new();
    let mut history = file.open();
    let reader = history.reader().unwrap().unwrap();
    assert_eq!(reader.epoch(), history.epoch());
    keep(&mut history, &numbered("dev", 1..=3));
    let query = PageQuery { room: room("dev"), limit: 50, position: PagePosition::Newest };
    assert_eq!(reader.page(&query).unwrap().messages.len(), 3);
    assert!(reader.sql.execute("DELETE FROM messages", []).is_err());
    assert!(in_memory().reader().unwrap().is_none());
}
