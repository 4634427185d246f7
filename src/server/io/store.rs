//! The threads of the history. "store" owns the engine and writes; "reader" answers questions over its own connection,
//! so no question delays a commit.

use crate::now::Now;
use crate::server::core::record::{Retention, StoreAnswer, StoreQuestion};
use crate::server::store::engine::{Answering, Engine};
use crate::server::store::queue::{ReaderQueue, SEARCH_TIME};
use crate::server::store::reads::Reads;
use crate::server::store::{BATCH, Store, StoreJob, StoreOutput, StoreSettings};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, unbounded};
use log::error;
use std::io;
use std::thread::JoinHandle;
use std::time::Instant;

/// Starts the threads. They end when the sender of the jobs is dropped; by then everything is committed and the
/// database is closed. `reader`: another connection to the same database. Without one, the engine answers questions
/// itself.
pub fn start(
    engine: impl Engine + Send + 'static,
    reader: Option<impl Answering + Send + 'static>,
    retention: Retention,
    jobs: Receiver<StoreJob>,
    answers: Sender<StoreAnswer>,
) -> io::Result<JoinHandle<()>> {
    let settings = StoreSettings { retention, search_time: SEARCH_TIME, has_reader: reader.is_some() };
    let (questions, reader_thread) = match reader {
        None => (None, None),
        Some(reader) => {
            // The service bounds the questions without an answer.
            let ((questions, inbox), answers) = (unbounded(), answers.clone());
            let builder = std::thread::Builder::new().name("reader".to_owned());
            (Some(questions), Some(builder.spawn(move || read(&reader, &inbox, &answers))?))
        }
    };
    std::thread::Builder::new().name("store".to_owned()).spawn(move || {
        // The owner of the answers is gone only when the program ends, and so is the reader.
        let out = |output| match (output, &questions) {
            (StoreOutput::Answer(answer), _) => drop(answers.send(answer)),
            (StoreOutput::Ask(question), Some(questions)) => drop(questions.send(question)),
            (StoreOutput::Ask(_), None) => {}
        };
        let engine = write(Store::new(engine, settings, Instant::now()), &jobs, out);
        drop(questions);
        // The engine's connection must close last: it folds the write-ahead log into the database and removes it.
        if reader_thread.is_some_and(|thread| thread.join().is_err()) {
            error!("the reader ended by a fault of its own");
        }
        drop(engine);
    })
}

fn write<E: Engine>(mut store: Store<E>, jobs: &Receiver<StoreJob>, mut out: impl FnMut(StoreOutput)) -> E {
    loop {
        let first = match jobs.recv_deadline(store.next_due()) {
            Ok(first) => Some(first),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let now = Now::read();
        let taken = first.into_iter().chain(jobs.try_iter()).take(BATCH);
        store.turn(taken, now.instant, now.wall.timestamp_millis(), &mut out);
    }
    store.finish(Instant::now(), &mut out)
}

fn read(reader: &impl Answering, inbox: &Receiver<StoreQuestion>, answers: &Sender<StoreAnswer>) {
    let mut queue = ReaderQueue::default();
    let mut reads = Reads::default();
    loop {
        let first = if queue.is_empty() { inbox.recv().ok() } else { None };
        for question in first.into_iter().chain(inbox.try_iter()) {
            if let Some(dropped) = queue.put(question) {
                let _ = answers.send(dropped.unanswered());
            }
        }
        let Some(question) = queue.take() else { return };
        let _ = answers.send(reads.answer(reader, question, SEARCH_TIME));
    }
}

#[cfg(test)]
mod tests;
