//! Where a history is stored: its folder, its file, and the lock of the server that uses it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The database of a chat's topic root.
pub fn database(dir: &Path, root: &str) -> PathBuf {
    dir.join(format!("{}.db", file_name(root)))
}

/// Creates the folder and the database's file if they are missing. Only their owner may read them, because they hold
/// private messages.
///
/// # Errors
///
/// A line for the person who runs the program.
pub fn make(dir: &Path, database: &Path) -> Result<File, String> {
    let folder = DirBuilder::new().recursive(true).mode(0o700).create(dir);
    folder.map_err(|error| format!("the folder {} cannot be made: {error}", dir.display()))?;
    // Opening a pipe would wait for somebody who reads it.
    if database.exists() && !database.is_file() {
        return Err(format!("the database {} is not a regular file", database.display()));
    }
    // The folder may exist already with other permissions. SQLite gives its other files the same permissions as this one.
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(database);
    file.map_err(|error| format!("the database {} cannot be written: {error}", database.display()))
}

/// The file name for a topic root. Different roots have different names.
fn file_name(root: &str) -> String {
    root.replace('%', "%25").replace('/', "%2F")
}

/// Locks the file while it is open. True if another process holds the lock. SQLite's own locks are of another kind and
/// let others read and write. A file system without such locks leaves the file unlocked.
pub fn is_locked(file: &File) -> bool {
    matches!(file.try_lock(), Err(TryLockError::WouldBlock))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_regular_file_is_a_database() {
        let error = make(Path::new("/"), Path::new("/dev/null")).unwrap_err();
        assert_eq!(error, "the database /dev/null is not a regular file");
    }

    #[test]
    fn each_root_has_a_file_of_its_own() {
        assert_eq!(file_name("chat"), "chat");
        assert_eq!(
            (file_name("a/b"), file_name("a-b"), file_name("a%2Fb")),
            ("a%2Fb".into(), "a-b".into(), "a%252Fb".into())
        );
    }
}
