//! Open requests to the server: when they are retransmitted, and what the user is told meanwhile.
//!
//! ```text
//!  open_own, ask ──► unsent ──► sent, again after 5 s, 10 s … 60 s ──► answered, refused or given up
//!                      ▲                       │
//!                      └── pause, then again ──┘ nobody can be asked
//! ```
//!
//! The user's searches go out one at a time, because the server answers only the newest one of each client; so do the
//! user's requests for pages, because a cut page is kept until the rest has arrived.

mod gathering;
mod inquiry;
mod search;

use super::Local;
use super::outputs::Outputs;
use super::people::People;
use crate::client::core::news::News;
use crate::protocol::{OnlineUsers, Pong, RequestKind, RoomName, SearchRequest, SearchResult, Token};
use crate::random::Random;
use gathering::Gathered;
use search::Search;
use serde_json::Value;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

pub use inquiry::Inquiry;

/// How long to wait for an answer before a retransmission: the first time, and at most.
pub const PATIENCE: Duration = Duration::from_secs(5);
pub const LONGEST: Duration = Duration::from_secs(60);
/// The most open requests when the user makes another one.
const CAPACITY: usize = 1_000;

/// A request without an answer.
#[derive(Debug)]
pub struct OpenRequest {
    pub token: Token,
    pub inquiry: Inquiry,
    /// The user made it; otherwise the conversation itself, with every join and when something is missing.
    pub by_user: bool,
    /// The `ref` of a program.
    pub reference: Option<Value>,
    /// When it was last sent.
    sent: Option<Instant>,
    /// When it is retransmitted. `None`: as soon as somebody can be asked.
    again_at: Option<Instant>,
    wait: Duration,
    /// The user was told that the answer is late.
    is_late: bool,
    /// The pages that have arrived, if this requests a further one.
    gathered: Option<Box<Gathered>>,
}

/// Who could answer now.
#[derive(Debug, Clone, Copy)]
pub struct Reach {
    pub is_connected: bool,
    /// The user was told that no server answers.
    pub is_silent: bool,
    /// The server is an original one.
    pub is_original: bool,
}

#[derive(Debug)]
pub struct Requests {
    open: Vec<OpenRequest>,
    search: Search,
    /// When pings were sent that the broker has not acknowledged, with the `ref` of a program. The broker acknowledges
    /// in order.
    pings: VecDeque<(Instant, Option<Value>)>,
    /// The first list of users was told.
    told_users: bool,
    random: Random,
}

impl Requests {
    /// `local`: converts a time of the user's time zone. `random` provides tokens.
    pub fn new(local: Local, random: Random) -> Requests {
        Requests { open: Vec::new(), search: Search::new(local), pings: VecDeque::new(), told_users: false, random }
    }

    /// Opens a request of our own. It goes out with the next [`Requests::take_due`], and replaces an earlier one of its
    /// kind about the same room.
    pub fn open_own(&mut self, inquiry: Inquiry) {
        let same = |open: &OpenRequest| {
            let Inquiry { kind, history, .. } = &open.inquiry;
            !open.by_user && (*kind, &history.room) == (inquiry.kind, &inquiry.history.room)
        };
        self.open.retain(|open| !same(open));
        self.open(inquiry, false, None);
    }

    /// Opens a request of the user. It goes out with the next [`Requests::take_due`]. Tells the user if the answer will
    /// take a while.
    pub fn ask(&mut self, inquiry: Inquiry, reach: Reach, out: &mut Outputs) {
        if let Some(why) = inquiry.refused_by_originals().filter(|_| reach.is_original) {
            return out.error(why);
        }
        let (command, is_ping) = (inquiry.command(), inquiry.kind == RequestKind::Ping);
        if out.is_on_terminal() && !reach.is_connected && is_ping {
            return out.error("not connected: there is nothing to measure");
        }
        if self.open.len() >= CAPACITY {
            return out.error(format!("not asked: {CAPACITY} questions wait for an answer already"));
        }
        self.open(inquiry, true, out.reference());
        if out.is_on_terminal() && (!reach.is_connected || reach.is_silent && !is_ping) {
            // It was already told that the answer is late.
            if let Some(open) = self.open.last_mut() {
                open.is_late = true;
            }
            out.answer(match reach.is_connected {
                true => format!("no chat server is answering: {command} waits for one"),
                false => format!("not connected: {command} goes out as soon as there is a connection"),
            });
        }
    }

