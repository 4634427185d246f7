//! The "store" thread: owns the history and writes it. It commits in batches, whatever the channel holds, and then
//! reports what is in the database. Questions go through it to the "reader" thread, so that each is answered after
//! what came before it is committed, and none holds up a commit or has one for itself. Between batches it takes steps of
//! retention.

mod clock;
mod fault;
pub mod questions;
pub mod sqlite;

use self::sqlite::{History, Reader};
use super::core::chat::Input;
use super::core::record::{Committed, Keep, Refusal, Refused, Retention, SeatChange, StoreQuestion, Trimmed};
use crate::gauge::Held;
use crate::protocol::{NickKey, SentId};
use clock::Clock;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use fault::Next;
use log::{error, info, warn};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::io;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Jobs of one turn, and messages in one transaction, at most: a question waits for no more than this.
const BATCH: usize = 4_096;
/// When a commit that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Messages set aside that are remembered, so that the log tells of each once; then it starts over.
const SET_ASIDE: usize = 1_000;
/// How often it is looked whether there is something for retention to remove.
const TRIM_INTERVAL: Duration = Duration::from_secs(10);
/// Where all messages are kept: what else has an age is remembered for months.
const BARE_TRIM_INTERVAL: Duration = Duration::from_secs(3600);
/// Where messages never stop coming, a step of retention is taken after so many batches: each takes more than came.
const BATCHES_PER_TRIM: u32 = 1;

/// What the store is told to do. What is held goes back when it is done.
pub enum Job {
    Keep(Keep, Option<Held>),
    Seats(Vec<SeatChange>, Option<Held>),
    Ask(StoreQuestion, Option<Held>),
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
    questions: Option<Sender<(StoreQuestion, Option<Held>)>>,
    answers: Sender<Answer>,
    /// What is to be committed next, at most [`BATCH`] in each. They grow only while commits fail, and as far as the
    /// door lets them.
    batches: VecDeque<Batch>,
    /// The latest of each person.
    seats: BTreeMap<NickKey, SeatChange>,
    seats_held: Vec<Held>,
    /// The messages are committed without the presences first, and these alone.
    seats_apart: bool,
    told_of_seats: bool,
    /// Messages that could not be written, and the log has told of.
    set_aside: HashSet<(NickKey, SentId)>,
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
        questions: Option<Sender<(StoreQuestion, Option<Held>)>>,
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
            seats_apart: false,
            told_of_seats: false,
            set_aside: HashSet::new(),
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

    /// Commits all that waits. Where that fails in a way that may pass (a full disk, a database that another program
    /// holds) it goes on waiting; the first failure is told, and the end of it. One message that cannot be written keeps
    /// nothing else from it.
    fn commit(&mut self) {
        while !(self.batches.is_empty() && self.seats.is_empty()) {
            let batch = self.batches.pop_front().unwrap_or_default();
            let seats: Vec<SeatChange> = match self.seats_apart && !batch.keeps.is_empty() {
                true => Vec::new(),
                false => std::mem::take(&mut self.seats).into_values().collect(),
            };
            match self.history.commit(&batch.keeps, &seats) {
                Ok(committed) => self.committed(committed, &batch, !seats.is_empty()),
                Err(error) if self.goes_on_after(&error, batch, seats) => {}
                Err(error) => {
                    if self.retry.is_none() {
                        error!("the history cannot be written, what comes waits: {error}");
                    }
                    self.retry = Some(Instant::now() + RETRY);
                    return;
                }
            }
        }
        self.seats_apart = false;
        self.waits.clear();
        if self.retry.take().is_some() {
            info!("the history is written again");
        }
    }

    fn committed(&mut self, committed: Committed, batch: &Batch, with_seats: bool) {
        if self.seats.is_empty() {
            self.seats_held.clear();
        }
        self.told_of_seats &= !with_seats;
        self.batches_since_trim += 1;
        self.tell(committed, &batch.held);
    }

    fn tell(&self, committed: Committed, held: &[Held]) {
        let delays = held.iter().map(Held::age).collect();
        // The owner is gone only when the program ends.
        let _ = self.answers.send((Input::Committed { committed, delays }, None));
    }

    /// False: everything waits.
    fn goes_on_after(&mut self, error: &sqlite::Error, batch: Batch, seats: Vec<SeatChange>) -> bool {
        let history = &mut self.history;
        let diagnose = || history.diagnose(batch.keeps.first());
        match fault::next(error.may_pass(), batch.keeps.len(), seats.len(), diagnose) {
            Next::Wait => {
                self.put_back(batch, seats);
                return false;
            }
            Next::WithoutSeats => {
                self.put_back(batch, seats);
                self.seats_apart = true;
            }
            Next::Halve => {
                for half in batch.halves() {
                    self.batches.push_front(half);
                }
            }
            Next::SetAside => self.set_aside(error, &batch),
            Next::DropSeats => {
                // They come again: with everybody's next heartbeats.
                self.seats_held.clear();
                if !std::mem::replace(&mut self.told_of_seats, true) {
                    error!("who is present cannot be kept: {error}");
                }
            }
            Next::RenewWords => {
                self.put_back(batch, seats);
                error!("the newest words cannot be indexed, searches may miss messages from before now: {error}");
                return self.history.begin_part_of_words().is_ok();
            }
        }
        true
    }

    fn put_back(&mut self, batch: Batch, seats: Vec<SeatChange>) {
        if !batch.keeps.is_empty() {
            self.batches.push_front(batch);
        }
        self.seats.extend(seats.into_iter().map(|change| (change.key.clone(), change)));
    }

    /// The one message of a batch. Its sender is told; the log has it once, though it may be sent again.
    fn set_aside(&mut self, error: &sqlite::Error, batch: &Batch) {
        let mut committed = Committed::default();
        for keep in &batch.keeps {
            let id = keep.id();
            let is_told = id.is_some_and(|(sender, id)| !self.set_aside.insert((sender.clone(), id.clone())));
            if !is_told {
                error!("what cannot be written is set aside, {}: {error}", keep.describe());
            }
            let refused = |(sender, id): (&NickKey, &SentId)| Refused {
                sender: sender.clone(),
                id: id.clone(),
                why: Refusal::Unwritable,
            };
            // Who sent a receipt waits for nothing.
            committed.refused.extend(id.filter(|_| !matches!(keep, Keep::Delivered { .. })).map(refused));
        }
        if self.set_aside.len() >= SET_ASIDE {
            self.set_aside.clear();
        }
        self.tell(committed, &batch.held);
    }

    fn ask(&self, asked: &mut Vec<(StoreQuestion, Option<Held>)>) {
        for (question, held) in asked.drain(..) {
            self.pass_on(question, held);
        }
    }

    fn pass_on(&self, question: StoreQuestion, held: Option<Held>) {
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
    /// The second one first. What they hold goes back with it.
    fn halves(mut self) -> [Batch; 2] {
        let keeps = self.keeps.split_off(self.keeps.len() / 2);
        let held = std::mem::take(&mut self.held);
        [Batch { keeps, held }, self]
    }

    fn put(&mut self, keep: Keep, held: Option<Held>) {
        self.keeps.push(keep);
        self.held.extend(held);
    }
}

#[cfg(test)]
mod tests;
