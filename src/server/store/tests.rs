//! The store with a database in a file, which another connection breaks and repairs.

mod one_thread;
mod unwritable;

use super::*;
use crate::protocol::{ChatMessage, Nick, Place, RoomName, SentId, Session, Timestamp};
use crate::random::Random;
use crate::server::core::record::{Arrived, PagePosition, PageQuery, ReplyTo};
use crate::server::store::sqlite::Database;
use std::path::PathBuf;

/// The store with a database in a file, and a clock that moves when there is nothing else to do.
struct Desk {
    store: Option<Store<Database>>,
    jobs: Vec<StoreJob>,
    answers: VecDeque<StoreAnswer>,
    now: Instant,
    folder: PathBuf,
}

impl Desk {
    fn new(name: &str) -> Desk {
        let folder = std::env::temp_dir().join(format!("mqttchat-store-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Desk::over(Database::open(&folder.join("chat.db"), Random::of_the_system()).unwrap(), folder)
    }

    fn over(history: Database, folder: PathBuf) -> Desk {
        let (retention, now) = (Retention::default(), Instant::now());
        let settings = StoreSettings { retention, search_time: Duration::from_secs(30), has_reader: false };
        let store = Some(Store::new(history, settings, now));
        Desk { store, jobs: Vec::new(), answers: VecDeque::new(), now, folder }
    }

    fn give(&mut self, task: StoreTask) {
        self.jobs.push(StoreJob { task, pass: None });
    }

    fn give_held(&mut self, keep: Keep, held: Held) {
        self.jobs.push(StoreJob { task: StoreTask::Keep(keep), pass: Some(Pass { arrived: self.now, held }) });
    }

    fn chat(&mut self, seq: u64) {
        self.give(StoreTask::Keep(Keep::Message(arrived(seq))));
    }

    fn ask(&mut self, question: StoreQuestion) {
        self.give(StoreTask::Ask(question));
    }

    /// The answers of one turn.
    fn turn(&mut self) -> Vec<StoreAnswer> {
        let mut told = Vec::new();
        let mut out = |output| match output {
            StoreOutput::Answer(answer) => told.push(answer),
            StoreOutput::Ask(question) => panic!("there is no reader: {question:?}"),
        };
        self.store.as_mut().unwrap().turn(self.jobs.drain(..), self.now, 0, &mut out);
        told
    }

    /// The next answer. Advances the clock until there is one.
    fn answer(&mut self) -> StoreAnswer {
        for _ in 0..100 {
            if let Some(answer) = self.answers.pop_front() {
                return answer;
            }
            if self.jobs.is_empty() {
                self.now = self.now.max(self.store.as_ref().unwrap().next_due());
            }
            let told = self.turn();
            self.answers.extend(told);
        }
        panic!("no answer comes");
    }

    fn committed(&mut self) -> Committed {
        match self.answer() {
            StoreAnswer::Committed { committed, .. } => committed,
            other => panic!("something else than a commit: {other:?}"),
        }
    }

    /// The number of messages in the lobby. Skips commits reported before.
    fn count(&mut self) -> usize {
        self.ask(newest());
        loop {
            if let StoreAnswer::Page { page, .. } = self.answer() {
                return page.messages.len();
            }
        }
    }

    fn other(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.join("chat.db")).unwrap()
    }

    fn sql(&self, text: &str) {
        self.other().execute_batch(text).unwrap();
    }

    fn stop(&mut self) {
        let mut store = self.store.take().unwrap();
        store.turn(self.jobs.drain(..), self.now, 0, &mut |_| ());
        drop(store.finish(self.now, &mut |_| ()));
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn arrived(seq: u64) -> Arrived {
    let text = format!(r#"{{"type":"chat","username":"a","message":"x","session":"k3v9x2m1q8f0","seq":{seq}}}"#);
    let message = ChatMessage::<Place>::parse(text.as_bytes(), Some(RoomName::lobby())).unwrap().unwrap();
    Arrived { message: ChatMessage { timestamp: Some(timestamp()), ..message }, received: 0 }
}

/// A request for the newest page of the lobby.
fn newest() -> StoreQuestion {
    let query = PageQuery { room: RoomName::lobby(), limit: 500, position: PagePosition::Newest };
    StoreQuestion::Page { query, reply: ReplyTo { requester: Nick::parse("a").unwrap(), session: None, token: None } }
}

fn timestamp() -> Timestamp {
    Timestamp::parse("2026-11-22T19:11:34").unwrap()
}

fn id(seq: u64) -> SentId {
    SentId::new(Session::parse("k3v9x2m1q8f0").unwrap(), seq).unwrap()
}

fn key() -> NickKey {
    Nick::parse("a").unwrap().key().clone()
}

#[test]
fn questions_are_answered_after_earlier_commits() {
    let mut desk = Desk::new("told");
    desk.chat(1);
    assert_eq!(desk.committed().stored, [(key(), id(1))]);
    desk.chat(2);
    desk.chat(1);
    assert_eq!(desk.count(), 2);
    desk.stop();
}

#[test]
fn a_failed_commit_is_retried_and_its_messages_held() {
    let mut desk = Desk::new("later");
    desk.chat(1);
    desk.committed();
    let other = desk.other();
    other
        .execute_batch("CREATE TRIGGER full BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'full'); END")
        .unwrap();
    let gauge = crate::gauge::Gauge::default();
    for seq in 2..=9 {
        desk.give_held(Keep::Message(arrived(seq)), gauge.take(1, 100).unwrap());
    }
    assert_eq!(desk.count(), 1, "questions are answered all the same");
    assert!(gauge.take(93, 100).is_none());
    other.execute_batch("DROP TRIGGER full").unwrap();
    let stored: Vec<u64> =
        std::iter::from_fn(|| Some(desk.committed().stored)).flatten().map(|(_, id)| id.seq).take(8).collect();
    assert_eq!(stored, [2, 3, 4, 5, 6, 7, 8, 9]);
    assert_eq!(desk.count(), 9);
    assert!(gauge.take(100, 100).is_some());
    desk.stop();
}

#[test]
fn direct_messages_wait_for_the_receipt_of_their_addressee() {
    let mut desk = Desk::new("direct");
    let [to, nobody] = ["b", "c"].map(|nick| Nick::parse(nick).unwrap());
    let nick = Nick::parse("a").unwrap();
    let message = ChatMessage::new(nick, Place::Direct(to.clone()), "x".to_owned());
    let message = ChatMessage { timestamp: Some(timestamp()), id: Some(id(1)), ..message };
    let arrived = Arrived { message, received: 0 };
    let waiting = |desk: &mut Desk| {
        desk.ask(StoreQuestion::Waiting { to: to.key().clone(), after: 0, limit: 100 });
        loop {
            if let StoreAnswer::Waiting { found, .. } = desk.answer() {
                return found.len();
            }
        }
    };
    desk.give(StoreTask::Keep(Keep::Message(arrived.clone())));
    assert_eq!(desk.committed().direct.len(), 1);
    desk.give(StoreTask::Keep(Keep::Delivered { to: nobody.key().clone(), sender: key(), id: id(1), at: 0 }));
    assert_eq!(waiting(&mut desk), 1, "a receipt of somebody else");
    desk.give(StoreTask::Keep(Keep::Delivered { to: to.key().clone(), sender: key(), id: id(1), at: 0 }));
    assert_eq!(waiting(&mut desk), 0);
    desk.give(StoreTask::Keep(Keep::Message(arrived)));
    let again = desk.committed();
    assert_eq!((again.stored.len(), again.direct.len()), (1, 0), "sent again after it was delivered");
    desk.stop();
}

#[test]
fn questions_have_no_commits_of_their_own() {
    let mut desk = Desk::over(Database::in_memory(Random::of_the_system()).unwrap(), PathBuf::new());
    for seq in 1..=100 {
        desk.chat(seq);
        desk.ask(newest());
    }
    let told = desk.turn();
    assert!(matches!(&told[0], StoreAnswer::Committed { committed, .. } if committed.stored.len() == 100));
    let pages = told[1..].iter().filter(|told| matches!(told, StoreAnswer::Page { page, .. } if page.span.to == 100));
    assert_eq!((pages.count(), told.len()), (100, 101));
}

#[test]
fn questions_wait_for_no_try_of_a_commit_that_failed() {
    let mut desk = Desk::over(Database::in_memory(Random::of_the_system()).unwrap(), PathBuf::new());
    desk.store.as_mut().unwrap().retry = Some(desk.now);
    desk.chat(1);
    desk.ask(newest());
    let told = desk.turn();
    assert!(matches!(&told[..], [StoreAnswer::Page { .. }, StoreAnswer::Committed { .. }]), "{told:?}");
}

#[test]
fn settling_is_reported_after_everything_before_is_committed() {
    let mut desk = Desk::new("settled");
    desk.give(StoreTask::Settle);
    assert_eq!(desk.turn(), [StoreAnswer::Settled]);
    desk.chat(1);
    desk.committed();
    desk.sql("ALTER TABLE messages RENAME COLUMN late TO later");
    desk.chat(2);
    desk.give(StoreTask::Settle);
    assert_eq!(desk.turn(), []);
    desk.sql("ALTER TABLE messages RENAME COLUMN later TO late");
    assert_eq!(desk.committed().stored, [(key(), id(2))]);
    assert_eq!(desk.answer(), StoreAnswer::Settled);
    desk.stop();
}

#[test]
fn with_a_reader_questions_go_to_it_once_what_came_before_is_committed() {
    let (retention, now) = (Retention::default(), Instant::now());
    let settings = StoreSettings { retention, search_time: Duration::from_secs(30), has_reader: true };
    let mut store = Store::new(Database::in_memory(Random::of_the_system()).unwrap(), settings, now);
    let job = |task| StoreJob { task, pass: None };
    let jobs = [job(StoreTask::Ask(newest())), job(StoreTask::Keep(Keep::Message(arrived(1))))];
    let mut told = Vec::new();
    store.turn(jobs, now, 0, &mut |output| told.push(output));
    let [StoreOutput::Answer(StoreAnswer::Committed { .. }), StoreOutput::Ask(question)] = &told[..] else {
        panic!("{told:?}")
    };
    assert_eq!(*question, newest());
}
