//! Pure: what the server was asked and has not answered yet; when to ask again. The conversation owns it.

pub mod search;

use crate::protocol::{
    History, HistoryRequest, RequestKind, RoomName, SearchQuery, SearchRequest, SearchResult, Token,
};
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long an answer may take before the same is asked again, at first and at most.
pub const PATIENCE: Duration = Duration::from_secs(5);
pub const LONGEST: Duration = Duration::from_secs(60);
/// Requests that can be open at a time, where the user asks for one more.
pub const CAPACITY: usize = 1_000;

/// Gives each request a token that no other request had, in this run or an earlier one.
pub type Tokens = Box<dyn FnMut() -> Token + Send>;

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    pub kind: RequestKind,
    /// Meant where `kind` is `History`.
    pub history: HistoryRequest,
    /// Meant where `kind` is `Search`.
    pub search: SearchRequest,
}

/// One open request.
#[derive(Debug, Clone)]
pub struct Open {
    pub token: Token,
    pub question: Question,
    pub origin: Origin,
    /// When it was last sent.
    pub sent: Option<Instant>,
    /// The user was told that the answer takes longer.
    pub is_late: bool,
    wait: Duration,
}

/// Who wants to know.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// The conversation itself: with every join, and where it finds that something is missing.
    Own,
    /// The user, with the `ref` of a program.
    User { reference: Option<Value> },
}

/// A question of the user that waited [`PATIENCE`] in vain.
#[derive(Debug, PartialEq)]
pub struct Unanswered {
    pub question: Question,
    pub reference: Option<Value>,
}

/// There are [`CAPACITY`] requests open already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

pub struct Requests {
    open: Vec<Open>,
    tokens: Tokens,
}

impl Question {
    pub fn of(kind: RequestKind) -> Question {
        Question { kind, history: HistoryRequest::default(), search: SearchRequest::default() }
    }

    pub fn page(history: HistoryRequest) -> Question {
        Question { history, ..Question::of(RequestKind::History) }
    }

    pub fn search(search: SearchRequest) -> Question {
        Question { search, ..Question::of(RequestKind::Search) }
    }

    /// Whether this can be the page that was asked for.
    pub fn is_answered_by_page(&self, page: &History) -> bool {
        let HistoryRequest { room, before, after, .. } = &self.history;
        let fits = match (&page.span, after, before) {
            // An original server's page: it tells neither token nor place.
            (None, ..) => page.request.is_none(),
            (Some(span), ..) if span.room != *room || span.from > span.to => false,
            (Some(span), Some(after), _) => span.gap || (&span.epoch, span.from) == (&after.epoch, after.pos),
            (Some(span), None, Some(before)) => span.gap || (&span.epoch, span.to) == (&before.epoch, before.pos),
            (Some(_), None, None) => true,
        };
        self.kind == RequestKind::History && fits
    }

    /// Whether these can be the messages that were searched for.
    pub fn is_answered_by_search(&self, result: &SearchResult) -> bool {
        let typed = SearchQuery::parse(&self.search.text).ok().and_then(|query| query.room);
        let room = typed.as_ref().or(self.search.room.as_ref());
        self.kind == RequestKind::Search
            && result.messages.iter().all(|found| room.is_none_or(|room| found.room == *room))
    }
}

impl Requests {
    pub fn new(tokens: Tokens) -> Requests {
        Requests { open: Vec::new(), tokens }
    }

    /// Notes a question of our own, to be sent with the next [`Requests::due`]. It replaces an earlier one of its kind
    /// about the same room.
    pub fn open_of_our_own(&mut self, question: Question) {
        let same = |open: &Open| {
            let Open { question: Question { kind, history, .. }, origin, .. } = open;
            (*origin == Origin::Own) && (*kind, &history.room) == (question.kind, &question.history.room)
        };
        self.open.retain(|open| !same(open));
        self.open(question, Origin::Own);
    }

    /// Notes a question of the user, to be sent with the next [`Requests::due`].
    ///
    /// # Errors
    /// [`CAPACITY`] requests are open.
    pub fn open_for_user(&mut self, question: Question, reference: Option<Value>) -> Result<(), TooMany> {
        if self.open.len() >= CAPACITY {
            return Err(TooMany);
        }
        self.open(question, Origin::User { reference });
        Ok(())
    }

