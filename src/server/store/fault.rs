//! Pure: what to do after a failed transaction. If the failure is permanent, halving the batch finds the message that
//! causes it. That message is set aside, unless the database takes nothing at all.

use super::engine::Diagnosis;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Retry the same later.
    Wait,
    /// Retry the messages without the presences.
    WithoutSeats,
    /// Retry each half of the messages by itself.
    Halve,
    /// Go on without this one message.
    SetAside,
    /// Go on without the presences.
    DropSeats,
    /// Retry with a new part of the index of words.
    RenewWords,
}

/// `messages`, `seats`: how many of each the transaction had, at least one in all. `diagnose` tries to write, so it is
/// called only if its answer matters.
pub fn next(may_pass: bool, messages: usize, seats: usize, diagnose: impl FnOnce() -> Diagnosis) -> Next {
    match (messages, seats) {
        _ if may_pass => Next::Wait,
        (1.., 1..) => Next::WithoutSeats,
        (2.., 0) => Next::Halve,
        _ => match diagnose() {
            Diagnosis::Database => Next::Wait,
            Diagnosis::Words => Next::RenewWords,
            Diagnosis::Message if messages == 1 => Next::SetAside,
            Diagnosis::Message => Next::DropSeats,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Diagnosis::{Database, Message, Words};

    #[test]
    fn temporary_failures_are_waited_for() {
        for (messages, seats) in [(1, 0), (9, 0), (0, 1), (9, 9)] {
            assert_eq!(next(true, messages, seats, || panic!("nobody needs to know")), Next::Wait);
        }
    }

    #[test]
    fn what_does_not_is_looked_for() {
        for (messages, seats, expected) in [(2, 0, Next::Halve), (4_096, 0, Next::Halve), (1, 1, Next::WithoutSeats)] {
            assert_eq!(next(false, messages, seats, || panic!("it is not one message yet")), expected);
        }
        for (diagnosis, expected) in [(Message, Next::SetAside), (Words, Next::RenewWords), (Database, Next::Wait)] {
            assert_eq!(next(false, 1, 0, || diagnosis), expected);
        }
        for (diagnosis, expected) in [(Message, Next::DropSeats), (Words, Next::RenewWords), (Database, Next::Wait)] {
            assert_eq!(next(false, 0, 3, || diagnosis), expected);
        }
    }
}
