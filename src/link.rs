//! The connection to the broker. [`machine`] decides, [`paho`] carries out what it says; this is what an owner sees.
//!
//! [`Link::open`] starts a "link" thread that connects, backs off, subscribes again and publishes within a window of
//! its own. What happens comes as [`Event`]s through a function that must not block: it runs in paho's callbacks. It
//! sends into an unbounded channel and returns. A publication without a connection is dropped: whoever needs it
//! published keeps it until [`Event::Published`] and gives it again after [`Event::Connected`].
//!
//! Nothing that may take long runs on the link thread, so a link closes at once. An owner never waits for a link longer
//! than it said.

mod backoff;
mod config;
pub mod failure;
pub mod guard;
mod lookout;
pub mod machine;
mod paho;
pub mod probe;
mod retired;
pub mod settings;
mod terms;
mod topic;

pub use config::Config;
pub use failure::{Failure, FailureKind};
pub use guard::{dropped_messages, masked_writes, tls_in_use};
pub use lookout::{Clearance, Guise, Judgement, Lookout, Sight};
pub use settings::{Address, Qos, Settings, Tls, Transport, Version, canonical_host};
pub use terms::{BROKE, Event, LIBRARY_LOG, LONGEST_WAIT, Message, PACKET_BYTES, Publication, Subscription, WillOf};

use crossbeam_channel::{Receiver, Sender};
use machine::Input;
use paho::Signal;
use std::io;
use std::time::{Duration, Instant};

/// How long [`Link::close`] waits for the DISCONNECT beyond the time it was given. On a connection that works it is
/// written at once.
const DISCONNECT_GRACE: Duration = Duration::from_millis(100);

/// A handle to a link; dropping it closes the connection without a last word, and waits for nothing.
pub struct Link {
    signals: Sender<Signal>,
    /// Closed when nothing is left to wait for.
    said: Receiver<()>,
    is_let_go: bool,
}

/// A link that was let go and closes by itself.
pub struct Farewell {
    said: Receiver<()>,
    /// It is not waited for beyond this.
    until: Instant,
}

impl Link {
    /// Starts the link's threads; it begins to connect. `on_event` is called from them and from paho's; it must
    /// return at once and never call the link.
    pub fn open(config: Config, on_event: impl Fn(Event) + Send + Sync + 'static) -> io::Result<Link> {
        Link::open_after(None, config, on_event)
    }

    /// The same, but it begins to connect once the last word of another link is said, or its time is up.
    pub fn open_after(
        farewell: Option<Farewell>,
        config: Config,
        on_event: impl Fn(Event) + Send + Sync + 'static,
    ) -> io::Result<Link> {
        let before = farewell.map(|farewell| (farewell.said, farewell.until));
        let (signals, said) = paho::start(config, before, on_event)?;
        Ok(Link { signals, said, is_let_go: false })
    }

    pub fn publish(&self, publication: Publication) {
        self.order(Input::Publish(publication));
    }

    /// Subscribes now and after every connect.
    pub fn subscribe(&self, filter: String, qos: Qos) {
        self.order(Input::Subscribe { filter, qos });
    }

    pub fn unsubscribe(&self, filter: String) {
        self.order(Input::Unsubscribe { filter });
    }

    /// Publishes what is queued and then `last`, waits for the broker's acknowledgements for `within` at most, and
    /// disconnects, so that no will is sent. Without a connection it waits for nothing. Whatever the network does, it
    /// returns after `within` and a tenth of a second: what hangs then ends by itself, or with the process.
    pub fn close(self, last: Option<Publication>, within: Duration) {
        let farewell = self.let_go(last, within);
        // Nothing is ever sent: the link drops its end.
        let _ = farewell.said.recv_deadline(farewell.until + DISCONNECT_GRACE);
    }

    /// As [`Link::close`], without waiting.
    pub fn let_go(mut self, last: Option<Publication>, within: Duration) -> Farewell {
        self.order(Input::Close { last, within });
        self.is_let_go = true;
        Farewell { said: self.said.clone(), until: Instant::now() + within }
    }

    fn order(&self, order: Input) {
        // The receiving end lives as long as the link thread; after its end there is nobody to do anything.
        let _ = self.signals.send(Signal::Input(order));
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        if !self.is_let_go {
            self.order(Input::Close { last: None, within: Duration::ZERO });
        }
    }
}
