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
pub mod rng;
pub mod trace;
pub mod verdict;
pub mod world;

use std::process::ExitCode;

/// Runs what the command line asks for; `main` of the `simulate` program.
pub fn run() -> ExitCode {
    ExitCode::SUCCESS
}
