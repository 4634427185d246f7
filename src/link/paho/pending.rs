//! The tokens of paho's operations that are under way. Each rings the link thread when it completes; no thread waits
//! for one.

use super::{Signal, words};
use crate::link::machine::Input;
use crossbeam_channel::Sender;
use paho_mqtt as mqtt;
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

pub enum Handle {
    /// `is_tls`: the connection is to be secured.
    Connect {
        token: mqtt::Token,
        is_tls: bool,
    },
    Disconnect(mqtt::Token),
    /// Of so many filters.
    Subscribe(mqtt::Token, usize),
    Publish(mqtt::DeliveryToken),
}

pub struct Pending {
    pending: HashMap<Awaited, Handle>,
    signals: Sender<Signal>,
}

impl Pending {
    pub fn new(signals: Sender<Signal>) -> Pending {
        Pending { pending: HashMap::new(), signals }
    }

    /// Starts to wait for this; what came of it, if it is complete already.
    pub fn watch(&mut self, awaited: Awaited, handle: Handle) -> Option<Input> {
        self.pending.insert(awaited, handle);
        self.poll(awaited)
    }

    /// What came of this, if it is complete. A later completion rings.
    pub fn poll(&mut self, awaited: Awaited) -> Option<Input> {
        let waker = Waker::from(Arc::new(Ringing { awaited, signals: self.signals.clone() }));
        let mut context = Context::from_waker(&waker);
        let (Awaited::Connection(number) | Awaited::Operation(number)) = awaited;
        let poll = match self.pending.get_mut(&awaited)? {
            Handle::Connect { token, is_tls } => {
                let (poll, is_tls) = (Pin::new(token).poll(&mut context), *is_tls);
                poll.map(|result| words::connected(number, result, is_tls))
            }
            Handle::Disconnect(token) => {
                Pin::new(token).poll(&mut context).map(|_| Input::Disconnected { generation: number })
            }
            Handle::Subscribe(token, filters) => {
                let (poll, filters) = (Pin::new(token).poll(&mut context), *filters);
                poll.map(|result| Input::Subscribed { operation: number, granted: words::granted(result, filters) })
            }
            Handle::Publish(token) => Pin::new(token)
                .poll(&mut context)
                .map(|result| Input::Settled { operation: number, outcome: words::settlement(result) }),
        };
        match poll {
            Poll::Pending => None,
            Poll::Ready(input) => {
                self.pending.remove(&awaited);
                Some(input)
            }
        }
    }

    pub fn is_pending(&self, awaited: Awaited) -> bool {
        self.pending.contains_key(&awaited)
    }

    pub fn forget(&mut self, awaited: Awaited) {
        self.pending.remove(&awaited);
    }

    /// Nobody waits for what is under way on an earlier connection, but for whether that still comes.
    pub fn forget_operations(&mut self) {
        self.pending.retain(|awaited, _| matches!(awaited, Awaited::Connection(_)));
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
