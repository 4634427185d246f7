//! The "store" thread: owns the history and writes it. It commits in batches, whatever the channel holds, and then
//! reports what is in the database. Questions go through it to the "reader" thread, so that each is answered after
//! what came before it is committed, and none holds up a commit or has one for itself. Between batches it takes steps of
//! retention.

mod clock;

use super::chat::{Input, Question};
use super::door::Held;
use super::history::{History, Keep, Reader, Retention, Trimmed};
use super::questions;
use super::roster::Change;
use crate::protocol::NickKey;
use clock::Clock;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use log::{error, info, warn};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Jobs of one turn, and messages in one transaction, at most: a question waits for no more than this.
const BATCH: usize = 4_096;
/// When a commit that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// How often it is looked whether there is something for retention to remove.
const TRIM_INTERVAL: Duration = Duration::from_secs(10);
/// Where all messages are kept: what else has an age is remembered for months.
const BARE_TRIM_INTERVAL: Duration = Duration::from_secs(3600);
/// Where messages never stop coming, a step of retention is taken after so many batches: each takes more than came.
const BATCHES_PER_TRIM: u32 = 1;

/// What the store is told to do. What is held goes back when it is done.
pub enum Job {
    Keep(Keep, Option<Held>),
    Seats(Vec<Change>, Option<Held>),
    Ask(Question, Option<Held>),
    /// Let go of this when all that came before is committed.
    Settle(Sender<()>),
}

