//! A thread that nobody waits for longer than they said: what it does may block forever.

use crossbeam_channel::{Receiver, bounded};
use std::io;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

pub struct Worker<T> {
    done: Receiver<T>,
    thread: JoinHandle<()>,
}

impl<T: Send + 'static> Worker<T> {
    pub fn start(name: &str, work: impl FnOnce() -> T + Send + 'static) -> io::Result<Worker<T>> {
        let (finished, done) = bounded(1);
        let thread = Builder::new().name(name.to_owned()).spawn(move || drop(finished.send(work())))?;
        Ok(Worker { done, thread })
    }

    /// The result of its work, if that is done within this time. Otherwise the thread is abandoned.
    pub fn finish(self, within: Duration) -> Option<T> {
        let result = self.done.recv_timeout(within).ok()?;
        let _ = self.thread.join();
        Some(result)
    }
}
