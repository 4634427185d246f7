//! Requests, with a clock that the test moves.

use super::*;
use crate::client::core::conversation::Output;
use crate::client::core::conversation::tests::{counting, token};
use crate::now::an_instant;
use crate::protocol::{Cursor, HistoryRequest, SearchRequest, SearchResult};

struct Stage {
    requests: Requests,
    out: Outputs,
}

impl Stage {
    fn new() -> Stage {
        Stage { requests: Requests::new(|_| None, counting()), out: Outputs::new(true) }
    }

    fn ask(&mut self, kind: RequestKind) {
        let reach = Reach { is_connected: true, is_silent: false, is_original: false };
        self.requests.ask(Inquiry::of(kind), reach, &mut self.out);
    }

    fn join(&mut self, kind: RequestKind) {
        self.requests.open_own(Inquiry::of(kind));
    }

    /// Checks how many requests are sent now, and how many of the user's are told to be overdue.
    #[track_caller]
    fn check(&mut self, at: Instant, due: usize, unanswered: usize) {
        let is_due = self.requests.due().is_some_and(|due| due <= at);
        self.out.take();
        let sent = self.requests.take_due(at, &mut self.out);
        let told = self.out.take();
        assert_eq!((sent.len(), told.len()), (due, unanswered));
        assert!(is_due || told.is_empty(), "it was due");
        assert!(self.requests.due().is_none_or(|due| due > at), "nothing else is");
    }
}

fn of(kind: RequestKind) -> impl Fn(&Inquiry) -> bool {
    move |inquiry| inquiry.kind == kind
}

#[test]
fn asked_again_after_5_s_doubling_to_60() {
    let mut stage = Stage::new();
    stage.ask(RequestKind::Users);
    let mut now = an_instant();
    stage.check(now, 1, 0);
    assert!(stage.requests.has_questions());
    for (seconds, told) in [(5, 1), (10, 0), (20, 0), (40, 0), (60, 0), (60, 0)] {
        now += Duration::from_secs(seconds) - Duration::from_millis(1);
        stage.check(now, 0, 0);
        now += Duration::from_millis(1);
        stage.check(now, 1, told);
    }
    assert!(!stage.requests.has_questions());
    stage.requests.again();
    stage.check(now, 1, 0);
    assert!(stage.requests.answered(&token(1), |_| true).is_some());
    assert!(stage.requests.answered(&token(1), |_| true).is_none());
}

#[test]
fn searches_and_pages_take_turns() {
    for kind in [RequestKind::Search, RequestKind::History] {
        let mut stage = Stage::new();
        let now = an_instant();
        (0..3).for_each(|_| stage.ask(kind));
        stage.ask(RequestKind::Users);
        stage.check(now, 2, 0);
        assert!(stage.requests.answered(&token(4), of(RequestKind::Users)).is_some());
        // The second one goes out later, and has as much time.
        assert!(stage.requests.answered(&token(1), of(kind)).is_some());
        stage.check(now + PATIENCE / 2, 1, 0);
        stage.check(now + PATIENCE, 0, 0);
        // Without an answer to it, the third one will get none, either.
        stage.check(now + PATIENCE / 2 + PATIENCE, 1, 2);
        assert!(!stage.requests.has_questions());
        assert!(stage.requests.answered(&token(2), of(kind)).is_some());
        stage.check(now + PATIENCE * 2, 1, 0);
        assert!(stage.requests.has_questions());
        stage.check(now + PATIENCE * 3, 1, 0);
    }
}

#[test]
fn an_answer_of_another_kind_does_not_count() {
    let mut stage = Stage::new();
    stage.ask(RequestKind::Users);
    assert!(stage.requests.answered(&token(1), of(RequestKind::History)).is_none());
    assert!(stage.requests.answered(&token(1), of(RequestKind::Users)).is_some());
}

