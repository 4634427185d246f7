//! The disk of a simulated machine, in memory, on which the real databases run: a power loss takes exactly what was not
//! synced. A program on the machine has a [`Disk`], which opens databases until [`Disk::kill`] ends the program in the
//! middle of whatever it does; what its connections do after that fails, and changes nothing.
//!
//! Names of files are journalled in order, as on ext4 and XFS: with the sync of one file, every file made or deleted before
//! is so for good. A write is torn between sectors of 512 bytes, never within one.

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

/// What a power loss takes of that which was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    Everything,
    /// All changes from some moment on.
    TheLast,
    /// Any sectors of any changes.
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

/// What a real disk would have needed time for. Reads are not counted: a machine has read its database before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Cost {
    /// In bytes.
    pub written: u64,
    pub syncs: u64,
    /// Microseconds that SQLite wanted to wait for somebody's lock.
    pub slept: u64,
}

/// The disk, as one program has it. Clones belong to the same program.
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

    fn vfs(&self) -> MutexGuard<'_, Option<Arc<Vfs>>> {
        self.vfs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        vfs::lock(&self.files)
    }

    // ---- death ----

    /// The program dies. What it wrote stays, be it synced or not. Whatever is opened from now on, the next run opens.
    pub fn kill(&self) {
        if let Some(vfs) = self.vfs().take() {
            self.files().kill(vfs.pid());
        }
    }

    /// The running program dies instead of making one more change after so many: a write, a sync, a new or a deleted file.
    /// Then its calls fail; see [`Disk::is_dead`].
    pub fn kill_after(&self, changes: u64) {
        let pid = self.vfs().get_or_insert_with(|| Vfs::register(&self.files)).pid();
        self.files().kill_after(pid, changes);
    }

    /// Whether the program has died by itself, or with the power, and was not taken note of with [`Disk::kill`] yet.
    pub fn is_dead(&self) -> bool {
        self.vfs().as_ref().is_some_and(|vfs| !self.files().lives(vfs.pid()))
    }

    /// All programs of this machine die, and what was not synced is lost: all of it, or, if the disk is in the mood, some.
    pub fn power_loss(&self, rng: &mut Rng) {
        self.lose_power(*rng.pick(&[Loss::Everything, Loss::TheLast, Loss::Any]), rng);
    }

    pub fn lose_power(&self, loss: Loss, rng: &mut Rng) {
        self.files().lose_power(loss, rng);
        self.kill();
    }

    // ---- faults ----

    /// There is room for so many bytes more; `None`: for any number.
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

    /// How many bytes of a database a power loss might take, of its WAL and its journal too.
    pub fn unsynced_bytes(&self, path: &str) -> u64 {
        ["", "-wal", "-journal"].iter().map(|suffix| self.files().unsynced(&format!("{path}{suffix}"))).sum()
    }

    /// What is in a file, be it synced or not; `None` if there is none.
    pub fn content(&self, path: &str) -> Option<Vec<u8>> {
        self.files().content(path).map(<[u8]>::to_vec)
    }
}
