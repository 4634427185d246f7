//! The time at which something is handled. Drivers read it once per turn of their loop; cores take it as an argument.

use chrono::{DateTime, FixedOffset, Local};
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

/// A time for tests of what takes the time as an argument.
#[cfg(test)]
pub fn an_instant() -> Instant {
    Instant::now()
}
