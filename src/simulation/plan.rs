//! A plan: who takes part in a run of the simulation, how nasty the broker is, and what happens when. Plain data with a
//! text form ([`text`]) that people read, edit and keep in `tests/plans`. The faults draw plans, the run carries them out.

mod line;
mod step;
#[cfg(test)]
mod tests;
pub mod text;

pub use step::*;

use super::broker::manners::Manners;
use super::network::Latency;

/// Milliseconds since the run began.
pub type Ms = u64;

/// The name of a participant in its plan, one word. The broker is always called [`BROKER`].
pub type Name = String;

pub const BROKER: &str = "broker";

/// MQTT's keep alive as the programs have it by themselves.
pub const KEEP_ALIVE_S: u32 = 30;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What a kept plan once found: comment lines, without their `#`.
    pub notes: Vec<String>,
    /// Decides what the plan leaves to chance, such as latencies and identifiers.
    pub seed: u64,
    pub broker: Manners,
    pub latency: Latency,
    /// Of every connection, in seconds.
    pub keep_alive_s: u32,
    /// The first one is the chat's; others are rivals.
    pub servers: Vec<ServerTraits>,
    pub clients: Vec<ClientTraits>,
    /// In the order of their times.
    pub steps: Vec<PlanStep>,
    /// All faults end and everybody who is away by a fault comes back.
    pub heal: Ms,
    /// The run is over; what it did is judged.
    pub end: Ms,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTraits {
    pub name: Name,
    /// `--memory`.
    pub memory: bool,
    pub timeout_s: u32,
    /// Seconds after which messages are forgotten; 0: never.
    pub retention_s: u32,
    /// Of the database; 0: no limit.
    pub max_size_kb: u32,
    /// It runs from the beginning on; else a step starts it.
    pub starts: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTraits {
    pub name: Name,
    /// Two clients with one nick are two devices of one person.
    pub nick: String,
    pub kind: ClientKind,
    /// It remembers what it has shown over restarts.
    pub memory: bool,
    /// `--outbox`.
    pub outbox: bool,
    /// `--no-history` is absent.
    pub history: bool,
    /// Beside the lobby, in the order in which they are given.
    pub rooms: Vec<String>,
    pub starts: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientKind {
    /// A person at a terminal.
    Member,
    /// A program with `--json`.
    Json,
    /// A program on the crate's `Member`.
    Library,
    /// It only sends.
    Sender,
    /// The chat's original program, without ids and receipts.
    Original,
}

impl Plan {
    pub fn server(&self, name: &str) -> Option<&ServerTraits> {
        self.servers.iter().find(|server| server.name == name)
    }

    pub fn client(&self, name: &str) -> Option<&ClientTraits> {
        self.clients.iter().find(|client| client.name == name)
    }

    /// Puts the steps into the order of their times; of equal ones it keeps the order.
    pub fn sort(&mut self) {
        self.steps.sort_by_key(|step| step.at);
    }

    pub fn push(&mut self, at: Ms, what: What) {
        self.steps.push(PlanStep { at, what });
    }

    /// How many of the steps are faults.
    pub fn faults(&self) -> usize {
        self.steps.iter().map(|step| step.what.faults()).sum()
    }

    /// What a reader of a reduced plan has to follow.
    pub fn events(&self) -> usize {
        self.steps.len()
    }
}

impl ClientKind {
    /// Whether what others say is shown there.
    pub fn listens(self) -> bool {
        self != ClientKind::Sender
    }
}

impl ServerTraits {
    pub fn new(name: &str) -> ServerTraits {
        ServerTraits {
            name: name.to_owned(),
            memory: false,
            timeout_s: 60,
            retention_s: 0,
            max_size_kb: 0,
            starts: true,
        }
    }
}

impl ClientTraits {
    /// A member with everything, in the lobby.
    pub fn new(name: &str) -> ClientTraits {
        ClientTraits {
            name: name.to_owned(),
            nick: name.to_owned(),
            kind: ClientKind::Member,
            memory: true,
            outbox: true,
            history: true,
            rooms: Vec::new(),
            starts: true,
        }
    }
}
