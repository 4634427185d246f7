//! Judges a ledger by the promises of docs/reliability.md and by what goes without saying: correct presence at the end,
//! programs that come to rest, bounded state. [`case`] excuses what the document does not promise. Each rule is one function
//! and finds every violation of its promise.

mod case;
mod order;
mod rest;
mod shown;
mod stored;
#[cfg(test)]
mod tests;

use super::ledger::{Ledger, Number};
use super::plan::Plan;
use case::Case;
pub use rest::is_quiet;
use std::fmt::{self, Display};

/// A promise that a run broke.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub promise: Promise,
    /// The message concerned, if it is about one.
    pub number: Option<Number>,
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Promise {
    /// A message that was told *stored*, or that an outbox took, gets into the history. A direct message reaches its addressee.
    NothingLost,
    /// A message is in the history once.
    StoredOnce,
    /// The server says `stored` only after fsync.
    StoredAfterSync,
    /// A sender learns what became of each message, once in a run.
    SenderTold,
    /// Outboxes are empty at the end.
    OutboxEmpties,
    /// A message is shown to everybody who was in its room.
    EverybodyHasIt,
    /// A run shows a message once; a later run repeats only the last second before a `kill -9`.
    ShownOnce,
    /// Nobody is shown a message to somebody else, and nothing is shown or stored that nobody said.
    NothingStrange,
    /// *Delivered* is told only after the addressee was shown the message.
    DeliveredAfterShown,
    /// A client reports a gap only if something was removed.
    GapWithReason,
    /// Each sender's messages come in order, except those marked late.
    InOrder,
    /// A message is marked late only if it was sent again or follows a later one.
    LateWithReason,
    /// At the end everybody knows who is present.
    Presence,
    /// Traffic ends in the quiet phase.
    TrafficEnds,
    /// No program wakes up again and again without an input.
    NoBusyLoop,
    /// No state outgrows what it represents.
    StateBounded,
    /// No program ends by itself without a documented reason.
    NobodyFalls,
}

/// Finds every violation of a run.
pub fn judge(plan: &Plan, ledger: &Ledger) -> Vec<Violation> {
    let case = Case::new(plan, ledger);
    let mut found = Vec::new();
    stored::judge(&case, &mut found);
    shown::judge(&case, &mut found);
    order::judge(&case, &mut found);
    rest::judge(&case, &mut found);
    found
}

impl Violation {
    fn of(promise: Promise, number: Number, text: impl Into<String>) -> Violation {
        Violation { promise, number: Some(number), text: text.into() }
    }

    fn general(promise: Promise, text: impl Into<String>) -> Violation {
        Violation { promise, number: None, text: text.into() }
    }
}

impl Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.number {
            Some(number) => write!(f, "{}: m{number}: {}", self.promise, self.text),
            None => write!(f, "{}: {}", self.promise, self.text),
        }
    }
}

impl Promise {
    pub const ALL: &[Promise] = {
        use Promise::*;
        &[
            NothingLost,
            StoredOnce,
            StoredAfterSync,
            SenderTold,
            OutboxEmpties,
            EverybodyHasIt,
            ShownOnce,
            NothingStrange,
            DeliveredAfterShown,
            GapWithReason,
            InOrder,
            LateWithReason,
            Presence,
            TrafficEnds,
            NoBusyLoop,
            StateBounded,
            NobodyFalls,
        ]
    };

    /// The promise with this name, as it is displayed.
    pub fn parse(name: &str) -> Option<Promise> {
        Promise::ALL.iter().copied().find(|promise| promise.to_string() == name)
    }
}

impl Display for Promise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Promise::NothingLost => "nothing lost",
            Promise::StoredOnce => "stored once",
            Promise::StoredAfterSync => "stored after sync",
            Promise::SenderTold => "sender told",
            Promise::OutboxEmpties => "outbox empties",
            Promise::EverybodyHasIt => "everybody has it",
            Promise::ShownOnce => "shown once",
            Promise::NothingStrange => "nothing strange",
            Promise::DeliveredAfterShown => "delivered after shown",
            Promise::GapWithReason => "gap with reason",
            Promise::InOrder => "in order",
            Promise::LateWithReason => "late with reason",
            Promise::Presence => "presence",
            Promise::TrafficEnds => "traffic ends",
            Promise::NoBusyLoop => "no busy loop",
            Promise::StateBounded => "state bounded",
            Promise::NobodyFalls => "nobody falls",
        })
    }
}
