//! Log lines on stderr, one per event: `2026-11-22T20:30:00.123+01:00 INFO joined nick=alice online=3`.

use crate::protocol::text::visible;
use chrono::Local;
use env_logger::{Env, Target};
use std::io::Write;

/// Starts the log. RUST_LOG wins over the flags; only it shows what libraries have to say.
pub fn start(verbose: bool, quiet: bool) {
    let default = match (verbose, quiet) {
        (true, _) => "mqttchat=debug",
        (_, true) => "mqttchat=warn",
        _ => "mqttchat=info",
    };
    let format = |out: &mut env_logger::fmt::Formatter, record: &log::Record| {
        let at = Local::now().format("%Y-%m-%dT%H:%M:%S%.3f%:z");
        // Whatever a line quotes, it stays one line and drives no terminal.
        writeln!(out, "{at} {} {}", record.level(), visible(&record.args().to_string()))
    };
    // A second server in one process (a test's) finds the log started.
    let _ = env_logger::Builder::from_env(Env::default().default_filter_or(default))
        .target(Target::Stderr)
        .format(format)
        .try_init();
}
