//! Signals that ask a program to end, as a channel. The shells use it.

use crossbeam_channel::Receiver;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::thread;

/// A channel that says once per SIGINT, SIGTERM or SIGHUP which one came.
pub fn channel() -> io::Result<Receiver<i32>> {
    let (sender, signals) = crossbeam_channel::unbounded();
    listen(move |signal| sender.send(signal).is_ok())?;
    Ok(signals)
}

/// Calls this whenever the process goes on after it was stopped.
pub fn on_continue(mut call: impl FnMut() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGCONT])?;
    let wait = move || signals.forever().for_each(|_| call());
    thread::Builder::new().name("continue".to_owned()).spawn(wait)?;
    Ok(())
}

/// Calls `on_signal` with SIGINT, SIGTERM or SIGHUP, whenever one comes, until it returns `false`. The thread lives as
/// long as the process: nothing ends a wait for a signal but a signal.
fn listen(mut on_signal: impl FnMut(i32) -> bool + Send + 'static) -> io::Result<()> {
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
