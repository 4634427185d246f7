//! Signals that ask a program to end, as a channel. The second signal ends the process within a second, a third one at
//! once, whatever its threads are doing. The terminal is restored in both cases.

use crate::terminal;
use crossbeam_channel::Receiver;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// How long a program may run on after the second signal: enough to print what remains unsent.
const GRACE: Duration = Duration::from_secs(1);
/// How many signals asked the process to end. Global, because there is one process.
static REQUESTS: AtomicUsize = AtomicUsize::new(0);

/// A channel that receives the number of each SIGINT, SIGTERM and SIGHUP.
pub fn channel() -> io::Result<Receiver<i32>> {
    // The third signal ends the process.
    let (sender, received) = crossbeam_channel::unbounded();
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP])?;
    // The thread lives as long as the process: only a signal ends the wait.
    let wait = move || {
        for signal in signals.forever() {
            match REQUESTS.load(Ordering::Relaxed) {
                0 => {}
                // When a terminal closes, both the system and the shell send one; the second means nothing new.
                _ if signal == SIGHUP => continue,
                1 => end_after_grace(signal),
                _ => end(signal),
            }
            REQUESTS.fetch_add(1, Ordering::Relaxed);
            // Without a receiver, the program is ending.
            let _ = sender.send(signal);
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait)?;
    Ok(received)
}

/// The exit code of a program that this signal ended, as in a shell.
pub fn exit_code(signal: i32) -> u8 {
    128 + signal as u8
}

/// Call this when the program is about to end anyway: from now on a signal ends it at once.
pub fn end_at_the_next() {
    REQUESTS.store(2, Ordering::Relaxed);
}

/// Calls `call` whenever the process continues after a stop.
pub fn on_continue(mut call: impl FnMut() + Send + 'static) -> io::Result<()> {
    let mut signals = Signals::new([SIGCONT])?;
    let wait = move || signals.forever().for_each(|_| call());
    thread::Builder::new().name("continue".to_owned()).spawn(wait)?;
    Ok(())
}

/// Makes a file size limit an error of the write, like a full disk, instead of the end of the process.
pub fn outlive_file_limits() {
    // SAFETY: no handler is installed: the signal is ignored.
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

fn end_after_grace(signal: i32) {
    let wait = move || {
        thread::sleep(GRACE);
        end(signal)
    };
    // If no thread can be started, the third signal still works.
    let _ = thread::Builder::new().name("grace".to_owned()).spawn(wait);
}

fn end(signal: i32) -> ! {
    terminal::give_back();
    // SAFETY: it takes a plain number. An ordinary exit might wait for a thread that hangs.
    unsafe { libc::_exit(exit_code(signal).into()) }
}
