//! Pure: the chat as the server knows it. Everything that happens comes in as an [`Input`], everything to be done goes
//! out as [`Output`]s; the shell (`server.rs`) has the threads, the clock and the sockets.

mod replies;
#[cfg(test)]
mod tests;

use super::history::{Arrived, Page, PageQuery, Place};
use super::notices::{Notices, Telling};
use super::roster::{Arrival, Change, Kept, Roster};
use super::stats::Stats;
use crate::link::{Publication, Qos};
use crate::now::Now;
use crate::protocol::limits::{PAGE_MESSAGES, TEXT_CHARS};
use crate::protocol::text::visible;
use crate::protocol::{
    Action, Chat as Message, Claim, ErrorCode, ErrorReply, FromServer, Invalid, MessageId, Nick, NickKey, NoticeKind,
    Presence, Request, RequestKind, RoomName, ServerInfo, Session, Status, Timestamp, Token, Topic, Topics, Welcome,
};
use log::{info, warn};
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// The retained user list is published at most this often: originals print the whole of it each time.
const USERS_INTERVAL: Duration = Duration::from_secs(30);
/// The retained counters are published this often.
const STATS_INTERVAL: Duration = Duration::from_secs(10);
/// When the database learns who was heard meanwhile: often enough for people, seldom enough for an SD card.
const HEARD_INTERVAL: Duration = Duration::from_secs(30);
/// A tick that comes so late says that the server itself stood still, and that nobody's silence counts.
const LATE_TICK: Duration = Duration::from_secs(5);
/// Senders that were warned of are remembered up to this many; then it starts over.
const WARNED: usize = 1_000;

/// How this chat is run.
#[derive(Debug, Clone)]
pub struct Config {
    pub topics: Topics,
    /// The silence after which somebody is taken for gone.
    pub timeout: Duration,
    /// Messages that a joiner gets.
    pub history_limit: usize,
    /// Random per run.
    pub instance: String,
}

/// What happens to the chat.
#[derive(Debug)]
pub enum Input<'a> {
    /// The broker can be reached, for the first time or again.
    Connected,
    Lost,
    Message {
        topic: &'a str,
        payload: &'a [u8],
    },
    /// The page that was asked for with [`Output::Page`].
    Page {
        page: Page,
        reply: ReplyTo,
    },
    /// The rooms that were asked for with [`Output::Rooms`], with the number of their messages.
    Rooms {
        rooms: Vec<(RoomName, u64)>,
        reply: ReplyTo,
    },
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone)]
pub enum Output {
    Publish(Publication),
    /// Keep this message.
    Keep(Arrived),
    /// Keep these presences.
    Seats(Vec<Change>),
    /// Answer with [`Input::Page`], after what was to be kept before.
    Page {
        query: PageQuery,
        reply: ReplyTo,
    },
    /// Answer with [`Input::Rooms`].
    Rooms {
        reply: ReplyTo,
    },
}

/// Who asked, and with which token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplyTo {
    requester: Nick,
    /// `None`: an original client, which gets the original's fields on the original's topic.
    session: Option<Session>,
    token: Option<Token>,
}

#[cfg(test)]
impl ReplyTo {
    pub fn for_tests(requester: Nick) -> ReplyTo {
        ReplyTo { requester, session: None, token: None }
    }
}

#[derive(Debug)]
pub struct Chat {
    config: Config,
    started: Timestamp,
    roster: Roster,
    notices: Notices,
    stats: Stats,
    connected: bool,
    /// Somebody came or went since the retained list was published.
    users_stale: bool,
    users_published: Option<Instant>,
    stats_published: Option<Instant>,
    heard_kept: Instant,
    last_tick: Instant,
    /// What was warned of: the kind of payload and its sender.
    warned: HashSet<(&'static str, Option<NickKey>)>,
}

impl Chat {
    /// `kept`: the roster of an earlier run.
    pub fn new(config: Config, kept: Vec<Kept>, now: Now) -> Chat {
        let mut roster = Roster::new(config.timeout);
        roster.restore(kept, now.instant);
        Chat {
            config,
            started: Timestamp::new(now.wall),
            roster,
            notices: Notices::default(),
            stats: Stats::default(),
            connected: false,
            users_stale: true,
            users_published: None,
            stats_published: None,
            heard_kept: now.instant,
            last_tick: now.instant,
            warned: HashSet::new(),
        }
    }

    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Output> {
        let mut outputs = Vec::new();
        match input {
            Input::Connected => self.connected(now, &mut outputs),
            Input::Lost => self.connected = false,
            Input::Message { topic, payload } => self.message(now, topic, payload, &mut outputs),
            Input::Page { page, reply } => self.reply_page(now, page, &reply, &mut outputs),
            Input::Rooms { rooms, reply } => self.reply_rooms(now, rooms, &reply, &mut outputs),
            Input::Tick => self.tick(now, &mut outputs),
        }
        let changes = self.roster.take_changes(now, false);
        if !changes.is_empty() {
            outputs.push(Output::Seats(changes));
        }
        outputs
    }

