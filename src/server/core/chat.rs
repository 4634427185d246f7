//! Pure: the chat as the server knows it. Everything that happens comes in as an [`Input`], everything to do goes out
//! as [`Output`]s. The service carries them on.

mod directs;
mod exchange;
mod invalid;
mod people;
mod replies;
mod requests;
mod stored;
#[cfg(test)]
mod tests;

use super::acks::Acks;
use super::clearing::Clearing;
use super::direct::Directs;
use super::marks::RoomMarks;
use super::notices::Notices;
use super::record::{Arrived, EarlierRun, Keep, StoreAnswer, WaitingDirect};
use super::roster::Roster;
use super::stats::Stats;
use crate::link::{Publication, Qos};
use crate::now::Now;
use crate::protocol::limits::{PAGE_MESSAGES, TEXT_CHARS};
use crate::protocol::text::visible;
use crate::protocol::{Chat, FromServer, Invalid, Nick, NickKey, RoomName, ServerInfo, Status, Timestamp, Topic};
use invalid::agree;
use log::info;
use std::collections::HashSet;
use std::time::{Duration, Instant};

pub use exchange::{Config, Input, Output};

/// The shortest time between two retained user lists: originals print the whole list each time.
const USERS_INTERVAL: Duration = Duration::from_secs(30);
/// How often the server repeats on chat/server that it is online. The will of an earlier connection may have said
/// `offline` since, and the broker may have dropped it before it reached this server.
const ONLINE_INTERVAL: Duration = Duration::from_secs(60);
/// How often the retained counters are published.
const STATS_INTERVAL: Duration = Duration::from_secs(10);
/// A tick this late means that the server itself stood still. Then nobody's silence counts.
const LATE_TICK: Duration = Duration::from_secs(5);
/// Messages turned away within this time of the last one belong to the same episode, which is logged once.
const EPISODE: Duration = Duration::from_secs(10);
/// The most senders that are remembered as logged. Then the list starts over.
const WARNED: usize = 1_000;

#[derive(Debug)]
pub struct ServerChat {
    config: Config,
    started: Timestamp,
    roster: Roster,
    notices: Notices,
    acks: Acks,
    marks: RoomMarks,
    directs: Directs,
    clearing: Clearing,
    /// Direct messages that were stored while the broker was away.
    unserved: Vec<WaitingDirect>,
    /// Forgotten rooms whose last marks are still retained by the broker.
    forgotten: Vec<RoomName>,
    stats: Stats,
    connected: bool,
    /// People from an earlier run's roster were sent what waits for them.
    resumed: bool,
    /// Somebody came or went since the retained list was published.
    users_stale: bool,
    users_published: Option<Instant>,
    online_published: Option<Instant>,
    stats_published: Option<Instant>,
    last_tick: Instant,
    /// When messages were last turned away.
    turned_away: Option<Instant>,
    /// What was logged as invalid: the kind of payload and its sender.
    warned: HashSet<(&'static str, Option<NickKey>)>,
    /// Logged names that cannot be nicks.
    no_nicks: HashSet<String>,
}

impl ServerChat {
    pub fn new(config: Config, earlier: EarlierRun, now: Now) -> ServerChat {
        let mut roster = Roster::new(config.timeout);
        roster.restore(earlier.seats, now.instant);
        let mut marks = RoomMarks::new(earlier.epoch);
        for (room, pos) in earlier.rooms {
            marks.resume(room, pos, now.instant);
        }
        ServerChat {
            config,
            started: Timestamp::new(now.wall),
            roster,
            notices: Notices::default(),
            acks: Acks::default(),
            marks,
            directs: Directs::default(),
            clearing: Clearing::default(),
            unserved: Vec::new(),
            forgotten: Vec::new(),
            stats: Stats::default(),
            connected: false,
            resumed: false,
            users_stale: true,
            users_published: None,
            online_published: None,
            stats_published: None,
            last_tick: now.instant,
            turned_away: None,
            warned: HashSet::new(),
            no_nicks: HashSet::new(),
        }
    }

    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Output> {
        let mut outputs = Vec::new();
        match input {
            Input::Connected => self.connected(now, &mut outputs),
            Input::Lost => self.connected = false,
            Input::Message { topic, payload } => self.message(now, topic, payload, &mut outputs),
            Input::Retained { topic } => self.retained(now, topic, &mut outputs),
            Input::Store(answer) => self.answered(now, answer, &mut outputs),
            Input::TurnedAway(count) => self.turned_away(now, count),
            Input::Tick => self.tick(now, &mut outputs),
            Input::Due => {}
            Input::Leaving => {
                self.acks.hurry();
                self.marks.hurry(now.instant);
            }
        }
        self.tell_what_is_stored(now, &mut outputs);
        let changes = self.roster.take_changes();
        if !changes.is_empty() {
            outputs.push(Output::Seats(changes));
        }
        outputs
    }

