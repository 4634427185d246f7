//! The threads over a database in a file, which another connection breaks and mends.

mod unwritable;

use super::*;
use crate::protocol::{Chat, Nick, Private, RoomName, SentId, Session, Timestamp};
use crate::server::core::record::ReplyTo;
use crate::server::core::record::{Arrived, ArrivedDirect, PagePlace, PageQuery};
use std::path::PathBuf;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

struct Desk {
    jobs: Option<Sender<Job>>,
    answers: Receiver<Answer>,
    thread: Option<JoinHandle<()>>,
    folder: PathBuf,
}

impl Desk {
    fn new(name: &str) -> Desk {
        let folder = std::env::temp_dir().join(format!("mqttchat-store-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let history = History::open(&folder.join("chat.db")).unwrap();
        let reader = history.reader().unwrap();
        Desk::over(history, reader, folder)
    }

    fn over(history: History, reader: Option<Reader>, folder: PathBuf) -> Desk {
        let ((jobs, inbox), (answer, answers)) = (unbounded(), unbounded());
        let thread = start(history, reader, Retention::default(), inbox, answer).unwrap();
        Desk { jobs: Some(jobs), answers, thread: Some(thread), folder }
    }

    fn give(&self, job: Job) {
        self.jobs.as_ref().unwrap().send(job).unwrap();
    }

    fn chat(&self, seq: u64) {
        self.give(Job::Keep(Keep::Chat(arrived(seq)), None));
    }

    fn answer(&self) -> Input<'static> {
        self.answers.recv_timeout(PATIENCE).unwrap().0
    }

    fn committed(&self) -> Committed {
        match self.answer() {
            Input::Committed { committed, .. } => committed,
            _ => panic!("something else than a commit"),
        }
    }

    /// How many messages the lobby has; commits that are told before are passed over.
    fn count(&self) -> usize {
        self.give(Job::Ask(newest(), None));
        loop {
            if let Input::Page { page, .. } = self.answer() {
                return page.messages.len();
            }
        }
    }

    fn other(&self) -> rusqlite::Connection {
        rusqlite::Connection::open(self.folder.join("chat.db")).unwrap()
    }

    fn stop(&mut self) {
        self.jobs = None;
        self.thread.take().unwrap().join().unwrap();
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn arrived(seq: u64) -> Arrived {
    let text = format!(r#"{{"type":"chat","username":"a","message":"x","session":"k3v9x2m1q8f0","seq":{seq}}}"#);
    let chat = Chat::parse(text.as_bytes(), RoomName::lobby()).unwrap().unwrap();
    Arrived { chat, timestamp: timestamp(), received: 0 }
}

/// Asks for the newest page of the lobby.
fn newest() -> StoreQuestion {
    let query = PageQuery { room: RoomName::lobby(), limit: 500, place: PagePlace::Newest };
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
fn what_is_committed_is_told_and_questions_come_after_it() {
    let mut desk = Desk::new("told");
    desk.chat(1);
    assert_eq!(desk.committed().stored, [(key(), id(1))]);
    desk.chat(2);
    desk.chat(1);
    assert_eq!(desk.count(), 2);
    desk.stop();
    assert!(!desk.folder.join("chat.db-wal").exists(), "closed in order");
}

#[test]
fn what_cannot_be_kept_now_is_kept_later_and_held_meanwhile() {
    let mut desk = Desk::new("later");
    desk.chat(1);
    desk.committed();
    let other = desk.other();
    other
        .execute_batch("CREATE TRIGGER full BEFORE INSERT ON messages BEGIN SELECT RAISE(ABORT, 'full'); END")
        .unwrap();
    let gauge = crate::gauge::Gauge::default();
    for seq in 2..=9 {
        desk.give(Job::Keep(Keep::Chat(arrived(seq)), Some(gauge.take(1, 100).unwrap())));
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
fn a_history_in_memory_answers_by_itself() {
    let folder = std::env::temp_dir().join(format!("mqttchat-store-memory-{}", std::process::id()));
    let mut desk = Desk::over(History::in_memory().unwrap(), None, folder);
    desk.chat(1);
    assert_eq!(desk.count(), 1);
    desk.stop();
}

#[test]
fn direct_messages_wait_for_the_receipt_of_their_addressee() {
    let mut desk = Desk::new("direct");
    let [to, nobody] = ["b", "c"].map(|nick| Nick::parse(nick).unwrap());
    let nick = Nick::parse("a").unwrap();
    let private = Private {
        nick,
        to: to.clone(),
        text: "x".to_owned(),
        timestamp: None,
        id: Some(id(1)),
        action: false,
        late: false,
    };
    let arrived = ArrivedDirect { private, timestamp: timestamp(), received: 0 };
    let waiting = |desk: &Desk| {
        desk.give(Job::Ask(StoreQuestion::Waiting { to: to.key().clone(), after: 0 }, None));
        loop {
            if let Input::Waiting { found, .. } = desk.answer() {
                return found.len();
            }
        }
    };
    desk.give(Job::Keep(Keep::Direct(arrived.clone()), None));
    assert_eq!(desk.committed().direct.len(), 1);
    desk.give(Job::Keep(Keep::Delivered { to: nobody.key().clone(), sender: key(), id: id(1), at: 0 }, None));
    assert_eq!(waiting(&desk), 1, "a receipt of somebody else");
    desk.give(Job::Keep(Keep::Delivered { to: to.key().clone(), sender: key(), id: id(1), at: 0 }, None));
    assert_eq!(waiting(&desk), 0);
    desk.give(Job::Keep(Keep::Direct(arrived), None));
    let again = desk.committed();
    assert_eq!((again.stored.len(), again.direct.len()), (1, 0), "sent again after it was delivered");
    desk.stop();
}

#[test]
fn questions_have_no_commits_of_their_own() {
    let history = History::in_memory().unwrap();
    let ((jobs, inbox), (answer, answers)) = (unbounded(), unbounded());
    for seq in 1..=100 {
        jobs.send(Job::Keep(Keep::Chat(arrived(seq)), None)).unwrap();
        jobs.send(Job::Ask(newest(), None)).unwrap();
    }
    drop(jobs);
    start(history, None, Retention::default(), inbox, answer).unwrap().join().unwrap();
    let told: Vec<Input> = answers.try_iter().map(|(answer, _)| answer).collect();
    assert!(matches!(&told[0], Input::Committed { committed, .. } if committed.stored.len() == 100));
    let pages = told[1..].iter().filter(|answer| matches!(answer, Input::Page { page, .. } if page.span.to == 100));
    assert_eq!((pages.count(), told.len()), (100, 101));
}

#[test]
fn questions_wait_for_no_try_of_a_commit_that_failed() {
    let ((jobs, inbox), (answer, answers)) = (unbounded(), unbounded());
    let mut store = Store::new(History::in_memory().unwrap(), None, Retention::default(), answer);
    store.retry = Some(Instant::now());
    jobs.send(Job::Keep(Keep::Chat(arrived(1)), None)).unwrap();
    jobs.send(Job::Ask(newest(), None)).unwrap();
    drop(jobs);
    store.run(&inbox);
    let told: Vec<Input> = answers.try_iter().map(|(answer, _)| answer).collect();
    assert!(matches!(&told[..], [Input::Page { .. }, Input::Committed { .. }]), "{told:?}");
}