    fn open(&mut self, question: Question, origin: Origin) {
        let token = (self.tokens)();
        self.open.push(Open { token, question, origin, sent: None, is_late: false, wait: PATIENCE });
    }

    /// The user was told that what was asked last is not answered soon.
    pub fn expect_nothing_of_the_last(&mut self) {
        if let Some(open) = self.open.last_mut() {
            open.is_late = true;
        }
    }

    /// Every open request is due now: another server may answer it.
    pub fn again(&mut self) {
        for open in &mut self.open {
            open.sent = None;
            open.wait = PATIENCE;
        }
    }

    /// What is to be sent now: what was not sent yet, and what was answered by nobody for too long. Questions of the
    /// user of the second kind are told too, once each; a ping is given up.
    pub fn due(&mut self, now: Instant) -> (Vec<Open>, Vec<Unanswered>) {
        let mut due = Vec::new();
        let mut unanswered = Vec::new();
        self.open.retain_mut(|open| {
            let is_late = open.sent.is_some_and(|sent| now.saturating_duration_since(sent) >= open.wait);
            if open.sent.is_some() && !is_late {
                return true;
            }
            if is_late {
                if let Origin::User { reference } = &open.origin
                    && open.wait == PATIENCE
                    && !std::mem::replace(&mut open.is_late, true)
                {
                    unanswered.push(Unanswered { question: open.question.clone(), reference: reference.clone() });
                }
                if open.question.kind == RequestKind::Ping {
                    return false;
                }
                open.wait = (open.wait * 2).min(LONGEST);
            }
            open.sent = Some(now);
            due.push(open.clone());
            true
        });
        (due, unanswered)
    }

    /// When [`Requests::due`] finds something.
    pub fn next_due(&self, now: Instant) -> Option<Instant> {
        self.open.iter().map(|open| open.sent.map_or(now, |sent| sent + open.wait)).min()
    }

    /// The request that a refusal with this token answers.
    pub fn answer(&mut self, token: &Token) -> Option<Open> {
        let at = self.open.iter().position(|open| open.token == *token)?;
        Some(self.open.remove(at))
    }

    /// The request that a reply with this token answers. If the reply does not fit the question, it stays open.
    pub fn answer_if(&mut self, token: &Token, fits: impl Fn(&Question) -> bool) -> Option<Open> {
        let at = self.open.iter().position(|open| open.token == *token && fits(&open.question))?;
        Some(self.open.remove(at))
    }

    /// The request that an original server's reply, which names none, answers.
    pub fn answer_without_token(&mut self, fits: impl Fn(&Question) -> bool) -> Option<Open> {
        let is_asked = |open: &Open| open.sent.is_some() && open.question.history.room.is_lobby();
        let at = self.open.iter().position(|open| is_asked(open) && fits(&open.question))?;
        Some(self.open.remove(at))
    }

    /// Takes back these questions of the user, each with the `ref` of a program.
    pub fn take_of_user(&mut self, is_it: impl Fn(&Question) -> bool) -> Vec<(Question, Option<Value>)> {
        let taken = self.open.extract_if(.., |open| open.origin != Origin::Own && is_it(&open.question));
        taken.map(|open| (open.question, open.origin.into_reference())).collect()
    }

    /// Takes back what we asked about a room of our own accord: it was left.
    pub fn forget_room(&mut self, room: &RoomName) {
        self.open.retain(|open| open.origin != Origin::Own || open.question.history.room != *room);
    }

    /// What `/status` measures holds for the connection on which it was asked.
    pub fn forget_own_pings(&mut self) {
        self.open.retain(|open| open.origin != Origin::Own || open.question.kind != RequestKind::Ping);
    }

    /// Whether the user waits for an answer of this kind.
    pub fn is_asked_by_user(&self, kind: RequestKind) -> bool {
        self.open.iter().any(|open| open.origin != Origin::Own && open.question.kind == kind)
    }

    /// Whether a question of the user may still be answered soon.
    pub fn has_questions(&self) -> bool {
        self.open.iter().any(|open| open.origin != Origin::Own && open.wait == PATIENCE)
    }
}

