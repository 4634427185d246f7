//! The store: commits in batches and reports what is in the database. It answers a question after everything before it
//! is committed. Between batches it takes steps of retention.
//!
//! It knows no thread, channel or clock: [`Store::turn`] takes the jobs and the time. The "store" thread drives it
//! (`io/store.rs`), and so does the simulation.

mod clock;
pub mod engine;
mod fault;
pub mod queue;
pub mod reads;
pub mod sqlite;

use super::core::record::{
    Committed, Keep, Refused, Retention, SeatChange, StoreAnswer, StoreQuestion, StoreRefusal, StoreTask, Trimmed,
};
use crate::gauge::Held;
use crate::protocol::{NickKey, SentId};
use clock::Clock;
use engine::{Engine, Error};
use fault::Next;
use log::{error, info, warn};
use reads::Reads;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

/// The most jobs that one turn should take, and the most messages in one transaction. It bounds how long a question
/// waits.
pub const BATCH: usize = 4_096;
/// The wait between a failed commit and the next attempt.
const RETRY: Duration = Duration::from_secs(1);
/// The most messages that are remembered as set aside, to log each once. Beyond that the list starts over.
const SET_ASIDE: usize = 1_000;
/// How often the store looks for something that retention should remove.
const TRIM_INTERVAL: Duration = Duration::from_secs(10);
/// The same if all messages are kept: everything else with an age is remembered for months.
const BARE_TRIM_INTERVAL: Duration = Duration::from_secs(3600);

/// Something for the store to do.
#[derive(Debug)]
pub struct StoreJob {
    pub task: StoreTask,
    /// `None` for the server's own messages, and if memory is not counted.
    pub pass: Option<Pass>,
}

/// The admission of a message that waits to be committed.
#[derive(Debug)]
pub struct Pass {
    pub arrived: Instant,
    /// A share of the memory for such messages, given back on drop.
    pub held: Held,
}

/// What a turn of the store produces, in order.
#[derive(Debug)]
pub enum StoreOutput {
    Answer(StoreAnswer),
    /// The reader must answer this. Only with [`StoreSettings::has_reader`].
    Ask(StoreQuestion),
}

#[derive(Debug, Clone, Copy)]
pub struct StoreSettings {
    pub retention: Retention,
    /// A search that takes longer is cut, usually [`queue::SEARCH_TIME`].
    pub search_time: Duration,
    /// Another connection answers questions. Otherwise the engine answers them within the turn.
    pub has_reader: bool,
}

pub struct Store<E> {
    engine: E,
    settings: StoreSettings,
    /// The next commits, with at most [`BATCH`] messages each. The queue grows only while commits fail, and only as far
    /// as the door admits.
    batches: VecDeque<CommitBatch>,
    /// The latest presences of each person.
    seats: BTreeMap<NickKey, SeatChange>,
    /// Presences were given and not reported yet.
    owes_seats: bool,
    /// Commit the messages without the presences first, and then the presences alone.
    seats_apart: bool,
    told_of_seats: bool,
    /// Messages that could not be written and were logged.
    set_aside: HashSet<(NickKey, SentId)>,
    /// [`StoreAnswer::Settled`] is due when everything is committed.
    is_settling: bool,
    /// When the commit is retried; `None` if the last one succeeded.
    retry: Option<Instant>,
    reads: Reads,
    clock: Clock,
    trim_at: Instant,
    trim_failed: bool,
}

#[derive(Default)]
struct CommitBatch {
    keeps: Vec<Keep>,
    passes: Vec<Pass>,
}

impl<E: Engine> Store<E> {
    pub fn new(engine: E, settings: StoreSettings, now: Instant) -> Store<E> {
        Store {
            engine,
            settings,
            batches: VecDeque::new(),
            seats: BTreeMap::new(),
            owes_seats: false,
            seats_apart: false,
            told_of_seats: false,
            set_aside: HashSet::new(),
            is_settling: false,
            retry: None,
            reads: Reads::default(),
            clock: Clock::default(),
            trim_at: now,
            trim_failed: false,
        }
    }

