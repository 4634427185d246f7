//! The files of one machine: their names, who has them open, the disk's faults. A call of a dead process fails and changes
//! nothing.

use super::image::Image;
use super::locks::{Lock, Locks, Region};
use super::{Cost, Health, Loss};
use crate::simulation::rng::Rng;
use std::collections::{BTreeMap, BTreeSet};

/// A process of the machine.
pub type Pid = u64;
/// An open file.
pub type Handle = u64;
/// A file, whatever its name.
type Inode = u64;

/// Why a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CallError {
    /// The calling process is dead.
    Dead,
    /// There is no such file.
    Missing,
    /// A new file was wanted, but it exists.
    There,
    /// The disk has no room.
    Full,
    /// The disk fails, or is read-only.
    Broken,
    /// Another handle has a lock that is in the way.
    Busy,
}

/// How a file is opened.
#[derive(Debug, Clone, Copy, Default)]
pub struct How {
    pub creates: bool,
    /// It must not be there.
    pub is_new: bool,
    pub only_reads: bool,
}

#[derive(Debug)]
struct OpenFile {
    pid: Pid,
    inode: Inode,
    /// SQLite has pointers to these until it unmaps them or closes the file, in a dead process too.
    regions: Vec<Region>,
}

#[derive(Debug, Default)]
struct StoredFile {
    image: Image,
    locks: Locks,
}

#[derive(Debug, Default)]
pub struct Files {
    /// The last number given to a process, a handle, a file or a change.
    last: u64,
    stored: BTreeMap<Inode, StoredFile>,
    names: BTreeMap<String, Inode>,
    /// What a power loss leaves of `names`.
    synced_names: BTreeMap<String, Inode>,
    handles: BTreeMap<Handle, OpenFile>,
    /// The living processes, and after how many changes each dies.
    living: BTreeMap<Pid, Option<u64>>,
    pub health: Health,
    /// The bytes for which there is room on the disk.
    size: Option<u64>,
    pub cost: Cost,
    /// Milliseconds since 1970.
    pub wall: i64,
}

