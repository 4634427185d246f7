//! Signals that ask a program to end, as a channel. The shells use it. The second signal ends the process within a second,
//! one more at once, whatever its threads are doing, with the terminal put back.

use crate::terminal;
use crossbeam_channel::Receiver;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// How long a program may still take after the second signal: enough to say what it leaves undone.
const GRACE: Duration = Duration::from_secs(1);
/// An exit code is this plus the signal's number, as a shell has it.
const SIGNAL: i32 = 128;

/// How often it was asked to end. There is one process, so this is its, not a value's.
static REQUESTS: AtomicUsize = AtomicUsize::new(0);

/// A channel that says which one of SIGINT, SIGTERM or SIGHUP came.
pub fn channel() -> io::Result<Receiver<i32>> {
    let (sender, received) = crossbeam_channel::unbounded();
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    // The thread lives as long as the process: nothing ends a wait for a signal but a signal.
    let wait = move || {
        for signal in signals.forever() {
            match REQUESTS.load(Ordering::Relaxed) {
                0 => {}
                // When a terminal goes away, both the system and the shell send one: the second asks for nothing more.
                _ if signal == SIGHUP => continue,
                1 => end_after_grace(signal),
                _ => end(signal),
            }
            REQUESTS.fetch_add(1, Ordering::Relaxed);
            // If nobody listens any more, the program is ending.
            let _ = sender.send(signal);
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait)?;
    Ok(received)
}

/// To be called when the program is about to end anyway: from now on a signal ends it at once.
pub fn end_at_the_next() {
    REQUESTS.store(2, Ordering::Relaxed);
}

/// Calls this whenever the process goes on after it was stopped.
pub fn on_continue(mut call: impl FnMut() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGCONT])?;
    let wait = move || signals.forever().for_each(|_| call());
    thread::Builder::new().name("continue".to_owned()).spawn(wait)?;
    Ok(())
}

fn end_after_grace(signal: i32) {
    let wait = move || {
        thread::sleep(GRACE);
        end(signal)
    };
    // Where no thread can be had, the third request has to do.
    let _ = thread::Builder::new().name("grace".to_owned()).spawn(wait);
}

fn end(signal: i32) -> ! {
    terminal::give_back();
    // SAFETY: it takes a plain number. What is done at an ordinary exit may wait for a thread that hangs.
    unsafe { libc::_exit(SIGNAL + signal) }
}
