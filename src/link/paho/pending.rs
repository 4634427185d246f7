//! The tokens of paho's operations that are under way. Each rings the link thread when it completes; no thread waits
//! for one.

use super::Signal;
use crate::link::machine::Input;
use crossbeam_channel::Sender;
use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

/// What a token is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Awaited {
    /// CONNECT or DISCONNECT of this generation.
    Connection(u64),
    /// The machine's operation of this number.
    Operation(u64),
}

pub struct Pending {
    answers: HashMap<Awaited, Pin<Box<dyn Future<Output = Input> + Send>>>,
    signals: Sender<Signal>,
}

impl Pending {
    pub fn new(signals: Sender<Signal>) -> Pending {
        Pending { answers: HashMap::new(), signals }
    }

    /// Starts to wait for what a token says; the input, if it is complete already.
    pub fn watch(&mut self, awaited: Awaited, answer: impl Future<Output = Input> + Send + 'static) -> Option<Input> {
        self.answers.insert(awaited, Box::pin(answer));
        self.poll(awaited)
    }

    /// What came of this, if it is complete. A later completion rings.
    pub fn poll(&mut self, awaited: Awaited) -> Option<Input> {
        let waker = Waker::from(Arc::new(Ringing { awaited, signals: self.signals.clone() }));
        match self.answers.get_mut(&awaited)?.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Pending => None,
            Poll::Ready(input) => {
                self.answers.remove(&awaited);
                Some(input)
            }
        }
    }

    pub fn is_pending(&self, awaited: Awaited) -> bool {
        self.answers.contains_key(&awaited)
    }

    pub fn forget(&mut self, awaited: Awaited) {
        self.answers.remove(&awaited);
    }

    /// Nobody waits for what is under way on an earlier connection, except for whether that still comes.
    pub fn forget_operations(&mut self) {
        self.answers.retain(|awaited, _| matches!(awaited, Awaited::Connection(_)));
    }
}

/// Rings the link thread when a token completes.
struct Ringing {
    awaited: Awaited,
    signals: Sender<Signal>,
}

impl Wake for Ringing {
    fn wake(self: Arc<Self>) {
        let _ = self.signals.send(Signal::Completed(self.awaited));
    }
}