impl Files {
    fn number(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    // ---- processes ----

    pub fn start(&mut self) -> Pid {
        let pid = self.number();
        self.living.insert(pid, None);
        pid
    }

    pub fn lives(&self, pid: Pid) -> bool {
        self.living.contains_key(&pid)
    }

    /// The process dies when it has made this many changes and tries another.
    pub fn kill_after(&mut self, pid: Pid, changes: u64) {
        if let Some(left) = self.living.get_mut(&pid) {
            *left = Some(changes);
        }
    }

    pub fn kill(&mut self, pid: Pid) {
        self.living.remove(&pid);
        for stored in self.stored.values_mut() {
            let dead = self.handles.iter().filter(|(_, opened)| opened.pid == pid);
            dead.for_each(|(handle, _)| stored.locks.leave(*handle));
        }
        self.tidy();
    }

    /// Every process dies, and `loss` decides which unsynced changes are gone.
    pub fn lose_power(&mut self, loss: Loss, rng: &mut Rng) {
        self.living.keys().copied().collect::<Vec<_>>().into_iter().for_each(|pid| self.kill(pid));
        match loss != Loss::Everything && rng.chance(50) {
            true => self.sync_names(),
            false => self.names.clone_from(&self.synced_names),
        }
        let numbers: Vec<u64> = self.stored.values().flat_map(|stored| stored.image.changes()).collect();
        let (first, last) = (numbers.iter().min().copied(), numbers.iter().max().copied());
        let end = rng.range(first.unwrap_or_default(), last.unwrap_or_default() + 1);
        let percent = rng.range(0, 100);
        for stored in self.stored.values_mut() {
            stored.image.lose(|number| match loss {
                Loss::Everything => false,
                Loss::TheLast => number < end || number == end && rng.chance(50),
                Loss::Any => rng.chance(percent),
            });
        }
        self.tidy();
    }

    /// Forgets files without a name or a living user.
    fn tidy(&mut self) {
        let living = self.handles.values().filter(|opened| self.lives(opened.pid)).map(|opened| opened.inode);
        let used: BTreeSet<Inode> =
            living.chain(self.names.values().chain(self.synced_names.values()).copied()).collect();
        self.stored.retain(|inode, _| used.contains(inode));
    }

    // ---- the disk ----

    /// Room for this many more bytes; `None`: for any number.
    pub fn set_room(&mut self, room: Option<u64>) {
        self.size = room.map(|room| self.used() + room);
    }

    fn used(&self) -> u64 {
        self.stored.values().map(|stored| (stored.image.written().len() + stored.locks.size()) as u64).sum()
    }

    /// As many of these bytes as there is room for.
    fn room_for(&self, bytes: u64) -> u64 {
        self.size.map_or(bytes, |size| bytes.min(size.saturating_sub(self.used())))
    }

    pub fn content(&self, name: &str) -> Option<&[u8]> {
        self.stored.get(self.names.get(name)?).map(|stored| stored.image.written())
    }

    pub fn unsynced(&self, name: &str) -> u64 {
        self.names.get(name).and_then(|inode| self.stored.get(inode)).map_or(0, |stored| stored.image.unsynced())
    }

    /// The directory's journal is in order: a sync of any file makes every earlier name and deletion durable.
    fn sync_names(&mut self) {
        if self.names != self.synced_names {
            self.synced_names.clone_from(&self.names);
            self.tidy();
        }
    }

    /// Numbers a change that a process is about to make.
    fn change(&mut self, pid: Pid) -> Result<u64, CallError> {
        match self.living.get_mut(&pid) {
            None => return Err(CallError::Dead),
            Some(Some(0)) => {
                self.kill(pid);
                return Err(CallError::Dead);
            }
            Some(Some(left)) => *left -= 1,
            Some(None) => {}
        }
        match self.health {
            Health::Fine | Health::SyncFails => Ok(self.number()),
            Health::ReadOnly | Health::Fails => Err(CallError::Broken),
        }
    }

    fn look(&self, pid: Pid) -> Result<(), CallError> {
        match self.lives(pid) {
            false => Err(CallError::Dead),
            true if self.health == Health::Fails => Err(CallError::Broken),
            true => Ok(()),
        }
    }

    // ---- names ----

    pub fn exists(&self, pid: Pid, name: &str) -> Result<bool, CallError> {
        self.look(pid)?;
        Ok(self.names.contains_key(name))
    }

    pub fn delete(&mut self, pid: Pid, name: &str, is_synced: bool) -> Result<(), CallError> {
        self.change(pid)?;
        self.names.remove(name).ok_or(CallError::Missing)?;
        if is_synced {
            self.cost.syncs += 1;
            self.sync_names();
        }
        Ok(())
    }

    /// A file without a name is gone when it is closed. True if the file can only be read.
    pub fn open(&mut self, pid: Pid, name: Option<&str>, how: How) -> Result<(Handle, bool), CallError> {
        self.look(pid)?;
        let there = name.and_then(|name| self.names.get(name)).copied();
        let inode = match there {
            Some(_) if how.is_new => return Err(CallError::There),
            Some(inode) => inode,
            None if how.creates || name.is_none() => {
                let inode = self.change(pid)?;
                self.stored.insert(inode, StoredFile::default());
                name.map(|name| self.names.insert(name.to_owned(), inode));
                inode
            }
            None => return Err(CallError::Missing),
        };
        let handle = self.number();
        self.handles.insert(handle, OpenFile { pid, inode, regions: Vec::new() });
        Ok((handle, how.only_reads || self.health == Health::ReadOnly))
    }

    pub fn close(&mut self, handle: Handle) {
        if let Some(opened) = self.handles.remove(&handle)
            && let Some(stored) = self.stored.get_mut(&opened.inode)
        {
            stored.locks.leave(handle);
        }
        self.tidy();
    }

    // ---- content ----

    /// The handle, if its process lives.
    fn opened(&mut self, handle: Handle) -> Result<&mut OpenFile, CallError> {
        let opened = self.handles.get_mut(&handle).ok_or(CallError::Dead)?;
        self.living.contains_key(&opened.pid).then_some(opened).ok_or(CallError::Dead)
    }

    fn look_by(&mut self, handle: Handle) -> Result<(), CallError> {
        let pid = self.opened(handle)?.pid;
        self.look(pid)
    }

    fn change_by(&mut self, handle: Handle) -> Result<u64, CallError> {
        let pid = self.opened(handle)?.pid;
        self.change(pid)
    }

    fn stored(&mut self, handle: Handle) -> Result<&mut StoredFile, CallError> {
        let inode = self.opened(handle)?.inode;
        self.stored.get_mut(&inode).ok_or(CallError::Dead)
    }

    fn image(&mut self, handle: Handle) -> Result<&mut Image, CallError> {
        Ok(&mut self.stored(handle)?.image)
    }

    /// True if all of it was there; the rest is zeros.
    pub fn read(&mut self, handle: Handle, offset: usize, into: &mut [u8]) -> Result<bool, CallError> {
        self.look_by(handle)?;
        Ok(self.image(handle)?.read(offset, into))
    }

    pub fn size(&mut self, handle: Handle) -> Result<usize, CallError> {
        self.look_by(handle)?;
        Ok(self.image(handle)?.written().len())
    }

    /// On a full disk, as much is written as there is room for.
    pub fn write(&mut self, handle: Handle, offset: usize, bytes: &[u8]) -> Result<(), CallError> {
        let number = self.change_by(handle)?;
        let growth = (offset + bytes.len()).saturating_sub(self.image(handle)?.written().len()) as u64;
        let missing = growth.saturating_sub(self.room_for(growth)) as usize;
        let bytes_that_fit = &bytes[..bytes.len().saturating_sub(missing)];
        if !bytes_that_fit.is_empty() {
            self.image(handle)?.write(number, offset, bytes_that_fit);
            self.cost.written += bytes_that_fit.len() as u64;
        }
        if missing > 0 { Err(CallError::Full) } else { Ok(()) }
    }

    pub fn truncate(&mut self, handle: Handle, size: usize) -> Result<(), CallError> {
        let number = self.change_by(handle)?;
        let growth = size.saturating_sub(self.image(handle)?.written().len()) as u64;
        if self.room_for(growth) < growth {
            return Err(CallError::Full);
        }
        self.image(handle)?.resize(number, size);
        Ok(())
    }

    /// A sync after a failed one makes everything durable that is not yet.
    pub fn sync(&mut self, handle: Handle) -> Result<(), CallError> {
        self.change_by(handle)?;
        if self.health == Health::SyncFails {
            return Err(CallError::Broken);
        }
        self.cost.syncs += 1;
        self.image(handle)?.sync();
        self.sync_names();
        Ok(())
    }

    // ---- locks and shared memory ----

    pub fn lock(&mut self, handle: Handle, to: Lock) -> Result<(), CallError> {
        self.stored(handle)?.locks.lock(handle, to).then_some(()).ok_or(CallError::Busy)
    }

    pub fn unlock(&mut self, handle: Handle, to: Lock) -> Result<(), CallError> {
        self.stored(handle)?.locks.unlock(handle, to);
        Ok(())
    }

    pub fn is_reserved(&mut self, handle: Handle) -> Result<bool, CallError> {
        Ok(self.stored(handle)?.locks.is_reserved())
    }

    /// The region with this number; `None` if there is none and none is to be made. All have the same size.
    pub fn map(&mut self, handle: Handle, at: usize, bytes: usize, makes: bool) -> Result<Option<Region>, CallError> {
        let missing = (at + 1).saturating_sub(self.stored(handle)?.locks.regions());
        if makes && missing > 0 {
            let growth = (missing * bytes) as u64;
            if self.room_for(growth) < growth {
                return Err(CallError::Full);
            }
            self.stored(handle)?.locks.grow(missing, bytes);
        }
        let region = self.stored(handle)?.locks.map(handle, at);
        self.opened(handle)?.regions.extend(region.clone());
        Ok(region)
    }

    /// SQLite no longer has pointers to shared memory by this handle.
    pub fn unmap(&mut self, handle: Handle) -> Result<(), CallError> {
        if let Some(opened) = self.handles.get_mut(&handle) {
            opened.regions.clear();
        }
        self.stored(handle)?.locks.unmap(handle);
        Ok(())
    }

    pub fn take(&mut self, handle: Handle, bits: u8, is_exclusive: bool) -> Result<(), CallError> {
        self.stored(handle)?.locks.take(handle, bits, is_exclusive).then_some(()).ok_or(CallError::Busy)
    }

    pub fn release(&mut self, handle: Handle, bits: u8) -> Result<(), CallError> {
        self.stored(handle)?.locks.release(handle, bits);
        Ok(())
    }
}
