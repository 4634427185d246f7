//! Log lines on stderr, one per event: `2026-11-22T20:30:00.123+01:00 INFO joined nick=alice online=3`. And lines for the
//! person who runs the program.

use crate::link;
use crate::protocol::text::visible;
use chrono::Local;
use env_logger::{Env, Target};
use log::Level;
use std::io::{self, Write};

/// Starts the log. `default` applies if RUST_LOG is not set, and has the same syntax.
pub fn start(default: &str) {
    let format = |out: &mut env_logger::fmt::Formatter, record: &log::Record| {
        // Below warnings, the library logs passwords and every payload.
        if record.target().starts_with(link::LIBRARY_LOG) && record.level() > Level::Warn {
            return Ok(());
        }
        let at = Local::now().format("%Y-%m-%dT%H:%M:%S%.3f%:z");
        // Whatever a line quotes, it stays one line and cannot control the terminal.
        writeln!(out, "{at} {} {}", record.level(), visible(&record.args().to_string()))
    };
    // A second start in the same process, in a test, is ignored.
    let _ = env_logger::Builder::from_env(Env::default().default_filter_or(default))
        .target(Target::Stderr)
        .format(format)
        .try_init();
}

/// Prints a line to standard error. Unlike `eprintln!`, does not panic if nobody reads it.
pub fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}
