//! Where a history lies: its folder, its file, and the lock of the server that has it.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The database of a chat's topic root.
pub fn database(dir: &Path, root: &str) -> PathBuf {
    dir.join(format!("{}.db", file_name(root)))
}

/// Makes the folder and the database's file where they are missing, for nobody else to read: people said what is there.
///
/// # Errors
/// A line for whoever runs the program.
pub fn make(dir: &Path, database: &Path) -> Result<File, String> {
    make_private_folder(dir).map_err(|error| format!("the folder {} cannot be made: {error}", dir.display()))?;
    make_private_file(database)
        .map_err(|error| format!("the database {} cannot be written: {error}", database.display()))
}

/// A topic root as a file's name: different ones stay different.
fn file_name(root: &str) -> String {
    root.replace('%', "%25").replace('/', "%2F")
}

/// What people said is nobody else's to read.
fn make_private_folder(dir: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

/// Also where the folder was there before; SQLite gives its other files the same rights.
fn make_private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().create(true).append(true).mode(0o600).open(path)
}

/// Locks it for as long as it is open; true where another process has. SQLite's own locks are of another kind and let
/// others read and write. A file system that knows no such locks leaves it unlocked.
pub fn is_locked(file: &File) -> bool {
    // SAFETY: flock takes plain numbers, and the file is open.
    let result = unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) };
    result != 0 && io::Error::last_os_error().kind() == io::ErrorKind::WouldBlock
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_root_has_a_file_of_its_own() {
        assert_eq!(file_name("chat"), "chat");
        assert_eq!(
            (file_name("a/b"), file_name("a-b"), file_name("a%2Fb")),
            ("a%2Fb".into(), "a-b".into(), "a%252Fb".into())
        );
    }
}
