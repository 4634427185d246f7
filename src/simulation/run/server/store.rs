//! The threads of the history: the store, which takes a batch at a time, and the reader. Their work takes the disk's time.

use super::{FILE, ServerNode};
use crate::server::core::exchange::ServiceEvent;
use crate::server::core::record::{StoreAnswer, StoreQuestion, StoreTask};
use crate::server::store::engine::Answering;
use crate::server::store::queue::ReaderQueue;
use crate::server::store::sqlite::{Database, HistoryReader};
use crate::server::store::{BATCH, Store, StoreJob, StoreOutput};
use crate::simulation::ledger::{Fact, STRANGER};
use crate::simulation::plan::CrashPoint;
use crate::simulation::run::happening::{Happening, OfRun};
use crate::simulation::run::machine::Channel;
use crate::simulation::run::stage::Stage;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A search is never cut: that would depend on the speed of this machine.
const SEARCH_TIME: Duration = Duration::from_secs(3_600);

pub struct StoreThreads {
    store: Option<Store<Database>>,
    jobs: VecDeque<StoreJob>,
    is_busy: bool,
    reader: Option<HistoryReader>,
    questions: ReaderQueue,
    reader_is_busy: bool,
}

impl StoreThreads {
    pub fn new(store: Store<Database>, reader: Option<HistoryReader>) -> StoreThreads {
        StoreThreads {
            store: Some(store),
            jobs: VecDeque::new(),
            is_busy: false,
            reader,
            questions: ReaderQueue::default(),
            reader_is_busy: false,
        }
    }

    /// When the store has something to do without a job.
    pub fn due(&self) -> Option<Instant> {
        self.store.as_ref().filter(|_| !self.is_busy).map(Store::next_due)
    }
}

impl ServerNode {
    pub(super) fn give(&mut self, job: StoreJob, stage: &mut Stage) {
        let Some(process) = &mut self.process else { return };
        process.store.jobs.push_back(job);
        if !std::mem::replace(&mut process.store.is_busy, true) {
            let delay = stage.rng.range(10, 300);
            stage.after(delay, Happening::Of(self.machine.node, process.run, OfRun::StoreTurn));
        }
    }

    /// One turn of the store; what it says comes when the disk is done.
    pub(super) fn store_turn(&mut self, stage: &mut Stage) {
        let now = stage.moment(self.machine.node);
        self.machine.disk.set_wall(now.wall.timestamp_millis());
        let Some(process) = &mut self.process else { return };
        let threads = &mut process.store;
        let Some(store) = &mut threads.store else { return };
        threads.is_busy = true;
        let count = threads.jobs.len().min(BATCH);
        let jobs: Vec<StoreJob> = threads.jobs.drain(..count).collect();
        let has_messages = jobs.iter().any(|job| matches!(job.task, StoreTask::Keep(_)));
        if has_messages && self.machine.trap.waits_for(CrashPoint::BeforeCommit) {
            self.machine.disk.kill_after(stage.rng.below(4));
        }
        let mut outputs = Vec::new();
        store.turn(jobs, now.instant, now.wall.timestamp_millis(), &mut |output| outputs.push(output));
        if has_messages && self.machine.trap.reach(CrashPoint::BeforeCommit) {
            return;
        }
        self.note_committed(&outputs, stage);
        let cost = self.machine.take_cost(stage.now(), &mut stage.rng);
        let Some(process) = &self.process else { return };
        stage.after(cost, Happening::Of(self.machine.node, process.run, OfRun::StoreDone(outputs)));
    }

