//! Pure: the client's part of a chat. What happens comes in as [`Input`], what is to be done goes out as [`Output`]; the
//! shell (`client.rs`) owns it and carries the outputs out. Never a clock, a thread, a socket or the terminal.
//!
//! ```text
//!          connected            chat/server online, or 1 s without          welcome
//!  Away ──────────────► Listening ───────────────────────────────► Asked ─────────────► Welcomed
//!   ▲                                                                ▲                      │
//!   │ lost, from anywhere                    jitter: Due ────────────┘◄── another server ───┘
//! ```
//!
//! `exchange` holds what goes in and out, `joining` these steps (`presence` what is said with them), `lookout` what is
//! known of the chat's server (`original` what an original one cannot do), `arrivals` what others send (`direct` to us alone),
//! `replies` what the server answers, `pages` what of it is history, `missed` what follows where nobody took what came,
//! `typed` what the user wants (`asking` of the server, `rooms`, `naming`, `ignoring`, `status`), `sending` what becomes of
//! it, `due` when time alone changes something; `requests`, `cursors`, `seen`, `people` and `search` are state of their own.

mod arrivals;
mod direct;
mod due;
mod exchange;
mod joining;
mod lookout;
mod missed;
mod naming;
mod original;
mod outputs;
mod people;
mod presence;
mod publications;
mod replies;
mod requests;
mod rooms;
mod sending;
mod status;
mod typed;
mod visiting;

use super::command::Names;
use super::memo::Remembered;
use super::outbox::{Kept, Message, Outbox};
use crate::now::Now;
use crate::protocol::{Nick, Private, RoomName, ServerInfo, Session};
use crate::random::Random;
use direct::Undelivered;
use naming::{Greeting, Renaming};
use outputs::Outputs;
use people::People;
use publications::Author;
use requests::Requests;
use rooms::OwnRooms;
use sending::Delay;
use std::collections::HashSet;
use std::time::{Duration, Instant};

pub use exchange::{Config, Input, Kind, Local, Output, Publication, Role, Up};
pub use lookout::NO_SERVER;

/// How often heartbeats go out where no server says otherwise: the original's.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// How long the clients of a server that has just started spread their joins over, at most.
const JITTER: Duration = Duration::from_millis(500);
/// The ticket of pings: no message has this number.
const PING_TICKET: u64 = u64::MAX;

/// Where joining stands; the diagram is above.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Join {
    Away,
    Listening { until: Instant },
    Due { at: Instant },
    Asked,
    Welcomed,
}

pub struct Conversation {
    config: Config,
    nick: Nick,
    rooms: OwnRooms,
    join: Join,
    /// Of the present or last connection.
    conn: u32,
    version: &'static str,
    tls: Option<(String, String)>,
    connected_at: Option<Now>,
    /// The server that says it is online, on this connection.
    server: Option<ServerInfo>,
    /// `None`: it cannot be read.
    server_read: Option<lookout::Read>,
    /// How many messages a second it takes, as it said last.
    rate: Option<u64>,
    /// Until when a sender waits for chat/server to tell whether there is a server; only while it is connected.
    undecided_until: Option<Instant>,
    /// It was told that messages take longer than usual, and what has become of some since.
    delay: Option<Delay>,
    /// When to tell that no server answers, unless one does.
    silence_at: Option<Instant>,
    /// That was told.
    told_silence: bool,
    /// An original server has answered, and none of ours was heard since.
    is_original: bool,
    /// The will goes where that one listens.
    will_is_flat: bool,
    /// It was told what it does with direct messages.
    told_of_directs: bool,
    /// One was heard, in this run.
    server_was_heard: bool,
    /// A join under this nick was let in, or there was nobody to ask: messages may go out with every connection.
    may_send: bool,
    /// Until when messages wait for the answer to a first join.
    hold_until: Option<Instant>,
    /// The nick is in use: the next line is another one.
    choosing_nick: bool,
    renaming: Option<Renaming>,
    /// The next connection is there for the sake of another nick, or another will.
    connects_anew: bool,
    greeting: Greeting,
    connection_is_up: bool,
    connected_before: bool,
    /// The last failure to connect that was told, and whether "trying again" was told after it.
    told_failure: Option<String>,
    told_retry: bool,
    told_long_retry: bool,
    heartbeat_at: Option<Instant>,
    /// When a join that no welcome answers is said again.
    join_again_at: Option<Instant>,
    undelivered: Undelivered,
    people: People,
    /// Nicks or rooms may be others than at the last [`Conversation::new_names`].
    names_changed: bool,
    outbox: Outbox,
    requests: Requests,
    random: Random,
    /// Of this run.
    session: Session,
    /// How long it waits before it joins a server that has just started, so that not all clients do so at once.
    jitter: Duration,
    /// Topics whose invalid payloads were told of.
    warned: HashSet<String>,
    out: Outputs,
}