    /// Takes these jobs, commits, answers, and takes a step of retention if it is time. `wall`: the system's clock, in
    /// Unix milliseconds. `out` gets each output as soon as it is known, because a turn may commit several batches.
    pub fn turn(
        &mut self,
        jobs: impl IntoIterator<Item = StoreJob>,
        now: Instant,
        wall: i64,
        out: &mut impl FnMut(StoreOutput),
    ) {
        let mut questions = Vec::new();
        for StoreJob { task, pass } in jobs {
            match task {
                StoreTask::Keep(keep) => self.take(keep, pass),
                StoreTask::Seats(changes) => {
                    self.owes_seats |= !changes.is_empty();
                    self.put_seats(changes);
                }
                StoreTask::Ask(question) => questions.push(question),
                StoreTask::Settle => self.is_settling = true,
            }
        }
        // While commits fail, answers come from what is committed: an attempt may take seconds.
        if self.retry.is_some() {
            self.ask(&mut questions, out);
        }
        if self.retry.is_none_or(|at| at <= now) {
            self.commit(now, out);
        }
        self.ask(&mut questions, out);
        self.trim(now, wall, out);
    }

    /// When the next turn is due even if there are no jobs.
    pub fn next_due(&self) -> Instant {
        self.retry.unwrap_or(self.trim_at)
    }

    /// Commits as much as possible and drops the engine.
    pub fn finish(mut self, now: Instant, out: &mut impl FnMut(StoreOutput)) -> E {
        self.commit(now, out);
        let lost: usize = self.batches.iter().map(|batch| batch.keeps.len()).sum();
        if lost > 0 {
            error!("{lost} messages are not in the history");
        }
        self.engine
    }

    fn take(&mut self, keep: Keep, pass: Option<Pass>) {
        if self.batches.back().is_none_or(|batch| batch.keeps.len() >= BATCH) {
            self.batches.push_back(CommitBatch::default());
        }
        if let Some(batch) = self.batches.back_mut() {
            batch.keeps.push(keep);
            batch.passes.extend(pass);
        }
    }

    fn put_seats(&mut self, changes: Vec<SeatChange>) {
        self.seats.extend(changes.into_iter().map(|change| (change.key.clone(), change)));
    }

    /// Commits everything that waits. If that fails temporarily (the disk is full, another program holds the database),
    /// it stays in the queue. The first failure and the end of the outage are logged. One message that cannot be
    /// written does not block others.
    fn commit(&mut self, now: Instant, out: &mut impl FnMut(StoreOutput)) {
        while !(self.batches.is_empty() && self.seats.is_empty()) {
            let batch = self.batches.pop_front().unwrap_or_default();
            let seats: Vec<SeatChange> = match self.seats_apart && !batch.keeps.is_empty() {
                true => Vec::new(),
                false => std::mem::take(&mut self.seats).into_values().collect(),
            };
            match self.engine.commit(&batch.keeps, &seats) {
                Ok(committed) => {
                    self.told_of_seats &= seats.is_empty();
                    batch.tell(committed, out);
                    if self.seats.is_empty() {
                        self.report_seats(Vec::new(), out);
                    }
                }
                Err(failure) if self.goes_on_after(&failure, batch, seats, out) => {}
                Err(failure) => {
                    if self.retry.is_none() {
                        error!("the history cannot be written, what comes waits: {failure}");
                    }
                    self.retry = Some(now + RETRY);
                    return;
                }
            }
        }
        self.seats_apart = false;
        if self.retry.take().is_some() {
            info!("the history is written again");
        }
        if std::mem::take(&mut self.is_settling) {
            out(StoreOutput::Answer(StoreAnswer::Settled));
        }
    }

    fn report_seats(&mut self, dropped: Vec<SeatChange>, out: &mut impl FnMut(StoreOutput)) {
        if std::mem::take(&mut self.owes_seats) {
            out(StoreOutput::Answer(StoreAnswer::SeatsDone { dropped }));
        }
    }

