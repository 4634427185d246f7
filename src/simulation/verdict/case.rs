//! The ledger, indexed for the rules: what happened to each message, who is in which room, and what docs/reliability.md
//! excuses.

mod memory;
mod skipped;
mod unserved;

use crate::simulation::ledger::{
    Addressed, Fact, Ledger, MessageRecord, Number, Party, RunEnd, RunNumber, SenderNews, Showing,
};
use crate::simulation::plan::{ClientKind, ClientTraits, Plan};
use memory::Stay;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The longest time from a client's start to its join, if nothing holds it up. A broker that ignores MQTT 5 costs it 10 s.
pub const JOINS: Duration = Duration::from_secs(30);

pub struct Case<'a> {
    pub plan: &'a Plan,
    pub ledger: &'a Ledger,
    /// By message.
    trails: Vec<Trail<'a>>,
    /// By client: its nicks, each with the position of its fact.
    nicks: Vec<Vec<(usize, &'a str)>>,
    /// By client: its rooms, and since when it must not miss anything there.
    rooms: Vec<BTreeMap<&'a str, Stay<'a>>>,
    clocks: Vec<(usize, Party)>,
    connections: Vec<(usize, RunNumber)>,
    /// When a server lost its connection.
    losses: Vec<(usize, RunNumber)>,
    /// When a run first saw a server.
    servers_seen: Vec<(usize, RunNumber)>,
    /// When a run learned on its connection that a server is there, or that none is.
    servers_told: Vec<(usize, RunNumber, bool)>,
    /// When a run could not write to its memory.
    unremembered: Vec<(usize, RunNumber)>,
    /// Where runs dropped arrivals.
    drops: Vec<(usize, RunNumber)>,
    /// By client: all its nicks, in lower case.
    called: Vec<BTreeSet<String>>,
    /// By client: whether another client had one of its nicks.
    shared: Vec<bool>,
}

/// What happened to one message. Facts are given by their position in the ledger.
#[derive(Debug, Default)]
pub struct Trail<'a> {
    pub taken: Option<(usize, Duration)>,
    pub sent_again: Option<usize>,
    /// Runs of its sender that learned that the broker has it.
    pub acknowledged: Vec<(usize, RunNumber)>,
    pub told: Vec<(usize, RunNumber, SenderNews)>,
    pub shown: Vec<Viewing>,
    /// Time, server.
    pub arrived: Vec<(Duration, usize)>,
    /// Fact, time, server.
    pub synced: Vec<(usize, Duration, usize)>,
    pub receipt_kept: Option<Duration>,
    pub stored_said: Vec<(usize, usize)>,
    pub removed: bool,
    /// Where it is at the end: server, room, whether the entry is late.
    pub places: Vec<(usize, &'a str, bool)>,
}

/// One time that a client showed a message.
#[derive(Debug, Clone, Copy)]
pub struct Viewing {
    pub fact: usize,
    pub at: Duration,
    pub run: RunNumber,
    pub client: usize,
    pub how: Showing,
}