    /// When there is something to do by time alone, with a finer resolution than ticks. [`Input::Due`] is due then.
    pub fn next_due(&self) -> Option<Instant> {
        let next = [self.acks.next_due(), self.marks.next_due()].into_iter().flatten().min();
        // Without a connection nobody can be told.
        next.filter(|_| self.connected)
    }

    /// Random per run.
    pub fn instance(&self) -> &str {
        &self.config.instance
    }

    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// What the server says about itself, retained. `Offline` is its will, and its last word at a clean stop.
    pub fn server_info(&self, status: Status) -> Publication {
        let info = ServerInfo {
            status,
            instance: self.config.instance.clone(),
            started: Some(self.started.clone()),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            identity: "open".to_owned(),
            durable: self.config.durable,
            heartbeat_seconds: Some((self.config.timeout / 2).as_secs().max(1)),
            timeout_seconds: Some(self.config.timeout.as_secs()),
            history_limit: Some(self.config.history_limit),
            max_page: Some(PAGE_MESSAGES),
            max_message_chars: Some(TEXT_CHARS),
            rate: None,
        };
        self.publication(&Topic::Server, info.to_json(), true)
    }

    fn answered(&mut self, now: Now, answer: StoreAnswer, outputs: &mut Vec<Output>) {
        match answer {
            StoreAnswer::Committed { committed, arrived } => {
                self.stats.committed(&arrived, now.instant);
                self.committed(now, committed, outputs);
            }
            StoreAnswer::Page { page, reply } => self.reply_page(now, page, &reply, outputs),
            StoreAnswer::Rooms { rooms, reply } => self.reply_rooms(now, rooms, &reply, outputs),
            StoreAnswer::Found { found, reply } => self.reply_found(now, found, &reply, outputs),
            StoreAnswer::Waiting { to, after, found } => self.waiting(now, &to, after, found, outputs),
            StoreAnswer::RoomsForgotten(rooms) => self.rooms_forgotten(rooms, outputs),
            StoreAnswer::SeatsDone { .. } | StoreAnswer::Settled | StoreAnswer::Unanswered { .. } => {}
        }
    }

    // ---- the connection and the clock ----

    fn connected(&mut self, now: Now, outputs: &mut Vec<Output>) {
        self.connected = true;
        self.roster.grace(now.instant);
        self.last_tick = now.instant;
        self.publish_online(now, outputs);
        // A broker without persistence has lost its retained messages.
        self.publish_users(now, outputs);
        self.rooms_forgotten(Vec::new(), outputs);
        self.marks.hurry(now.instant);
        if !std::mem::replace(&mut self.resumed, true) {
            self.resume_directs(now, outputs);
        }
        for direct in std::mem::take(&mut self.unserved) {
            self.stored_direct(now, direct, outputs);
        }
    }

    fn publish_online(&mut self, now: Now, outputs: &mut Vec<Output>) {
        self.online_published = Some(now.instant);
        outputs.push(Output::Publish(self.server_info(Status::Online)));
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
        let again = self.directs.due(now.instant);
        self.take_steps(now, again, outputs);
        let due = |last: Option<Instant>, interval| {
            last.is_none_or(|at| now.instant.saturating_duration_since(at) >= interval)
        };
        if self.users_stale && due(self.users_published, USERS_INTERVAL) {
            self.publish_users(now, outputs);
        }
        if due(self.online_published, ONLINE_INTERVAL) {
            self.publish_online(now, outputs);
        }
        if due(self.stats_published, STATS_INTERVAL) {
            self.stats_published = Some(now.instant);
            let json = self.stats.take_json(self.roster.online(), &self.started, now);
            let publication = self.publication(&Topic::Stats, json, true);
            outputs.push(Output::Publish(Publication { qos: Qos::AtMostOnce, ..publication }));
        }
    }

