//! How connections to one file coordinate: its locks, and the memory that they share in WAL mode.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Memory that several connections read and write, by the rules of SQLite's WAL index.
pub type Region = Arc<[AtomicU64]>;

/// SQLite's locks on a database file (sqlite.org/lockingv3.html), each stronger than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Lock {
    #[default]
    None,
    Shared,
    Reserved,
    Pending,
    Exclusive,
}

/// The locks and the shared memory of one file; a holder is an open handle of a living process.
#[derive(Debug, Default)]
pub struct Locks {
    holders: BTreeMap<u64, Holding>,
    regions: Vec<Region>,
}

#[derive(Debug, Default)]
struct Holding {
    lock: Lock,
    /// It uses the shared memory.
    shares: bool,
    /// Its locks on the shared memory, as bits.
    shared: u8,
    exclusive: u8,
}

impl Locks {
    fn own(&mut self, holder: u64) -> &mut Holding {
        self.holders.entry(holder).or_default()
    }

    fn others(&self, holder: u64) -> impl Iterator<Item = &Holding> {
        self.holders.iter().filter(move |(other, _)| **other != holder).map(|(_, held)| held)
    }

    /// Strengthens the lock to this one, if it is weaker. False if other locks are in the way.
    pub fn lock(&mut self, holder: u64, to: Lock) -> bool {
        if self.own(holder).lock >= to {
            return true;
        }
        let strongest = self.others(holder).map(|other| other.lock).max().unwrap_or_default();
        let got = match to {
            Lock::None | Lock::Shared if strongest < Lock::Pending => to,
            Lock::Reserved if strongest < Lock::Reserved => to,
            Lock::Pending | Lock::Exclusive if strongest == Lock::None => to,
            // Readers can finish, but no new ones start.
            Lock::Pending | Lock::Exclusive if strongest == Lock::Shared => Lock::Pending,
            _ => return false,
        };
        self.own(holder).lock = got;
        got == to
    }

    pub fn unlock(&mut self, holder: u64, to: Lock) {
        let own = self.own(holder);
        own.lock = own.lock.min(to);
    }

    /// Whether any holder is about to write to the file.
    pub fn is_reserved(&self) -> bool {
        self.holders.values().any(|held| held.lock > Lock::Shared)
    }

    /// The region with this number, if it exists.
    pub fn map(&mut self, holder: u64, at: usize) -> Option<Region> {
        self.own(holder).shares = true;
        self.regions.get(at).cloned()
    }

    /// How many regions there are.
    pub fn regions(&self) -> usize {
        self.regions.len()
    }

    /// Adds `count` regions of zeros, of `bytes` each.
    pub fn grow(&mut self, count: usize, bytes: usize) {
        let region = || (0..bytes / size_of::<AtomicU64>()).map(|_| AtomicU64::new(0)).collect();
        self.regions.extend(std::iter::repeat_with(region).take(count));
    }

    /// The size of the shared memory in bytes.
    pub fn size(&self) -> usize {
        self.regions.iter().map(|region| size_of_val(region.as_ref())).sum()
    }

    /// The holder no longer uses the shared memory, which goes with its last user.
    pub fn unmap(&mut self, holder: u64) {
        let own = self.own(holder);
        *own = Holding { lock: own.lock, ..Holding::default() };
        self.tidy();
    }

    /// Takes the locks `bits` on the shared memory. False if other locks are in the way.
    pub fn take(&mut self, holder: u64, bits: u8, is_exclusive: bool) -> bool {
        let in_the_way = |other: &Holding| bits & (other.exclusive | if is_exclusive { other.shared } else { 0 }) != 0;
        if self.others(holder).any(in_the_way) {
            return false;
        }
        let own = self.own(holder);
        *(if is_exclusive { &mut own.exclusive } else { &mut own.shared }) |= bits;
        true
    }

    pub fn release(&mut self, holder: u64, bits: u8) {
        let own = self.own(holder);
        own.exclusive &= !bits;
        own.shared &= !bits;
    }

    /// The holder has closed the file, or is dead.
    pub fn leave(&mut self, holder: u64) {
        self.holders.remove(&holder);
        self.tidy();
    }

    fn tidy(&mut self) {
        if !self.holders.values().any(|held| held.shares) {
            self.regions.clear();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readers_share_a_file_and_one_writes_when_they_have_left() {
        let mut locks = Locks::default();
        assert!(locks.lock(1, Lock::Shared) && locks.lock(2, Lock::Shared));
        assert!(!locks.is_reserved());
        assert!(locks.lock(1, Lock::Reserved) && !locks.lock(2, Lock::Reserved));
        assert!(locks.is_reserved());
        assert!(locks.lock(3, Lock::Shared));
        assert!(!locks.lock(1, Lock::Exclusive) && !locks.lock(4, Lock::Shared));
        locks.unlock(2, Lock::None);
        assert!(!locks.lock(1, Lock::Exclusive));
        locks.leave(3);
        assert!(locks.lock(1, Lock::Exclusive) && !locks.lock(2, Lock::Shared));
        locks.unlock(1, Lock::Shared);
        assert!(locks.lock(2, Lock::Shared));
    }

    #[test]
    fn locks_on_shared_memory_are_shared_or_exclusive_bit_by_bit() {
        let mut locks = Locks::default();
        assert!(locks.take(1, 0b0001, false) && locks.take(2, 0b0001, false));
        assert!(!locks.take(3, 0b0011, true) && locks.take(3, 0b0110, true));
        assert!(!locks.take(1, 0b0010, false));
        locks.release(3, 0b0010);
        assert!(locks.take(1, 0b0010, false) && !locks.take(1, 0b0100, false));
    }

    #[test]
    fn shared_memory_is_gone_with_the_last_who_has_it() {
        let mut locks = Locks::default();
        assert!(locks.map(1, 0).is_none());
        locks.grow(2, 32);
        assert!(locks.map(2, 1).is_some());
        locks.unmap(1);
        assert_eq!((locks.regions(), locks.size()), (2, 64));
        locks.leave(2);
        assert_eq!((locks.regions(), locks.size()), (0, 0));
    }
}
