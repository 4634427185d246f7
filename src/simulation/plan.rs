//! A plan: the cast of a simulated run, the broker's manners, and timed steps. It is plain data with a text form ([`text`])
//! that people read, edit and keep in `tests/plans`. `faults` draws plans; the run carries them out.

mod check;
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

/// A participant's name in the plan, one word. The broker is always called [`BROKER`].
pub type Name = String;

pub const BROKER: &str = "broker";

/// The programs' default keep alive, in seconds.
pub const KEEP_ALIVE_S: u32 = 30;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What a kept plan once found: comment lines, without their `#`.
    pub notes: Vec<String>,
    /// Seeds what the plan leaves to chance, such as latencies and identifiers.
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
    /// All faults end, and every program that a fault ended starts again.
    pub heal: Ms,
    /// The run ends and is judged.
    pub end: Ms,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerTraits {
    pub name: Name,
    /// `--memory`.
    pub memory: bool,
    pub timeout_s: u32,
    /// `--retention` in seconds; 0: unlimited.
    pub retention_s: u32,
    /// `--max-size`; 0: unlimited.
    pub max_size_kb: u32,
    /// Whether it runs from the beginning; otherwise a step starts it.
    pub starts: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientTraits {
    pub name: Name,
    /// Two clients with one nick are two devices of one person.
    pub nick: String,
    pub kind: ClientKind,
    /// Whether it has a memory file of what it has shown.
    pub memory: bool,
    /// Whether it has an `--outbox` file.
    pub outbox: bool,
    /// False with `--no-history`.
    pub history: bool,
    /// The values of `--room`, in order; the lobby is always joined.
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

    /// Sorts the steps by time. Steps at the same time keep their order.
    pub fn sort(&mut self) {
        self.steps.sort_by_key(|step| step.at);
    }

    pub fn push(&mut self, at: Ms, what: What) {
        self.steps.push(PlanStep { at, what });
    }

    /// The number of faults.
    pub fn faults(&self) -> usize {
        self.steps.iter().map(|step| step.what.faults()).sum()
    }

    /// The number of steps, which is what a reader of the plan has to follow.
    pub fn events(&self) -> usize {
        self.steps.len()
    }
}

impl ClientKind {
    /// Whether it shows what others say.
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
    /// A member with memory, outbox and history, in the lobby.
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
