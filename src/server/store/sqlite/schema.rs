//! The tables, and how a database gets them: created, used as they are, or migrated from an earlier version.

use super::Error;
use super::rows::Query;
use super::words::Words;
use crate::random::Random;
use log::info;
use rusqlite::{Connection, Transaction, TransactionBehavior};
use std::time::Duration;

/// Marks the file as this program's (`PRAGMA application_id`): "mqch".
pub const APPLICATION_ID: i32 = 0x6d71_6368;
/// The schema's version (`PRAGMA user_version`).
pub const VERSION: i32 = 3;
/// How long to wait for another program's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Prepared statements that are cached: more than are in use.
const STATEMENTS: usize = 64;

/// The schema of version 1. `roster.heard` is 0 in all new rows and never read: without the column, earlier servers
/// could not open the database.
pub const FIRST: &str = "
    CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE rooms (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        last_pos INTEGER NOT NULL,
        messages INTEGER NOT NULL
    );
    CREATE TABLE messages (
        row INTEGER PRIMARY KEY AUTOINCREMENT,
        room INTEGER NOT NULL REFERENCES rooms (id),
        pos INTEGER NOT NULL,
        key TEXT NOT NULL,
        nick TEXT NOT NULL,
        session TEXT,
        seq INTEGER,
        text TEXT NOT NULL,
        timestamp TEXT NOT NULL,
        action INTEGER NOT NULL,
        late INTEGER NOT NULL,
        received INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX messages_place ON messages (room, pos);
    CREATE UNIQUE INDEX messages_id ON messages (key, session, seq) WHERE session IS NOT NULL;
    CREATE TABLE roster (
        key TEXT NOT NULL,
        session TEXT NOT NULL,
        nick TEXT NOT NULL,
        conn INTEGER NOT NULL,
        rooms TEXT NOT NULL,
        heard INTEGER NOT NULL,
        PRIMARY KEY (key, session)
    ) WITHOUT ROWID;
";

/// What version 2 added.
/// - `rooms.trimmed`: the highest position that retention removed; `rooms.messages` counts what is there.
/// - `direct`: messages that wait for their receipt.
/// - `removed`: ids of messages that were kept and are gone from `messages` and `direct`, as ranges of numbers. With
///   the key `sender/addressee`: direct messages whose receipt came before them.
/// - `word_parts`: the parts of the words' index, the bytes of the messages in each, and whether a part is being
///   removed (`words.rs`).
/// - `messages_nameless`: finds the messages without an id that an import reads again.
/// - In `meta`, `max_size` if the server was given one.
pub const SECOND: &str = "
    ALTER TABLE rooms ADD COLUMN trimmed INTEGER NOT NULL DEFAULT 0;
    CREATE INDEX messages_nameless ON messages (received) WHERE session IS NULL;
    CREATE TABLE direct (
        row INTEGER PRIMARY KEY AUTOINCREMENT,
        to_key TEXT NOT NULL,
        to_nick TEXT NOT NULL,
        key TEXT NOT NULL,
        nick TEXT NOT NULL,
        session TEXT NOT NULL,
        seq INTEGER NOT NULL,
        text TEXT NOT NULL,
        timestamp TEXT NOT NULL,
        action INTEGER NOT NULL,
        late INTEGER NOT NULL,
        received INTEGER NOT NULL
    );
    CREATE UNIQUE INDEX direct_id ON direct (key, session, seq);
    CREATE INDEX direct_to ON direct (to_key, row);
    CREATE TABLE removed (
        key TEXT NOT NULL,
        session TEXT NOT NULL,
        first INTEGER NOT NULL,
        last INTEGER NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (key, session, first)
    ) WITHOUT ROWID;
    CREATE INDEX removed_at ON removed (at);
    CREATE TABLE word_parts (part INTEGER PRIMARY KEY, weight INTEGER NOT NULL, gone INTEGER NOT NULL DEFAULT 0);
";

/// What version 3 added.
/// - `rooms.trimmed_at`: when retention last removed a message of it, in Unix milliseconds.
/// - `rooms_empty`: finds the rooms that are to be forgotten (`rooms.rs`).
/// - In `meta`, `pos_floor` if rooms were forgotten.
const THIRD: &str = "
    ALTER TABLE rooms ADD COLUMN trimmed_at INTEGER NOT NULL DEFAULT 0;
    UPDATE rooms SET trimmed_at = 1000 * strftime('%s') WHERE messages = 0;
    CREATE INDEX rooms_empty ON rooms (trimmed_at) WHERE messages = 0 AND name <> 'lobby';
";

/// Prepares a new connection. Creates the tables if there are none, and migrates those of an earlier version.
pub fn prepare(sql: &mut Connection, random: &Random) -> Result<(), Error> {
    sql.busy_timeout(BUSY_TIMEOUT)?;
    {
        // Another program may be creating the tables. One transaction sees all of that or nothing.
        let transaction = sql.transaction()?;
        match identity(&transaction)? {
            (APPLICATION_ID, 1..=VERSION) => {}
            (0, 0) if is_empty(&transaction)? => {}
            (APPLICATION_ID, version) => return Err(of_another_version(version)),
            _ => return Err(anothers()),
        }
    }
    // WAL with FULL: a commit is on the disk before it returns.
    sql.pragma_update(None, "journal_mode", "WAL")?;
    sql.pragma_update(None, "synchronous", "FULL")?;
    // What a killed process wrote to the log is read, but may not be synced. A commit syncs the log. On a full disk a
    // checkpoint does, unless another program reads an older state.
    if sync_log(sql).is_err() {
        let _ = sql.query_row("PRAGMA wal_checkpoint", [], |_| Ok(()));
    }
    // The code keeps references valid; checks for each message would cost more than they find.
    sql.pragma_update(None, "foreign_keys", false)?;
    sql.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(bring_to_version(sql, random)?)
}

/// As [`prepare`], for a connection that only reads. Another program may be creating the tables, too.
pub fn prepare_to_read(sql: &Connection) -> Result<(), Error> {
    sql.busy_timeout(BUSY_TIMEOUT)?;
    let transaction = sql.unchecked_transaction()?;
    match identity(&transaction)? {
        (APPLICATION_ID, VERSION) => {}
        (0, 0) if is_empty(&transaction)? => return Err(foreign("it is empty; start mqttchat server on it first")),
        (APPLICATION_ID, version) if version < VERSION => {
            return Err(foreign(format!(
                "it has the earlier version {version}; start mqttchat server on it once, which brings it to {VERSION}"
            )));
        }
        (APPLICATION_ID, version) => return Err(of_another_version(version)),
        _ => return Err(anothers()),
    }
    transaction.finish()?;
    sql.set_prepared_statement_cache_capacity(STATEMENTS);
    Ok(())
}

/// The file of another program or of another version of this one.
pub fn foreign(what: impl Into<String>) -> Error {
    Error { what: what.into(), may_pass: false }
}

fn of_another_version(version: i32) -> Error {
    foreign(format!("it has version {version}, this program knows {VERSION}; use a later mqttchat"))
}

fn anothers() -> Error {
    foreign("it is another program's database; move it away")
}

fn identity(sql: &Connection) -> rusqlite::Result<(i32, i32)> {
    let pragma = |name| sql.pragma_query_value(None, name, |row| row.get::<_, i32>(0));
    Ok((pragma("application_id")?, pragma("user_version")?))
}

fn is_empty(sql: &Connection) -> rusqlite::Result<bool> {
    sql.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0))
}

