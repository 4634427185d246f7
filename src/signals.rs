//! The "signals" thread: signals that ask a program to end, as messages of a channel. The shells call it.

use crossbeam_channel::Receiver;
use signal_hook::iterator::Signals;
use std::io;

/// Catches these from now on. The thread is not joined, since only a signal ends its wait.
pub fn catch(signals: &[i32]) -> io::Result<Receiver<i32>> {
    let mut signals = Signals::new(signals)?;
    let (sender, caught) = crossbeam_channel::unbounded();
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            if sender.send(signal).is_err() {
                return;
            }
        }
    })?;
    Ok(caught)
}