    /// What to search for. `None`: continue the last search with older messages. Tells why nothing can be searched.
    pub fn search(&mut self, search: Option<SearchRequest>, out: &mut Outputs) -> Option<Inquiry> {
        self.search.ask(search).map(Inquiry::search).map_err(|text| out.error(text)).ok()
    }

    /// The result of a search.
    pub fn found(&mut self, mut result: SearchResult, open: OpenRequest, people: &People, out: &mut Outputs) {
        self.search.answered(&open.inquiry.search, &result);
        result.messages.retain(|found| !people.ignores(found.entry.nick.key()));
        out.reply(News::Found(result), open.reference);
    }

    /// The server has turned out to be an original one, which cannot answer some of the user's requests.
    pub fn refuse_of_original(&mut self, out: &mut Outputs) {
        let is_refused = |open: &mut OpenRequest| {
            open.by_user && open.gathered.is_none() && open.inquiry.refused_by_originals().is_some()
        };
        for open in self.open.extract_if(.., is_refused) {
            let why = open.inquiry.refused_by_originals().map(News::Error);
            why.into_iter().for_each(|why| out.reply(why, open.reference.clone()));
        }
    }

    /// The token is random, so no other reply, not even to an earlier run, is taken for the answer.
    fn open(&mut self, inquiry: Inquiry, by_user: bool, reference: Option<Value>) {
        let token = self.random.token();
        let (sent, again_at, wait, is_late, gathered) = (None, None, PATIENCE, false, None);
        self.open.push(OpenRequest { token, inquiry, by_user, reference, sent, again_at, wait, is_late, gathered });
    }

    /// Retransmits every open request: another server may answer.
    pub fn again(&mut self) {
        for open in &mut self.open {
            (open.sent, open.again_at, open.wait) = (None, None, PATIENCE);
        }
    }

    /// Nobody can be asked for now.
    pub fn pause(&mut self) {
        self.open.iter_mut().for_each(|open| open.again_at = None);
    }

    /// The connection is lost. Round trips cannot be measured any longer.
    pub fn lost(&mut self) {
        self.pause();
        self.pings.clear();
        // `/status` measures the round trip of one connection.
        self.open.retain(|open| open.by_user || open.inquiry.kind != RequestKind::Ping);
    }

    /// The requests to send now: new ones whose turn it is, and those whose answer is overdue. The user is told of
    /// requests that are overdue for the first time. An overdue ping is given up.
    pub fn take_due(&mut self, now: Instant, out: &mut Outputs) -> Vec<(Token, Inquiry)> {
        let mut due = Vec::new();
        // The kinds of which one is under way, and how long that one waits for an answer.
        let mut under_way: Vec<(RequestKind, Duration)> = Vec::new();
        self.open.retain_mut(|open| {
            let kind = open.inquiry.kind;
            let ahead = under_way.iter().find(|(ahead, _)| open.takes_turns() && *ahead == kind);
            if let Some((_, wait)) = ahead {
                open.wait = *wait;
                open.is_unanswered(out);
                return true;
            }
            if open.again_at.is_some_and(|at| at <= now) {
                open.wait = (open.wait * 2).min(LONGEST);
                open.is_unanswered(out);
                if kind == RequestKind::Ping {
                    return false;
                }
                open.again_at = None;
            }
            if open.again_at.is_none() {
                if open.sent.is_none() {
                    open.wait = PATIENCE;
                }
                (open.sent, open.again_at) = (Some(now), Some(now + open.wait));
                due.push((open.token.clone(), open.inquiry.clone()));
                if kind == RequestKind::Ping {
                    self.pings.push_back((now, open.reference.clone()));
                }
            }
            if open.takes_turns() {
                under_way.push((kind, open.wait));
            }
            true
        });
        due
    }