    /// Facts are noted when they are true: a message is on the disk.
    fn note_committed(&mut self, outputs: &[StoreOutput], stage: &mut Stage) {
        // A checkpoint that is not complete leaves writes to the database unsynced: the log still has them.
        let wal = format!("{FILE}-wal");
        for output in outputs {
            let StoreOutput::Answer(StoreAnswer::Committed { committed, .. }) = output else { continue };
            let is_synced = self.traits.memory || self.machine.disk.unsynced_bytes(&wal) == 0;
            for (_, id) in committed.stored.iter().filter(|(key, _)| is_synced && key.as_str() != STRANGER) {
                if let Some(number) = stage.number_of(id) {
                    stage.note(Fact::Synced { server: self.index, number });
                }
            }
            for (.., id) in committed.delivered.iter().filter(|_| is_synced) {
                if let Some(number) = stage.number_of(id) {
                    stage.note(Fact::ReceiptKept { server: self.index, number });
                }
            }
            let removes = self.removes();
            for progress in committed.progress.iter().filter(|_| removes) {
                let places = (progress.from + 1..=progress.to).zip(&progress.ids);
                for (pos, (_, id)) in places.filter(|(_, (key, _))| key.as_str() != STRANGER) {
                    if let Some(number) = id.as_ref().and_then(|id| stage.number_of(id)) {
                        self.places.insert(number, (progress.room.to_string(), pos));
                    }
                }
            }
        }
    }

    pub(super) fn removes(&self) -> bool {
        self.traits.retention_s > 0 || self.traits.max_size_kb > 0
    }

    pub(super) fn store_done(&mut self, outputs: Vec<StoreOutput>, stage: &mut Stage) {
        let tells = |output: &StoreOutput| matches!(output, StoreOutput::Answer(StoreAnswer::Committed { .. }));
        if outputs.iter().any(tells) && self.machine.trap.reach(CrashPoint::BeforeTell) {
            return;
        }
        let Some(process) = &mut self.process else { return };
        for output in outputs {
            match output {
                StoreOutput::Answer(answer) => process.inbox.put(Channel::Own, (ServiceEvent::Store(answer), None)),
                StoreOutput::Ask(question) => {
                    if let Some(dropped) = process.store.questions.put(question) {
                        process.inbox.put(Channel::Own, (ServiceEvent::Store(dropped.unanswered()), None));
                    }
                }
            }
        }
        process.store.is_busy = !process.store.jobs.is_empty();
        if process.store.is_busy {
            let (node, run) = (self.machine.node, process.run);
            stage.after(10, Happening::Of(node, run, OfRun::StoreTurn));
        }
        if !process.store.reader_is_busy {
            self.read_on(stage);
        }
    }

    /// The reader answers its next question.
    pub(super) fn read_on(&mut self, stage: &mut Stage) {
        let Some(process) = &mut self.process else { return };
        let threads = &mut process.store;
        threads.reader_is_busy = false;
        let (Some(reader), Some(question)) = (&threads.reader, threads.questions.take()) else { return };
        threads.reader_is_busy = true;
        let answer = answer(reader, question);
        let (delay, run) = (stage.rng.range(30, 2_000), process.run);
        stage.after(delay, Happening::Of(self.machine.node, run, OfRun::ReaderDone(answer)));
    }

    /// At a clean end, everything that waits is committed, and the database is closed.
    pub(super) fn finish_store(&mut self, stage: &mut Stage) {
        let now = stage.moment(self.machine.node);
        let mut outputs = Vec::new();
        if let Some(process) = &mut self.process
            && let Some(mut store) = process.store.store.take()
        {
            let jobs = std::mem::take(&mut process.store.jobs);
            store.turn(jobs, now.instant, now.wall.timestamp_millis(), &mut |output| outputs.push(output));
            process.store.reader = None;
            drop(store.finish(now.instant, &mut |output| outputs.push(output)));
        }
        self.note_committed(&outputs, stage);
    }

    /// The database at the end of the run.
    pub(super) fn take_database(&mut self, now: Instant) -> Option<Database> {
        let store = self.process.as_mut()?.store.store.take()?;
        Some(store.finish(now, &mut |_| {}))
    }
}

fn answer(reader: &HistoryReader, question: StoreQuestion) -> StoreAnswer {
    let unanswered = question.unanswered();
    reader.answer(question, SEARCH_TIME).unwrap_or(unanswered)
}