impl Conversation {
    /// `random` gives this run its session, its requests their tokens, and its joins their jitter.
    pub fn new(mut config: Config, mut random: Random) -> Conversation {
        let session = random.session();
        let jitter = JITTER.mul_f64(f64::from(random.bytes::<1>()[0]) / 255.0);
        let mut remembered = std::mem::take(&mut config.remembered);
        config.remembered.server_seen = remembered.server_seen;
        let earlier = std::mem::take(&mut remembered.outbox);
        // For a program nothing is hidden: whoever wants that can do it there. It does not depend on one's nick.
        let ignored = std::mem::take(&mut remembered.ignored).into_iter().filter(|_| config.on_terminal);
        let mut undelivered = Undelivered::default();
        for Kept { message, reference } in &earlier {
            if let Message::Private(Private { id: Some(id), to, .. }) = message {
                undelivered.sent(id.clone(), to.key().clone(), reference.clone());
            }
        }
        let mut conversation = Conversation {
            nick: config.nick.clone(),
            rooms: OwnRooms::new(std::mem::take(&mut config.rooms), config.history),
            join: Join::Away,
            conn: 0,
            version: "",
            tls: None,
            connected_at: None,
            server: None,
            server_read: None,
            rate: None,
            undecided_until: None,
            delay: None,
            silence_at: None,
            told_silence: false,
            is_original: false,
            will_is_flat: false,
            told_of_directs: false,
            server_was_heard: false,
            may_send: config.role == Role::Sender,
            hold_until: None,
            choosing_nick: false,
            renaming: None,
            connects_anew: false,
            greeting: Greeting::Welcome,
            connection_is_up: false,
            connected_before: false,
            told_failure: None,
            told_retry: false,
            told_long_retry: false,
            heartbeat_at: None,
            join_again_at: None,
            undelivered,
            people: People::new(ignored),
            names_changed: true,
            outbox: Outbox::new(session.clone(), earlier),
            requests: Requests::new(config.local),
            random,
            session,
            jitter,
            warned: HashSet::new(),
            out: Outputs::new(config.on_terminal),
            config,
        };
        conversation.recall(remembered);
        conversation
    }

    /// Takes over what earlier runs under this nick left behind, in place of what those under another nick did.
    pub fn recall(&mut self, remembered: Remembered) {
        self.rooms.recall(remembered);
        // An earlier run, or this one under another nick, has shown what waits in the outbox.
        self.outbox.messages().for_each(|message| self.rooms.mark_shown(message));
    }

    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Output> {
        self.names_changed |= matches!(input, Input::Arrived { .. } | Input::Typed(_));
        match input {
            Input::Connected(up) => self.connected(now, up),
            Input::Failed(text) => self.failed(text),
            Input::Lost { reason } => self.lost(now, reason),
            Input::Waiting(delay) => self.waiting(delay),
            Input::Refused(filter) => self.subscription_refused(&filter),
            Input::Arrived { topic, payload, retained } => self.arrived(now, &topic, &payload, retained),
            Input::Full => self.rooms.full(),
            Input::Missed(count) => self.missed(now, count),
            Input::Published(ticket) => self.published(now, ticket),
            Input::Rejected { ticket, reason } => self.rejected(now, ticket, &reason),
            Input::Typed(line) => self.typed(now, line),
            Input::Command(command, reference) => self.command(now, command, reference),
            Input::Tick => self.tick(now),
        }
        self.decide(now);
        self.look_at_renaming(now);
        self.look_at_the_will();
        self.look_for_holes(now);
        self.out.take()
    }

    pub fn nick(&self) -> &Nick {
        &self.nick
    }

    /// The room that is talked in.
    pub fn here(&self) -> &RoomName {
        self.rooms.here()
    }

    /// Whether it is in other rooms than the lobby.
    pub fn is_in_rooms(&self) -> bool {
        !self.rooms.joined().is_empty()
    }

    /// Where the broker is, for people.
    pub fn broker(&self) -> &str {
        &self.config.broker
    }

    /// What can be completed, where that has changed since it was last asked.
    pub fn new_names(&mut self) -> Option<Names> {
        std::mem::take(&mut self.names_changed).then(|| Names {
            nicks: self.people.names(),
            rooms: self.rooms.names(),
            ignored: self.people.ignored(),
        })
    }

    fn author(&self) -> Author<'_> {
        Author {
            topics: &self.config.topics,
            nick: &self.nick,
            session: &self.session,
            conn: self.conn,
            rooms: self.rooms.joined(),
            server_is_known: self.server.is_some(),
        }
    }

    /// Whether [`Conversation::new_names`] has something to tell.
    pub fn has_new_names(&self) -> bool {
        self.names_changed
    }

    /// Messages that are not settled.
    pub fn unsettled(&self) -> usize {
        self.outbox.len()
    }

    /// Whether a program that waits with further messages should go on waiting.
    pub fn is_busy(&self) -> bool {
        self.outbox.is_busy()
    }

    /// Whether a question of the user may still be answered soon.
    pub fn has_questions(&self) -> bool {
        self.requests.has_questions()
    }
}

#[cfg(test)]
mod tests;
