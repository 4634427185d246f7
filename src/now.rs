//! The time at which something is handled. Drivers read it once per turn of their loop; cores take it as an argument.

use chrono::{DateTime, FixedOffset, Local, NaiveDateTime, TimeDelta};
use std::time::Instant;

#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For durations and deadlines.
    pub instant: Instant,
    /// For times that are shown and stored, with the machine's offset.
    pub wall: DateTime<FixedOffset>,
}

impl Now {
    /// Reads both clocks.
    pub fn read() -> Now {
        Now { instant: Instant::now(), wall: Local::now().fixed_offset() }
    }
}

/// A time of this machine's zone. One that occurs twice means the first; one that is skipped means an hour later. `None`:
/// the zone has no such time.
pub fn local(naive: NaiveDateTime) -> Option<DateTime<FixedOffset>> {
    let at = |naive: NaiveDateTime| naive.and_local_timezone(Local).earliest();
    at(naive).or_else(|| at(naive + TimeDelta::hours(1))).map(|at| at.fixed_offset())
}

/// A time for tests of what takes the time as an argument.
#[cfg(test)]
pub fn an_instant() -> Instant {
    Instant::now()
}
