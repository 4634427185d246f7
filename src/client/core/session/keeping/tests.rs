//! When things are remembered, and how failures are handled.

use super::*;
use crate::link::Qos;
use crate::now::an_instant;

/// The memory of a session, with a clock that the test moves.
struct Stage {
    keeping: Keeping,
    start: Instant,
    now: Instant,
}

impl Stage {
    fn new() -> Stage {
        let now = an_instant();
        Stage { keeping: Keeping::new(now, true), start: now, now }
    }

    fn typed(&mut self, line: &str) {
        self.keeping.remember(Memo::Typed(line.to_owned()));
    }

    fn at(&mut self, milliseconds: u64) {
        self.now = self.start + Duration::from_millis(milliseconds);
    }

    /// What is handed out now. Checks [`Keeping::due`], too.
    #[track_caller]
    fn gives(&mut self, expected: Option<&[&str]>) {
        let is_due = self.keeping.due().is_some_and(|due| self.now >= due);
        let given = self.keeping.give(self.now);
        assert_eq!(given.is_some(), is_due);
        let given = given.map(|effect| match effect {
            SessionEffect::Keep(memos) => memos.into_iter().map(line).collect::<Vec<_>>(),
            effect => panic!("{effect:?}"),
        });
        let expected = expected.map(|lines| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>());
        assert_eq!(given, expected);
    }

    #[track_caller]
    fn becomes(&mut self, nick: &str) {
        assert!(matches!(self.keeping.give(self.now), Some(SessionEffect::Become(key)) if key.as_str() == nick));
    }

    fn is_committed(&mut self) -> Reported {
        self.keeping.committed(self.now, Ok(()))
    }

    fn fails(&mut self, lines: &[&str]) -> Reported {
        let memos = lines.iter().map(|line| Memo::Typed((*line).to_owned())).collect();
        self.keeping.committed(self.now, Err(Uncommitted { memos, why: "the disk is full".to_owned() }))
    }
}

fn line(memo: Memo) -> String {
    match memo {
        Memo::Typed(line) => line,
        memo => panic!("{memo:?}"),
    }
}

fn receipt() -> Publication {
    Publication { topic: "t".to_owned(), payload: Vec::new(), qos: Qos::AtLeastOnce, retain: false, ticket: None }
}

fn key(nick: &str) -> NickKey {
    NickKey::parse(nick).unwrap()
}

#[test]
fn memos_wait_for_more_and_a_publication_waits_for_its_memos() {
    let mut stage = Stage::new();
    stage.gives(None);
    stage.typed("one");
    stage.at(499);
    stage.gives(None);
    stage.at(500);
    stage.gives(Some(&["one"]));
    stage.typed("two");
    stage.keeping.publish_when_shown(receipt());
    stage.gives(None);
    assert_eq!(stage.keeping.due(), None, "one batch at a time");
    assert_eq!(stage.is_committed().publications, []);
    stage.gives(Some(&["two"]));
    assert_eq!(stage.is_committed().publications, [receipt()]);
    assert!(!stage.keeping.is_busy());
}

#[test]
fn failed_writes_are_retried_with_back_off() {
    let mut stage = Stage::new();
    stage.typed("one");
    stage.at(500);
    stage.gives(Some(&["one"]));
    let problem = stage.fails(&["one"]).problem.unwrap();
    assert_eq!(problem, "what is shown cannot be remembered: the disk is full");
    for at in [1_500, 3_500, 7_500] {
        stage.at(at - 1);
        stage.gives(None);
        stage.at(at);
        stage.gives(Some(&["one"]));
        assert_eq!(stage.fails(&["one"]).problem, None, "it is told once");
    }
    // At once with the new memo, and before it.
    stage.typed("two");
    stage.keeping.publish_when_shown(receipt());
    stage.gives(Some(&["one", "two"]));
    assert_eq!(stage.fails(&["one", "two"]).publications, [receipt()], "it was shown all the same");
    stage.at(15_500);
    stage.gives(Some(&["one", "two"]));
    stage.is_committed();
    stage.at(100_000);
    stage.gives(None);
    assert!(!stage.keeping.is_busy());
}