/// r1, r2, …: tokens that a test knows.
#[cfg(test)]
pub fn numbered() -> Tokens {
    let mut last = 0;
    Box::new(move || {
        last += 1;
        Token::from_number(last)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Cursor;

    fn of(kind: RequestKind) -> impl Fn(&Question) -> bool {
        move |question| question.kind == kind
    }

    fn ask(requests: &mut Requests, kind: RequestKind) {
        requests.open_for_user(Question::of(kind), None).unwrap();
    }

    fn join(requests: &mut Requests, kind: RequestKind) {
        requests.open_of_our_own(Question::of(kind));
    }

    #[track_caller]
    fn check(requests: &mut Requests, at: Instant, due: usize, unanswered: usize) {
        let (sent, told) = requests.due(at);
        assert_eq!((sent.len(), told.len()), (due, unanswered));
    }

    #[test]
    fn asked_again_after_5_s_doubling_to_60() {
        let mut requests = Requests::new(numbered());
        ask(&mut requests, RequestKind::Users);
        let mut now = Instant::now();
        check(&mut requests, now, 1, 0);
        assert!(requests.has_questions());
        for (seconds, told) in [(5, 1), (10, 0), (20, 0), (40, 0), (60, 0), (60, 0)] {
            now += Duration::from_secs(seconds) - Duration::from_millis(1);
            check(&mut requests, now, 0, 0);
            now += Duration::from_millis(1);
            check(&mut requests, now, 1, told);
        }
        assert!(!requests.has_questions());
        requests.again();
        check(&mut requests, now, 1, 0);
        assert!(requests.answer(&Token::from_number(1)).is_some());
        assert!(requests.answer(&Token::from_number(1)).is_none());
    }

    #[test]
    fn an_answer_of_another_kind_is_none() {
        let mut requests = Requests::new(numbered());
        ask(&mut requests, RequestKind::Users);
        assert!(requests.answer_if(&Token::from_number(1), of(RequestKind::History)).is_none());
        assert!(requests.answer_if(&Token::from_number(1), of(RequestKind::Users)).is_some());
    }

    #[test]
    fn a_page_of_another_place_answers_nothing() {
        #[track_caller]
        fn check(asked: &HistoryRequest, page: &str, fits: bool) {
            let page = format!(r#"{{"type":"history","messages":[],{page}}}"#);
            let page = History::parse(page.as_bytes()).unwrap();
            assert_eq!(Question::page(asked.clone()).is_answered_by_page(&page), fits, "{page:?}");
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
    fn what_is_found_in_another_room_answers_no_search() {
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
            assert_eq!(Question::search(search).is_answered_by_search(&found), fits, "{text}");
        }
    }

    #[test]
    fn a_join_asks_each_thing_once() {
        let mut requests = Requests::new(numbered());
        for _ in 0..3 {
            join(&mut requests, RequestKind::Users);
            join(&mut requests, RequestKind::History);
        }
        ask(&mut requests, RequestKind::Users);
        check(&mut requests, Instant::now(), 3, 0);
    }

    #[test]
    fn too_many_questions_are_refused_and_a_join_is_not() {
        let mut requests = Requests::new(numbered());
        (0..CAPACITY).for_each(|_| ask(&mut requests, RequestKind::Users));
        assert_eq!(requests.open_for_user(Question::of(RequestKind::Users), None), Err(TooMany));
        join(&mut requests, RequestKind::Users);
        check(&mut requests, Instant::now(), CAPACITY + 1, 0);
    }

    #[test]
    fn a_ping_is_given_up() {
        let mut requests = Requests::new(numbered());
        let now = Instant::now();
        ask(&mut requests, RequestKind::Ping);
        check(&mut requests, now, 1, 0);
        check(&mut requests, now + PATIENCE, 0, 1);
        check(&mut requests, now + LONGEST, 0, 0);
    }

    #[test]
    fn an_original_servers_answer_is_for_the_lobby() {
        let mut requests = Requests::new(numbered());
        let room = RoomName::parse("dev").unwrap();
        requests.open_of_our_own(Question::page(HistoryRequest { room, ..HistoryRequest::default() }));
        requests.due(Instant::now());
        assert!(requests.answer_without_token(of(RequestKind::History)).is_none());
        join(&mut requests, RequestKind::History);
        assert!(requests.answer_without_token(of(RequestKind::History)).is_none(), "not sent yet");
        requests.due(Instant::now());
        assert!(requests.answer_without_token(of(RequestKind::History)).is_some());
    }
}