    /// Whether to go on after a failure. False: everything waits.
    fn goes_on_after(
        &mut self,
        failure: &Error,
        batch: CommitBatch,
        seats: Vec<SeatChange>,
        out: &mut impl FnMut(StoreOutput),
    ) -> bool {
        let engine = &mut self.engine;
        let diagnose = || engine.diagnose(batch.keeps.first());
        match fault::next(failure.may_pass, batch.keeps.len(), seats.len(), diagnose) {
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
            Next::SetAside => self.set_aside(failure, &batch, out),
            Next::DropSeats => {
                if !std::mem::replace(&mut self.told_of_seats, true) {
                    error!("who is present cannot be kept: {failure}");
                }
                self.report_seats(seats, out);
            }
            Next::RenewWords => {
                self.put_back(batch, seats);
                error!("the newest words cannot be indexed, searches may miss messages from before now: {failure}");
                return self.engine.renew_words().is_ok();
            }
        }
        true
    }

    fn put_back(&mut self, batch: CommitBatch, seats: Vec<SeatChange>) {
        if !batch.keeps.is_empty() {
            self.batches.push_front(batch);
        }
        self.put_seats(seats);
    }

    /// Gives up the single message of a batch. Its sender gets an error. It is logged once, even if it is
    /// retransmitted.
    fn set_aside(&mut self, failure: &Error, batch: &CommitBatch, out: &mut impl FnMut(StoreOutput)) {
        let mut committed = Committed::default();
        for keep in &batch.keeps {
            let id = keep.id();
            let is_told = id.is_some_and(|(sender, id)| !self.set_aside.insert((sender.clone(), id.clone())));
            if !is_told {
                error!("what cannot be written is set aside, {}: {failure}", keep.describe());
            }
            let refused = |(sender, id): (&NickKey, &SentId)| Refused {
                sender: sender.clone(),
                id: id.clone(),
                why: StoreRefusal::Unwritable,
            };
            // The sender of a receipt waits for nothing.
            committed.refused.extend(id.filter(|_| !matches!(keep, Keep::Delivered { .. })).map(refused));
        }
        if self.set_aside.len() >= SET_ASIDE {
            self.set_aside.clear();
        }
        batch.tell(committed, out);
    }

    fn ask(&mut self, questions: &mut Vec<StoreQuestion>, out: &mut impl FnMut(StoreOutput)) {
        for question in questions.drain(..) {
            if self.settings.has_reader {
                out(StoreOutput::Ask(question));
                continue;
            }
            let answer = self.reads.answer(&self.engine, question, self.settings.search_time);
            out(StoreOutput::Answer(answer));
        }
    }

    /// Takes a step of retention if it is time.
    fn trim(&mut self, now: Instant, wall: i64, out: &mut impl FnMut(StoreOutput)) {
        if now < self.trim_at || self.retry.is_some() {
            return;
        }
        let interval = match self.settings.retention {
            Retention { age: None, size: None } => BARE_TRIM_INTERVAL,
            _ => TRIM_INTERVAL,
        };
        self.trim_at = now + interval;
        match self.engine.trim(&self.settings.retention, self.clock.look(wall, now)) {
            Ok(Trimmed { more, rooms }) => {
                self.trim_failed = false;
                if more {
                    self.trim_at = now;
                }
                if !rooms.is_empty() {
                    out(StoreOutput::Answer(StoreAnswer::RoomsForgotten(rooms)));
                }
            }
            Err(failure) if !std::mem::replace(&mut self.trim_failed, true) => {
                warn!("old messages cannot be removed now: {failure}");
            }
            Err(_) => {}
        }
    }
}

impl CommitBatch {
    /// Splits the batch and returns the second half first. The admissions of both stay with the second half, which is
    /// committed last.
    fn halves(mut self) -> [CommitBatch; 2] {
        let keeps = self.keeps.split_off(self.keeps.len() / 2);
        let passes = std::mem::take(&mut self.passes);
        [CommitBatch { keeps, passes }, self]
    }

    fn tell(&self, committed: Committed, out: &mut impl FnMut(StoreOutput)) {
        let arrived = self.passes.iter().map(|pass| pass.arrived).collect();
        out(StoreOutput::Answer(StoreAnswer::Committed { committed, arrived }));
    }
}

#[cfg(test)]
mod tests;
