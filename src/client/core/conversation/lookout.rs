//! Watches for the chat server: what chat/server says, and what else shows that there is a server, perhaps an original
//! one.
//!
//! An overloaded broker drops messages, and chat/server may be among them. So while no server is known, chat/server is
//! read again: a SUBSCRIBE makes the broker resend the retained message.

use super::outputs::Outputs;
use super::requests::{LONGEST, PATIENCE, Reach};
use super::{Output, Role};
use crate::client::core::memo::Memo;
use crate::client::core::news::News;
use crate::now::Now;
use crate::protocol::{Nick, ServerInfo, Status, Timestamp, Topic, Topics};
use std::time::{Duration, Instant};

/// Told once if nobody answers a join.
pub const NO_SERVER: &str = "no chat server is answering: history and the user list are unavailable";
/// How long the retained chat/server may take after the subscription.
pub const LISTEN: Duration = Duration::from_secs(1);
/// How often heartbeats go out by default, as with the original.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// The rate in messages per second at which a sender publishes before it knows the server's limit. The limit arrives
/// soon, and most senders have only one message.
const BEFORE_A_WORD: u64 = 10;

#[derive(Debug, Default)]
pub struct ServerWatch {
    role: Role,
    /// The server that is online, as it said on this connection.
    server: Option<ServerInfo>,
    /// `None`: the broker does not allow it, or there is no connection.
    read: Option<LastRead>,
    /// The server's limit in messages per second, as last published.
    rate: Option<u64>,
    /// Until when a sender waits for chat/server to show whether there is a server.
    undecided_until: Option<Instant>,
    /// When to tell that no server answers.
    silence_at: Option<Instant>,
    told_silence: bool,
    /// An original server has answered, and none of ours has been heard from since.
    is_original: bool,
    /// The user was told how an original server treats direct messages.
    told_of_directs: bool,
    /// A server was heard from in this run.
    was_heard: bool,
    /// A server of ours was seen in this run or an earlier one.
    was_seen: bool,
}

/// When chat/server was last read.
#[derive(Debug)]
struct LastRead {
    at: Instant,
    pause: Duration,
    /// When it is read again, while no server is known.
    again_at: Option<Instant>,
}

/// What a message on chat/server means.
#[derive(Debug, PartialEq, Eq)]
pub enum ServerWord {
    /// It repeats what is known, or is about a server that has gone.
    NoNews,
    /// A server is there, perhaps replacing another one.
    Came,
    Went,
    /// There is still none.
    StillAway,
}

impl ServerWatch {
    /// `was_seen`: in an earlier run.
    pub fn new(role: Role, was_seen: bool) -> ServerWatch {
        ServerWatch { role, was_seen, ..ServerWatch::default() }
    }

    /// The server that is online.
    pub fn server(&self) -> Option<&ServerInfo> {
        self.server.as_ref()
    }

    pub fn is_known(&self) -> bool {
        self.server.is_some()
    }

    /// Whether an original server has answered.
    pub fn is_original(&self) -> bool {
        self.is_original
    }

    /// Whether the user was told that no server answers.
    pub fn is_silent(&self) -> bool {
        self.told_silence
    }

    /// Whether chat/server can be read.
    pub fn is_readable(&self) -> bool {
        self.read.is_some()
    }

    pub fn reach(&self, is_connected: bool) -> Reach {
        Reach { is_connected, is_silent: self.told_silence, is_original: self.is_original }
    }

    pub fn heartbeat_period(&self) -> Duration {
        let announced = self.server.as_ref().and_then(|server| server.heartbeat_seconds);
        announced.map_or(HEARTBEAT, |seconds| Duration::from_secs(seconds.clamp(1, 3_600)))
    }

    /// How many messages per second may go out.
    pub fn rate(&self) -> Option<u64> {
        self.undecided_until.map_or(self.rate, |_| Some(BEFORE_A_WORD))
    }

    /// Whether no confirmation follows the broker's acknowledgement of a message: no server that confirms messages was
    /// ever here, or an original one has replaced it. A sender that has just connected does not know that yet.
    pub fn acknowledgement_is_the_end(&self, is_connected: bool) -> bool {
        let is_told = is_connected && self.undecided_until.is_none();
        self.is_original || !self.was_seen && (self.role == Role::Member || is_told)
    }

    /// A connection was made, and chat/server was read with it.
    pub fn connected(&mut self, now: Instant) {
        self.was_read(now);
        if self.role == Role::Sender && self.server.is_none() {
            self.undecided_until = Some(now + LISTEN);
        }
    }

    /// The connection is lost. The next one shows whether a server is there.
    pub fn lost(&mut self) {
        self.server = None;
        self.read = None;
        self.silence_at = None;
        self.undecided_until = None;
    }

