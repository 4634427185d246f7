//! How a link is set up.

use super::{Lookout, Settings, Subscription, WillOf};
use crate::random::Random;
use std::time::Duration;

/// The settings of a link, besides its address ([`Settings`]).
pub struct Config {
    pub settings: Settings,
    pub client_id: String,
    /// The broker keeps the session and its queue while the link is away.
    pub persistent: bool,
    pub will: Option<WillOf>,
    pub subscriptions: Vec<Subscription>,
    /// Retry even if the very first attempt fails, unless the failure is permanent.
    pub patient: bool,
    /// The longest back-off. It doubles from one second up to this, and each is shortened at random by up to half.
    pub longest_wait: Duration,
    /// For the back-off, and for the lookout.
    pub random: Random,
    /// Checks the broker before each attempt.
    pub lookout: Option<Box<dyn Lookout>>,
}
