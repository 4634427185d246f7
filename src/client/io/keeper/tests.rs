//! What is shown is remembered after it is printed, and receipts go out after that.

use super::*;
use crate::client::core::conversation::Kind;
use crate::client::core::memo::Series;
use crate::client::io::memory::ChatOwner;
use crate::client::io::screen::Above;
use crate::client::ui::view::{Line, Stream};
use crate::protocol::{RoomName, Session};
use std::path::{Path, PathBuf};

const DEADLINE: Duration = Duration::from_secs(30);

fn shown(seq: u64) -> Memo {
    let session = Session::parse("k3v9x2m1q8f0").unwrap();
    let series = Series::Sent(NickKey::parse("bob").unwrap(), session);
    Memo::Shown { room: RoomName::lobby(), series, number: seq }
}

fn receipt() -> Publication {
    Publication { topic: "t".to_owned(), payload: Vec::new(), kind: Kind::Control, ticket: None }
}

/// A screen on which a text is printed when the test takes it.
fn screen() -> (Screen, Receiver<String>) {
    let (to_reader, reader) = crossbeam_channel::bounded(0);
    let print = Box::new(move |text| to_reader.send(text).is_ok());
    let above = Above { print, finish: Box::new(|| {}) };
    (Screen::start(Some(above), || {}).unwrap(), reader)
}

fn finish(mut keeper: Keeper, screen: Screen) -> Vec<Publication> {
    keeper.give(&screen);
    screen.finish(DEADLINE);
    keeper.finish(DEADLINE)
}

fn print(screen: &Screen) {
    screen.print(Line { stream: Stream::Out, text: "a message".to_owned() });
}

fn memory(path: &std::path::Path) -> Memory {
    let key = NickKey::parse("alice").unwrap();
    Memory::open(path, ChatOwner { broker: "b".to_owned(), root: "chat".to_owned(), key }).unwrap()
}

fn file() -> PathBuf {
    std::env::temp_dir().join(format!("mqttchat-keeper-{}", crate::random::word())).join("client.state")
}

fn remembered(path: &std::path::Path) -> usize {
    let shown = memory(path).recall().unwrap().shown;
    shown.get(&RoomName::lobby()).map_or(0, |shown| shown.iter().map(|(_, numbers)| numbers.count() as usize).sum())
}