/// What it tells the chat. What is held goes back when that is handled.
pub type Answer = (Input<'static>, Option<Held>);

/// Starts the threads. They end, everything committed and the database closed, when the jobs' sender is dropped.
/// `reader`: another connection to the same database; without one, questions are answered over the history's own.
pub fn start(
    history: History,
    reader: Option<Reader>,
    retention: Retention,
    jobs: Receiver<Job>,
    answers: Sender<Answer>,
) -> io::Result<JoinHandle<()>> {
    let reader = match reader {
        None => None,
        Some(reader) => {
            let (questions, inbox) = unbounded();
            Some((questions, questions::start(reader, inbox, answers.clone())?))
        }
    };
    std::thread::Builder::new().name("store".to_owned()).spawn(move || {
        let (questions, thread) = reader.unzip();
        let history = Store::new(history, questions, retention, answers).run(&jobs);
        // Its connection closes first: the last one folds the write-ahead log into the database and removes it.
        if thread.is_some_and(|thread| thread.join().is_err()) {
            error!("the reader ended by a fault of its own");
        }
        drop(history);
    })
}

struct Store {
    history: History,
    /// The reader's.
    questions: Option<Sender<(Question, Option<Held>)>>,
    answers: Sender<Answer>,
    /// What is to be committed next, at most [`BATCH`] in each. They grow only while commits fail, and as far as the
    /// door lets them.
    batches: VecDeque<Batch>,
    /// The latest of each person.
    seats: BTreeMap<NickKey, Change>,
    seats_held: Vec<Held>,
    /// Held until everything is committed.
    waits: Vec<Sender<()>>,
    /// The last commit failed; when it is tried again.
    retry: Option<Instant>,
    retention: Retention,
    clock: Clock,
    trim_at: Instant,
    trim_failed: bool,
    batches_since_trim: u32,
}

#[derive(Default)]
struct Batch {
    keeps: Vec<Keep>,
    held: Vec<Held>,
}

impl Store {
    fn new(
        history: History,
        questions: Option<Sender<(Question, Option<Held>)>>,
        retention: Retention,
        answers: Sender<Answer>,
    ) -> Store {
        Store {
            history,
            questions,
            answers,
            batches: VecDeque::new(),
            seats: BTreeMap::new(),
            seats_held: Vec::new(),
            waits: Vec::new(),
            retry: None,
            retention,
            clock: Clock::default(),
            trim_at: Instant::now(),
            trim_failed: false,
            batches_since_trim: 0,
        }
    }

    fn run(mut self, jobs: &Receiver<Job>) -> History {
        loop {
            let first = match jobs.recv_deadline(self.wake_at()) {
                Ok(first) => Some(first),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let mut questions = Vec::new();
            let mut taken = 0;
            for job in first.into_iter().chain(jobs.try_iter()) {
                match job {
                    Job::Keep(keep, held) => self.take(keep, held),
                    Job::Seats(seats, held) => {
                        self.seats.extend(seats.into_iter().map(|change| (change.key.clone(), change)));
                        self.seats_held.extend(held);
                    }
                    Job::Ask(asked, held) => questions.push((asked, held)),
                    Job::Settle(waits) => self.waits.push(waits),
                }
                taken += 1;
                if taken >= BATCH {
                    break;
                }
            }
            // While nothing can be committed an answer tells of what there is; a try may take seconds.
            if self.retry.is_some() {
                self.ask(&mut questions);
            }
            if self.retry.is_none_or(|at| at <= Instant::now()) {
                self.commit();
            }
            self.ask(&mut questions);
            self.trim(jobs.is_empty());
        }
        self.commit();
        let lost: usize = self.batches.iter().map(|batch| batch.keeps.len()).sum();
        if lost > 0 {
            error!("{lost} messages are not in the history");
        }
        self.history
    }

    /// When there is something to do though nothing comes.
    fn wake_at(&self) -> Instant {
        self.retry.unwrap_or(self.trim_at)
    }

    fn take(&mut self, keep: Keep, held: Option<Held>) {
        match self.batches.back_mut() {
            Some(batch) if batch.keeps.len() < BATCH => batch.put(keep, held),
            _ => {
                let mut batch = Batch::default();
                batch.put(keep, held);
                self.batches.push_back(batch);
            }
        }
    }

    /// Commits all that waits. Where that fails (a full disk, a database that another program holds) it goes on
    /// waiting; the first failure is told, and the end of it.
    fn commit(&mut self) {
        while !(self.batches.is_empty() && self.seats.is_empty()) {
            let batch = self.batches.pop_front().unwrap_or_default();
            let seats: Vec<Change> = std::mem::take(&mut self.seats).into_values().collect();
            match self.history.commit(&batch.keeps, &seats) {
                Ok(committed) => {
                    self.seats_held.clear();
                    self.batches_since_trim += 1;
                    if self.retry.take().is_some() {
                        info!("the history is written again");
                    }
                    // The owner is gone only when the program ends.
                    let delays = batch.held.iter().map(Held::age).collect();
                    let _ = self.answers.send((Input::Committed { committed, delays }, None));
                }
                Err(error) => {
                    if self.retry.is_none() {
                        error!("the history cannot be written, what comes waits: {error}");
                    }
                    self.retry = Some(Instant::now() + RETRY);
                    if !batch.keeps.is_empty() {
                        self.batches.push_front(batch);
                    }
                    self.seats = seats.into_iter().map(|change| (change.key.clone(), change)).collect();
                    return;
                }
            }
        }
        self.waits.clear();
    }

    fn ask(&self, asked: &mut Vec<(Question, Option<Held>)>) {
        for (question, held) in asked.drain(..) {
            self.pass_on(question, held);
        }
    }

    fn pass_on(&self, question: Question, held: Option<Held>) {
        match &self.questions {
            Some(questions) => drop(questions.send((question, held))),
            None => match questions::answer(self.history.questions(), question) {
                Ok(answer) => drop(self.answers.send((answer, held))),
                Err(error) => error!("the history cannot be read: {error}"),
            },
        }
    }

    /// Takes a step of retention, where nothing else is to be done or it was put off for long.
    fn trim(&mut self, idle: bool) {
        let now = Instant::now();
        let may = idle || self.batches_since_trim >= BATCHES_PER_TRIM;
        if now < self.trim_at || !may || self.retry.is_some() {
            return;
        }
        self.batches_since_trim = 0;
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        match self.history.trim(&self.retention, self.clock.look(wall.as_millis() as i64, now)) {
            Ok(Trimmed { more, rooms }) => {
                self.trim_failed = false;
                self.trim_at = if more { now } else { now + self.trim_interval() };
                if !rooms.is_empty() {
                    let _ = self.answers.send((Input::RoomsForgotten(rooms), None));
                }
            }
            Err(error) => {
                if !self.trim_failed {
                    warn!("old messages cannot be removed now: {error}");
                }
                self.trim_failed = true;
                self.trim_at = now + self.trim_interval();
            }
        }
    }

    fn trim_interval(&self) -> Duration {
        match self.retention {
            Retention { age: None, size: None } => BARE_TRIM_INTERVAL,
            _ => TRIM_INTERVAL,
        }
    }
}

impl Batch {
    fn put(&mut self, keep: Keep, held: Option<Held>) {
        self.keeps.push(keep);
        self.held.extend(held);
    }
}

#[cfg(test)]
mod tests;