/// Commits a change that changes nothing.
fn sync_log(sql: &mut Connection) -> rusqlite::Result<()> {
    // Another program may be changing the version: read it under the lock.
    let transaction = sql.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let (_, version) = identity(&transaction)?;
    transaction.pragma_update(None, "user_version", version)?;
    transaction.commit()
}

/// Another program may be doing the same. The second one finds it done.
fn bring_to_version(sql: &mut Connection, random: &Random) -> rusqlite::Result<()> {
    if identity(sql)?.1 == VERSION {
        return Ok(());
    }
    let transaction = sql.transaction_with_behavior(TransactionBehavior::Immediate)?;
    match identity(&transaction)?.1 {
        VERSION => return Ok(()),
        0 => create(&transaction, random)?,
        version => {
            if version == 1 {
                info!("the words of the history are indexed, once: about 10 s for a million messages");
                transaction.execute_batch(SECOND)?;
                index_all(&transaction)?;
            }
            transaction.execute_batch(THIRD)?;
        }
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    transaction.commit()
}

fn create(sql: &Transaction, random: &Random) -> rusqlite::Result<()> {
    sql.execute_batch(FIRST)?;
    sql.execute_batch(SECOND)?;
    sql.execute_batch(THIRD)?;
    sql.set_meta("epoch", &random.word())?;
    sql.set_meta("secret", &random.word())?;
    sql.pragma_update(None, "application_id", APPLICATION_ID)
}

fn index_all(sql: &Transaction) -> rusqlite::Result<()> {
    let mut words = Words::default();
    let mut statement = sql.prepare("SELECT row, text FROM messages ORDER BY row")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        words.insert(sql, row.get(0)?, row.get_ref(1)?.as_str()?)?;
    }
    words.finish(sql)
}
