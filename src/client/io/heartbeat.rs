//! The "heartbeat" thread: sleeps until the deadline that the shell names, then ticks. The session knows what is due: a
//! heartbeat, a retransmission, the end of a wait. By design this has a thread of its own, as the server's sweep has, although
//! the shell could wait for deadlines itself.

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use std::io;
use std::thread::{Builder, JoinHandle};
use std::time::Instant;

pub struct Heartbeat {
    moments: Sender<Instant>,
    ticks: Receiver<()>,
    /// The earliest deadline that the thread was given and that has not passed.
    next: Option<Instant>,
    thread: JoinHandle<()>,
}

impl Heartbeat {
    pub fn start() -> io::Result<Heartbeat> {
        // The thread takes a moment at once, because it waits for nothing else.
        let (moments, told) = crossbeam_channel::bounded(1);
        // A waiting tick also covers the next one.
        let (to_ticks, ticks) = crossbeam_channel::bounded(1);
        let beat = move || {
            let mut next = None;
            loop {
                let moment = match next {
                    Some(moment) => told.recv_deadline(moment),
                    None => told.recv().map_err(|_| RecvTimeoutError::Disconnected),
                };
                next = match moment {
                    Ok(moment) => Some(moment),
                    Err(RecvTimeoutError::Disconnected) => return,
                    Err(RecvTimeoutError::Timeout) => {
                        let _ = to_ticks.try_send(());
                        None
                    }
                };
            }
        };
        let thread = Builder::new().name("heartbeat".to_owned()).spawn(beat)?;
        Ok(Heartbeat { moments, ticks, next: None, thread })
    }

    /// Requests a tick at this moment at the latest. An earlier request stays: withdrawing it would wake the thread as
    /// often.
    pub fn wake_at(&mut self, moment: Instant) {
        if self.next.is_none_or(|next| moment < next) {
            self.next = Some(moment);
            // The thread receives until this end is dropped.
            let _ = self.moments.send(moment);
        }
    }

    pub fn ticks(&self) -> &Receiver<()> {
        &self.ticks
    }

    /// A tick was taken.
    pub fn ticked(&mut self) {
        self.next = None;
    }

    pub fn stop(self) {
        drop(self.moments);
        let _ = self.thread.join();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn it_ticks_only_on_request() {
        let mut heartbeat = Heartbeat::start().unwrap();
        let start = Instant::now();
        heartbeat.wake_at(start + Duration::from_secs(3_600));
        heartbeat.wake_at(start + Duration::from_millis(20));
        heartbeat.wake_at(start + Duration::from_secs(60));
        heartbeat.ticks().recv_timeout(Duration::from_secs(30)).unwrap();
        assert!(start.elapsed() >= Duration::from_millis(20));
        heartbeat.ticked();
        assert!(heartbeat.ticks().recv_timeout(Duration::from_millis(20)).is_err(), "no tick was requested");
        heartbeat.wake_at(start);
        heartbeat.ticks().recv_timeout(Duration::from_secs(30)).unwrap();
        heartbeat.stop();
    }
}