#[test]
fn nothing_is_remembered_or_confirmed_before_it_is_printed() {
    let (path, (screen, reader)) = (file(), screen());
    let mut keeper = Keeper::start(Instant::now(), Some(memory(&path))).unwrap();
    print(&screen);
    keeper.remember(shown(1));
    keeper.publish_when_shown(receipt());
    keeper.look(Instant::now(), &screen);
    assert!(keeper.shown().recv_timeout(Duration::from_millis(50)).is_err());
    assert_eq!(remembered(&path), 0);
    assert_eq!(reader.recv_timeout(DEADLINE).unwrap(), "a message\n");
    assert_eq!(keeper.shown().recv_timeout(DEADLINE).unwrap().publications, [receipt()]);
    assert_eq!(remembered(&path), 1);
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn at_the_end_what_is_printed_is_remembered() {
    let (path, (screen, reader)) = (file(), screen());
    let mut keeper = Keeper::start(Instant::now(), Some(memory(&path))).unwrap();
    let reads = std::thread::spawn(move || reader.iter().for_each(drop));
    print(&screen);
    keeper.remember(shown(1));
    // Not due yet.
    keeper.look(Instant::now(), &screen);
    keeper.publish_when_shown(receipt());
    assert_eq!(finish(keeper, screen), [receipt()]);
    assert_eq!(remembered(&path), 1);
    reads.join().unwrap();
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn where_nobody_reads_nothing_is_remembered() {
    let (path, (screen, reader)) = (file(), screen());
    let mut keeper = Keeper::start(Instant::now(), Some(memory(&path))).unwrap();
    drop(reader);
    print(&screen);
    keeper.remember(shown(1));
    assert_eq!(finish(keeper, screen), []);
    assert_eq!(remembered(&path), 0);
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn under_another_nick_it_tells_what_earlier_runs_left() {
    let (path, (screen, reader)) = (file(), screen());
    memory(&path).keep(&[shown(1), shown(2)]).unwrap();
    let mut bob = memory(&path);
    bob.be(NickKey::parse("bob").unwrap()).unwrap();
    let mut keeper = Keeper::start(Instant::now(), Some(bob)).unwrap();
    let reads = std::thread::spawn(move || reader.iter().for_each(drop));
    print(&screen);
    // As bob.
    keeper.remember(shown(3));
    keeper.be(NickKey::parse("alice").unwrap(), &screen);
    let remembered = keeper.shown().recv_timeout(DEADLINE).unwrap().remembered.unwrap();
    assert_eq!(remembered.shown[&RoomName::lobby()][0].1.ranges(), [(1, 2)]);
    finish(keeper, screen);
    reads.join().unwrap();
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn of_nicks_taken_in_between_nothing_is_wanted() {
    let (path, (screen, reader)) = (file(), screen());
    let mut keeper = Keeper::start(Instant::now(), Some(memory(&path))).unwrap();
    let reads = std::thread::spawn(move || reader.iter().for_each(drop));
    for nicks in [&["bob", "carl"][..], &["bob"]] {
        nicks.iter().for_each(|nick| keeper.be(NickKey::parse(nick).unwrap(), &screen));
        let awaited: Vec<bool> = nicks
            .iter()
            .map(|_| {
                assert!(keeper.shown().recv_timeout(DEADLINE).unwrap().remembered.is_some());
                keeper.is_the_awaited()
            })
            .collect();
        assert_eq!(awaited, if nicks.len() == 2 { &[false, true][..] } else { &[true] });
    }
    finish(keeper, screen);
    reads.join().unwrap();
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn where_it_cannot_be_read_nothing_is_written() {
    let (path, (screen, reader)) = (file(), screen());
    memory(&path).keep(&[shown(1)]).unwrap();
    let mut bob = memory(&path);
    bob.be(NickKey::parse("bob").unwrap()).unwrap();
    let mut keeper = Keeper::start(Instant::now(), Some(bob)).unwrap();
    let reads = std::thread::spawn(move || reader.iter().for_each(drop));
    let other = memory(&path);
    other.hide("shown", "hidden");
    keeper.be(NickKey::parse("alice").unwrap(), &screen);
    let answer = keeper.shown().recv_timeout(DEADLINE).unwrap();
    assert!(answer.remembered.unwrap().shown.is_empty());
    assert!(answer.problem.unwrap().starts_with("going on without a memory: "));
    other.hide("hidden", "shown");
    print(&screen);
    keeper.remember(shown(2));
    finish(keeper, screen);
    reads.join().unwrap();
    assert_eq!(memory(&path).recall().unwrap().shown[&RoomName::lobby()][0].1.ranges(), [(1, 1)]);
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

/// Has a write fail and makes the next one possible, goes on with `then`, and returns how many were remembered by the end.
fn remembered_after_a_failure(then: impl FnOnce(&mut Keeper, &Screen, &Path)) -> usize {
    let (path, (screen, reader)) = (file(), screen());
    let other = memory(&path);
    let mut keeper = Keeper::start(Instant::now(), Some(memory(&path))).unwrap();
    let reads = std::thread::spawn(move || reader.iter().for_each(drop));
    other.hide("shown", "hidden");
    keeper.remember(shown(1));
    keeper.give(&screen);
    let problem = keeper.shown().recv_timeout(DEADLINE).unwrap().problem.unwrap();
    assert!(problem.starts_with("what is shown cannot be remembered: "), "{problem}");
    other.hide("hidden", "shown");
    then(&mut keeper, &screen, &path);
    finish(keeper, screen);
    reads.join().unwrap();
    let remembered = remembered(&path);
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    remembered
}

#[test]
fn what_could_not_be_written_is_tried_again_by_itself() {
    remembered_after_a_failure(|_, _, path| {
        let end = Instant::now() + DEADLINE;
        while remembered(path) == 0 {
            assert!(Instant::now() < end, "nothing was tried again");
            std::thread::sleep(Duration::from_millis(20));
        }
    });
}

#[test]
fn what_could_not_be_written_is_tried_once_more_at_the_end_and_before_another_nick() {
    assert_eq!(remembered_after_a_failure(|_, _, _| {}), 1);
    let be_carl = |keeper: &mut Keeper, screen: &Screen, _: &Path| {
        keeper.be(NickKey::parse("carl").unwrap(), screen);
    };
    assert_eq!(remembered_after_a_failure(be_carl), 1);
}

#[test]
fn without_a_memory_only_the_order_is_kept() {
    let (screen, reader) = screen();
    let mut keeper = Keeper::start(Instant::now(), None).unwrap();
    print(&screen);
    keeper.publish_when_shown(receipt());
    keeper.look(Instant::now(), &screen);
    drop(reader.recv_timeout(DEADLINE).unwrap());
    assert_eq!(keeper.shown().recv_timeout(DEADLINE).unwrap().publications, [receipt()]);
    keeper.be(NickKey::parse("bob").unwrap(), &screen);
    assert!(keeper.shown().recv_timeout(DEADLINE).unwrap().remembered.is_some(), "the shell waits for it");
}
