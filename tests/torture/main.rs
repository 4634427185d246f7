//! The proof of the chat's promise by torture: three that send and three that receive, through a real broker, and about
//! one fault a second, drawn at random: everything is killed, stopped, cut off, stalled, delayed, and the server's disk is
//! full. At the end everything that was told to be stored is in history once, everybody has it, nobody was shown it
//! twice, and in order but for what is marked late.
//!
//! `cargo test` plays a short round. `make torture` plays a long one: TORTURE_FAULTS says of how many faults (500),
//! TORTURE_SEED repeats the schedule of a seed that was printed, TORTURE_KEEP keeps the logs also where all is well.
//! What happens between the programs is not repeated to the microsecond, so a violation may take a few rounds to come
//! again.

// Elsewhere nothing can fill the disk of one process alone.
#![cfg(target_os = "linux")]

#[path = "../support/mod.rs"]
mod support;

mod account;
mod actor;
mod cast;
mod feeder;
mod ledger;
mod past;
mod process;
mod proxy;
mod random;
mod report;
mod round;
mod schedule;
mod stage;
mod verdict;

use round::Round;
use std::time::{Duration, SystemTime};

#[test]
fn nothing_confirmed_is_lost() {
    let short = Round { seed: seed(), faults: 20, pace: 1.5, silence: Duration::from_secs(2) };
    let round = match number("TORTURE_FAULTS") {
        Some(faults) => Round { faults: faults as usize, pace: 1.0, silence: Duration::from_secs(15), ..short },
        None => short,
    };
    round.play();
}

/// The one that is to be repeated, or a new one.
fn seed() -> u64 {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    number("TORTURE_SEED").unwrap_or(u64::from(time.subsec_nanos()) ^ time.as_secs())
}

#[track_caller]
fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok().filter(|value| !value.is_empty())?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is a whole number, not {value:?}")))
}
