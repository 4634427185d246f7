//! The "memory" thread: commits what the session wants remembered, recalls what earlier runs left, and reports each. It
//! takes one order at a time. The file may be slow or locked by another run, and nobody waits for it.

use super::memory::Memory;
use super::worker::Worker;
use crate::client::core::memo::{Memo, Remembered};
use crate::client::core::session::{SessionEvent, Uncommitted};
use crate::protocol::NickKey;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::io;
use std::time::{Duration, Instant};

pub struct Keeper {
    orders: Option<Sender<KeeperOrder>>,
    reports: Receiver<SessionEvent>,
    worker: Worker<()>,
}

pub enum KeeperOrder {
    /// Commit these memos.
    Keep(Vec<Memo>),
    /// Switch to another nick and recall what earlier runs under it left.
    Become(NickKey),
}

impl Keeper {
    /// `memory`: if it is `None`, nothing is stored, but everything is reported.
    pub fn start(mut memory: Option<Memory>) -> io::Result<Keeper> {
        let (orders, inbox) = bounded::<KeeperOrder>(1);
        let (outbox, reports) = bounded(1);
        let work = move || {
            for order in inbox {
                // The session may have ended already.
                let _ = outbox.send(order.carry_out(memory.as_mut()));
            }
        };
        Ok(Keeper { orders: Some(orders), reports, worker: Worker::start("memory", work)? })
    }

    /// Returns a function that gives this order. Call it once everything told before is on the screen.
    pub fn order(&self, order: KeeperOrder) -> impl FnOnce() + Send + 'static {
        let orders = self.orders.clone();
        // Only one order is under way at a time, so this does not block.
        move || drop(orders.map(|orders| orders.send(order)))
    }

    pub fn reports(&self) -> &Receiver<SessionEvent> {
        &self.reports
    }

    /// The next report; `None`: none arrives by the deadline, or ever.
    pub fn report_by(&self, deadline: Instant) -> Option<SessionEvent> {
        self.reports.recv_deadline(deadline).ok()
    }

    /// Takes no further orders.
    pub fn close(&mut self) {
        self.orders = None;
    }

    /// Ends within this time. It does not wait for a disk that does not answer.
    pub fn finish(mut self, within: Duration) {
        self.close();
        self.worker.finish(within);
    }
}

impl KeeperOrder {
    /// Carries the order out and returns the report.
    pub fn carry_out(self, memory: Option<&mut Memory>) -> SessionEvent {
        match (self, memory) {
            (KeeperOrder::Keep(memos), Some(memory)) if !memos.is_empty() => {
                let kept = memory.keep(&memos);
                SessionEvent::Committed(kept.map_err(|error| Uncommitted { memos, why: error.to_string() }))
            }
            (KeeperOrder::Keep(_), _) => SessionEvent::Committed(Ok(())),
            (KeeperOrder::Become(key), Some(memory)) => {
                let recalled = memory.be(key).and_then(|()| memory.recall());
                SessionEvent::Became(recalled.map_err(|error| error.to_string()))
            }
            (KeeperOrder::Become(_), None) => SessionEvent::Became(Ok(Remembered::default())),
        }
    }
}

#[cfg(test)]
mod tests;
