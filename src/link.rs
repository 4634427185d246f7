//! The connection to the broker, as its owner sees it. [`machine`] decides, and [`paho`] carries out its decisions.
//!
//! [`Link::open`] starts a "link" thread that connects, backs off, resubscribes, and publishes within a window. It
//! reports [`Event`]s through a function that must not block, because it runs in paho's callbacks: it sends into an
//! unbounded channel and returns. A publication without a connection is dropped. An owner that needs it keeps it until
//! [`Event::Published`] and publishes again after [`Event::Connected`].
//!
//! Nothing slow runs on the link thread, so a link closes at once. An owner never waits for a link longer than it said.

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

/// How long [`Link::close`] waits for the DISCONNECT beyond its time. A working connection writes it at once.
const DISCONNECT_GRACE: Duration = Duration::from_millis(100);

/// A handle to a link. Dropping it closes the connection without a last publication, and waits for nothing.
pub struct Link {
    signals: Sender<Signal>,
    /// Closed when the owner need not wait any longer.
    said: Receiver<()>,
    is_let_go: bool,
}

/// The end of a link that closes by itself.
pub struct Farewell {
    said: Receiver<()>,
    /// Nobody waits for it beyond this time.
    until: Instant,
}

impl Link {
    /// Starts the link's threads and begins to connect. `on_event` is called from these and from paho's; it must return
    /// at once and never call the link.
    pub fn open(config: Config, on_event: impl Fn(Event) + Send + Sync + 'static) -> io::Result<Link> {
        Link::open_after(None, config, on_event)
    }

    /// The same, but begins to connect after the farewell of another link, or when the farewell's time is over.
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
    pub fn subscribe(&self, subscription: Subscription) {
        self.order(Input::Subscribe(subscription));
    }

    pub fn unsubscribe(&self, filter: String) {
        self.order(Input::Unsubscribe { filter });
    }

    /// Publishes the queue and then `last`, waits at most `within` for the broker's acknowledgements, and disconnects,
    /// which prevents the will. Without a connection it waits for nothing. Whatever the network does, it returns after
    /// `within` plus a tenth of a second. Anything that still hangs ends by itself, or with the process.
    pub fn close(self, last: Option<Publication>, within: Duration) {
        let farewell = self.let_go(last, within);
        // Nothing is ever sent: the link drops its end.
        let _ = farewell.said.recv_deadline(farewell.until + DISCONNECT_GRACE);
    }

    /// Like [`Link::close`], without waiting.
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
