//! Why the database cannot be used, and whether that may pass.

use rusqlite::ErrorCode;
use std::fmt;

/// Why the database cannot be used.
#[derive(Debug)]
pub enum Error {
    Sql(rusqlite::Error),
    /// The file of another program or of another version of this one.
    Foreign(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Foreign(what) => f.write_str(what),
            Error::Sql(error) => match error.sqlite_error_code() {
                Some(ErrorCode::NotADatabase) => write!(f, "it is damaged, or another program's file; move it away"),
                Some(ErrorCode::DatabaseCorrupt) => write!(f, "it is damaged; move it away"),
                Some(ErrorCode::ReadOnly) => write!(f, "it cannot be written; see to the rights of file and folder"),
                Some(ErrorCode::CannotOpen) => write!(f, "it cannot be opened; see to the rights of file and folder"),
                Some(ErrorCode::DiskFull) => write!(f, "the disk is full"),
                Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => write!(f, "another program holds it"),
                _ => write!(f, "{error}"),
            },
        }
    }
}

impl std::error::Error for Error {}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Error {
        Error::Sql(error)
    }
}

impl Error {
    /// Whether a retry may succeed: the disk was full or away, or another program held a lock. Every other failure
    /// would repeat.
    pub fn may_pass(&self) -> bool {
        let Error::Sql(error) = self else { return false };
        matches!(
            error.sqlite_error_code(),
            Some(
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
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::ffi;

    #[test]
    fn temporary_and_permanent_failures_are_told_apart() {
        let check = |code: i32, may_pass: bool| {
            let error = Error::Sql(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
            assert_eq!(error.may_pass(), may_pass, "{code}: {error}");
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
        assert!(!Error::Sql(unreadable).may_pass());
    }
}
