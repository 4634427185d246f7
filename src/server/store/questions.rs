//! The "reader" thread: answers questions over a connection of its own, while the "store" thread goes on writing.
//! Searches, which take long and which anybody may ask for, come after all others.

use super::Answer;
use super::sqlite::{Error, Reader};
use crate::gauge::{Gauge, Held};
use crate::protocol::NickKey;
use crate::server::core::chat::Input;
use crate::server::core::direct::UNDER_WAY;
use crate::server::core::record::StoreQuestion;
use crossbeam_channel::{Receiver, Sender};
use log::{debug, error};
use std::collections::VecDeque;
use std::io;
use std::thread::JoinHandle;
use std::time::Duration;

/// Questions that are under way at most, searches aside; whoever asks and gets no answer asks again.
const QUESTIONS: usize = 1_000;
/// Searches under way at most, until the thread has sorted them.
const SEARCHES: usize = 100;
/// Searches of different requesters that wait at most: the last one for 4 s.
const SEARCHES_WAITING: usize = 20;
/// A search that takes longer says so and is cut: the others wait behind it.
const SEARCH_TIME: Duration = Duration::from_millis(200);

/// How many questions are under way to the thread.
#[derive(Debug, Default)]
pub struct Queue {
    questions: Gauge,
    searches: Gauge,
}

impl Queue {
    /// What a question holds until it is answered; `None` where too many are, and this one is not to be asked.
    pub fn enter(&self, question: &StoreQuestion) -> Option<Held> {
        match question {
            StoreQuestion::Search { .. } => self.searches.take(1, SEARCHES),
            _ => self.questions.take(1, QUESTIONS),
        }
    }
}

/// Starts the thread. It ends when the questions' sender is dropped.
pub fn start(
    reader: Reader,
    questions: Receiver<(StoreQuestion, Option<Held>)>,
    answers: Sender<Answer>,
) -> io::Result<JoinHandle<()>> {
    std::thread::Builder::new().name("reader".to_owned()).spawn(move || run(&reader, &questions, &answers))
}

