//! Everything that is scheduled in a run.

use crate::client::core::session::SessionEvent;
use crate::server::core::record::StoreAnswer;
use crate::server::store::StoreOutput;
use crate::simulation::ledger::RunNumber;
use crate::simulation::world::NodeId;

pub enum Happening {
    /// The step of this position.
    Step(usize),
    Heal,
    /// A program starts, if it does not run.
    Start(NodeId, Startup),
    /// It may have stood still until now.
    GoesOn(NodeId),
    /// It crashes again.
    CrashAgain(NodeId, Startup),
    BrokerBack,
    /// Somebody looks whether two servers have the chat.
    Look,
    /// Strangers end their connections.
    StrangersLeave,
    /// For this run of a program only.
    Of(NodeId, RunNumber, OfRun),
}

/// How a program starts, and what becomes of it then.
#[derive(Debug, Clone, Default)]
pub struct Startup {
    /// Replaces its rooms unless it is empty.
    pub rooms: Vec<String>,
    pub crashes: Option<CrashSeries>,
}

/// Crashes that follow soon after the restart.
#[derive(Debug, Clone, Copy)]
pub struct CrashSeries {
    pub left: u32,
    pub up_ms: u64,
    pub back_ms: u64,
    pub power: bool,
}

pub enum OfRun {
    // ---- a server ----
    Tick,
    /// The store takes what waits.
    StoreTurn,
    /// What it did is on the disk.
    StoreDone(Vec<StoreOutput>),
    ReaderDone(StoreAnswer),
    // ---- a client ----
    /// The screen prints what waits.
    Print,
    /// The memory reports.
    Report(SessionEvent),
    /// Its end takes no longer.
    EndBy,
    Gone,
    // ---- both ----
    /// A person, or what starts the program, ends it.
    Quit,
}
