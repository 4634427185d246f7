//! Tokens of paho's operations under way. Each wakes the link thread when it completes; no thread waits for one.

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
    /// The CONNECT or DISCONNECT of this generation.
    Connection(u64),
    /// The machine's operation with this number.
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

    /// Starts to watch a token. Returns the input if it is complete already.
    pub fn watch(&mut self, awaited: Awaited, answer: impl Future<Output = Input> + Send + 'static) -> Option<Input> {
        self.answers.insert(awaited, Box::pin(answer));
        self.poll(awaited)
    }

    /// The result of a token, if it is complete. If not, its completion wakes the link thread.
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

    /// Forgets operations of earlier connections, but still waits for connections.
    pub fn forget_operations(&mut self) {
        self.answers.retain(|awaited, _| matches!(awaited, Awaited::Connection(_)));
    }
}

/// Wakes the link thread when a token completes.
struct Ringing {
    awaited: Awaited,
    signals: Sender<Signal>,
}

impl Wake for Ringing {
    fn wake(self: Arc<Self>) {
        let _ = self.signals.send(Signal::Completed(self.awaited));
    }
}
