//! The "memory" thread: it commits what the session wants remembered, and recalls what earlier runs left, one order at a
//! time, and reports each. The file may be slow, or another run may hold it: nobody waits for it.

use super::memory::Memory;
use crate::client::core::memo::{Memo, Remembered};
use crate::client::core::session::{SessionEvent, Uncommitted};
use crate::protocol::NickKey;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::io;
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

pub struct Keeper {
    orders: Option<Sender<KeeperOrder>>,
    reports: Receiver<SessionEvent>,
    done: Receiver<()>,
    thread: JoinHandle<()>,
}

enum KeeperOrder {
    Keep(Vec<Memo>),
    Become(NickKey),
}

impl Keeper {
    /// `memory`: `None` where there is none; then nothing is kept, and all is reported.
    pub fn start(mut memory: Option<Memory>) -> io::Result<Keeper> {
        let (orders, inbox) = bounded::<KeeperOrder>(1);
        let (outbox, reports) = bounded(1);
        let (finished, done) = bounded(1);
        let work = move || {
            for order in inbox {
                // Without a session nobody wants to know.
                let _ = outbox.send(carry_out(memory.as_mut(), order));
            }
            drop(memory);
            let _ = finished.send(());
        };
        let thread = Builder::new().name("memory".to_owned()).spawn(work)?;
        Ok(Keeper { orders: Some(orders), reports, done, thread })
    }

    /// To be called once what was told before is on the screen: commits these.
    pub fn keep(&self, memos: Vec<Memo>) -> impl FnOnce() + Send + 'static {
        self.order(KeeperOrder::Keep(memos))
    }

    /// As [`Keeper::keep`]: from now on it is about another person, and recalls what earlier runs left.
    pub fn become_another(&self, key: NickKey) -> impl FnOnce() + Send + 'static {
        self.order(KeeperOrder::Become(key))
    }

    fn order(&self, order: KeeperOrder) -> impl FnOnce() + Send + 'static {
        let orders = self.orders.clone();
        // There is never more than one order under way, so that this does not block.
        move || drop(orders.map(|orders| orders.send(order)))
    }

    pub fn reports(&self) -> &Receiver<SessionEvent> {
        &self.reports
    }

    /// The next report; `None`: none comes by then, or ever.
    pub fn report_by(&self, deadline: Instant) -> Option<SessionEvent> {
        self.reports.recv_deadline(deadline).ok()
    }

    /// Takes no further order.
    pub fn close(&mut self) {
        self.orders = None;
    }

    /// Ends, which may take so long: a disk that does not answer is not waited for.
    pub fn finish(mut self, within: Duration) {
        self.close();
        if self.done.recv_timeout(within).is_ok() {
            let _ = self.thread.join();
        }
    }
}

fn carry_out(memory: Option<&mut Memory>, order: KeeperOrder) -> SessionEvent {
    match (order, memory) {
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

#[cfg(test)]
mod tests;
