//! What all participants of a run share: time, the network with the broker, the ledger, and what is known of messages on
//! the wire. Each node's driver gets it with every event.

use super::happening::Happening;
use super::wire::{self, Spoken};
use crate::link::{Address, Lookout, Subscription, Transport, Version, WillOf};
use crate::link::{Config, Message, Publication, Settings};
use crate::now::Now;
use crate::protocol::{SentId, Session, Topics};
use crate::simulation::ledger::{Fact, Ledger, Number, Party, RunNumber, STRANGER};
use crate::simulation::outside::Outside;
use crate::simulation::plan::{CrashPoint, Plan};
use crate::simulation::rng::Rng;
use crate::simulation::world::{Micros, NodeId, World};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::time::Duration;

pub struct Stage {
    pub world: World<Happening>,
    pub outside: Outside,
    pub ledger: Ledger,
    pub topics: Topics,
    pub rng: Rng,
    keep_alive: Duration,
    /// Which message an identifier is of.
    ids: BTreeMap<SentId, Number>,
    /// Whose session it is.
    sessions: BTreeMap<Session, RunNumber>,
    /// Messages that their senders have published.
    published: BTreeSet<Number>,
    /// Streams of randomness that were given away.
    streams: u64,
}

/// What a link is opened with, beside the settings that all links share.
pub struct LinkTerms {
    pub client_id: String,
    pub persistent: bool,
    pub will: Option<WillOf>,
    pub subscriptions: Vec<Subscription>,
    pub patient: bool,
    pub longest_wait: Duration,
    pub version: Version,
    pub lookout: Option<Box<dyn Lookout>>,
}

impl Stage {
    pub fn new(plan: &Plan, world: World<Happening>, outside: Outside) -> Stage {
        Stage {
            rng: world.rng(3),
            world,
            outside,
            ledger: Ledger::default(),
            topics: Topics::new("chat"),
            keep_alive: Duration::from_secs(plan.keep_alive_s.into()),
            ids: BTreeMap::new(),
            sessions: BTreeMap::new(),
            published: BTreeSet::new(),
            streams: 100,
        }
    }

    // ---- time and chance ----

    pub fn now(&self) -> Micros {
        self.world.now()
    }

    /// The time as the ledger has it.
    pub fn at(&self) -> Duration {
        Duration::from_micros(self.world.now())
    }

    pub fn moment(&self, node: NodeId) -> Now {
        self.world.moment(node)
    }

    pub fn after(&mut self, delay: Micros, happening: Happening) {
        self.world.schedule(self.world.now() + delay, happening);
    }

    /// A stream of randomness that nobody else has.
    pub fn stream(&mut self) -> Rng {
        self.streams += 1;
        self.world.rng(self.streams)
    }

    // ---- links ----

    pub fn link_config(&mut self, terms: LinkTerms) -> Config {
        let LinkTerms { client_id, persistent, will, subscriptions, patient, longest_wait, version, lookout } = terms;
        let (settings, random) = (self.link_settings(version), self.stream().random());
        Config { settings, client_id, persistent, will, subscriptions, patient, longest_wait, random, lookout }
    }

    pub fn link_settings(&self, version: Version) -> Settings {
        let address = Address { transport: Transport::Tcp, host: "broker".to_owned(), port: 1883, path: String::new() };
        Settings { address, tls: None, username: None, password: None, keep_alive: self.keep_alive, version }
    }

    // ---- facts ----

    pub fn note(&mut self, fact: Fact) {
        let at = self.at();
        self.world.trace.print(format_args!("{:>13.6}     fact {fact:?}", at.as_secs_f64()));
        self.ledger.note(at, fact);
    }

    pub fn trace(&mut self, who: impl Display, what: impl Display) {
        self.world.note(who, what);
    }

    /// Which message this identifier is of.
    pub fn number_of(&self, id: &SentId) -> Option<Number> {
        self.ids.get(id).copied()
    }

    pub fn know(&mut self, id: SentId, number: Number) {
        self.ids.insert(id, number);
    }

    /// The ids that the next messages of each session will have.
    pub fn coming_ids(&self) -> Vec<SentId> {
        let mut last: BTreeMap<&Session, u64> = BTreeMap::new();
        self.ids.keys().for_each(|id| _ = last.insert(&id.session, id.seq));
        let next = |session: &Session, seq| SentId { session: session.clone(), seq };
        let of = |(session, last): (_, u64)| (last + 1..=last + 3).map(move |seq| next(session, seq));
        last.into_iter().flat_map(of).collect()
    }

    /// A client publishes something.
    pub fn client_publishes(&mut self, run: RunNumber, publication: &Publication) {
        self.ledger.traffic.published(self.at(), self.ledger.runs[run].party);
        if let Some(session) = wire::session_of_join(&publication.payload) {
            self.sessions.insert(session, run);
        }
        if !self.topics.carries_messages(&publication.topic) {
            return;
        }
        let Some(Spoken { text, id }) = wire::spoken(&publication.payload) else { return };
        let Some(number) = self.ledger.number(&text) else { return };
        if let Some(id) = id {
            self.ids.insert(id, number);
        }
        if !self.published.insert(number) {
            self.note(Fact::SentAgain { number });
        }
    }

    /// A server's connection takes something in; the broker is told so.
    pub fn server_hears(&mut self, server: usize, message: &Message) {
        if message.retained || !self.topics.carries_messages(&message.topic) {
            return;
        }
        let number = wire::spoken(&message.payload).and_then(|spoken| self.ledger.number(&spoken.text));
        if let Some(number) = number {
            self.note(Fact::Arrived { server, number });
        }
    }

    /// A server publishes something.
    pub fn server_publishes(&mut self, server: usize, publication: &Publication) {
        self.ledger.traffic.published(self.at(), Party::Server(server));
        if !publication.topic.ends_with("/server") || publication.topic.contains(STRANGER) {
            return;
        }
        if let Some(run) = wire::refused(&publication.payload).and_then(|session| self.sessions.get(&session)) {
            self.note(Fact::NickRefused { run: *run });
        }
        for id in wire::stored(&publication.payload) {
            if let Some(number) = self.number_of(&id) {
                self.note(Fact::StoredSaid { server, number });
            }
        }
        if wire::is_direct(&publication.payload)
            && let Some(Spoken { text, .. }) = wire::spoken(&publication.payload)
            && let Some(number) = self.ledger.number(&text)
        {
            self.note(Fact::SentAgain { number });
        }
    }

    pub fn woken(&mut self, party: Party) {
        self.ledger.traffic.woken(self.at(), party);
    }
}

/// What ends a program in the middle of something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Doom {
    pub power: bool,
    pub point: CrashPoint,
}

/// A crash that waits for its point.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trap {
    armed: Option<(CrashPoint, bool)>,
    sprung: Option<Doom>,
}

impl Trap {
    pub fn arm(&mut self, point: CrashPoint, power: bool) {
        self.armed = Some((point, power));
    }

    pub fn disarm(&mut self) {
        self.armed = None;
    }

    pub fn waits_for(&self, point: CrashPoint) -> bool {
        matches!(self.armed, Some((armed, _)) if armed == point)
    }

    /// The program has reached this point. Whether it dies here.
    pub fn reach(&mut self, point: CrashPoint) -> bool {
        if let Some((_, power)) = self.armed.take_if(|(armed, _)| *armed == point) {
            self.sprung = Some(Doom { power, point });
        }
        self.has_sprung()
    }

    pub fn has_sprung(&self) -> bool {
        self.sprung.is_some()
    }

    pub fn take(&mut self) -> Option<Doom> {
        self.sprung.take()
    }
}
