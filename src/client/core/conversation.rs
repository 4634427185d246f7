//! Pure: the client's part of a chat. It takes [`Input`]s and returns [`Output`]s.
//!
//! Each part owns its state, makes its own decisions and deadlines, and pushes its outputs to `outputs`: `connection`,
//! `lookout` (watches for the chat server), `joining`, `naming`, `sending`, `rooms`, `people` and `requests`. The
//! conversation dispatches: `arrivals` handles what arrives, `typed` handles commands, `turns` handles consequences and
//! timeouts. `exchange` defines the inputs and outputs; `presence` builds what is published besides messages.

mod arrivals;
mod connection;
mod exchange;
mod joining;
mod lookout;
mod naming;
mod outputs;
mod people;
mod presence;
mod requests;
mod rooms;
mod sending;
mod turns;
mod typed;

use super::command::Names;
use super::memo::Remembered;
use super::news::Obstacle;
use crate::link::Event;
use crate::now::Now;
use crate::protocol::{Nick, RoomName};
use crate::random::Random;
use connection::OwnConnection;
use joining::Joining;
use lookout::ServerWatch;
use naming::Naming;
use outputs::Outputs;
use people::People;
use requests::Requests;
use rooms::OwnRooms;
use sending::{Passage, Sending};
use std::time::Instant;

pub use exchange::{Config, Input, Local, Output, Role};
pub use lookout::NO_SERVER;

/// The ticket of pings. No message has this number.
const PING_TICKET: u64 = u64::MAX;

#[derive(Debug)]
pub struct Conversation {
    config: Config,
    connection: OwnConnection,
    lookout: ServerWatch,
    joining: Joining,
    naming: Naming,
    sending: Sending,
    rooms: OwnRooms,
    people: People,
    requests: Requests,
    /// Nicks or rooms may have changed since the last [`Conversation::new_names`].
    names_changed: bool,
    random: Random,
    out: Outputs,
}

impl Conversation {
    /// `random` provides this run's session, the tokens of requests, and the jitter of joins.
    pub fn new(mut config: Config, random: Random) -> Conversation {
        let session = random.session();
        let jitter = random.bytes::<1>()[0];
        let mut remembered = std::mem::take(&mut config.remembered);
        let earlier = std::mem::take(&mut remembered.outbox);
        // Programs get every message and can filter for themselves. The ignore list does not depend on the user's nick.
        let ignored = std::mem::take(&mut remembered.ignored).into_iter().filter(|_| config.on_terminal);
        let mut conversation = Conversation {
            connection: OwnConnection::new(config.broker.clone()),
            lookout: ServerWatch::new(config.role, remembered.server_seen),
            joining: Joining::new(config.role == Role::Sender, jitter),
            naming: Naming::new(config.nick.clone(), session.clone()),
            sending: Sending::new(config.qos, session, earlier, config.keeps_outbox),
            rooms: OwnRooms::new(std::mem::take(&mut config.rooms), config.history),
            people: People::new(ignored),
            requests: Requests::new(config.local, random.clone()),
            names_changed: true,
            random,
            out: Outputs::new(config.on_terminal),
            config,
        };
        conversation.recall(remembered);
        conversation
    }

    /// Loads what earlier runs under this nick left, and replaces what belongs to another nick.
    pub fn recall(&mut self, remembered: Remembered) {
        self.rooms.recall(remembered);
        // Messages in the outbox were shown by an earlier run, or by this one under another nick.
        self.sending.outbox().messages().for_each(|message| self.rooms.mark_shown(message));
    }

    pub fn handle(&mut self, now: Now, input: Input) -> Vec<Output> {
        self.names_changed |= matches!(input, Input::Link(Event::Message(_)) | Input::Typed(_));
        match input {
            Input::Link(event) => self.link(now, event),
            Input::Full => self.rooms.full(),
            Input::Missed(count) => self.missed(count),
            Input::Typed(line) => self.typed(now, line),
            Input::Command(command, reference) => {
                self.out.refer_to(reference);
                self.command(now, command);
                self.out.refer_to(None);
            }
            Input::Closing => self.requests.give_up_further_pages(now.instant),
            Input::Tick => {}
        }
        self.take_turns(now);
        self.out.take()
    }

    /// The next deadline: [`Input::Tick`] is due then. `None`: there is none.
    pub fn due(&self) -> Option<Instant> {
        let (joining, lookout, naming) = (self.joining.due(), self.lookout.due(), self.naming.due());
        let parts = [joining, lookout, naming, self.sending.due(), self.rooms.due(), self.requests.due()];
        parts.into_iter().flatten().min()
    }

    pub fn nick(&self) -> &Nick {
        self.naming.nick()
    }

    /// The current room.
    pub fn here(&self) -> &RoomName {
        self.rooms.here()
    }

    /// Whether the user is in any room besides the lobby.
    pub fn is_in_rooms(&self) -> bool {
        !self.rooms.joined().is_empty()
    }

    /// The broker's address, for people.
    pub fn broker(&self) -> &str {
        self.connection.broker()
    }

    /// The names to complete, if they have changed since the last call.
    pub fn new_names(&mut self) -> Option<Names> {
        std::mem::take(&mut self.names_changed).then(|| Names {
            nicks: self.people.names(),
            rooms: self.rooms.names(),
            ignored: self.people.ignored(),
        })
    }

    /// Whether [`Conversation::new_names`] would return names.
    pub fn has_new_names(&self) -> bool {
        self.names_changed
    }

    /// The number of unsettled messages.
    pub fn unsettled(&self) -> usize {
        self.sending.outbox().len()
    }

    /// Whether a program should hold back further messages.
    pub fn is_busy(&self) -> bool {
        self.sending.outbox().is_busy()
    }

    /// Whether a request of the user may still be answered soon.
    pub fn has_questions(&self) -> bool {
        self.requests.has_questions()
    }

    /// Whether pages are under way that fill holes.
    #[cfg(feature = "simulation")]
    pub fn awaits_pages(&self) -> bool {
        self.requests.awaits_pages()
    }

    /// Whether messages wait for a chat server that is away. The broker's acknowledgement does not settle them.
    pub fn awaits_a_server(&self) -> bool {
        let Passage { is_connected, server_is_there, ends_at_broker, .. } = self.passage();
        is_connected && !server_is_there && !ends_at_broker
    }

    /// Whether unsettled messages will wait a while longer.
    pub fn is_delayed(&self) -> bool {
        !self.connection.is_up() || self.sending.is_delayed()
    }

    /// Whether the next line is a nick.
    pub fn asks_for_a_nick(&self) -> bool {
        self.naming.is_choosing()
    }

    /// The prompt.
    pub fn prompt(&self) -> String {
        self.naming.prompt(self.rooms.here())
    }

    /// The current path between messages and the chat server.
    fn passage(&self) -> Passage {
        let (is_connected, server_is_there) = (self.connection.is_up(), self.lookout.is_known());
        let ends_at_broker = self.lookout.acknowledgement_is_the_end(is_connected);
        let obstacle = match () {
            () if !is_connected => Obstacle::Connection,
            () if ends_at_broker => Obstacle::Broker,
            () if self.joining.is_joined() && !server_is_there => Obstacle::Server,
            () => Obstacle::Silence,
        };
        let is_told = self.config.role == Role::Member && !self.naming.is_choosing();
        Passage {
            is_connected,
            is_open: is_connected && self.joining.may_send() && !self.naming.is_changing(),
            server_is_there,
            rate: self.lookout.rate(),
            ends_at_broker,
            obstacle: is_told.then_some(obstacle),
        }
    }
}

#[cfg(test)]
mod tests;
