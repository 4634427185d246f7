//! Databases on simulated disks.

mod calls;
mod crashes;
mod faults;
mod history;
mod programs;

use super::*;

const LOSSES: [Loss; 3] = [Loss::Everything, Loss::TheLast, Loss::Any];

fn connect(disk: &Disk) -> rusqlite::Result<Connection> {
    disk.connect("chat.db", OpenFlags::default())
}

/// A database as the programs have theirs, with a table and checkpoints at every few commits.
fn open(disk: &Disk, synchronous: &str) -> rusqlite::Result<Connection> {
    let sql = connect(disk)?;
    sql.execute_batch(&format!(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous}; PRAGMA wal_autocheckpoint = 12;
         CREATE TABLE IF NOT EXISTS numbers (number INTEGER PRIMARY KEY, text TEXT NOT NULL UNIQUE)"
    ))?;
    Ok(sql)
}

fn add(sql: &Connection, number: i64) -> rusqlite::Result<()> {
    let text = format!("{number}").repeat(300);
    sql.execute("INSERT INTO numbers VALUES (?1, ?2)", rusqlite::params![number, text]).map(drop)
}

/// The numbers that were added are 1 to this one.
#[track_caller]
fn last(sql: &Connection) -> i64 {
    let check: String = sql.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(check, "ok");
    let is_empty = sql.query_row("SELECT count(*) = 0 FROM sqlite_schema", [], |row| row.get(0)).unwrap();
    if is_empty {
        return 0;
    }
    let select = "SELECT count(*), coalesce(max(number), 0) FROM numbers";
    let (count, last) = sql.query_row(select, [], |row| Ok((row.get::<_, i64>(0)?, row.get(1)?))).unwrap();
    assert_eq!(count, last);
    last
}