fn run(reader: &Reader, questions: &Receiver<(StoreQuestion, Option<Held>)>, answers: &Sender<Answer>) {
    let mut failing = false;
    let mut waiting = Waiting::default();
    while let Some((question, held)) = waiting.next(questions) {
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

/// What waits for the thread, in the order in which it came.
#[derive(Default)]
struct Waiting {
    questions: VecDeque<(StoreQuestion, Option<Held>)>,
    /// One of each requester.
    searches: VecDeque<(StoreQuestion, Option<Held>)>,
}

impl Waiting {
    /// What is to be answered next; waits for it. `None`: nobody asks any more.
    fn next(&mut self, inbox: &Receiver<(StoreQuestion, Option<Held>)>) -> Option<(StoreQuestion, Option<Held>)> {
        if self.questions.is_empty() && self.searches.is_empty() {
            let (question, held) = inbox.recv().ok()?;
            self.put(question, held);
        }
        for (question, held) in inbox.try_iter() {
            self.put(question, held);
        }
        self.questions.pop_front().or_else(|| self.searches.pop_front())
    }

    /// A search takes the place of the one that its requester asked for before: nobody waits for that any more.
    fn put(&mut self, question: StoreQuestion, held: Option<Held>) {
        let Some(requester) = searcher(&question) else { return self.questions.push_back((question, held)) };
        match self.searches.iter().position(|(other, _)| searcher(other) == Some(requester)) {
            Some(place) => self.searches[place] = (question, held),
            None if self.searches.len() < SEARCHES_WAITING => self.searches.push_back((question, held)),
            None => debug!("a search was not begun: {SEARCHES_WAITING} wait"),
        }
    }
}

fn searcher(question: &StoreQuestion) -> Option<&NickKey> {
    match question {
        StoreQuestion::Search { reply, .. } => Some(reply.requester.key()),
        _ => None,
    }
}

pub fn answer(reader: &Reader, question: StoreQuestion) -> Result<Input<'static>, Error> {
    Ok(match question {
        StoreQuestion::Page { query, reply } => Input::Page { page: reader.page(&query)?, reply },
        StoreQuestion::Rooms { reply } => Input::Rooms { rooms: reader.rooms()?, reply },
        StoreQuestion::Search { query, limit, before, reply } => {
            Input::Found { found: reader.search(&query, limit, before.as_ref(), SEARCH_TIME)?, reply }
        }
        StoreQuestion::Waiting { to, after } => {
            let found = reader.waiting_for(&to, after, UNDER_WAY)?;
            Input::Waiting { to, after, found }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Nick, SearchQuery};
    use crate::server::core::record::ReplyTo;

    fn reply(nick: &str) -> ReplyTo {
        ReplyTo { requester: Nick::parse(nick).unwrap(), session: None, token: None }
    }

    fn rooms(nick: &str) -> StoreQuestion {
        StoreQuestion::Rooms { reply: reply(nick) }
    }

    fn search(nick: &str, text: &str) -> StoreQuestion {
        StoreQuestion::Search { query: SearchQuery::parse(text).unwrap(), limit: 1, before: None, reply: reply(nick) }
    }

    /// A question in short: who asks, and for a search the filter that tells it apart.
    fn short(question: &StoreQuestion) -> String {
        match question {
            StoreQuestion::Search { query, reply, .. } => {
                format!("{} {}", reply.requester.key(), query.from.as_ref().unwrap())
            }
            StoreQuestion::Rooms { reply } => reply.requester.key().to_string(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn searches_come_last_and_a_newer_one_takes_the_place_of_an_earlier() {
        let (sender, inbox) = crossbeam_channel::unbounded();
        let questions = [
            search("alice", "from:a"),
            search("bob", "from:b"),
            rooms("carol"),
            search("alice", "from:c"),
            rooms("dave"),
        ];
        for question in questions {
            sender.send((question, None)).unwrap();
        }
        let mut waiting = Waiting::default();
        let mut next = || waiting.next(&inbox).map(|(question, _)| short(&question));
        assert_eq!([next(), next(), next()].map(Option::unwrap), ["carol", "dave", "alice c"]);
        // Also before one that waited already.
        sender.send((rooms("erin"), None)).unwrap();
        drop(sender);
        assert_eq!([next(), next()].map(Option::unwrap), ["erin", "bob b"]);
        assert_eq!(next(), None);
    }

    #[test]
    fn few_searches_wait_and_hold_up_no_other_question() {
        let queue = Queue::default();
        let (sender, inbox) = crossbeam_channel::unbounded();
        let ask =
            |question: StoreQuestion| queue.enter(&question).map(|held| sender.send((question, Some(held))).unwrap());
        let asked = (0..2_000).filter_map(|n| ask(search(&format!("user{n}"), "from:a"))).count();
        assert_eq!((asked, ask(rooms("carol"))), (SEARCHES, Some(())));
        let mut waiting = Waiting::default();
        assert_eq!(waiting.next(&inbox).map(|(question, _)| short(&question)).as_deref(), Some("carol"));
        assert_eq!(waiting.searches.len(), SEARCHES_WAITING);
        // What those held that do not wait is free again.
        let asked = (0..2_000).filter_map(|n| ask(search(&format!("user{n}"), "from:a"))).count();
        assert_eq!(asked, SEARCHES - SEARCHES_WAITING);
    }

    #[test]
    fn what_waits_for_somebody_is_asked_within_the_same_limit() {
        let queue = Queue::default();
        let waiting = StoreQuestion::Waiting { to: reply("bob").requester.key().clone(), after: 0 };
        let held: Vec<Held> = (0..5_000).map_while(|_| queue.enter(&waiting)).collect();
        assert_eq!((held.len(), queue.enter(&rooms("carol")).is_some()), (QUESTIONS, false));
        drop(held);
        assert!(queue.enter(&waiting).is_some());
    }
}
