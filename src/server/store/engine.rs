//! What the store needs from a database engine. SQLite is the only one so far; another can stand next to it.

use crate::server::core::record::{Committed, Keep, Retention, SeatChange, StoreAnswer, StoreQuestion, Trimmed};
use std::fmt;
use std::time::Duration;

/// Answers questions about the history. The reader thread has one of its own.
pub trait Answering {
    /// `search_time`: a search that takes longer is cut, and says so.
    fn answer(&self, question: StoreQuestion, search_time: Duration) -> Result<StoreAnswer, Error>;
}

/// Writes the history. One thread owns it.
pub trait Engine: Answering {
    /// Commits these messages and presences in one transaction: all of them, or none if it fails. When it returns, they
    /// survive a loss of power.
    fn commit(&mut self, keeps: &[Keep], seats: &[SeatChange]) -> Result<Committed, Error>;

    /// Takes one step of retention. `now`: Unix milliseconds.
    fn trim(&mut self, retention: &Retention, now: i64) -> Result<Trimmed, Error>;

    /// Finds out why a commit failed permanently. `failed`: one of its messages, if there was one. Writes nothing.
    fn diagnose(&mut self, failed: Option<&Keep>) -> Diagnosis;

    /// Starts a new part of the index of words, after [`Diagnosis::Words`].
    fn renew_words(&mut self) -> Result<(), Error>;
}

/// Why a commit fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Diagnosis {
    /// The message alone: others can be written.
    Message,
    /// The newest part of the index of words takes no more, but a new one would.
    Words,
    /// Nothing can be written, or the cause is unknown.
    Database,
}

/// Why an engine cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    pub what: String,
    /// The same may succeed later: the disk is full, or another program holds the database.
    pub may_pass: bool,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for Error {}
