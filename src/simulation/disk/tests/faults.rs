//! Disks that are full, fail, cannot be written, or are slow.

use super::*;
use rusqlite::ErrorCode;
use std::time::Duration;

#[track_caller]
fn check_fails(result: rusqlite::Result<()>, expected: ErrorCode) {
    assert_eq!(result.unwrap_err().sqlite_error_code(), Some(expected));
}

#[test]
fn a_full_disk_takes_nothing_until_there_is_room() {
    for room in [0, 10_000, 30_000, 50_000] {
        let disk = Disk::new();
        let sql = open(&disk, "FULL").unwrap();
        disk.set_room(Some(room));
        let mut number = 0;
        let result = loop {
            match add(&sql, number + 1) {
                Ok(()) => number += 1,
                failed => break failed,
            }
        };
        check_fails(result, ErrorCode::DiskFull);
        assert_eq!(last(&sql), number);
        disk.set_room(None);
        add(&sql, number + 1).unwrap();
        disk.lose_power(Loss::Everything, &mut Rng::new(1));
        assert_eq!(last(&connect(&disk).unwrap()), number + 1);
    }
}

#[test]
fn a_disk_that_fails_works_again_later() {
    for health in [Health::Fails, Health::SyncFails, Health::ReadOnly] {
        let disk = Disk::new();
        let sql = open(&disk, "FULL").unwrap();
        add(&sql, 1).unwrap();
        disk.set_health(health);
        check_fails(add(&sql, 2), ErrorCode::SystemIoFailure);
        disk.set_health(Health::Fine);
        assert_eq!(last(&sql), 1);
        add(&sql, 2).unwrap();
        disk.lose_power(Loss::Everything, &mut Rng::new(1));
        assert_eq!(last(&connect(&disk).unwrap()), 2);
    }
}

#[test]
fn a_failing_disk_opens_nothing() {
    let disk = Disk::new();
    let _open = open(&disk, "FULL").unwrap();
    disk.set_health(Health::Fails);
    check_fails(connect(&disk).map(drop), ErrorCode::CannotOpen);
    disk.set_health(Health::ReadOnly);
    check_fails(connect(&disk).and_then(|sql| add(&sql, 1)), ErrorCode::ReadOnly);
    check_fails(disk.connect("new.db", OpenFlags::default()).map(drop), ErrorCode::CannotOpen);
}

#[test]
fn nothing_is_made_unless_it_is_wanted() {
    let disk = Disk::new();
    check_fails(disk.connect("chat.db", OpenFlags::SQLITE_OPEN_READ_WRITE).map(drop), ErrorCode::CannotOpen);
    check_fails(disk.connect("chat.db", OpenFlags::SQLITE_OPEN_READ_ONLY).map(drop), ErrorCode::CannotOpen);
    assert_eq!(disk.content("chat.db"), None);
}

#[test]
fn the_disk_tells_what_is_not_synced_and_what_it_did() {
    let disk = Disk::new();
    let normal = open(&disk, "NORMAL").unwrap();
    disk.take_cost();
    add(&normal, 1).unwrap();
    let unsynced = disk.unsynced_bytes("chat.db");
    assert!(unsynced > 4_096, "{unsynced}");
    let Cost { written, syncs, slept } = disk.take_cost();
    assert_eq!((syncs, slept), (0, 0));
    assert!((4_096..=unsynced).contains(&written), "{written}");
    normal.pragma_update(None, "synchronous", "FULL").unwrap();
    add(&normal, 2).unwrap();
    assert_eq!(disk.unsynced_bytes("chat.db"), 0);
    assert_eq!((disk.take_cost().syncs, disk.take_cost().syncs), (1, 0));
}

#[test]
fn waiting_for_a_lock_takes_no_real_time() {
    let disk = Disk::new();
    let (first, second) = (open(&disk, "FULL").unwrap(), open(&disk, "FULL").unwrap());
    first.execute_batch("BEGIN IMMEDIATE").unwrap();
    second.busy_timeout(Duration::from_secs(100_000)).unwrap();
    disk.take_cost();
    check_fails(add(&second, 1), ErrorCode::DatabaseBusy);
    assert!(disk.take_cost().slept > 99_000_000_000);
}

#[test]
fn time_is_the_machines() {
    let disk = Disk::new();
    disk.set_wall(1_795_374_000_500);
    let now = "SELECT strftime('%Y-%m-%dT%H:%M:%f')";
    let now: String = connect(&disk).unwrap().query_row(now, [], |row| row.get(0)).unwrap();
    assert_eq!(now, "2026-11-22T19:00:00.500");
}
