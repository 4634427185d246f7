//! Pure: what looks at the broker before each attempt of a link and says whether it may connect. The link makes a
//! throw-away connection for it and carries its messages; what they mean is the lookout's to say.

use super::{Message, Publication, Subscription};
use crate::random::Random;
use std::time::Instant;

/// Looks over a connection of its own, one look after the other.
pub trait Lookout: Send {
    /// A look begins: what to connect as. The connection has a clean session and no will.
    fn begin(&mut self, random: &mut Random) -> Guise;

    /// Something happened on its connection.
    fn see(&mut self, now: Instant, sight: Sight) -> Judgement;
}

/// What the connection of a look shows of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guise {
    /// One that nobody else has.
    pub client_id: String,
    pub subscriptions: Vec<Subscription>,
}

/// What happens during a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight<'a> {
    /// Connected and subscribed. Messages may come before it.
    Connected,
    Message(&'a Message),
    /// The time that the lookout named has come.
    Due,
}

/// What the lookout makes of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// Published on the connection of the look, before its end.
    pub publish: Vec<Publication>,
    pub clearance: Clearance,
}

/// Whether the link may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Clearance {
    /// It is not known yet. [`Sight::Due`] comes at this time; `None`: at the time that was named before.
    Unsure { until: Option<Instant> },
    /// The look ends, the link connects.
    Open,
    /// The look ends, the link must not connect, for this reason.
    Barred { why: String },
}
