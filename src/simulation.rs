//! The whole chat in one thread and virtual time: the real cores of server and clients, their real databases, and a model
//! of the network and the broker that fails in every way that real ones do. The same seed gives the same run.

pub mod broker;
pub mod disk;
pub mod faults;
pub mod ledger;
pub mod minimise;
pub mod mqtt;
pub mod network;
pub mod outside;
pub mod packet;
pub mod plan;
mod program;
mod proof;
pub mod reach;
pub mod rng;
mod run;
pub mod tether;
pub mod trace;
pub mod verdict;
pub mod world;

use ledger::Ledger;
use plan::Plan;
use std::process::ExitCode;
use std::time::Duration;
use verdict::Violation;

/// What came of a plan.
#[derive(Debug, Default)]
pub struct RunOutcome {
    /// Of everything that happened: equal runs have equal hashes.
    pub hash: u64,
    pub ledger: Ledger,
    /// Those that happened; a fault of somebody who does not run is none.
    pub faults: u64,
    /// That clients were given to send.
    pub messages: u64,
    pub events: u64,
    pub virtual_time: Duration,
}

/// Carries a plan out, and prints everything that happens if `trace`. A step about somebody who does not run does nothing.
///
/// # Errors
/// If it cannot be carried out at all.
pub fn run_plan(plan: &Plan, trace: bool) -> Result<RunOutcome, String> {
    run::run(plan, trace)
}

/// The promises that a run of the plan breaks; a panic is one.
///
/// # Errors
/// If it cannot be carried out at all.
pub fn violations(plan: &Plan) -> Result<Vec<Violation>, String> {
    program::execute(plan, false, run_plan).map(|(_, violations)| violations)
}

/// Runs what the command line asks for; `main` of the `simulate` program.
pub fn run() -> ExitCode {
    program::run(run_plan)
}

/// A number of things, such as `1 plan` or `2 plans`.
fn count(number: u64, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}