    /// A message on chat/server.
    pub fn says(&mut self, now: Instant, info: ServerInfo, out: &mut Outputs) -> ServerWord {
        let started = |server: &ServerInfo| server.started.as_ref().and_then(Timestamp::at);
        if info.status == Status::Offline
            && let (Some(known), Some(this)) = (self.server.as_ref().and_then(started), started(&info))
            && this < known
        {
            // A will that came late: this server's successor is here already.
            return ServerWord::NoNews;
        }
        self.rate = info.rate;
        // Every server that uses chat/server also confirms messages, now or when it is back. So from now on
        // confirmations are awaited.
        if !std::mem::replace(&mut self.was_seen, true) {
            out.remember(Memo::ServerSeen);
        }
        self.undecided_until = None;
        let word = match (info.status, &self.server) {
            (Status::Online, known) => {
                let is_another =
                    |known: &ServerInfo| (&known.instance, &known.started) != (&info.instance, &info.started);
                let came = known.as_ref().is_none_or(is_another);
                self.is_original = false;
                self.server = Some(info.clone());
                self.read.iter_mut().for_each(|read| read.again_at = None);
                if came { ServerWord::Came } else { ServerWord::NoNews }
            }
            (Status::Offline, None) => ServerWord::StillAway,
            // It may only be restarting.
            (Status::Offline, Some(_)) => {
                self.server = None;
                self.awaits_a_word(now);
                self.was_read(now);
                ServerWord::Went
            }
        };
        if matches!(word, ServerWord::Came | ServerWord::Went) {
            out.tell(News::Server(info));
        }
        word
    }

    /// Expects a word from a server soon.
    pub fn awaits_a_word(&mut self, now: Instant) {
        self.silence_at = Some(now + PATIENCE);
    }

    fn was_read(&mut self, now: Instant) {
        let again_at = self.server.is_none().then_some(now + PATIENCE);
        self.read = Some(LastRead { at: now, pause: PATIENCE, again_at });
    }

    /// Handles deadlines. `true`: a sender no longer waits for a server that may not be there.
    pub fn look(&mut self, now: Instant, topics: &Topics, out: &mut Outputs) -> bool {
        if self.silence_at.take_if(|at| now >= *at).is_some() && !std::mem::replace(&mut self.told_silence, true) {
            out.hint(NO_SERVER);
        }
        if let Some(read) = self.read.as_mut().filter(|read| read.again_at.is_some_and(|at| now >= at)) {
            let pause = (read.pause * 2).min(LONGEST);
            *read = LastRead { at: now, pause, again_at: Some(now + pause) };
            out.push(Output::Subscribe(topics.name(&Topic::Server)));
        }
        self.undecided_until.take_if(|until| now >= *until).is_some()
    }

    /// When [`ServerWatch::look`] has work.
    pub fn due(&self) -> Option<Instant> {
        let read = self.read.as_ref().and_then(|read| read.again_at);
        [self.silence_at, self.undecided_until, read].into_iter().flatten().min()
    }

    /// Something arrived that only a server of ours sends. If none is known, its chat/server message was missed.
    pub fn is_shown(&mut self, out: &mut Outputs) {
        self.is_heard(out);
        if let Some(read) = &mut self.read {
            read.pause = read.pause.min(LISTEN);
            read.again_at = read.again_at.map(|_| read.at + read.pause);
        }
    }

    /// A server, ours or an original one, was heard from.
    pub fn is_heard(&mut self, out: &mut Outputs) {
        self.silence_at = None;
        let again = std::mem::replace(&mut self.was_heard, true);
        if std::mem::take(&mut self.told_silence) {
            out.hint(if again { "the chat server answers again" } else { "a chat server answers now" });
        }
    }

    /// An original server has answered a request. `true`: this is news.
    pub fn original_answers(&mut self) -> bool {
        !std::mem::replace(&mut self.is_original, true)
    }

    /// Tells a person at a terminal, once, how original servers treat direct messages.
    pub fn doubt(&mut self, to: &Nick, out: &mut Outputs) {
        if out.is_on_terminal() && self.is_original && !std::mem::replace(&mut self.told_of_directs, true) {
            out.answer(format!(
                "the chat server here is an original one, which keeps no direct messages: {to} gets it only if here now, \
                 and not with an original client; nobody is told if it does not arrive"
            ));
        }
    }

    /// The broker does not grant a subscription.
    pub fn refused(&mut self, filter: &str, topics: &Topics, out: &mut Outputs) {
        if filter == topics.name(&Topic::Server) {
            self.read = None;
        }
        out.error(format!("the broker does not allow a subscription to {filter}"));
    }

    /// A line of `/status`.
    pub fn status(&self, now: Now, is_connected: bool) -> String {
        let Some(server) = &self.server else {
            return match (is_connected, self.is_original, self.told_silence) {
                (false, ..) => "not known while there is no connection",
                (true, true, _) => "an original one: it has no rooms and no search, and does not say what it stores",
                (true, false, true) => "none is answering",
                (true, false, false) => "none has said that it is there",
            }
            .to_owned();
        };
        let keeps = if server.durable { "stores what is said" } else { "forgets what is said when it ends" };
        let since = server.started.as_ref().and_then(|started| started.at());
        let since = since.map(|at| at.with_timezone(now.wall.offset()).format(", since %Y-%m-%d %H:%M").to_string());
        format!("version {}, {keeps}{}", server.version, since.unwrap_or_default())
    }
}

#[cfg(test)]
mod tests;