#[test]
fn a_page_of_another_place_answers_nothing() {
    #[track_caller]
    fn check(asked: &HistoryRequest, page: &str, fits: bool) {
        let page = format!(r#"{{"type":"history","messages":[],{page}}}"#);
        let page = serde_json::from_str(&page).unwrap();
        assert_eq!(Inquiry::page(asked.clone()).is_answered_by_page(&page), fits, "{page:?}");
    }
    let cursor = |pos: u64| Cursor::parse(&format!("rkrxc5f0sqnm:{pos}"));
    let newest = HistoryRequest { room: RoomName::parse("dev").unwrap(), ..HistoryRequest::default() };
    let after = HistoryRequest { after: cursor(7), ..newest.clone() };
    let before = HistoryRequest { before: cursor(7), ..newest.clone() };
    let of_dev = |rest: &str| format!(r#""request":"r1","room":"dev",{rest}"#);
    let (same, other) = (r#""epoch":"rkrxc5f0sqnm","#, r#""epoch":"000000000000","#);
    for (place, of_newest, of_after, of_before) in [
        (r#""from":7,"to":9"#, true, true, false),
        (r#""from":5,"to":7"#, true, false, true),
        (r#""from":8,"to":9"#, true, false, false),
        (r#""from":0,"to":9,"gap":true"#, true, true, true),
        (r#""from":9,"to":7,"gap":true"#, false, false, false),
    ] {
        let page = of_dev(&format!("{same}{place}"));
        for (asked, fits) in [(&newest, of_newest), (&after, of_after), (&before, of_before)] {
            check(asked, &page, fits);
            check(asked, &page.replace("dev", "lobby"), false);
        }
    }
    check(&after, &of_dev(&format!(r#"{other}"from":7,"to":9"#)), false);
    check(&after, &of_dev(&format!(r#"{other}"from":7,"to":9,"gap":true"#)), true);
    check(&newest, r#""request":"r1""#, false);
    check(&newest, r#""timestamp":"2026-11-22T19:11:34.508927""#, true);
}

#[test]
fn results_from_another_room_answer_no_search() {
    let found = r#"{"type":"search_result","messages":[{"username":"bob","message":"x","room":"dev"}]}"#;
    let found: SearchResult = serde_json::from_str(found).unwrap();
    let room = RoomName::parse("dev").ok();
    for (text, room, fits) in [
        ("x", None, true),
        ("x", room.clone(), true),
        ("x", Some(RoomName::lobby()), false),
        ("x room:dev", Some(RoomName::lobby()), true),
        ("x room:#other", room, false),
    ] {
        let search = SearchRequest { text: text.to_owned(), room, ..SearchRequest::default() };
        assert_eq!(Inquiry::search(search).is_answered_by_search(&found), fits, "{text}");
    }
}

#[test]
fn a_join_sends_each_request_once() {
    let mut stage = Stage::new();
    for _ in 0..3 {
        stage.join(RequestKind::Users);
        stage.join(RequestKind::History);
    }
    stage.ask(RequestKind::Users);
    stage.check(an_instant(), 3, 0);
}

#[test]
fn too_many_questions_are_refused_and_a_join_is_not() {
    let mut stage = Stage::new();
    (0..CAPACITY).for_each(|_| stage.ask(RequestKind::Users));
    assert!(stage.out.take().is_empty());
    stage.ask(RequestKind::Users);
    assert!(matches!(&stage.out.take()[..], [Output::Tell(News::Error(_), _)]));
    stage.join(RequestKind::Users);
    stage.check(an_instant(), CAPACITY + 1, 0);
}

#[test]
fn a_ping_is_given_up() {
    let mut stage = Stage::new();
    let now = an_instant();
    stage.ask(RequestKind::Ping);
    stage.check(now, 1, 0);
    stage.check(now + PATIENCE, 0, 1);
    stage.check(now + LONGEST, 0, 0);
}

#[test]
fn an_original_servers_answer_is_for_the_lobby() {
    let mut stage = Stage::new();
    let room = RoomName::parse("dev").unwrap();
    let page = Inquiry::page(HistoryRequest { room, ..HistoryRequest::default() });
    stage.requests.open_own(page);
    stage.requests.take_due(an_instant(), &mut stage.out);
    assert!(stage.requests.answered_without_token(of(RequestKind::History)).is_none());
    stage.join(RequestKind::History);
    assert!(stage.requests.answered_without_token(of(RequestKind::History)).is_none(), "not sent yet");
    stage.requests.take_due(an_instant(), &mut stage.out);
    assert!(stage.requests.answered_without_token(of(RequestKind::History)).is_some());
}

#[test]
fn while_nobody_can_be_asked_nothing_is_due() {
    let mut stage = Stage::new();
    let now = an_instant();
    stage.ask(RequestKind::Users);
    stage.check(now, 1, 0);
    stage.requests.pause();
    assert_eq!(stage.requests.due(), None);
    stage.requests.again();
    stage.check(now + LONGEST, 1, 0);
}
