//! The "heartbeat" thread: tells the shell that time passes. What is due, the conversation knows.

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use std::io;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

/// Fine enough for the shortest waits that people notice, and rare enough to cost nothing.
const PERIOD: Duration = Duration::from_millis(200);

pub struct Heartbeat {
    ticks: Receiver<()>,
    stop: Sender<()>,
    thread: JoinHandle<()>,
}

impl Heartbeat {
    pub fn start() -> io::Result<Heartbeat> {
        let (to_ticks, ticks) = crossbeam_channel::bounded(1);
        let (stop, stopped) = crossbeam_channel::bounded::<()>(0);
        let beat = move || {
            while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                // A tick that was not taken yet stands for this one too.
                let _ = to_ticks.try_send(());
            }
        };
        let thread = Builder::new().name("heartbeat".to_owned()).spawn(beat)?;
        Ok(Heartbeat { ticks, stop, thread })
    }

    pub fn ticks(&self) -> &Receiver<()> {
        &self.ticks
    }

    pub fn stop(self) {
        drop(self.stop);
        let _ = self.thread.join();
    }
}
