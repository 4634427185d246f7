//! Several connections, and several programs, on one disk.

use super::*;

#[test]
fn two_connections_see_each_others_commits() {
    let disk = Disk::new();
    let writer = open(&disk, "FULL").unwrap();
    let reader = disk.connect("chat.db", OpenFlags::SQLITE_OPEN_READ_ONLY).unwrap();
    for number in 1..=30 {
        add(&writer, number).unwrap();
        assert_eq!(last(&reader), number);
    }
    // What is read at one moment stays as it is.
    reader.execute_batch("BEGIN").unwrap();
    assert_eq!(last(&reader), 30);
    (31..=60).for_each(|number| add(&writer, number).unwrap());
    assert_eq!(last(&reader), 30);
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(last(&reader), 60);
    assert!(add(&reader, 61).is_err());
}

#[test]
fn with_a_journal_too() {
    let disk = Disk::new();
    let settings = "FULL; PRAGMA journal_mode = DELETE";
    let (first, second) = (open(&disk, settings).unwrap(), open(&disk, settings).unwrap());
    for number in 1..=10 {
        add(if number % 2 == 0 { &first } else { &second }, number).unwrap();
        assert_eq!((last(&first), last(&second)), (number, number));
    }
    // Whoever writes waits for whoever reads.
    first.execute_batch("BEGIN; SELECT * FROM numbers").unwrap();
    assert!(add(&second, 11).is_err());
    first.execute_batch("COMMIT").unwrap();
    add(&second, 11).unwrap();
    assert_eq!(last(&first), 11);
}

#[test]
fn a_killed_programs_transaction_is_rolled_back_and_its_connection_is_harmless() {
    for mode in ["WAL", "DELETE"] {
        let disk = Disk::new();
        let dead = open(&disk, &format!("FULL; PRAGMA journal_mode = {mode}; PRAGMA cache_size = 5")).unwrap();
        add(&dead, 1).unwrap();
        // More than the cache holds, so that parts of it are in the files.
        dead.execute_batch("BEGIN").unwrap();
        (2..=50).for_each(|number| add(&dead, number).unwrap());
        disk.kill();
        let alive = open(&disk, "FULL").unwrap();
        assert_eq!(last(&alive), 1);
        assert!(dead.execute_batch("COMMIT").is_err());
        assert!(dead.execute_batch("VACUUM").is_err());
        add(&alive, 2).unwrap();
        let files = ["", "-wal", "-journal"].map(|suffix| disk.content(&format!("chat.db{suffix}")));
        drop(dead);
        assert!(files == ["", "-wal", "-journal"].map(|suffix| disk.content(&format!("chat.db{suffix}"))));
        add(&alive, 3).unwrap();
        assert_eq!(last(&alive), 3);
    }
}

#[test]
fn a_connection_may_outlive_its_disk() {
    let disk = Disk::new();
    let first = open(&disk, "FULL").unwrap();
    disk.kill();
    let second = open(&disk, "FULL").unwrap();
    drop(disk);
    add(&second, 1).unwrap();
    assert!(add(&first, 2).is_err());
    drop(second);
    drop(first);
}

#[test]
fn one_of_two_programs_dies_and_the_other_goes_on() {
    let disk = Disk::new();
    let other = disk.beside();
    let (dead, alive) = (open(&disk, "NORMAL").unwrap(), open(&other, "NORMAL").unwrap());
    add(&dead, 1).unwrap();
    dead.execute_batch("BEGIN IMMEDIATE").unwrap();
    add(&dead, 2).unwrap();
    assert!(add(&alive, 2).is_err());
    disk.kill();
    add(&alive, 2).unwrap();
    add(&alive, 3).unwrap();
    drop(dead);
    assert_eq!((last(&alive), last(&connect(&disk).unwrap())), (3, 3));
    disk.lose_power(Loss::Everything, &mut Rng::new(1));
    assert!(other.is_dead() && !disk.is_dead());
    other.kill();
    assert!(last(&connect(&other).unwrap()) <= 3);
}

#[test]
fn who_has_a_file_for_itself_loses_it_with_its_life() {
    let disk = Disk::new();
    let own = |disk: &Disk| open(disk, "NORMAL; PRAGMA locking_mode = EXCLUSIVE; BEGIN IMMEDIATE; COMMIT");
    let holder = own(&disk).unwrap();
    add(&holder, 1).unwrap();
    let other = disk.beside();
    assert!(own(&other).is_err());
    disk.kill();
    assert_eq!(last(&own(&other).unwrap()), 1);
}

#[test]
fn simulations_in_several_threads_do_not_meet() {
    let run = || {
        for _ in 0..20 {
            let disk = Disk::new();
            let sql = open(&disk, "FULL").unwrap();
            (1..=5).for_each(|number| add(&sql, number).unwrap());
            disk.kill();
            assert_eq!(last(&connect(&disk).unwrap()), 5);
        }
    };
    std::thread::scope(|scope| (0..4).for_each(|_| drop(scope.spawn(run))));
}
