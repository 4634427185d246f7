//! Signals that ask a program to end, as calls on a thread of their own. The shells use it.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::thread;

/// Calls `on_signal` with SIGINT, SIGTERM or SIGHUP, whenever one comes, until it returns `false`. The thread lives as
/// long as the process: nothing ends a wait for a signal but a signal.
pub fn listen(mut on_signal: impl FnMut(i32) -> bool + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    let wait = move || {
        for signal in signals.forever() {
            if !on_signal(signal) {
                return;
            }
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait)?;
    Ok(())
}
