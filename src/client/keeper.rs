//! The "memory" thread: remembers what was shown, never before it was. The shell gives it what a conversation wants
//! remembered; from there a batch goes through the screen, which passes it on once everything before it is printed, to
//! the thread, which commits it and sends back what may be published now. Under another nick it sends what earlier runs
//! left, too: the file may be slow, or another run may hold it.
//!
//! ```text
//!  shell ── remember, publish_when_shown ─► batch ── every 500 ms, at once where a publication waits ─► screen
//!    ▲                                                                                      printed │
//!    └──────────────── Shown: may be published ◄──────────── committed ◄────────────────────────────┘
//! ```

use super::conversation::Publication;
use super::memo::{Memo, Remembered};
use super::memory::Memory;
use super::screen::Screen;
use crate::protocol::NickKey;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use std::io;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

/// How long what was shown may stay unremembered: after a kill that much is shown again.
const PERIOD: Duration = Duration::from_millis(500);
/// When a write that failed is tried again by itself, at first and at most: the disk may have room again, though nothing more
/// is shown.
const FIRST_RETRY: Duration = Duration::from_secs(1);
const LONGEST_RETRY: Duration = Duration::from_secs(60);
/// What could not be written and is tried again; past that it is let go, and would be shown again.
const BACKLOG: usize = 50_000;

pub struct Keeper {
    orders: Sender<Order>,
    shown: Receiver<Shown>,
    done: Receiver<()>,
    thread: JoinHandle<()>,
    batch: Batch,
    /// When the last batch was given to the screen.
    given: Instant,
    /// How often it was told to [`Keeper::be`] somebody, and what was left is still to come.
    awaited: usize,
}

/// What was shown is remembered, or cannot be.
#[derive(Debug, Default)]
pub struct Shown {
    /// What waited for that.
    pub publications: Vec<Publication>,
    /// What earlier runs under another nick left, as [`Keeper::be`] wants to know.
    pub remembered: Option<Remembered>,
    /// Told once where it cannot be written.
    pub problem: Option<String>,
}

#[derive(Default)]
struct Batch {
    memos: Vec<Memo>,
    publications: Vec<Publication>,
}

enum Order {
    Keep(Batch),
    /// What comes from now on is another person's.
    Be(NickKey),
}

impl Keeper {
    /// `memory`: `None` where there is none; then only the order of things is kept.
    pub fn start(now: Instant, memory: Option<Memory>) -> io::Result<Keeper> {
        let (orders, inbox) = unbounded();
        let (outbox, shown) = unbounded();
        let (finished, done) = crossbeam_channel::bounded(1);
        let work = move || {
            Worker::new(memory).run(&inbox, &outbox);
            let _ = finished.send(());
        };
        let thread = Builder::new().name("memory".to_owned()).spawn(work)?;
        Ok(Keeper { orders, shown, done, thread, batch: Batch::default(), given: now, awaited: 0 })
    }

    pub fn shown(&self) -> &Receiver<Shown> {
        &self.shown
    }

    pub fn remember(&mut self, memo: Memo) {
        self.batch.memos.push(memo);
    }

    pub fn publish_when_shown(&mut self, publication: Publication) {
        self.batch.publications.push(publication);
    }

    /// Gives what there is to the screen, if it is time. To be called after what belongs to it was given to print.
    pub fn look(&mut self, now: Instant, screen: &Screen) {
        let is_due = now.saturating_duration_since(self.given) >= PERIOD;
        if !self.batch.publications.is_empty() || (is_due && !self.batch.memos.is_empty()) {
            self.given = now;
            self.give(screen);
        }
    }

    /// When [`Keeper::look`] gives something.
    pub fn due(&self) -> Option<Instant> {
        (!self.batch.memos.is_empty() || !self.batch.publications.is_empty()).then(|| self.given + PERIOD)
    }

    /// Gives the screen what there is; at the end, before the screen finishes.
    pub fn give(&mut self, screen: &Screen) {
        let (batch, orders) = (std::mem::take(&mut self.batch), self.orders.clone());
        // The thread takes orders until all senders are gone.
        screen.then(move || drop(orders.send(Order::Keep(batch))));
    }

    /// From now on it remembers for another nick. What earlier runs under it left comes as [`Shown::remembered`], once
    /// what was told before is printed.
    pub fn be(&mut self, key: NickKey, screen: &Screen) {
        self.give(screen);
        self.awaited += 1;
        let orders = self.orders.clone();
        screen.then(move || drop(orders.send(Order::Be(key))));
    }

    /// Whether the [`Shown::remembered`] that has come is of whom it is to be now. Of others in between nothing is wanted.
    pub fn is_the_awaited(&mut self) -> bool {
        self.awaited = self.awaited.saturating_sub(1);
        self.awaited == 0
    }

