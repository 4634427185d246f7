//! Pure: the look before each attempt of a link, which decides whether the link may connect. The link makes a
//! throw-away connection for it and passes its messages on; the lookout interprets them.

use super::{Message, Publication, Subscription};
use crate::random::Random;
use std::time::Instant;

/// Checks the broker on a connection of its own.
pub trait Lookout: Send {
    /// A look begins. Returns the identity of its connection, which has a clean session and no will.
    fn begin(&mut self, random: &Random) -> Guise;

    /// Something happened on the connection of the look.
    fn see(&mut self, now: Instant, sight: Sight) -> Judgement;
}

/// The identity of a look's connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guise {
    /// A unique client identifier.
    pub client_id: String,
    pub subscriptions: Vec<Subscription>,
}

/// What happens during a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight<'a> {
    /// Connected and subscribed. Messages may come before it.
    Connected,
    Message(&'a Message),
    /// The deadline that the lookout named has passed.
    Due,
}

/// The lookout's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Publish these on the connection of the look, before it ends.
    pub publish: Vec<Publication>,
    pub clearance: Clearance,
}

/// Whether the link may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clearance {
    /// It is not known yet. [`Sight::Due`] comes at this time; `None`: the previous deadline stays.
    Unsure { until: Option<Instant> },
    /// The look ends, and the link connects.
    Open,
    /// The look ends, and the link must not connect, for this reason.
    Barred { why: String },
}
