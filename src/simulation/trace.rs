//! What happened in a run: a hash of all of it, to compare runs, and its lines if somebody wants to read them.

use std::fmt::{self, Display, Write};
use std::io;

/// Microseconds since the start of the run.
pub type Micros = u64;

/// Hashes each line with FNV-1a; prints it to standard output if told to.
#[derive(Debug, Clone)]
pub struct Trace {
    hash: u64,
    is_printed: bool,
}

impl Trace {
    pub fn new(is_printed: bool) -> Trace {
        Trace { hash: 0xcbf2_9ce4_8422_2325, is_printed }
    }

    /// Takes down that `what` happened to `who`.
    pub fn note(&mut self, now: Micros, who: impl Display, what: impl Display) {
        // Writing into the hash cannot fail.
        let _ = writeln!(self, "{now} {who} {what}");
        self.print(format_args!("{:>6}.{:06} {who:>8} {what}", now / 1_000_000, now % 1_000_000));
    }

    /// Prints a line that the hash does not count.
    pub fn print(&self, line: fmt::Arguments) {
        if self.is_printed {
            // It does not matter whether anybody reads it.
            let _ = io::Write::write_fmt(&mut io::stdout(), format_args!("{line}\n"));
        }
    }

    /// Whether somebody reads it.
    pub fn is_printed(&self) -> bool {
        self.is_printed
    }

    /// Equal for equal runs.
    pub fn hash(&self) -> u64 {
        self.hash
    }
}

impl Write for Trace {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            self.hash = (self.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_depends_on_time_party_event_and_order() {
        let hash = |lines: &[(Micros, &str, &str)]| {
            let mut trace = Trace::new(false);
            lines.iter().for_each(|(now, who, what)| trace.note(*now, who, what));
            trace.hash()
        };
        let known = hash(&[(1, "a", "x"), (2, "b", "y")]);
        assert_eq!(known, hash(&[(1, "a", "x"), (2, "b", "y")]));
        for other in [
            hash(&[(1, "a", "x")]),
            hash(&[(2, "b", "y"), (1, "a", "x")]),
            hash(&[(1, "a", "x"), (3, "b", "y")]),
            hash(&[(1, "a", "x"), (2, "c", "y")]),
            hash(&[(1, "a", "x"), (2, "b", "z")]),
        ] {
            assert_ne!(known, other);
        }
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        let mut trace = Trace::new(false);
        let _ = trace.write_str("foobar");
        assert_eq!(trace.hash(), 0x8594_4171_f739_67e8);
    }
}
