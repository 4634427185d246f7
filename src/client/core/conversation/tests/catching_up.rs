//! What was missed: cursors, marks and the pages that fill holes.

mod nameless;
mod nicks;
mod runs;
mod slow;

use super::*;
use crate::client::core::memo::{Memo, Series};
use crate::protocol::Cursor;

const EPOCH: &str = "rkrxc5f0sqnm";
const HISTORY: &str = "chat/request/history/alice";

fn cursor(pos: u64) -> Cursor {
    Cursor::parse(&format!("{EPOCH}:{pos}")).unwrap()
}

fn bob() -> Series {
    Series::Sent(Nick::parse("bob").unwrap().key().clone(), Session::parse("aaaaaaaaaaaa").unwrap())
}

/// Bob's messages. Their numbers are their positions.
fn entries(numbers: std::ops::RangeInclusive<u64>) -> String {
    let entry = |n| format!(r#"{{"username":"bob","message":"{n}","id":"aaaaaaaaaaaa-{n}","pos":{n}}}"#);
    numbers.map(entry).collect::<Vec<_>>().join(",")
}

impl Stage {
    /// A client with the cursor of an earlier run at this position.
    fn kept(pos: u64) -> Stage {
        let mut stage = Stage::new(|config| {
            config.remembered.cursors = HashMap::from([(RoomName::lobby(), cursor(pos))]);
        });
        stage.arrives("chat/server", ONLINE);
        stage.connect(1);
        stage.arrives("chat/private/alice/server", WELCOME);
        stage
    }

    /// The same, after a page that said that there is nothing more.
    fn up_to_date(pos: u64) -> Stage {
        let mut stage = Stage::kept(pos);
        stage.page(pos, pos, true, false);
        stage.after(1_000);
        stage.out.clear();
        stage
    }

    fn says(&mut self, number: u64) {
        let json = format!(
            r#"{{"type":"chat","username":"bob","message":"{number}","session":"aaaaaaaaaaaa","seq":{number}}}"#
        );
        self.arrives("chat/messages", &json);
    }

    fn mark(&mut self, from: u64, to: u64) {
        let ids = format!(r#"{{"bob":{{"aaaaaaaaaaaa":[[{},{to}]]}}}}"#, from + 1);
        let json = format!(r#"{{"type":"mark","room":"lobby","epoch":"{EPOCH}","from":{from},"to":{to},"ids":{ids}}}"#);
        self.arrives("chat/marks/lobby", &json);
    }

    /// Answers the open request.
    #[track_caller]
    fn page(&mut self, from: u64, to: u64, complete: bool, gap: bool) {
        let token = self.payload(HISTORY)["request"].as_str().unwrap().to_owned();
        self.out.clear();
        let page = format!(
            r#"{{"type":"history","messages":[{}],"request":"{token}","room":"lobby","epoch":"{EPOCH}","from":{from},"to":{to},"complete":{complete},"gap":{gap}}}"#,
            entries(from + 1..=to)
        );
        self.arrives("chat/private/alice/server", &page);
    }

    #[track_caller]
    fn check_asked_after(&self, pos: u64) {
        let asked = self.payload(HISTORY);
        assert_eq!((&asked["after"], &asked["limit"]), (&format!("{EPOCH}:{pos}").into(), &500.into()));
    }

    /// The remembered cursors.
    fn cursors(&self) -> Vec<u64> {
        let cursor = |out: &Output| match out {
            Output::Remember(Memo::Cursor { cursor, .. }) => Some(cursor.pos),
            _ => None,
        };
        self.out.iter().filter_map(cursor).collect()
    }

    /// The messages that were told, and whether they are late.
    fn late(&self) -> Vec<(&str, bool)> {
        let told = self.out.iter().filter_map(|out| match out {
            Output::Tell(News::Said(said), _) => Some((said.text.as_str(), said.late)),
            _ => None,
        });
        told.collect()
    }

    /// What was told and remembered, in order and in short.
    fn order(&self) -> Vec<String> {
        let short = |out: &Output| match out {
            Output::Tell(News::Said(said), _) => Some(format!("told {}", said.text)),
            Output::Tell(News::Page { .. }, _) => Some("page".to_owned()),
            Output::Remember(Memo::Shown { number, .. }) => Some(format!("shown {number}")),
            Output::Remember(Memo::Cursor { cursor, .. }) => Some(format!("cursor {}", cursor.pos)),
            Output::PublishWhenShown(publication) => Some(format!("then {}", publication.topic)),
            _ => None,
        };
        self.out.iter().filter_map(short).collect()
    }
}

#[test]
fn a_return_brings_everything_missed() {
    let mut stage = Stage::kept(10);
    stage.check_asked_after(10);
    stage.page(10, 12, false, false);
    assert_eq!(stage.cursors(), [12]);
    stage.check_asked_after(12);
    let told = stage.out.iter().filter(|out| matches!(out, Output::Tell(News::Unread(_), _))).count();
    assert_eq!(told, 1);
    stage.says(14);
    stage.page(12, 14, true, false);
    stage.check_told(&["13"]);
    stage.after(60_000);
    assert!(!stage.out.iter().any(|out| matches!(out, Output::Publish(publication) if publication.topic == HISTORY)));
}

#[test]
fn news_is_told_before_it_is_remembered() {
    let mut stage = Stage::kept(10);
    stage.page(10, 11, true, false);
    assert_eq!(stage.order(), ["told 11", "shown 11", "page", "cursor 11"]);
    stage.out.clear();
    stage.mark(11, 12);
    stage.says(12);
    assert_eq!(stage.order(), ["told 12", "shown 12", "cursor 12"]);
}

#[test]
fn messages_shown_by_an_earlier_run_are_not_shown_again() {
    let mut stage = Stage::new(|config| {
        let shown = [11, 12].into_iter().collect();
        config.remembered.cursors = HashMap::from([(RoomName::lobby(), cursor(10))]);
        config.remembered.shown = HashMap::from([(RoomName::lobby(), vec![(bob(), shown)])]);
    });
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    stage.says(11);
    stage.page(10, 13, true, false);
    stage.check_told(&["unread in lobby", "13"]);
}

#[test]
fn nothing_is_told_twice_after_any_absence() {
    let mut stage = Stage::kept(0);
    stage.says(10_500);
    let mut told = stage.late().len();
    for from in (0..10_500).step_by(500) {
        stage.page(from, from + 500, from == 10_000, false);
        told += stage.late().len();
    }
    assert_eq!(told, 10_500);
}

#[test]
fn nothing_is_requested_if_nothing_is_missing() {
    let mut stage = Stage::up_to_date(10);
    stage.says(11);
    stage.says(12);
    stage.mark(10, 12);
    assert_eq!(stage.cursors(), [12]);
    stage.out.clear();
    stage.mark(10, 12);
    stage.after(3_000);
    stage.check_published(&[]);
}

#[test]
fn announced_messages_that_do_not_arrive_are_requested() {
    let mut stage = Stage::up_to_date(10);
    stage.says(12);
    stage.mark(10, 12);
    stage.after(1_900);
    stage.check_published(&[]);
    stage.after(100);
    stage.check_asked_after(10);
    // Live messages go on, and are not told again.
    stage.says(13);
    stage.page(10, 13, true, false);
    assert_eq!(stage.late(), [("11", true)], "bob has been heard with a later one");
    assert_eq!(stage.cursors(), [12, 13], "by the mark, and by the page");
}

#[test]
fn messages_of_a_page_in_order_are_not_late() {
    let mut stage = Stage::kept(10);
    stage.page(10, 14, true, false);
    assert_eq!(stage.late(), [("11", false), ("12", false), ("13", false), ("14", false)]);
}

#[test]
fn a_mark_beyond_the_cursor_requests_a_page_at_once() {
    let mut stage = Stage::up_to_date(10);
    stage.mark(11, 12);
    stage.check_asked_after(10);
    stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
    stage.out.clear();
    stage.arrives("chat/server", ONLINE);
    stage.connect(2);
    stage.check_asked_after(10);
    // The request is retransmitted if nobody answers, and to another server.
    stage.out.clear();
    stage.after(5_000);
    stage.check_asked_after(10);
    stage.arrives("chat/server", &ONLINE.replace("one", "two"));
    stage.out.clear();
    stage.after(300);
    stage.check_asked_after(10);
    stage.page(10, 12, true, false);
    stage.check_told(&["the chat server answers again", "11", "12"]);
}

#[test]
fn a_refused_first_page_is_requested_again() {
    let mut stage = Stage::new(|_| {});
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    let token = stage.payload(HISTORY)["request"].as_str().unwrap().to_owned();
    let refusal = format!(r#"{{"type":"error","code":"rate_limited","message":"later","request":"{token}"}}"#);
    stage.arrives("chat/private/alice/server", &refusal);
    stage.out.clear();
    stage.after(59_000);
    assert!(!stage.out.iter().any(|out| matches!(out, Output::Publish(publication) if publication.topic == HISTORY)));
    stage.after(1_000);
    stage.page(0, 1, true, false);
    stage.check_told(&["1"]);
}

#[test]
fn lost_messages_are_told_as_a_gap() {
    let mut stage = Stage::kept(10);
    stage.page(90, 91, true, true);
    stage.check_told(&["gap in lobby", "unread in lobby", "91"]);
}

#[test]
fn without_history_a_client_gets_what_it_misses_later() {
    let mut stage = Stage::new(|config| {
        config.history = false;
        config.remembered.cursors = HashMap::from([(RoomName::lobby(), cursor(3))]);
    });
    stage.arrives("chat/server", ONLINE);
    stage.connect(1);
    let asked = stage.payload(HISTORY);
    assert_eq!((&asked["limit"], asked.get("after")), (&0.into(), None));
    // A server without this feature sends one message.
    stage.page(9, 10, false, false);
    assert_eq!(stage.order(), [] as [&str; 0]);
    stage.after(1_000);
    stage.out.clear();
    stage.mark(11, 12);
    stage.check_asked_after(10);
    stage.page(10, 12, true, false);
    // A later run with history still gets what this run skipped.
    assert_eq!(stage.cursors(), [] as [u64; 0]);
    stage.check_told(&["11", "12"]);
}

#[test]
fn a_first_page_that_comes_late_hides_nothing() {
    for history in [true, false] {
        let mut stage = Stage::new(|config| config.history = history);
        stage.arrives("chat/server", ONLINE);
        stage.connect(1);
        stage.arrives("chat/private/alice/server", WELCOME);
        // 11 is dropped.
        stage.says(12);
        stage.mark(10, 12);
        stage.page(100, 100, false, false);
        stage.out.clear();
        stage.after(2_000);
        stage.check_asked_after(10);
        stage.page(10, 13, true, false);
        stage.check_told(&["11", "13"]);
    }
}

#[test]
fn a_break_before_the_first_page_is_repaired_or_told() {
    for history in [true, false] {
        // The server is away, and so are its marks.
        let mut stage = Stage::new(|config| config.history = history);
        stage.connect(1);
        stage.after(1_000);
        stage.says(12);
        stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
        stage.arrives("chat/server", ONLINE);
        stage.connect(2);
        stage.page(90, 90, false, false);
        stage.check_told(&["gap in lobby"]);

        // The server is there but does not answer.
        let mut stage = Stage::new(|config| config.history = history);
        stage.arrives("chat/server", ONLINE);
        stage.connect(1);
        stage.mark(11, 12);
        stage.says(12);
        stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
        stage.out.clear();
        stage.arrives("chat/server", ONLINE);
        stage.connect(2);
        stage.page(90, 90, false, false);
        stage.check_asked_after(12);
        stage.check_told(&[]);
    }
    // A page that reaches back far enough leaves no gap.
    let mut stage = Stage::new(|_| {});
    stage.connect(1);
    stage.after(1_000);
    stage.says(12);
    stage.input(Input::Link(Event::Lost { reason: "x".to_owned() }));
    stage.arrives("chat/server", ONLINE);
    stage.connect(2);
    stage.page(10, 13, false, false);
    stage.check_told(&["11", "13"]);
}

#[test]
fn without_history_an_original_server_gets_no_request_for_it() {
    let mut stage = Stage::new(|config| config.history = false);
    stage.connect(1);
    stage.after(1_000);
    stage.check_published(&["chat/presence", "chat/request/users"]);
}

#[test]
fn marks_are_of_the_rooms_that_we_are_in() {
    let mut stage = Stage::up_to_date(10);
    let filters = stage.conversation.subscriptions();
    assert!(filters.contains(&"chat/marks/lobby".to_owned()));
    stage.types("/join dev");
    assert!(stage.out.contains(&Output::Subscribe("chat/marks/dev".to_owned())));
    assert!(stage.conversation.subscriptions().contains(&"chat/marks/dev".to_owned()));
    stage.types("/part dev");
    assert!(stage.out.contains(&Output::Unsubscribe("chat/marks/dev".to_owned())));
    stage.out.clear();
    let mark = r#"{"type":"mark","room":"ROOM","epoch":"rkrxc5f0sqnm","from":70,"to":70,"ids":{}}"#;
    stage.arrives("chat/marks/dev", &mark.replace("ROOM", "dev"));
    stage.arrives("chat/marks/lobby", &mark.replace("ROOM", "dev"));
    stage.check_published(&[]);
    stage.arrives("chat/marks/lobby", &mark.replace("ROOM", "lobby"));
    stage.check_published(&[HISTORY]);
}

#[test]
fn only_what_was_said_before_we_came_is_backlog() {
    let backlog = |stage: &Stage| -> Vec<bool> {
        let said = |out: &Output| match out {
            Output::Tell(News::Said(said), _) => Some(said.history),
            _ => None,
        };
        stage.out.iter().filter_map(said).collect()
    };
    let mut stage = Stage::kept(10);
    stage.page(10, 11, false, false);
    assert_eq!(backlog(&stage), [true]);
    stage.page(11, 12, true, false);
    assert_eq!(backlog(&stage), [true]);
    stage.after(1_000);
    stage.mark(13, 14);
    stage.page(12, 14, true, false);
    assert_eq!(backlog(&stage), [false, false]);
}