    /// What the server says of itself, retained; `Offline` is its will, and its last word at a clean stop.
    pub fn server_info(&self, status: Status) -> Publication {
        let info = ServerInfo {
            status,
            instance: self.config.instance.clone(),
            started: Some(self.started.clone()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            identity: "open".to_owned(),
            durable: false,
            heartbeat_seconds: Some((self.config.timeout / 2).as_secs().max(1)),
            timeout_seconds: Some(self.config.timeout.as_secs()),
            history_limit: Some(self.config.history_limit),
            max_page: Some(PAGE_MESSAGES),
            max_message_chars: Some(TEXT_CHARS),
            rate: None,
        };
        self.publication(&Topic::Server, info.to_json(), true)
    }

    // ---- the connection and the clock ----

    fn connected(&mut self, now: Now, outputs: &mut Vec<Output>) {
        self.connected = true;
        self.roster.grace(now.instant);
        self.last_tick = now.instant;
        outputs.push(Output::Publish(self.server_info(Status::Online)));
        // A broker without persistence has forgotten what it retained.
        self.publish_users(now, outputs);
    }

    fn tick(&mut self, now: Now, outputs: &mut Vec<Output>) {
        let late = now.instant.saturating_duration_since(self.last_tick) > LATE_TICK;
        self.last_tick = now.instant;
        if !self.connected {
            return;
        }
        if late {
            self.roster.grace(now.instant);
        }
        for (kind, nick) in self.roster.sweep(now.instant) {
            self.gone(kind, nick, now, outputs);
        }
        for telling in self.notices.due(now.instant) {
            self.tell(telling, now, outputs);
        }
        let due = |last: Option<Instant>, interval| {
            last.is_none_or(|at| now.instant.saturating_duration_since(at) >= interval)
        };
        if self.users_stale && due(self.users_published, USERS_INTERVAL) {
            self.publish_users(now, outputs);
        }
        if due(self.stats_published, STATS_INTERVAL) {
            self.stats_published = Some(now.instant);
            let json = self.stats.to_json(self.roster.online(), &self.started, now);
            let publication = self.publication(&Topic::Stats, json, true);
            outputs.push(Output::Publish(Publication { qos: Qos::AtMostOnce, ..publication }));
        }
        if due(Some(self.heard_kept), HEARD_INTERVAL) {
            self.heard_kept = now.instant;
            let heard = self.roster.take_changes(now, true);
            if !heard.is_empty() {
                outputs.push(Output::Seats(heard));
            }
        }
    }

    // ---- what arrives ----

    fn message(&mut self, now: Now, topic: &str, payload: &[u8], outputs: &mut Vec<Output>) {
        // A topic of a later version, or one with a level that no nick or room can have.
        let Some(parsed) = self.config.topics.parse(topic) else {
            self.stats.invalid_total += 1;
            self.warn_once("topic", None, || format!("ignored a message on topic {}", visible(topic)));
            return;
        };
        let (kind, sender, judged) = match parsed {
            Topic::Messages { sender } => {
                let judged = self.chat(now, payload, RoomName::lobby(), sender.as_ref(), outputs);
                ("chat", sender, judged)
            }
            Topic::Room { room, sender } => {
                let sender = Some(sender);
                let judged = self.chat(now, payload, room, sender.as_ref(), outputs);
                ("chat", sender, judged)
            }
            Topic::Presence { sender } => {
                let judged = self.presence(now, payload, sender.as_ref(), outputs);
                ("presence", sender, judged)
            }
            Topic::Request { what, sender } => {
                let judged = self.request(now, payload, what, sender.as_ref(), outputs);
                ("request", sender, judged)
            }
            Topic::Server => return self.contradict(payload, outputs),
            // Not subscribed to.
            _ => return,
        };
        if let Err(invalid) = judged {
            self.invalid(kind, &invalid, sender, payload, outputs);
        }
    }

    fn chat(
        &mut self,
        now: Now,
        payload: &[u8],
        room: RoomName,
        sender: Option<&NickKey>,
        outputs: &mut Vec<Output>,
    ) -> Result<(), Invalid> {
        let Some(chat) = Message::parse(payload, room)? else { return Ok(()) };
        agree(sender, &chat.nick)?;
        self.stats.messages_total += 1;
        info!(
            "message room={} nick={} id={} length={}{}",
            chat.room,
            shown(&chat.nick),
            chat.id.as_ref().map_or("-".to_owned(), ToString::to_string),
            chat.text.chars().count(),
            if log::log_enabled!(log::Level::Debug) {
                format!(" text={:?}", visible(&chat.text))
            } else {
                String::new()
            },
        );
        let timestamp = chat.timestamp.clone().unwrap_or_else(|| Timestamp::new(now.wall));
        outputs.push(Output::Keep(Arrived { chat, timestamp, received: now.wall.timestamp_millis() }));
        Ok(())
    }

    fn presence(
        &mut self,
        now: Now,
        payload: &[u8],
        sender: Option<&NickKey>,
        outputs: &mut Vec<Output>,
    ) -> Result<(), Invalid> {
        let Some(presence) = Presence::parse(payload)? else { return Ok(()) };
        agree(sender, &presence.nick)?;
        self.stats.presence_total += 1;
        match presence.action {
            Action::Join | Action::Heartbeat => self.arrive(now, presence, outputs),
            Action::Leave if presence.will => self.roster.doubt(&presence, now.instant),
            Action::Leave => {
                if self.roster.leave(&presence) {
                    self.gone(NoticeKind::Leave, presence.nick, now, outputs);
                }
            }
        }
        Ok(())
    }

    fn arrive(&mut self, now: Now, presence: Presence, outputs: &mut Vec<Output>) {
        let arrival = self.roster.arrive(&presence, now.instant);
        let joined = presence.action == Action::Join;
        if arrival == Arrival::New {
            self.stats.joins_total += 1;
            self.users_stale = true;
            info!("joined nick={} online={}", shown(&presence.nick), self.roster.online());
            if let Some(telling) = self.notices.add(NoticeKind::Join, presence.nick.clone(), now.instant) {
                self.tell(telling, now, outputs);
            }
        }
        match (arrival, &presence.session) {
            (Arrival::NickInUse, Some(session)) => {
                let error = ErrorReply {
                    code: ErrorCode::NickInUse,
                    message: format!("{} is in use", presence.nick),
                    session: Some(session.clone()),
                    request: None,
                    of: None,
                };
                self.to_client(presence.nick.key(), error.to_json(), outputs);
            }
            (_, Some(session)) if joined => {
                let welcome = Welcome {
                    session: session.clone(),
                    online_users: Some(self.roster.online() as u64),
                    timestamp: Some(Timestamp::new(now.wall)),
                };
                self.to_client(presence.nick.key(), welcome.to_json(), outputs);
            }
            // The original answers a join with the list of users.
            (_, None) if joined => {
                self.reply_users(now, &ReplyTo { requester: presence.nick, session: None, token: None }, outputs);
            }
            _ => {}
        }
    }

    fn gone(&mut self, kind: NoticeKind, nick: Nick, now: Now, outputs: &mut Vec<Output>) {
        self.users_stale = true;
        let (word, counter) = match kind {
            NoticeKind::Timeout => ("timed out", &mut self.stats.timeouts_total),
            _ => ("left", &mut self.stats.leaves_total),
        };
        *counter += 1;
        info!("{word} nick={} online={}", shown(&nick), self.roster.online());
        if let Some(telling) = self.notices.add(kind, nick, now.instant) {
            self.tell(telling, now, outputs);
        }
    }

    fn tell(&mut self, telling: Telling, now: Now, outputs: &mut Vec<Output>) {
        let nicks: Vec<&Nick> = self.roster.nicks().collect();
        let notice = telling.notice(nicks.into_iter(), Timestamp::new(now.wall));
        outputs.push(Output::Publish(self.publication(&Topic::System, notice.to_json(), false)));
    }

    fn request(
        &mut self,
        now: Now,
        payload: &[u8],
        what: RequestKind,
        sender: Option<&NickKey>,
        outputs: &mut Vec<Output>,
    ) -> Result<(), Invalid> {
        let request = Request::parse(payload, what)?;
        agree(sender, &request.requester)?;
        self.stats.requests_total += 1;
        let page = request.history;
        let reply = ReplyTo { requester: request.requester, session: request.session, token: request.token };
        match what {
            RequestKind::Users => self.reply_users(now, &reply, outputs),
            RequestKind::Rooms => outputs.push(Output::Rooms { reply }),
            RequestKind::Search => {}
            RequestKind::Ping => self.reply_pong(now, &reply, outputs),
            RequestKind::History => {
                let place = match (page.after, page.before) {
                    (Some(cursor), _) => Place::After(cursor),
                    (None, Some(cursor)) => Place::Before(cursor),
                    (None, None) => Place::Newest,
                };
                let limit = page.limit.unwrap_or(self.config.history_limit);
                outputs.push(Output::Page { query: PageQuery { room: page.room, limit, place }, reply });
            }
        }
        Ok(())
    }

    /// Somebody says that the server is offline: the will of an earlier one, whose connection ended only now.
    fn contradict(&self, payload: &[u8], outputs: &mut Vec<Output>) {
        if let Ok(FromServer::Server(info)) = FromServer::parse(payload)
            && info.status == Status::Offline
        {
            outputs.push(Output::Publish(self.server_info(Status::Online)));
        }
    }

    // ---- what is not valid ----

    fn invalid(
        &mut self,
        kind: &'static str,
        invalid: &Invalid,
        sender: Option<NickKey>,
        payload: &[u8],
        outputs: &mut Vec<Output>,
    ) {
        self.stats.invalid_total += 1;
        let claim = Claim::read(payload);
        let key = claim.nick.as_ref().map(|nick| nick.key().clone());
        self.warn_once(kind, key, || {
            let sender = claim.nick.as_ref().map_or("-".to_owned(), shown);
            format!("ignored an invalid {kind} nick={sender}: {}", visible(&invalid.to_string()))
        });
        let (Some(nick), Some(session)) = (claim.nick, claim.session) else { return };
        // Whom the topic names: an answer to the payload's nick would let anybody have others told that their messages
        // were not taken.
        let to = sender.unwrap_or_else(|| nick.key().clone());
        let code = match (kind, invalid) {
            (_, Invalid::TextTooLong | Invalid::TooLarge) => ErrorCode::TooLarge,
            ("request", _) => ErrorCode::BadRequest,
            ("presence", _) => ErrorCode::BadNick,
            _ => ErrorCode::BadMessage,
        };
        let error = ErrorReply {
            code,
            message: invalid.to_string(),
            session: Some(session),
            request: claim.token,
            of: claim.id.filter(|id| kind == "chat" && matches!(id, MessageId::Sent(_))),
        };
        self.to_client(&to, error.to_json(), outputs);
    }

    fn warn_once(&mut self, kind: &'static str, sender: Option<NickKey>, line: impl FnOnce() -> String) {
        if self.warned.len() >= WARNED {
            self.warned.clear();
        }
        if self.warned.insert((kind, sender)) {
            warn!("{}", line());
        }
    }
}

/// A topic's sender level must be the key of the payload's nick.
fn agree(sender: Option<&NickKey>, nick: &Nick) -> Result<(), Invalid> {
    match sender {
        Some(key) if key != nick.key() => Err(Invalid::WrongSender),
        _ => Ok(()),
    }
}

/// A nick in a log line: quoted where it holds a blank, and harmless.
fn shown(nick: &Nick) -> String {
    let text = visible(nick.as_str());
    if text.contains([' ', '"', '=']) { format!("{text:?}") } else { text.into_owned() }
}
