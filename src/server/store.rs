//! The "store" thread: owns the history. It commits in batches, whatever the channel holds, and answers what is
//! asked after the messages that came before are committed.

use super::chat::{Input, ReplyTo};
use super::history::{Arrived, Error, History, Keep, Page, PageQuery};
use super::roster::Change;
use crate::protocol::RoomName;
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use log::error;
use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

/// Messages in one transaction at most: a query waits for no more than this.
const BATCH: usize = 4_096;
/// Messages, and changes of the roster, that wait at most while the database cannot be written.
const WAITING: usize = 16_384;
/// When what waits is tried again, where nothing else comes.
const RETRY: Duration = Duration::from_secs(1);
const FOREVER: Duration = Duration::MAX;

/// What the store is told to do.
pub enum Job {
    Keep(Arrived),
    Seats(Vec<Change>),
    Page { query: PageQuery, reply: ReplyTo },
    Rooms { reply: ReplyTo },
}

/// What it answers.
pub enum Answer {
    Page { page: Page, reply: ReplyTo },
    Rooms { rooms: Vec<(RoomName, u64)>, reply: ReplyTo },
}

impl Answer {
    pub fn into_input(self) -> Input<'static> {
        match self {
            Answer::Page { page, reply } => Input::Page { page, reply },
            Answer::Rooms { rooms, reply } => Input::Rooms { rooms, reply },
        }
    }
}

/// Starts the thread. It ends, everything committed and the database closed, when the jobs' sender is dropped.
pub fn start(history: History, jobs: Receiver<Job>, answers: Sender<Answer>) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("store".to_owned()).spawn(move || run(history, &jobs, &answers))
}

fn run(mut history: History, jobs: &Receiver<Job>, answers: &Sender<Answer>) {
    let mut messages = Vec::new();
    let mut changes = Vec::new();
    loop {
        let settled = messages.is_empty() && changes.is_empty();
        let first = match jobs.recv_timeout(if settled { FOREVER } else { RETRY }) {
            Ok(first) => Some(first),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        let mut question = None;
        let waiting = messages.len();
        for job in first.into_iter().chain(jobs.try_iter()) {
            match job {
                Job::Keep(message) => messages.push(Keep::Chat(message)),
                Job::Seats(seats) => changes.extend(seats),
                Job::Page { .. } | Job::Rooms { .. } => question = Some(job),
            }
            if question.is_some() || messages.len() >= waiting + BATCH {
                break;
            }
        }
        keep(&mut history, &mut messages, &mut changes, settled);
        match question.map(|question| answer(&history, question)) {
            // The owner is gone only when the program ends.
            Some(Ok(Some(answer))) => drop(answers.send(answer)),
            Some(Err(error)) => error!("a page could not be read: {error}"),
            Some(Ok(None)) | None => {}
        }
    }
    keep(&mut history, &mut messages, &mut changes, true);
    if !messages.is_empty() {
        error!("{} messages are not in the history", messages.len());
    }
}

/// Keeps them. Where that fails (a full disk, a database that another program holds) they wait for the next turn;
/// `settled`: nothing waited before, so that it is to be told.
fn keep(history: &mut History, messages: &mut Vec<Keep>, changes: &mut Vec<Change>, settled: bool) {
    if messages.is_empty() && changes.is_empty() {
        return;
    }
    if let Err(error) = history.commit(messages, changes) {
        if settled {
            error!("the history cannot be written, what comes waits: {error}");
        }
        if messages.len().max(changes.len()) < WAITING {
            return;
        }
        error!("{} messages are not in the history: {error}", messages.len());
    }
    messages.clear();
    changes.clear();
}

fn answer(history: &History, question: Job) -> Result<Option<Answer>, Error> {
    Ok(match question {
        Job::Page { query, reply } => Some(Answer::Page { page: history.questions().page(&query)?, reply }),
        Job::Rooms { reply } => Some(Answer::Rooms { rooms: history.questions().rooms()?, reply }),
        Job::Keep(_) | Job::Seats(_) => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Chat, Nick, Timestamp};
    use crate::server::history::Place;
    use crossbeam_channel::unbounded;
    use std::path::Path;

    #[test]
    fn what_cannot_be_kept_now_is_kept_later() {
        // Two connections to one database in memory.
        const SHARED: &str = "file:store?mode=memory&cache=shared";
        let history = History::open(Path::new(SHARED)).unwrap();
        let other = rusqlite::Connection::open(SHARED).unwrap();
        let ((jobs, inbox), (answers, answered)) = (unbounded(), unbounded());
        let store = start(history, inbox, answers).unwrap();
        let count = || {
            let query = PageQuery { room: RoomName::lobby(), limit: 9, place: Place::Newest };
            let reply = ReplyTo::for_tests(Nick::parse("a").unwrap());
            jobs.send(Job::Page { query, reply }).unwrap();
            match answered.recv().unwrap() {
                Answer::Page { page, .. } => page.messages.len(),
                Answer::Rooms { .. } => panic!("a page was asked for"),
            }
        };
        other
            .execute_batch("CREATE TRIGGER full BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'full'); END")
            .unwrap();
        let chat = Chat::parse(br#"{"type":"chat","username":"a","message":"x"}"#, RoomName::lobby()).unwrap().unwrap();
        let timestamp = Timestamp::parse("2026-11-22T19:11:34").unwrap();
        jobs.send(Job::Keep(Arrived { chat, timestamp, received: 0 })).unwrap();
        assert_eq!(count(), 0);
        other.execute_batch("DROP TRIGGER full").unwrap();
        assert_eq!(count(), 1);
        drop(jobs);
        store.join().unwrap();
    }
}
