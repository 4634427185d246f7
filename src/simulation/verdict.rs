//! Judges a ledger by the promises of docs/reliability.md, and by what nobody has to promise: presence that is right at the
//! end, programs that come to rest, state that does not grow. What the document does not promise is excused in [`case`].
//! Each rule is one function; each finds everything that breaks it.

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
    /// What a sender was told is stored is in the history, what an outbox took gets there; a direct one to its addressee.
    NothingLost,
    /// Once.
    StoredOnce,
    /// `stored` is said after fsync.
    StoredAfterSync,
    /// The sender is told, once in a run.
    SenderTold,
    /// Nothing waits in an outbox for ever.
    OutboxEmpties,
    /// Everybody who was in the room has it.
    EverybodyHasIt,
    /// Once in a run, and again only after `kill -9`, of what its last second showed.
    ShownOnce,
    /// Nobody is shown what is not for them, and nothing that nobody said is shown or stored.
    NothingStrange,
    /// `delivered` is told after the addressee was shown it.
    DeliveredAfterShown,
    /// A client is told of a gap only if something was removed.
    GapWithReason,
    /// Of each sender in order, but for what is marked late.
    InOrder,
    /// Late is only what was sent again or comes after a later one.
    LateWithReason,
    /// Who is present at the end is known to be, and nobody else.
    Presence,
    /// Traffic ends when nothing happens any more.
    TrafficEnds,
    /// Nobody wakes up again and again for nothing.
    NoBusyLoop,
    /// No state outgrows what it stands for.
    StateBounded,
    /// No program ends by itself without a reason.
    NobodyFalls,
}

/// Everything that is wrong with a run.
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
