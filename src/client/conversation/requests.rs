//! Pure: what the server was asked and has not answered yet; when to ask again. The conversation owns it.

use crate::protocol::{HistoryRequest, RequestKind, Token};
use serde_json::Value;
use std::time::{Duration, Instant};

/// How long an answer may take before the same is asked again, at first and at most.
pub const PATIENCE: Duration = Duration::from_secs(5);
const LONGEST: Duration = Duration::from_secs(60);
/// Requests that can be open at a time, where the user asks for one more.
pub const CAPACITY: usize = 1_000;

/// One open request.
#[derive(Debug, Clone)]
pub struct Open {
    pub token: Token,
    pub kind: RequestKind,
    /// Meant where `kind` is `History`.
    pub history: HistoryRequest,
    pub origin: Origin,
    /// When it was last sent.
    pub sent: Option<Instant>,
    wait: Duration,
}

/// Who wants to know.
#[derive(Debug, Clone, PartialEq)]
pub enum Origin {
    /// The conversation itself, with every join.
    Join,
    /// The user, with the `ref` of a program.
    User { reference: Option<Value> },
}

/// A question of the user that waited [`PATIENCE`] in vain.
#[derive(Debug, PartialEq)]
pub struct Unanswered {
    pub kind: RequestKind,
    pub reference: Option<Value>,
}

/// There are [`CAPACITY`] requests open already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooMany;

#[derive(Debug, Default)]
pub struct Requests {
    open: Vec<Open>,
    last_token: u64,
}

impl Requests {
    /// Notes a request of a join, to be sent with the next [`Requests::due`]. It replaces the one that an earlier join made.
    pub fn open_for_join(&mut self, kind: RequestKind, history: HistoryRequest) {
        self.open.retain(|open| open.origin != Origin::Join || open.kind != kind || open.history.room != history.room);
        self.open(kind, history, Origin::Join);
    }

    /// Notes a question of the user, to be sent with the next [`Requests::due`].
    ///
    /// # Errors
    /// [`CAPACITY`] requests are open.
    pub fn open_for_user(
        &mut self,
        kind: RequestKind,
        history: HistoryRequest,
        reference: Option<Value>,
    ) -> Result<(), TooMany> {
        if self.open.len() >= CAPACITY {
            return Err(TooMany);
        }
        self.open(kind, history, Origin::User { reference });
        Ok(())
    }

    fn open(&mut self, kind: RequestKind, history: HistoryRequest, origin: Origin) {
        self.last_token += 1;
        let token = Token::from_number(self.last_token);
        self.open.push(Open { token, kind, history, origin, sent: None, wait: PATIENCE });
    }

    /// Every open request is due now: another server may answer it.
    pub fn again(&mut self) {
        for open in &mut self.open {
            open.sent = None;
            open.wait = PATIENCE;
        }
    }

    /// What is to be sent now: what was not sent yet, and what was answered by nobody for too long. Questions of the
    /// user of the second kind are told too, once each; a ping among them is given up.
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
                {
                    unanswered.push(Unanswered { kind: open.kind, reference: reference.clone() });
                    if open.kind == RequestKind::Ping {
                        return false;
                    }
                }
                open.wait = (open.wait * 2).min(LONGEST);
            }
            open.sent = Some(now);
            due.push(open.clone());
            true
        });
        (due, unanswered)
    }

    /// The request that a reply with this token answers.
    pub fn answer(&mut self, token: &Token) -> Option<Open> {
        let at = self.open.iter().position(|open| open.token == *token)?;
        Some(self.open.remove(at))
    }

    /// The request that an original server's reply, which names none, answers.
    pub fn answer_without_token(&mut self, kind: RequestKind) -> Option<Open> {
        let fits = |open: &Open| open.kind == kind && open.sent.is_some() && open.history.room.is_lobby();
        let at = self.open.iter().position(fits)?;
        Some(self.open.remove(at))
    }

    /// What a join asked about a room that was left.
    pub fn forget_room(&mut self, room: &crate::protocol::RoomName) {
        self.open.retain(|open| open.origin != Origin::Join || open.history.room != *room);
    }

    /// Whether a question of the user may still be answered soon.
    pub fn has_questions(&self) -> bool {
        self.open.iter().any(|open| open.origin != Origin::Join && open.wait == PATIENCE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(requests: &mut Requests, kind: RequestKind) {
        requests.open_for_user(kind, HistoryRequest::default(), None).unwrap();
    }

    fn join(requests: &mut Requests, kind: RequestKind) {
        requests.open_for_join(kind, HistoryRequest::default());
    }

    #[track_caller]
    fn check(requests: &mut Requests, at: Instant, due: usize, unanswered: usize) {
        let (sent, told) = requests.due(at);
        assert_eq!((sent.len(), told.len()), (due, unanswered));
    }

    #[test]
    fn asked_again_after_5_s_doubling_to_60() {
        let mut requests = Requests::default();
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
    fn a_join_asks_each_thing_once() {
        let mut requests = Requests::default();
        for _ in 0..3 {
            join(&mut requests, RequestKind::Users);
            join(&mut requests, RequestKind::History);
        }
        ask(&mut requests, RequestKind::Users);
        check(&mut requests, Instant::now(), 3, 0);
    }

    #[test]
    fn too_many_questions_are_refused_and_a_join_is_not() {
        let mut requests = Requests::default();
        (0..CAPACITY).for_each(|_| ask(&mut requests, RequestKind::Users));
        assert_eq!(requests.open_for_user(RequestKind::Users, HistoryRequest::default(), None), Err(TooMany));
        join(&mut requests, RequestKind::Users);
        check(&mut requests, Instant::now(), CAPACITY + 1, 0);
    }

    #[test]
    fn a_ping_is_given_up() {
        let mut requests = Requests::default();
        let now = Instant::now();
        ask(&mut requests, RequestKind::Ping);
        check(&mut requests, now, 1, 0);
        check(&mut requests, now + PATIENCE, 0, 1);
        check(&mut requests, now + LONGEST, 0, 0);
    }

    #[test]
    fn an_original_servers_answer_is_for_the_lobby() {
        let mut requests = Requests::default();
        let room = crate::protocol::RoomName::parse("dev").unwrap();
        requests.open_for_join(RequestKind::History, HistoryRequest { room, ..HistoryRequest::default() });
        requests.due(Instant::now());
        assert!(requests.answer_without_token(RequestKind::History).is_none());
        join(&mut requests, RequestKind::History);
        assert!(requests.answer_without_token(RequestKind::History).is_none(), "not sent yet");
        requests.due(Instant::now());
        assert!(requests.answer_without_token(RequestKind::History).is_some());
    }
}
