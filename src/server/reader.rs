//! The "reader" thread: answers questions over a connection of its own, while the "store" thread goes on writing.

use super::chat::Question;
use super::direct::UNDER_WAY;
use super::door::Held;
use super::history::{Error, Reader};
use super::store::Answer;
use crossbeam_channel::{Receiver, Sender};
use log::error;
use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

/// A search that takes longer says so and is cut: the others wait behind it.
const SEARCH_TIME: Duration = Duration::from_millis(200);

/// Starts the thread. It ends when the questions' sender is dropped.
pub fn start(
    reader: Reader,
    questions: Receiver<(Question, Option<Held>)>,
    answers: Sender<(Answer, Option<Held>)>,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("reader".to_owned()).spawn(move || run(&reader, &questions, &answers))
}

fn run(reader: &Reader, questions: &Receiver<(Question, Option<Held>)>, answers: &Sender<(Answer, Option<Held>)>) {
    let mut failing = false;
    for (question, held) in questions {
        match answer(reader, question) {
            // The owner is gone only when the program ends.
            Ok(answer) => {
                failing = false;
                let _ = answers.send((answer, held));
            }
            // Whoever asked asks again.
            Err(error) if !failing => {
                failing = true;
                error!("the history cannot be read: {error}");
            }
            Err(_) => {}
        }
    }
}

pub fn answer(reader: &Reader, question: Question) -> Result<Answer, Error> {
    Ok(match question {
        Question::Page { query, reply } => Answer::Page { page: reader.page(&query)?, reply },
        Question::Rooms { reply } => Answer::Rooms { rooms: reader.rooms()?, reply },
        Question::Search { query, limit, before, reply } => {
            Answer::Found { found: reader.search(&query, limit, before.as_ref(), SEARCH_TIME)?, reply }
        }
        Question::Waiting { to, after } => {
            let found = reader.waiting_for(&to, after, UNDER_WAY)?;
            Answer::Waiting { to, after, found }
        }
    })
}
