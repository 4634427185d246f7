//! Signals that ask a program to end, as calls on a thread of their own. The shells use it.

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level::pipe};
use std::io::{self, Read};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Calls `on_signal` with SIGINT, SIGTERM or SIGHUP, whenever one comes, until it returns `false`. The thread lives as
/// long as the process: nothing ends a wait for a signal but a signal.
pub fn listen(mut on_signal: impl FnMut(i32) -> bool + Send + 'static) -> io::Result<()> {
    let (mut bell, ring) = UnixStream::pair()?;
    let which = Arc::new(AtomicUsize::new(0));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // In this order: which it was is there before the bell rings.
        flag::register_usize(signal, Arc::clone(&which), signal as usize)?;
        pipe::register(signal, ring.try_clone()?)?;
    }
    let wait = move || {
        let mut byte = [0];
        while bell.read_exact(&mut byte).is_ok() && on_signal(which.load(Ordering::SeqCst) as i32) {}
    };
    thread::Builder::new().name("signals".to_owned()).spawn(wait)?;
    Ok(())
}