#[test]
fn the_waits_do_not_grow_beyond_a_minute_and_the_backlog_is_bounded() {
    let mut stage = Stage::new();
    (0..BACKLOG + 2).for_each(|number| stage.typed(&number.to_string()));
    stage.now = stage.keeping.due().unwrap();
    for _ in 0..10 {
        let Some(SessionEffect::Keep(memos)) = stage.keeping.give(stage.now) else { panic!("nothing is tried") };
        stage.keeping.committed(stage.now, Err(Uncommitted { memos, why: String::new() }));
        let wait = stage.keeping.due().unwrap() - stage.now;
        assert!(wait <= Duration::from_secs(60));
        stage.now += wait;
    }
    let Some(SessionEffect::Keep(memos)) = stage.keeping.give(stage.now) else { panic!("nothing is tried") };
    assert_eq!((memos.len(), line(memos[0].clone())), (BACKLOG, "2".to_owned()));
}

#[test]
fn at_the_end_everything_is_written_or_tried_once() {
    let mut stage = Stage::new();
    stage.typed("one");
    stage.keeping.publish_when_shown(receipt());
    stage.gives(Some(&["one"]));
    stage.typed("two");
    stage.keeping.finish();
    stage.gives(None);
    assert!(stage.keeping.is_busy());
    assert_eq!(stage.fails(&["one"]).publications, [receipt()]);
    stage.gives(Some(&["one", "two"]));
    assert!(stage.keeping.is_busy());
    stage.fails(&["one", "two"]);
    assert!(!stage.keeping.is_busy());
    stage.gives(None);
}

#[test]
fn a_new_nick_first_commits_what_was_shown_before() {
    let mut stage = Stage::new();
    stage.typed("one");
    stage.at(500);
    stage.gives(Some(&["one"]));
    stage.typed("two");
    assert!(stage.keeping.become_another(key("bob")).is_none());
    stage.gives(None);
    stage.fails(&["one"]);
    stage.gives(Some(&["one", "two"]));
    stage.fails(&["one", "two"]);
    stage.becomes("bob");
    stage.typed("as bob");
    stage.gives(None);
    let remembered = Remembered { server_seen: true, ..Remembered::default() };
    assert!(stage.keeping.became(Ok(remembered)).remembered.unwrap().server_seen);
    stage.at(1_000);
    stage.gives(Some(&["as bob"]));
}

#[test]
fn what_belongs_to_a_new_nick_is_written_even_if_the_run_ends_at_once() {
    let mut stage = Stage::new();
    stage.typed("one");
    stage.keeping.become_another(key("bob"));
    stage.typed("two");
    stage.keeping.finish();
    stage.gives(Some(&["one"]));
    stage.is_committed();
    stage.becomes("bob");
    stage.keeping.became(Ok(Remembered::default()));
    stage.gives(Some(&["two"]));
    stage.is_committed();
    assert!(!stage.keeping.is_busy());
}

#[test]
fn nicks_taken_in_between_are_not_recalled() {
    let mut stage = Stage::new();
    stage.keeping.become_another(key("bob"));
    stage.becomes("bob");
    stage.keeping.become_another(key("carl"));
    stage.keeping.become_another(key("dave"));
    assert!(stage.keeping.became(Ok(Remembered::default())).remembered.is_none());
    stage.becomes("dave");
    assert!(stage.keeping.became(Ok(Remembered::default())).remembered.is_some());
}

#[test]
fn an_unreadable_memory_is_not_written() {
    let mut stage = Stage::new();
    stage.keeping.become_another(key("bob"));
    stage.becomes("bob");
    let reported = stage.keeping.became(Err("it is damaged".to_owned()));
    assert_eq!(reported.problem.as_deref(), Some("going on without a memory: it is damaged"));
    assert!(reported.remembered.is_some(), "the run goes on");
    stage.typed("one");
    assert_eq!(stage.keeping.due(), None);
    stage.keeping.publish_when_shown(receipt());
    stage.gives(Some(&[]));
    assert_eq!(stage.is_committed().publications, [receipt()], "the order of things is kept");
    assert!(stage.keeping.become_another(key("carl")).is_some());
}
