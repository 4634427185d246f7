//! Told news is printed, then committed, then reported.

use super::*;
use crate::client::core::memo::Series;
use crate::client::io::memory::ChatOwner;
use crate::client::io::screen::{Above, Screen};
use crate::client::ui::view::{Line, Stream};
use crate::protocol::{RoomName, Session};
use crate::random::Random;
use std::path::{Path, PathBuf};

const DEADLINE: Duration = Duration::from_secs(30);

fn shown(seq: u64) -> Memo {
    let session = Session::parse("k3v9x2m1q8f0").unwrap();
    let series = Series::Sent(NickKey::parse("bob").unwrap(), session);
    Memo::Shown { room: Some(RoomName::lobby()), series, number: seq }
}

/// A screen that prints a text when the test takes it.
fn screen() -> (Screen, Receiver<String>) {
    let (to_reader, reader) = crossbeam_channel::bounded(0);
    let print = Box::new(move |text| to_reader.send(text).is_ok());
    let above = Above { print, finish: Box::new(|| {}) };
    (Screen::start(Some(above)).unwrap(), reader)
}

fn print(screen: &Screen) {
    screen.print(Line { stream: Stream::Out, text: "a message".to_owned() });
}

fn memory(path: &Path) -> Memory {
    let key = NickKey::parse("alice").unwrap();
    Memory::open(path, ChatOwner { broker: "b".to_owned(), root: "chat".to_owned(), key }).unwrap()
}

fn file() -> PathBuf {
    std::env::temp_dir().join(format!("mqttchat-keeper-{}", Random::of_the_system().word())).join("client.state")
}

fn remembered(path: &Path) -> usize {
    let shown = memory(path).recall().unwrap().shown;
    shown.get(&RoomName::lobby()).map_or(0, |shown| shown.iter().map(|(_, numbers)| numbers.count() as usize).sum())
}

fn report(keeper: &Keeper) -> SessionEvent {
    keeper.report_by(Instant::now() + DEADLINE).unwrap()
}

#[test]
fn nothing_is_remembered_or_reported_before_it_is_printed() {
    let (path, (screen, reader)) = (file(), screen());
    let keeper = Keeper::start(Some(memory(&path))).unwrap();
    print(&screen);
    screen.then(keeper.order(KeeperOrder::Keep(vec![shown(1)])));
    assert!(keeper.report_by(Instant::now() + Duration::from_millis(50)).is_none());
    assert_eq!(remembered(&path), 0);
    assert_eq!(reader.recv_timeout(DEADLINE).unwrap(), "a message\n");
    assert!(matches!(report(&keeper), SessionEvent::Committed(Ok(()))));
    assert_eq!(remembered(&path), 1);
    assert!(screen.finish(DEADLINE));
    keeper.finish(DEADLINE);
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn without_a_reader_nothing_is_remembered() {
    let (path, (screen, reader)) = (file(), screen());
    let mut keeper = Keeper::start(Some(memory(&path))).unwrap();
    drop(reader);
    print(&screen);
    screen.then(keeper.order(KeeperOrder::Keep(vec![shown(1)])));
    assert!(!screen.finish(DEADLINE));
    keeper.close();
    assert!(keeper.report_by(Instant::now() + DEADLINE).is_none());
    keeper.finish(DEADLINE);
    assert_eq!(remembered(&path), 0);
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn a_new_nick_recalls_what_its_earlier_runs_left() {
    let path = file();
    memory(&path).keep(&[shown(1), shown(2)]).unwrap();
    let mut bob = memory(&path);
    bob.be(NickKey::parse("bob").unwrap()).unwrap();
    let keeper = Keeper::start(Some(bob)).unwrap();
    keeper.order(KeeperOrder::Keep(vec![shown(3)]))();
    assert!(matches!(report(&keeper), SessionEvent::Committed(Ok(()))));
    keeper.order(KeeperOrder::Become(NickKey::parse("alice").unwrap()))();
    let SessionEvent::Became(Ok(remembered)) = report(&keeper) else { panic!("another report") };
    assert_eq!(remembered.shown[&RoomName::lobby()][0].1.ranges(), [(1, 2)]);
    keeper.finish(DEADLINE);
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn failed_writes_come_back_and_failed_reads_are_reported() {
    let path = file();
    let other = memory(&path);
    let keeper = Keeper::start(Some(memory(&path))).unwrap();
    other.hide("shown", "hidden");
    keeper.order(KeeperOrder::Keep(vec![shown(1)]))();
    let SessionEvent::Committed(Err(Uncommitted { memos, why })) = report(&keeper) else { panic!("another report") };
    assert_eq!(memos, [shown(1)]);
    assert!(!why.is_empty());
    other.hide("hidden", "shown");
    keeper.order(KeeperOrder::Keep(memos))();
    assert!(matches!(report(&keeper), SessionEvent::Committed(Ok(()))));
    assert_eq!(remembered(&path), 1);
    other.hide("shown", "hidden");
    keeper.order(KeeperOrder::Become(NickKey::parse("alice").unwrap()))();
    assert!(matches!(report(&keeper), SessionEvent::Became(Err(_))));
    keeper.finish(DEADLINE);
    std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
}

#[test]
fn without_a_memory_everything_is_reported() {
    let (screen, reader) = screen();
    let keeper = Keeper::start(None).unwrap();
    print(&screen);
    screen.then(keeper.order(KeeperOrder::Keep(vec![shown(1)])));
    drop(reader.recv_timeout(DEADLINE).unwrap());
    assert!(matches!(report(&keeper), SessionEvent::Committed(Ok(()))));
    keeper.order(KeeperOrder::Become(NickKey::parse("bob").unwrap()))();
    assert!(matches!(report(&keeper), SessionEvent::Became(Ok(_))));
}
