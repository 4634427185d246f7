//! How a link is set up.

use super::{Lookout, Settings, Subscription, WillOf};
use std::time::Duration;

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