    /// When a request is retransmitted or given up.
    pub fn due(&self) -> Option<Instant> {
        self.open.iter().flat_map(|open| [open.again_at, open.gives_up_at()]).flatten().min()
    }

    /// The request that a reply with this token answers. If the reply does not fit, the request stays open.
    pub fn answered(&mut self, token: &Token, fits: impl Fn(&Inquiry) -> bool) -> Option<OpenRequest> {
        let at = self.open.iter().position(|open| open.token == *token && fits(&open.inquiry))?;
        Some(self.open.remove(at))
    }

    /// The request that a reply without a token answers. Original servers send these.
    pub fn answered_without_token(&mut self, fits: impl Fn(&Inquiry) -> bool) -> Option<OpenRequest> {
        let is_asked =
            |open: &OpenRequest| open.sent.is_some() && open.gathered.is_none() && open.inquiry.history.room.is_lobby();
        let at = self.open.iter().position(|open| is_asked(open) && fits(&open.inquiry))?;
        Some(self.open.remove(at))
    }

    /// The room was left: drops our own requests about it.
    pub fn forget_room(&mut self, room: &RoomName) {
        self.open.retain(|open| open.by_user || open.inquiry.history.room != *room);
    }

    /// Whether a request of the user may still be answered soon.
    pub fn has_questions(&self) -> bool {
        self.open.iter().any(|open| open.by_user && open.wait == PATIENCE)
    }

    /// Whether a page that the conversation requested itself has not arrived.
    #[cfg(feature = "simulation")]
    pub fn awaits_pages(&self) -> bool {
        self.open.iter().any(|open| !open.by_user && open.inquiry.kind == RequestKind::History)
    }

    /// The list of users. It is requested with every join, and told the first time and to those who asked.
    pub fn users_are(&mut self, list: OnlineUsers, open: OpenRequest, out: &mut Outputs) {
        let OpenRequest { by_user, reference, .. } = open;
        let is_first = !std::mem::replace(&mut self.told_users, true);
        let is_asked = |open: &OpenRequest| open.by_user && open.inquiry.kind == RequestKind::Users;
        if by_user || is_first && !self.open.iter().any(is_asked) {
            out.reply(News::Users { list, by_user }, reference);
        }
    }

    /// The broker has acknowledged a ping.
    pub fn ping_published(&mut self, now: Instant, out: &mut Outputs) {
        if let Some((sent, reference)) = self.pings.pop_front() {
            out.reply(News::BrokerRoundTrip(now.saturating_duration_since(sent)), reference);
        }
    }

    /// The broker refuses pings. The user sees only that the server does not answer.
    pub fn ping_rejected(&mut self) {
        self.pings.pop_front();
    }

    /// The server has answered a ping.
    pub fn ponged(&self, now: Instant, pong: Pong, open: OpenRequest, out: &mut Outputs) {
        if let Some(sent) = open.sent {
            let time = now.saturating_duration_since(sent);
            out.reply(News::ServerRoundTrip { pong, time }, open.reference);
        }
    }
}

impl OpenRequest {
    /// A late answer gets an introduction, because the question has scrolled away.
    pub fn introduce(&self, out: &mut Outputs) {
        if out.is_on_terminal() && self.is_late && self.by_user {
            out.answer(format!("the answer to your {}:", self.command()));
        }
    }

    /// Whether it goes out only after earlier ones of its kind were answered.
    fn takes_turns(&self) -> bool {
        self.by_user && matches!(self.inquiry.kind, RequestKind::History | RequestKind::Search)
    }

    /// Tells the user once if there is no answer in time, to this request or to the one that it waits for.
    fn is_unanswered(&mut self, out: &mut Outputs) {
        if !self.by_user || self.wait == PATIENCE || std::mem::replace(&mut self.is_late, true) {
            return;
        }
        let text = match (out.is_on_terminal(), self.inquiry.kind) {
            (false, kind) => format!("no chat server answers the request for {}", kind.as_str()),
            (true, RequestKind::Ping) => "no chat server answers /ping".to_owned(),
            (true, _) => format!("no answer to {} yet: it will be shown when it comes", self.command()),
        };
        out.reply(News::Error(text), self.reference.clone());
    }
}

#[cfg(test)]
mod tests;
