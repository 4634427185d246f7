//! The "store" thread: owns the history. It commits in batches, whatever the channel holds, and answers what is
//! asked after the messages that came before are committed.

use super::chat::{Input, ReplyTo};
use super::history::{Arrived, Error, History, Page, PageQuery};
use super::roster::Change;
use crate::protocol::RoomName;
use crossbeam_channel::{Receiver, Sender};
use log::error;
use std::io;
use std::thread::JoinHandle;

/// Messages in one transaction at most: a query waits for no more than this.
const BATCH: usize = 4_096;

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
    while let Ok(first) = jobs.recv() {
        let mut question = None;
        for job in std::iter::once(first).chain(jobs.try_iter()) {
            match job {
                Job::Keep(message) => messages.push(message),
                Job::Seats(seats) => changes.extend(seats),
                Job::Page { .. } | Job::Rooms { .. } => question = Some(job),
            }
            if question.is_some() || messages.len() >= BATCH {
                break;
            }
        }
        if !(messages.is_empty() && changes.is_empty())
            && let Err(error) = history.keep(&messages, &changes)
        {
            error!("{} messages are not in the history: {error}", messages.len());
        }
        messages.clear();
        changes.clear();
        match question.map(|question| answer(&history, question)) {
            // The owner is gone only when the program ends.
            Some(Ok(Some(answer))) => drop(answers.send(answer)),
            Some(Err(error)) => error!("a page could not be read: {error}"),
            Some(Ok(None)) | None => {}
        }
    }
}

fn answer(history: &History, question: Job) -> Result<Option<Answer>, Error> {
    Ok(match question {
        Job::Page { query, reply } => Some(Answer::Page { page: history.page(&query)?, reply }),
        Job::Rooms { reply } => Some(Answer::Rooms { rooms: history.rooms()?, reply }),
        Job::Keep(_) | Job::Seats(_) => None,
    })
}