impl<'a> Case<'a> {
    pub fn new(plan: &'a Plan, ledger: &'a Ledger) -> Case<'a> {
        let mut case = Case {
            plan,
            ledger,
            trails: ledger.messages.iter().map(|_| Trail::default()).collect(),
            nicks: plan.clients.iter().map(|client| vec![(0, client.nick.as_str())]).collect(),
            rooms: vec![BTreeMap::new(); plan.clients.len()],
            clocks: Vec::new(),
            connections: Vec::new(),
            losses: Vec::new(),
            servers_seen: Vec::new(),
            servers_told: Vec::new(),
            unremembered: Vec::new(),
            drops: Vec::new(),
            called: Vec::new(),
            shared: Vec::new(),
        };
        for (place, (at, fact)) in ledger.facts.iter().enumerate() {
            case.take(place, *at, fact);
        }
        for history in &ledger.end.histories {
            for entry in &history.entries {
                if let Some(number) = ledger.number(&entry.text) {
                    case.trails[number].places.push((history.server, &history.room, entry.late));
                }
            }
        }
        let in_lower_case = |nicks: &Vec<(usize, &str)>| nicks.iter().map(|(_, nick)| nick.to_lowercase()).collect();
        case.called = case.nicks.iter().map(in_lower_case).collect();
        let others = |client: usize| (0..plan.clients.len()).filter(move |other| *other != client);
        let is_shared = |client| others(client).any(|other| !case.called[client].is_disjoint(&case.called[other]));
        case.shared = (0..plan.clients.len()).map(is_shared).collect();
        case
    }

    fn take(&mut self, place: usize, at: Duration, fact: &'a Fact) {
        match fact {
            Fact::Taken { number } => _ = self.trails[*number].taken.get_or_insert((place, at)),
            Fact::SentAgain { number } => _ = self.trails[*number].sent_again.get_or_insert(place),
            Fact::Told { run, number, news } => self.trails[*number].told.push((place, *run, *news)),
            Fact::Shown { run, number, how } => {
                if let Some(client) = self.client_of(*run) {
                    let viewing = Viewing { fact: place, at, run: *run, client, how: *how };
                    self.trails[*number].shown.push(viewing);
                }
            }
            Fact::Arrived { server, number } => self.trails[*number].arrived.push((at, *server)),
            Fact::Synced { server, number } => self.trails[*number].synced.push((place, at, *server)),
            Fact::ReceiptKept { number, .. } => _ = self.trails[*number].receipt_kept.get_or_insert(at),
            Fact::Connected { run } => {
                self.connections.push((place, *run));
                self.servers_told.push((place, *run, false));
            }
            Fact::ServerTold { run, is_there } => self.servers_told.push((place, *run, *is_there)),
            Fact::ServerSeen { run } => self.servers_seen.push((place, *run)),
            Fact::Acknowledged { run, number } => self.trails[*number].acknowledged.push((place, *run)),
            Fact::StoredSaid { server, number } => self.trails[*number].stored_said.push((place, *server)),
            Fact::Removed { number, .. } => self.trails[*number].removed = true,
            Fact::InRoom { run, room } => self.comes(*run, room, at),
            Fact::LeftRoom { run, room } => {
                if let Some(client) = self.client_of(*run) {
                    self.rooms[client].remove(room.as_str());
                }
            }
            Fact::Nick { run, nick } => {
                if let Some(client) = self.client_of(*run) {
                    self.nicks[client].push((place, nick));
                    for stay in self.rooms[client].values_mut().filter(|stay| stay.run == *run && stay.is_own) {
                        (stay.nick, stay.named) = (nick, at);
                    }
                }
            }
            Fact::ClockSet { party, .. } => self.clocks.push((place, *party)),
            Fact::Lost { run } => self.losses.push((place, *run)),
            Fact::NotRemembered { run } => self.unremembered.push((place, *run)),
            Fact::Dropped { run } => self.drops.push((place, *run)),
            Fact::ShownStrange { .. }
            | Fact::Gap { .. }
            | Fact::NickRefused { .. }
            | Fact::OutboxFails { .. }
            | Fact::Step { .. } => {}
        }
    }

    // ---- who is who ----

    pub fn message(&self, number: Number) -> &'a MessageRecord {
        &self.ledger.messages[number]
    }

    pub fn trails(&self) -> impl Iterator<Item = (Number, &'a MessageRecord, &Trail<'a>)> {
        self.trails.iter().enumerate().map(|(number, trail)| (number, self.message(number), trail))
    }

    pub fn trail(&self, number: Number) -> &Trail<'a> {
        &self.trails[number]
    }

    pub fn client_of(&self, run: RunNumber) -> Option<usize> {
        match self.ledger.runs[run].party {
            Party::Client(client) => Some(client),
            _ => None,
        }
    }

    pub fn client(&self, client: usize) -> &'a ClientTraits {
        &self.plan.clients[client]
    }

    pub fn is_original(&self, client: usize) -> bool {
        self.client(client).kind == ClientKind::Original
    }

    /// The participant's run that has not ended.
    pub fn running(&self, party: Party) -> Option<RunNumber> {
        self.ledger.end.running.iter().copied().find(|run| self.ledger.runs[*run].party == party)
    }

    pub fn servers_at_end(&self) -> impl Iterator<Item = usize> {
        (0..self.plan.servers.len()).filter(|server| self.running(Party::Server(*server)).is_some())
    }

    /// Whether it is connected at the end.
    fn serves(&self, server: usize) -> bool {
        self.ledger.end.rosters.iter().any(|(party, _)| *party == Party::Server(server))
    }

    pub fn has_server(&self) -> bool {
        self.servers_at_end().next().is_some()
    }

    /// Its last nick, in lower case.
    pub fn last_nick(&self, client: usize) -> String {
        self.nicks[client].last().map_or_else(String::new, |(_, nick)| nick.to_lowercase())
    }

    /// Its nick when this fact was noted, in lower case.
    pub fn nick_at(&self, client: usize, fact: usize) -> String {
        let known = self.nicks[client].iter().rfind(|(place, _)| *place <= fact);
        known.map_or_else(String::new, |(_, nick)| nick.to_lowercase())
    }

    /// The nick under which it was said, in lower case.
    pub fn sender(&self, number: Number) -> String {
        let (message, trail) = (self.message(number), self.trail(number));
        let given = || self.ledger.facts.partition_point(|(at, _)| *at <= message.given);
        self.nick_at(message.from, trail.taken.map_or_else(given, |(taken, _)| taken))
    }

    /// Whether it ever had this nick, which is in lower case.
    pub fn was_called(&self, client: usize, nick: &str) -> bool {
        self.called[client].contains(nick)
    }

    /// The nicks under which a message may come, in lower case: that under which it was said, or any if it was renamed.
    pub fn senders(&self, number: Number) -> BTreeSet<String> {
        match self.is_renamed(number) {
            true => self.called[self.message(number).from].clone(),
            false => BTreeSet::from([self.sender(number)]),
        }
    }

    /// Whether another client had one of its nicks.
    pub fn shares_nick(&self, client: usize) -> bool {
        self.shared[client]
    }

    /// Whether an original client had one of its nicks.
    fn shares_nick_with_original(&self, client: usize) -> bool {
        let others = (0..self.plan.clients.len()).filter(|other| *other != client && self.is_original(*other));
        others.into_iter().any(|other| !self.called[client].is_disjoint(&self.called[other]))
    }

    pub fn lost_power(&self, client: usize, from: Duration, to: Duration) -> bool {
        let runs = self.ledger.runs.iter().filter(|run| run.party == Party::Client(client));
        let mut ends = runs.filter_map(|run| run.ended.as_ref());
        ends.any(|(at, end)| *end == RunEnd::PowerLost && (from..=to).contains(at))
    }

    /// Whether the run began another connection between these facts.
    pub fn connected_between(&self, run: RunNumber, from: usize, to: usize) -> bool {
        self.connections.iter().any(|(place, other)| *other == run && (from..to).contains(place))
    }

    /// Whether a server's run had a connection when it ended.
    pub fn ended_connected(&self, run: RunNumber) -> bool {
        let last = |places: &[(usize, RunNumber)]| places.iter().rfind(|(_, by)| *by == run).map(|(place, _)| *place);
        last(&self.connections) > last(&self.losses)
    }

    /// When a server started, connected, or went on after a standstill.
    pub fn graces(&self) -> impl Iterator<Item = Duration> {
        let is_server = |party: Party| matches!(party, Party::Server(_));
        let runs = self.ledger.runs.iter().filter(move |run| is_server(run.party));
        let of_runs = runs.flat_map(|run| run.stops.iter().filter_map(|(_, end)| *end).chain([run.started]));
        let connections = self.connections.iter().filter(move |(_, run)| is_server(self.ledger.runs[*run].party));
        of_runs.chain(connections.map(|(place, _)| self.ledger.facts[*place].0))
    }

    /// The end of the run.
    pub fn end(&self) -> Duration {
        Duration::from_millis(self.plan.end).max(self.ledger.end.at)
    }

    // ---- what is excused ----

    /// Whether it may be missing from every history.
    pub fn may_be_lost(&self, number: Number) -> bool {
        let (message, trail) = (self.message(number), self.trail(number));
        let Some((_, taken)) = trail.taken else { return true };
        let from = message.from;
        let sender = self.client(from);
        let outlived = self.ledger.runs[message.run].ended.is_some() && !sender.outbox;
        self.is_original(from)
            || !self.has_server()
            || !self.may_send(from)
            || trail.told.iter().any(|(.., news)| *news == SenderNews::Refused)
            || outlived
            || self.ends_at_broker(number)
            || self.lost_power(from, taken, Duration::MAX)
    }

    /// Whether its history has ended, or removed it.
    pub fn left_history(&self, number: Number) -> bool {
        let trail = self.trail(number);
        let began = trail.synced.first().map(|(_, at, _)| *at).or(trail.taken.map(|(_, at)| at)).unwrap_or_default();
        let ended = self.ledger.runs.iter().any(|run| {
            matches!(run.party, Party::Server(server) if self.plan.servers[server].memory)
                && run.ended.as_ref().is_some_and(|(at, _)| *at >= began)
        });
        // Its server gave way to a rival, or waits while the rival serves.
        let stays_behind = trail.synced.iter().all(|(.., server)| !self.serves(*server));
        trail.removed || ended || (self.plan.servers.len() > 1 && !trail.synced.is_empty() && stays_behind)
    }

    /// Whether it runs at the end, and no other client with its nick keeps it away.
    pub fn may_send(&self, client: usize) -> bool {
        let nick = self.last_nick(client);
        let mut others = (0..self.plan.clients.len()).filter(|other| *other != client);
        let is_shared = others.any(|other| self.was_called(other, &nick));
        let named = self.nicks[client].last().and_then(|(place, _)| self.ledger.facts.get(*place)).map(|(at, _)| *at);
        let is_refused = |run| self.refused(run).is_some_and(|refused| named.is_none_or(|named| named <= refused));
        let has_joined = |run| !is_refused(run) && self.ledger.runs[run].started + JOINS <= self.end();
        self.running(Party::Client(client)).is_some_and(|run| !is_shared || has_joined(run))
    }

    /// When a server last answered that the run's nick is in use. A slow broker brings that later.
    pub fn refused(&self, run: RunNumber) -> Option<Duration> {
        let is_it = |fact: &Fact| matches!(fact, Fact::NickRefused { run: refused } if *refused == run);
        self.ledger.facts.iter().rfind(|(_, fact)| is_it(fact)).map(|(at, _)| *at)
    }

    /// Whether a second server ran when it was given, or later.
    pub fn had_rival(&self, message: &MessageRecord) -> bool {
        let rivals = self.ledger.runs.iter().filter(|run| matches!(run.party, Party::Server(server) if server > 0));
        let mut until = rivals.map(|run| run.ended.as_ref().map_or(Duration::MAX, |(at, _)| *at));
        until.any(|until| message.given <= until)
    }

    /// Whether its sender changed its nick before it knew that the message is stored. Then it may go out under both nicks.
    pub fn is_renamed(&self, number: Number) -> bool {
        let (message, trail) = (self.message(number), self.trail(number));
        let given = || self.ledger.facts.partition_point(|(at, _)| *at < message.given);
        let taken = trail.taken.map_or_else(given, |(taken, _)| taken);
        let changes = self.nicks[message.from].windows(2);
        changes.into_iter().any(|pair| {
            let (place, nick) = pair[1];
            !nick.eq_ignore_ascii_case(pair[0].1) && taken <= place && !self.knows_stored(number, place)
        })
    }

    /// Whether its sender knew at this fact that it is stored. A power loss may make an outbox forget that, and so may a full
    /// disk.
    fn knows_stored(&self, number: Number, fact: usize) -> bool {
        let (from, at) = (self.message(number).from, self.ledger.facts[fact].0);
        let told = self.trail(number).told.iter();
        let mut stored = told.filter(|(place, _, news)| *news == SenderNews::Stored && *place < fact);
        let is_kept = |place: usize, run| {
            !self.lost_power(from, self.ledger.facts[place].0, at) && !self.ended_with_a_full_outbox(run)
        };
        stored.any(|(place, run, _)| !self.client(from).outbox || is_kept(*place, *run))
    }

    /// Whether the clock of this participant was ever set.
    pub fn clock_was_set(&self, of: Party) -> bool {
        self.clocks.iter().any(|(_, party)| *party == of)
    }

    /// Whether the clock of the sender or of a server was set before this fact.
    pub fn clocks_tell_nothing(&self, sender: usize, before: usize) -> bool {
        let matters = |party: &Party| matches!(party, Party::Server(_)) || *party == Party::Client(sender);
        self.clocks.iter().any(|(place, party)| *place < before && matters(party))
    }

    /// The client that must be shown this direct message; `None` if it does not run at the end under that nick.
    pub fn addressee(&self, message: &MessageRecord) -> Option<usize> {
        let Addressed::Client { client, nick } = &message.to else { return None };
        let is_there = self.running(Party::Client(*client)).is_some()
            && self.client(*client).kind.listens()
            && !self.is_original(*client)
            && !self.shares_nick(*client)
            && self.last_nick(*client) == nick.to_lowercase();
        is_there.then_some(*client)
    }
}
