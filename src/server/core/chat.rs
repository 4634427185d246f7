//! Pure: the chat as the server knows it. It takes the events that concern it. Its effects go through the service.

mod directs;
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
use super::exchange::{ServiceEffect, ServiceEvent};
use super::marks::RoomMarks;
use super::notices::Notices;
use super::record::{Arrived, EarlierRun, Keep, StoreAnswer, StoreTask, WaitingDirect};
use super::roster::Roster;
use super::schedule::{Periodic, Schedule};
use super::stats::Stats;
use super::warnings::Warnings;
use crate::link::{Event as LinkEvent, Message, Publication, Qos};
use crate::now::Now;
use crate::protocol::limits::{PAGE_MESSAGES, TEXT_CHARS};
use crate::protocol::text::visible;
use crate::protocol::{
    ChatMessage, FromServer, Invalid, Nick, NickKey, Place, RoomName, ServerInfo, Status, Timestamp, Topic, Topics,
};
use invalid::agree;
use log::info;
use std::time::{Duration, Instant};

/// A tick this late means that the server itself stood still. Then nobody's silence counts.
const LATE_TICK: Duration = Duration::from_secs(5);
/// How long a broker delivers what it queued, at most. Less than a server takes to say again that it is online.
const BACKLOG: Duration = Duration::from_secs(10);

