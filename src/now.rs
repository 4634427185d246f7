//! The moment at which something is handled. Shells read it once per turn of their loop; cores take it as an argument.

use chrono::{DateTime, FixedOffset, Local};
use std::time::Instant;

#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// For "how long ago".
    pub instant: Instant,
    /// For what is shown and stored, with the machine's offset.
    pub wall: DateTime<FixedOffset>,
}

impl Now {
    /// Reads both clocks.
    pub fn read() -> Now {
        Now { instant: Instant::now(), wall: Local::now().fixed_offset() }
    }
}