    // ---- what arrives ----

    fn message(&mut self, now: Now, topic: &str, payload: &[u8], outputs: &mut Vec<Output>) {
        // A topic of a later version, or one with a level that is neither a nick nor a room.
        let Some(parsed) = self.config.topics.parse(topic) else {
            self.stats.invalid_total += 1;
            self.warn_once("topic", None, || format!("ignored a message on topic {}", visible(topic)));
            return;
        };
        // A retained message was cleared, usually by this server.
        if payload.is_empty() {
            return;
        }
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
            Topic::Private { to, sender } => {
                let (kind, judged) = self.private(now, payload, &to, &sender, outputs);
                (kind, Some(sender), judged)
            }
            Topic::Presence { sender } => {
                let judged = self.presence(now, payload, sender.as_ref(), outputs);
                ("presence", sender, judged)
            }
            Topic::Request { what, sender } => {
                let judged = self.request(now, payload, what, sender.as_ref(), outputs);
                ("request", sender, judged)
            }
            Topic::Server => return self.server_says(payload, outputs),
            // The server's own message, or a topic that it does not subscribe to.
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
        let Some(chat) = Chat::parse(payload, room)? else { return Ok(()) };
        agree(sender, &chat.nick)?;
        self.stats.messages_total += 1;
        info!(
            "message room={} nick={} id={} length={}{}{}",
            chat.room,
            shown(&chat.nick),
            chat.id.as_ref().map_or("-".to_owned(), ToString::to_string),
            chat.text.chars().count(),
            // It may be stored already.
            if chat.late { " late" } else { "" },
            if log::log_enabled!(log::Level::Debug) {
                format!(" text={:?}", visible(&chat.text))
            } else {
                String::new()
            },
        );
        let timestamp = chat.timestamp.clone().unwrap_or_else(|| Timestamp::new(now.wall));
        let arrived = Arrived { chat, timestamp, received: now.wall.timestamp_millis() };
        outputs.push(Output::Keep(Keep::Chat(arrived)));
        Ok(())
    }

    /// Nothing that people say may be retained. An empty retained message removes it from the broker.
    fn retained(&mut self, now: Now, topic: &str, outputs: &mut Vec<Output>) {
        use Topic::{Messages, Private, PrivateServer, Room};
        let parsed = self.config.topics.parse(topic);
        let Some(parsed @ (Messages { .. } | Room { .. } | Private { .. } | PrivateServer { .. })) = parsed else {
            return;
        };
        if self.clearing.is_due(topic, now.instant) {
            self.warn_once("retained", None, || {
                format!("a message was retained, which its sender must not ask for; cleared topic {}", visible(topic))
            });
            outputs.push(Output::Publish(self.publication(&parsed, Vec::new(), true)));
        }
    }

    /// Handles what arrives on `chat/server` while this server is connected.
    fn server_says(&mut self, payload: &[u8], outputs: &mut Vec<Output>) {
        let Ok(FromServer::Server(info)) = FromServer::parse(payload) else { return };
        match info.status {
            // The will of an earlier server, whose connection ended only now.
            Status::Offline => outputs.push(Output::Publish(self.server_info(Status::Online))),
            // It found no other server when it started, so this one stood still then. It is only logged: anybody can
            // forge this.
            Status::Online if info.instance != self.config.instance => self.warn_once("server", None, || {
                format!(
                    "another server came online on chat/server (instance {}), and this one goes on: two servers keep two \
                     histories; stop one of them",
                    visible(&info.instance)
                )
            }),
            Status::Online => {}
        }
    }
}

/// A nick for a log line: without control characters, quoted if it holds a blank.
fn shown(nick: &Nick) -> String {
    let text = visible(nick.as_str());
    if text.contains([' ', '"', '=']) { format!("{text:?}") } else { text.into_owned() }
}
