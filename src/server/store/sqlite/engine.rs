//! The database as the engine of the store, and why it cannot be used.

use super::batch::{BatchWriter, KnownState};
use super::{Database, Error, HistoryReader, diagnosis, trim};
use crate::server::core::record::{Committed, Keep, Retention, SeatChange, StoreAnswer, StoreQuestion, Trimmed};
use crate::server::store::engine::{Answering, Diagnosis, Engine};
use rusqlite::ErrorCode;
use std::time::Duration;

impl Answering for HistoryReader {
    fn answer(&self, question: StoreQuestion, search_time: Duration) -> Result<StoreAnswer, Error> {
        Ok(match question {
            StoreQuestion::Page { query, reply } => StoreAnswer::Page { page: self.page(&query)?, reply },
            StoreQuestion::Rooms { reply } => StoreAnswer::Rooms { rooms: self.rooms()?, reply },
            StoreQuestion::Search { query, limit, before, reply } => {
                StoreAnswer::Found { found: self.search(&query, limit, before.as_ref(), search_time)?, reply }
            }
            StoreQuestion::Waiting { to, after, limit } => {
                let found = self.waiting_for(&to, after, limit)?;
                StoreAnswer::Waiting { to, after, found }
            }
        })
    }
}

impl Answering for Database {
    fn answer(&self, question: StoreQuestion, search_time: Duration) -> Result<StoreAnswer, Error> {
        self.questions().answer(question, search_time)
    }
}

impl Engine for Database {
    /// A message that was stored before, by its sender's key and id, is not stored again, even if it is gone since
    /// (delivered, or trimmed). A message with the id of another existing one is refused.
    fn commit(&mut self, keeps: &[Keep], seats: &[SeatChange]) -> Result<Committed, Error> {
        self.transact(|sql, state| {
            let mut batch = BatchWriter::begin(sql, state)?;
            for keep in keeps {
                batch.keep(keep)?;
            }
            for change in seats {
                batch.seats(change)?;
            }
            batch.finish()
        })
    }

    fn trim(&mut self, retention: &Retention, now: i64) -> Result<Trimmed, Error> {
        trim::step(self, retention, now)
    }

    fn diagnose(&mut self, failed: Option<&Keep>) -> Diagnosis {
        diagnosis::diagnose(self, failed)
    }

    fn renew_words(&mut self) -> Result<(), Error> {
        self.transact(|sql, _| diagnosis::begin_part(sql))?;
        // The cache knows the part before.
        self.state = KnownState::default();
        Ok(())
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        let code = error.sqlite_error_code();
        let what = match code {
            Some(ErrorCode::NotADatabase) => "it is damaged, or another program's file; move it away",
            Some(ErrorCode::DatabaseCorrupt) => "it is damaged; move it away",
            Some(ErrorCode::ReadOnly) => "it cannot be written; see to the rights of file and folder",
            Some(ErrorCode::CannotOpen) => "it cannot be opened; see to the rights of file and folder",
            Some(ErrorCode::DiskFull) => "the disk is full",
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => "another program holds it",
            _ => &error.to_string(),
        };
        Error { what: what.to_owned(), may_pass: code.is_some_and(may_pass) }
    }
}

/// Whether a retry may succeed: the disk was full or away, or another program held a lock. Every other failure would
/// repeat.
fn may_pass(code: ErrorCode) -> bool {
    matches!(
        code,
        ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::CannotOpen
            | ErrorCode::ReadOnly
            | ErrorCode::PermissionDenied
            | ErrorCode::OutOfMemory
            | ErrorCode::OperationInterrupted
            | ErrorCode::OperationAborted
            | ErrorCode::SchemaChanged
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    #[test]
    fn temporary_and_permanent_failures_are_told_apart() {
        let check = |code: i32, may_pass: bool| {
            let error = Error::from(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
            assert_eq!(error.may_pass, may_pass, "{code}: {error}");
        };
        let passing = [
            ffi::SQLITE_BUSY,
            ffi::SQLITE_BUSY_SNAPSHOT,
            ffi::SQLITE_LOCKED,
            ffi::SQLITE_FULL,
            ffi::SQLITE_IOERR_FSYNC,
            ffi::SQLITE_CANTOPEN,
            ffi::SQLITE_READONLY,
            ffi::SQLITE_NOMEM,
            ffi::SQLITE_INTERRUPT,
        ];
        let lasting = [
            ffi::SQLITE_CONSTRAINT_TRIGGER,
            ffi::SQLITE_CONSTRAINT_UNIQUE,
            ffi::SQLITE_CORRUPT,
            ffi::SQLITE_CORRUPT_VTAB,
            ffi::SQLITE_NOTADB,
            ffi::SQLITE_TOOBIG,
            ffi::SQLITE_MISMATCH,
            ffi::SQLITE_ERROR,
        ];
        passing.into_iter().for_each(|code| check(code, true));
        lasting.into_iter().for_each(|code| check(code, false));
        let unreadable = rusqlite::Error::IntegralValueOutOfRange(1, -1);
        assert!(!Error::from(unreadable).may_pass);
    }
}
