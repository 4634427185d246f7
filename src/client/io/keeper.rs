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

use super::memory::Memory;
use super::screen::Screen;
use crate::client::core::conversation::Publication;
use crate::client::core::memo::{Memo, Remembered};
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
mod tests;
