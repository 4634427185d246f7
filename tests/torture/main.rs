//! The proof of the chat's promise by torture: three senders and three receivers, through a real broker, and about one
//! fault per second, drawn at random: everything is killed, stopped, cut off, stalled, delayed, and the server's disk
//! is full. At the end every message reported as stored must be in the history once; everybody must have it, shown
//! once, and in order unless marked late.
//!
//! `cargo test` plays a short round. `make torture` plays a long one: TORTURE_FAULTS is the number of faults (500),
//! TORTURE_SEED repeats the schedule of a printed seed, TORTURE_KEEP keeps the logs even of a good round. Timing
//! between the programs is not repeated to the microsecond, so a violation may take a few rounds to recur.

// On other systems, nothing can fill the disk of one process alone.
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

/// The seed to repeat, or a new one.
fn seed() -> u64 {
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
    number("TORTURE_SEED").unwrap_or(u64::from(time.subsec_nanos()) ^ time.as_secs())
}

#[track_caller]
fn number(variable: &str) -> Option<u64> {
    let value = std::env::var(variable).ok().filter(|value| !value.is_empty())?;
    Some(value.parse().unwrap_or_else(|_| panic!("{variable} is a whole number, not {value:?}")))
}