/// The settings of the chat.
#[derive(Debug, Clone)]
pub struct Config {
    pub topics: Topics,
    /// How long somebody may be silent before they time out.
    pub timeout: Duration,
    /// The number of messages in a page if the request does not say.
    pub history_limit: usize,
    /// Random per run.
    pub instance: String,
    /// The history outlives the server.
    pub durable: bool,
}

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
    schedule: Schedule,
    warnings: Warnings,
    /// Direct messages that were stored while the broker was away.
    unserved: Vec<WaitingDirect>,
    /// Forgotten rooms whose last marks are still retained by the broker.
    forgotten: Vec<RoomName>,
    stats: Stats,
    connected: bool,
    /// `None`: the broker had no session of this server.
    backlog_until: Option<Instant>,
    /// The roster of an earlier run has been served with its waiting messages.
    resumed: bool,
    last_tick: Instant,
    /// The time of the current event.
    now: Now,
    /// The effects of the current event, in order.
    out: Vec<ServiceEffect>,
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
            schedule: Schedule::new(),
            warnings: Warnings::default(),
            unserved: Vec::new(),
            forgotten: Vec::new(),
            stats: Stats::default(),
            connected: false,
            backlog_until: None,
            resumed: false,
            last_tick: now.instant,
            now,
            out: Vec::new(),
        }
    }

    pub fn handle(&mut self, now: Now, event: ServiceEvent) -> Vec<ServiceEffect> {
        self.now = now;
        match event {
            ServiceEvent::Link(LinkEvent::Connected { session_present, .. }) => self.connected(session_present),
            ServiceEvent::Link(LinkEvent::Lost { .. }) => self.connected = false,
            ServiceEvent::Link(LinkEvent::Message(message)) => self.message(&message),
            ServiceEvent::Store(answer) => self.answered(answer),
            ServiceEvent::Tick { turned_away } => {
                if turned_away > 0 {
                    // Their senders get no confirmation, so they retransmit them.
                    self.stats.dropped_total += turned_away;
                    self.warnings.dropped(now.instant);
                }
                self.tick();
            }
            _ => {}
        }
        self.tell_what_is_stored();
        let changes = self.roster.take_changes();
        if !changes.is_empty() {
            self.out.push(ServiceEffect::Store(StoreTask::Seats(changes)));
        }
        std::mem::take(&mut self.out)
    }

    /// The server is about to stop: everything pending is published with the next event.
    pub fn hurry(&mut self, now: Instant) {
        self.acks.hurry();
        self.marks.hurry(now);
    }

    /// The next deadline, finer than ticks. [`ServiceEvent::Due`] is due then.
    pub fn next_due(&self) -> Option<Instant> {
        let next = [self.acks.next_due(), self.marks.next_due()].into_iter().flatten().min();
        // Nothing can be published without a connection.
        next.filter(|_| self.connected)
    }

    /// Random per run.
    pub fn instance(&self) -> &str {
        &self.config.instance
    }

    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// The server's retained description. `Offline` is its will, and its last publication at a clean stop.
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

    fn answered(&mut self, answer: StoreAnswer) {
        match answer {
            StoreAnswer::Committed { committed, arrived } => {
                self.stats.committed(&arrived, self.now.instant);
                self.committed(committed);
            }
            StoreAnswer::Page { page, reply } => self.reply_page(page, &reply),
            StoreAnswer::Rooms { rooms, reply } => self.reply_rooms(rooms, &reply),
            StoreAnswer::Found { found, reply } => self.reply_found(found, &reply),
            StoreAnswer::Waiting { to, after, found } => self.waiting(&to, after, found),
            StoreAnswer::RoomsForgotten(rooms) => self.rooms_forgotten(rooms),
            StoreAnswer::SeatsDone { .. } | StoreAnswer::Settled | StoreAnswer::Unanswered { .. } => {}
        }
    }

    // ---- connection and clock ----

    fn connected(&mut self, session_present: bool) {
        self.connected = true;
        self.backlog_until = session_present.then(|| self.now.instant + BACKLOG);
        self.roster.grace(self.now.instant);
        self.last_tick = self.now.instant;
        self.publish_online();
        // A broker without persistence has lost its retained messages.
        self.publish_users();
        self.rooms_forgotten(Vec::new());
        self.marks.repeat(self.now.instant);
        if !std::mem::replace(&mut self.resumed, true) {
            self.resume_directs();
        }
        for direct in std::mem::take(&mut self.unserved) {
            self.stored_direct(direct);
        }
    }

    fn publish_online(&mut self) {
        self.schedule.published(Periodic::Online, self.now.instant);
        self.out.push(ServiceEffect::Publish(self.server_info(Status::Online)));
    }

    fn publish_stats(&mut self) {
        self.schedule.published(Periodic::Stats, self.now.instant);
        let json = self.stats.take_json(self.roster.online(), &self.started, self.now);
        let publication = self.publication(&Topic::Stats, json, true);
        self.out.push(ServiceEffect::Publish(Publication { qos: Qos::AtMostOnce, ..publication }));
    }

    fn tick(&mut self) {
        let now = self.now.instant;
        let late = now.saturating_duration_since(self.last_tick) > LATE_TICK;
        self.last_tick = now;
        if !self.connected {
            return;
        }
        if late {
            self.roster.grace(now);
        }
        for (kind, nick) in self.roster.sweep(now) {
            self.gone(kind, nick);
        }
        for telling in self.notices.due(now) {
            self.tell(telling);
        }
        let again = self.directs.due(now);
        self.take_steps(again);
        for periodic in self.schedule.due(now) {
            match periodic {
                Periodic::Users => self.publish_users(),
                Periodic::Online => self.publish_online(),
                Periodic::Stats => self.publish_stats(),
            }
        }
    }

    // ---- arrivals ----

    fn message(&mut self, message: &Message) {
        let Message { topic, payload, retained, .. } = message;
        // It is not handled as a message: it would be counted again with every connection.
        if *retained {
            return self.retained(topic);
        }
        // A topic of a later version, or one with a level that is neither a nick nor a room.
        let Some(parsed) = self.config.topics.parse(topic) else {
            self.stats.invalid_total += 1;
            self.warnings.once("topic", None, || format!("ignored a message on topic {}", visible(topic)));
            return;
        };
        // A retained message was cleared, usually by this server.
        if payload.is_empty() {
            return;
        }
        let (kind, judged, sender) = match parsed {
            Topic::Messages { sender } => ("chat", self.chat(payload, RoomName::lobby(), sender.as_ref()), sender),
            Topic::Room { room, sender } => ("chat", self.chat(payload, room, Some(&sender)), Some(sender)),
            Topic::Private { to, sender } => {
                let (kind, judged) = self.private(payload, &to, &sender);
                (kind, judged, Some(sender))
            }
            Topic::Presence { sender } => ("presence", self.presence(payload, sender.as_ref()), sender),
            Topic::Request { what, sender } => ("request", self.request(payload, what, sender.as_ref()), sender),
            Topic::Server => return self.server_says(payload),
            // The server's own message, or a topic that it does not subscribe to.
            _ => return,
        };
        if let Err(invalid) = judged {
            self.invalid(kind, &invalid, sender, payload);
        }
    }

    fn chat(&mut self, payload: &[u8], room: RoomName, sender: Option<&NickKey>) -> Result<(), Invalid> {
        let parsed = ChatMessage::<Place>::parse(payload, Some(room.clone()))?;
        let Some(message) = parsed else { return Ok(()) };
        agree(sender, &message.nick)?;
        self.stats.messages_total += 1;
        info!(
            "message room={room} nick={} id={} length={}{}{}",
            shown(&message.nick),
            message.id.as_ref().map_or("-".to_owned(), ToString::to_string),
            message.text.chars().count(),
            // It may be stored already.
            if message.late { " late" } else { "" },
            if log::log_enabled!(log::Level::Debug) {
                format!(" text={:?}", visible(&message.text))
            } else {
                String::new()
            },
        );
        self.keep_message(message);
        Ok(())
    }

    fn keep_message(&mut self, mut message: ChatMessage<Place>) {
        message.timestamp.get_or_insert_with(|| self.timestamp());
        self.keep(Keep::Message(Arrived { message, received: self.now.wall.timestamp_millis() }));
    }

    /// Messages must not be retained. An empty retained message removes one from the broker.
    fn retained(&mut self, topic: &str) {
        use Topic::{Messages, Private, PrivateServer, Room};
        let parsed = self.config.topics.parse(topic);
        let Some(parsed @ (Messages { .. } | Room { .. } | Private { .. } | PrivateServer { .. })) = parsed else {
            return;
        };
        if self.clearing.is_due(topic, self.now.instant) {
            self.warnings.once("retained", None, || {
                format!("a message was retained, which its sender must not ask for; cleared topic {}", visible(topic))
            });
            self.publish(&parsed, Vec::new(), true);
        }
    }

    /// Whether the broker may still deliver what it queued while this server was away. That begins before this server
    /// learns that it is connected.
    fn reads_backlog(&self) -> bool {
        !self.connected || self.backlog_until.is_some_and(|until| self.now.instant < until)
    }

    /// Handles what arrives on `chat/server` while this server is connected.
    fn server_says(&mut self, payload: &[u8]) {
        let Ok(FromServer::Server(info)) = FromServer::parse(payload) else { return };
        match info.status {
            // The late will of an earlier server.
            Status::Offline => self.out.push(ServiceEffect::Publish(self.server_info(Status::Online))),
            // That one came and went while this server was away, or it will say so again within a minute.
            Status::Online if self.reads_backlog() => {}
            // It found no other server at its start, so this server stood still at that time. It is only logged,
            // because anybody can forge this.
            Status::Online if info.instance != self.config.instance => self.warnings.once("server", None, || {
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