    /// Remembers what is printed, which may take so long: a disk that does not answer is not waited for. Returns what may
    /// be published now.
    pub fn finish(self, within: Duration) -> Vec<Publication> {
        drop(self.orders);
        if self.done.recv_timeout(within).is_ok() {
            let _ = self.thread.join();
        }
        self.shown.try_iter().flat_map(|shown| shown.publications).collect()
    }
}

struct Worker {
    memory: Option<Memory>,
    /// What is still to be written, after a failure; when it is tried again, and the wait before that.
    unwritten: Vec<Memo>,
    retry_at: Option<Instant>,
    pause: Duration,
    has_complained: bool,
}

impl Worker {
    fn new(memory: Option<Memory>) -> Worker {
        Worker { memory, unwritten: Vec::new(), retry_at: None, pause: FIRST_RETRY, has_complained: false }
    }

    fn run(&mut self, inbox: &Receiver<Order>, outbox: &Sender<Shown>) {
        loop {
            let order = match self.retry_at {
                Some(at) => inbox.recv_deadline(at),
                None => inbox.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            let shown = match order {
                Ok(Order::Keep(Batch { memos, publications })) => {
                    Shown { publications, problem: self.keep(memos), remembered: None }
                }
                Ok(Order::Be(key)) => self.be(key),
                Err(RecvTimeoutError::Timeout) => {
                    self.pause = (self.pause * 2).min(LONGEST_RETRY);
                    Shown { problem: self.keep(Vec::new()), ..Shown::default() }
                }
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if !shown.publications.is_empty() || shown.problem.is_some() || shown.remembered.is_some() {
                // Without a shell nobody publishes any more.
                let _ = outbox.send(shown);
            }
        }
        self.keep_what_is_left();
    }

    /// The last try for what could not be written.
    fn keep_what_is_left(&mut self) {
        if !self.unwritten.is_empty() {
            self.keep(Vec::new());
        }
    }

    /// What went wrong, where that is to be told. Whoever sent a message is told that it was shown all the same.
    fn keep(&mut self, memos: Vec<Memo>) -> Option<String> {
        let memory = self.memory.as_mut()?;
        self.unwritten.extend(memos);
        match memory.keep(&self.unwritten) {
            Ok(()) => {
                self.unwritten.clear();
                (self.retry_at, self.pause) = (None, FIRST_RETRY);
                None
            }
            Err(error) => {
                self.retry_at = Some(Instant::now() + self.pause);
                let excess = self.unwritten.len().saturating_sub(BACKLOG);
                self.unwritten.drain(..excess);
                let is_news = !std::mem::replace(&mut self.has_complained, true);
                is_news.then(|| format!("what is shown cannot be remembered: {error}"))
            }
        }
    }

    /// Where it cannot be read nothing is written either: it would take the place of what is there.
    fn be(&mut self, key: NickKey) -> Shown {
        self.keep_what_is_left();
        self.unwritten.clear();
        self.retry_at = None;
        let recalled = self.memory.as_mut().map_or(Ok(Remembered::default()), |memory| {
            memory.be(key)?;
            memory.recall()
        });
        match recalled {
            Ok(remembered) => Shown { remembered: Some(remembered), ..Shown::default() },
            Err(error) => {
                self.memory = None;
                let problem = Some(format!("going on without a memory: {error}"));
                Shown { remembered: Some(Remembered::default()), problem, ..Shown::default() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::conversation::Kind;
    use crate::client::memo::Series;
    use crate::client::memory::Place;
    use crate::client::screen::Above;
    use crate::client::view::{Line, Stream};
    use crate::protocol::{RoomName, Session};
    use std::path::PathBuf;

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
        Memory::open(path, Place { broker: "b".to_owned(), root: "chat".to_owned(), key }).unwrap()
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

    #[test]
    fn what_could_not_be_written_is_tried_again_by_itself() {
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
        let end = Instant::now() + DEADLINE;
        while remembered(&path) == 0 {
            assert!(Instant::now() < end, "nothing was tried again");
            std::thread::sleep(Duration::from_millis(20));
        }
        finish(keeper, screen);
        reads.join().unwrap();
        std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
    }

    #[test]
    fn what_could_not_be_written_is_tried_once_more_at_the_end_and_before_another_nick() {
        for nick in [None, Some("carl")] {
            let (path, (screen, reader)) = (file(), screen());
            let other = memory(&path);
            let mut keeper = Keeper::start(Instant::now(), Some(memory(&path))).unwrap();
            let reads = std::thread::spawn(move || reader.iter().for_each(drop));
            other.hide("shown", "hidden");
            keeper.remember(shown(1));
            keeper.give(&screen);
            assert!(keeper.shown().recv_timeout(DEADLINE).unwrap().problem.is_some());
            other.hide("hidden", "shown");
            nick.into_iter().for_each(|nick| keeper.be(NickKey::parse(nick).unwrap(), &screen));
            finish(keeper, screen);
            assert_eq!(remembered(&path), 1, "{nick:?}");
            reads.join().unwrap();
            std::fs::remove_dir_all(path.parent().unwrap()).unwrap();
        }
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
}
