//! A database is cut off at every change that it makes to the disk.

use super::*;

/// A program that opens the database, adds so many numbers, and closes it; how many it was told are committed.
fn run(disk: &Disk, settings: &str, numbers: i64) -> (i64, rusqlite::Result<()>) {
    let mut committed = 0;
    let result = open(disk, settings).and_then(|sql| {
        (1..=numbers).try_for_each(|number| {
            add(&sql, number)?;
            committed = number;
            Ok(())
        })
    });
    (committed, result)
}

/// For each of its changes, kills the program at it and cuts the power; `judge` gets what was committed, and what is left.
fn at_every_change(settings: &str, judge: impl Fn(i64, i64)) {
    const NUMBERS: i64 = 12;
    for changes in 0.. {
        let mut was_killed = false;
        for (seed, loss) in LOSSES.into_iter().cycle().take(6).enumerate() {
            let disk = Disk::new();
            disk.kill_after(changes);
            let (committed, result) = run(&disk, settings, NUMBERS);
            was_killed = disk.is_dead();
            assert_eq!(result.is_ok(), committed == NUMBERS);
            assert!(was_killed || result.is_ok(), "{result:?}");
            disk.lose_power(loss, &mut Rng::stream(seed as u64, changes));
            assert!(!disk.is_dead());
            judge(committed, last(&connect(&disk).unwrap()));
        }
        if !was_killed {
            assert!(changes > 100, "there were {changes}");
            return;
        }
    }
}

#[test]
fn with_full_syncs_every_commit_survives_a_power_loss_at_every_change() {
    at_every_change("FULL", |committed, left| {
        assert!(left == committed || left == committed + 1, "{left} of {committed} are left");
    });
}

#[test]
fn with_normal_syncs_the_last_commits_may_be_lost_but_nothing_is_damaged() {
    let lost = std::cell::Cell::new(0);
    at_every_change("NORMAL", |committed, left| {
        assert!(left <= committed + 1, "{left} of {committed} are left");
        lost.set(lost.get() + (committed - left).max(0));
    });
    assert!(lost.get() > 0);
}

#[test]
fn with_a_journal_the_last_commit_may_be_lost_at_most() {
    // The journal is deleted without a sync.
    at_every_change("FULL; PRAGMA journal_mode = DELETE", |committed, left| {
        assert!((committed - 1..=committed + 1).contains(&left), "{left} of {committed} are left");
    });
}

#[test]
fn what_was_committed_survives_a_kill_at_every_change() {
    for settings in ["FULL", "NORMAL", "OFF", "FULL; PRAGMA journal_mode = DELETE"] {
        for changes in 0.. {
            let disk = Disk::new();
            disk.kill_after(changes);
            let (committed, result) = run(&disk, settings, 8);
            disk.kill();
            let left = last(&connect(&disk).unwrap());
            assert!(left == committed || left == committed + 1, "{left} of {committed} are left");
            if result.is_ok() {
                break;
            }
        }
    }
}

#[test]
fn equal_calls_do_equal_things_to_the_disk() {
    let run = |seed| {
        let disk = Disk::new();
        let mut rng = Rng::new(seed);
        let mut trace = Vec::new();
        for changes in [9, 60, 130, 200, 500] {
            disk.kill_after(changes);
            let opened = open(&disk, "NORMAL");
            let added = opened.as_ref().map(|sql| (1..=20).filter(|_| add(sql, last_number(sql) + 1).is_ok()).count());
            trace.push((added.unwrap_or(0), disk.unsynced_bytes("chat.db"), disk.take_cost()));
            disk.power_loss(&mut rng);
        }
        let sql = connect(&disk).unwrap();
        sql.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").unwrap();
        (trace, disk.content("chat.db").unwrap())
    };
    for seed in 0..20 {
        assert!(run(seed) == run(seed), "seed {seed}");
    }
    assert!((1..20).any(|seed| run(seed) != run(0)));
}

fn last_number(sql: &Connection) -> i64 {
    sql.query_row("SELECT coalesce(max(number), 0) FROM numbers", [], |row| row.get(0)).unwrap_or(0)
}
