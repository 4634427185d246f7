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
pub mod failure;
pub mod guard;
mod lookout;
pub mod machine;
mod paho;
pub mod probe;
mod retired;
pub mod settings;
mod topic;

pub use failure::{Failure, FailureKind};
pub use guard::{dropped_messages, masked_writes, tls_in_use};
pub use lookout::{Clearance, Guise, Judgement, Lookout, Sight};
pub use settings::{Address, Qos, Settings, Tls, Transport, Version, canonical_host};

use crossbeam_channel::{Receiver, Sender};
use machine::Input;
use paho::Signal;
use std::io;
use std::time::{Duration, Instant};

/// What happens on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// Connected and subscribed. Messages may arrive before it.
    Connected {
        /// The broker kept the session of this client identifier, and with it what was queued.
        session_present: bool,
        /// `V5` or `V311`.
        version: Version,
        /// Counts the connections of this link, from 1; the will of this connection was made with it.
        conn: u32,
        /// Filters that the broker did not grant.
        refused: Vec<String>,
        /// Protocol version and cipher, as OpenSSL names them; `None` without TLS, and where they are not known.
        tls: Option<(String, String)>,
    },
    /// A message of a subscription.
    Message(Message),
    /// The broker has what was published with this ticket.
    Published { ticket: u64 },
    /// The broker answered that it will not take what was published with this ticket.
    Rejected { ticket: u64, reason: String },
    /// The broker did not grant a filter that was subscribed to on a connection that is up.
    Refused { filter: String },
    /// An attempt to connect failed. [`Event::Waiting`] follows, or [`Event::Ended`].
    Failed(Failure),
    /// The connection is gone; what was published and not acknowledged may or may not have arrived.
    Lost { reason: String },
    /// The next attempt starts after this time.
    Waiting { delay: Duration },
    /// The lookout said that this link must not connect, and why. [`Event::Ended`] follows if it never was connected, else
    /// [`Event::Waiting`]: the lookout looks again.
    Barred { why: String },
    /// The link gave up: nothing more will come.
    Ended,
}

/// A message as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub topic: String,
    pub payload: Vec<u8>,
    /// It was delivered with: the lower one of its publication's and its subscription's.
    pub qos: Qos,
    /// It was retained before the subscription, not published just now.
    pub retained: bool,
}

/// Something to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    pub topic: String,
    pub payload: Vec<u8>,
    pub qos: Qos,
    pub retain: bool,
    /// Named in [`Event::Published`]; `None`: nobody wants to know.
    pub ticket: Option<u64>,
}

/// What is subscribed to with every connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    pub filter: String,
    /// The highest quality of service to deliver with.
    pub qos: Qos,
    /// Leave out what this link itself publishes. Only MQTT 5 knows how; of 3.1.1 the own messages come too.
    pub no_local: bool,
}

impl Subscription {
    pub fn new(filter: String, qos: Qos) -> Subscription {
        Subscription { filter, qos, no_local: false }
    }
}

/// Makes the will of a connection from its number.
pub type WillOf = Box<dyn Fn(u32) -> Publication + Send>;

/// How a link behaves, beside where it goes ([`Settings`]).
pub struct Config {
    pub settings: Settings,
    pub client_id: String,
    /// The broker keeps the session and what is queued for it while the link is away.
    pub persistent: bool,
    pub will: Option<WillOf>,
    pub subscriptions: Vec<Subscription>,
    /// Try again also where the very first attempt fails, unless the failure is a lasting one.
    pub patient: bool,
    /// The waits between attempts double from a second up to this; each is shortened at random by up to half.
    pub longest_wait: Duration,
    /// Looks before each attempt.
    pub lookout: Option<Box<dyn Lookout>>,
}

/// Largest packet that a link takes, in bytes. A chat's payload is at most half of it, which leaves as much again for topic
/// and properties. A broker of MQTT 5 is told so and keeps larger ones back; what comes all the same is dropped.
pub const PACKET_BYTES: u32 = 128 * 1024;
/// The reason of [`Event::Lost`] where nothing is known but that the connection ended.
pub const BROKE: &str = "the connection broke";
/// The name under which the MQTT library logs.
pub const LIBRARY_LOG: &str = "paho_mqtt";
/// What [`Config::longest_wait`] is where there may be many links, so that a broker that comes back can breathe.
pub const LONGEST_WAIT: Duration = Duration::from_secs(60);

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
