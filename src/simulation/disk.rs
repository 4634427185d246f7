//! The disk of a simulated machine, in memory. The real databases run on it, and a power loss takes exactly what was not
//! synced.
//!
//! Each program on the machine has a [`Disk`], with which it opens its databases. [`Disk::kill`] ends the program in the
//! middle of whatever it does. Connections that it leaves behind can be dropped at any time: all their calls fail and change
//! nothing.
//!
//! Directory changes are journalled in order, as on ext4 and XFS: a sync of any file makes every earlier creation and
//! deletion durable. A power loss can tear a write between sectors of 512 bytes, never within one.

mod files;
mod image;
mod locks;
#[cfg(test)]
mod tests;
mod vfs;

use super::rng::Rng;
use files::Files;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use vfs::Vfs;

/// Which of the unsynced changes a power loss takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    Everything,
    /// All changes after a random moment.
    TheLast,
    /// A random choice of sectors, in any order.
    Any,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Health {
    #[default]
    Fine,
    /// No sync succeeds; what is written can be read.
    SyncFails,
    ReadOnly,
    /// Everything fails.
    Fails,
}

/// Work for which a real disk needs time. Reads are not counted: a machine has its database in the page cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// In bytes.
    pub written: u64,
    pub syncs: u64,
    /// Microseconds that SQLite wanted to wait for locks. It did not wait.
    pub slept: u64,
}

/// The disk as one program has it. Clones belong to the same program.
#[derive(Clone)]
pub struct Disk {
    files: Arc<Mutex<Files>>,
    /// What the program opens its files with.
    vfs: Arc<Mutex<Option<Arc<Vfs>>>>,
}

impl Default for Disk {
    fn default() -> Disk {
        Disk::new()
    }
}

impl Disk {
    /// An empty disk.
    pub fn new() -> Disk {
        Disk { files: Arc::default(), vfs: Arc::default() }
    }

    /// The same disk, for another program on this machine.
    pub fn beside(&self) -> Disk {
        Disk { files: Arc::clone(&self.files), vfs: Arc::default() }
    }

    /// Opens a database. The flags are as for a real file.
    pub fn connect(&self, path: impl AsRef<Path>, flags: OpenFlags) -> rusqlite::Result<Connection> {
        let vfs = Arc::clone(self.vfs().get_or_insert_with(|| Vfs::register(&self.files)));
        vfs.connect(path.as_ref(), flags)
    }

    /// Opens a database to read and write; creates it if it does not exist.
    pub fn open(&self, path: &str) -> rusqlite::Result<Connection> {
        self.connect(path, OpenFlags::default())
    }

    /// Opens a database that is there, only to read.
    pub fn open_to_read(&self, path: &str) -> rusqlite::Result<Connection> {
        let only_read = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        self.connect(path, only_read)
    }

    fn vfs(&self) -> MutexGuard<'_, Option<Arc<Vfs>>> {
        self.vfs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        vfs::lock(&self.files)
    }

    // ---- death ----

    /// The program dies. What it wrote stays, whether synced or not. Databases opened from now on belong to its next run.
    pub fn kill(&self) {
        if let Some(vfs) = self.vfs().take() {
            self.files().kill(vfs.pid());
        }
    }

    /// The program dies when it has made this many more changes and tries another: a write, a truncation, a sync, a new or a
    /// deleted file. From then on its calls fail; see [`Disk::is_dead`].
    pub fn kill_after(&self, changes: u64) {
        let pid = self.vfs().get_or_insert_with(|| Vfs::register(&self.files)).pid();
        self.files().kill_after(pid, changes);
    }

    /// Whether the program died of [`Disk::kill_after`], or of a power loss that another program's `Disk` was told of. It stays
    /// dead until [`Disk::kill`].
    pub fn is_dead(&self) -> bool {
        self.vfs().as_ref().is_some_and(|vfs| !self.files().lives(vfs.pid()))
    }

    /// All programs of this machine die, and unsynced changes are lost: which of them, `rng` decides.
    pub fn power_loss(&self, rng: &mut Rng) {
        self.lose_power(*rng.pick(&[Loss::Everything, Loss::TheLast, Loss::Any]), rng);
    }

    pub fn lose_power(&self, loss: Loss, rng: &mut Rng) {
        self.files().lose_power(loss, rng);
        self.kill();
    }

    // ---- faults ----

    /// Files can grow by this many bytes in all before the disk is full; `None`: it is never full.
    pub fn set_room(&self, bytes: Option<u64>) {
        self.files().set_room(bytes);
    }

    pub fn set_health(&self, health: Health) {
        self.files().health = health;
    }

    // ---- time ----

    /// What this machine's clock shows SQLite, in milliseconds since 1970.
    pub fn set_wall(&self, millis: i64) {
        self.files().wall = millis;
    }

    /// What the programs of this machine made the disk do since this was asked last.
    pub fn take_cost(&self) -> Cost {
        std::mem::take(&mut self.files().cost)
    }

    // ---- facts ----

    /// How many bytes of a database, its WAL and its journal a power loss can take.
    pub fn unsynced_bytes(&self, path: &str) -> u64 {
        ["", "-wal", "-journal"].iter().map(|suffix| self.files().unsynced(&format!("{path}{suffix}"))).sum()
    }

    /// What is in a file, whether synced or not; `None` if there is no such file.
    pub fn content(&self, path: &str) -> Option<Vec<u8>> {
        self.files().content(path).map(<[u8]>::to_vec)
    }
}
