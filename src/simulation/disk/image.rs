//! The content of one file: as programs see it, as it is on the disk, and the changes between the two.

use std::mem;

/// A disk writes this many bytes as a whole or not at all.
const SECTOR: usize = 512;

#[derive(Debug)]
enum Change {
    Write { offset: usize, bytes: Vec<u8> },
    Resize(usize),
}

#[derive(Debug, Default)]
pub struct Image {
    written: Vec<u8>,
    synced: Vec<u8>,
    /// Those since the last sync, with numbers in the order in which they happened on this machine.
    changes: Vec<(u64, Change)>,
}

impl Image {
    pub fn written(&self) -> &[u8] {
        &self.written
    }

    /// Fills `into`, with zeros beyond the end of the file. True if the file does not end before.
    pub fn read(&self, offset: usize, into: &mut [u8]) -> bool {
        let there = self.written.get(offset..).unwrap_or_default();
        let count = there.len().min(into.len());
        into[..count].copy_from_slice(&there[..count]);
        into[count..].fill(0);
        count == into.len()
    }

    pub fn write(&mut self, number: u64, offset: usize, bytes: &[u8]) {
        put(&mut self.written, offset, bytes);
        self.changes.push((number, Change::Write { offset, bytes: bytes.to_vec() }));
    }

    pub fn resize(&mut self, number: u64, size: usize) {
        self.written.resize(size, 0);
        self.changes.push((number, Change::Resize(size)));
    }

    pub fn sync(&mut self) {
        self.lose(|_| true);
    }

    /// The bytes written since the last sync.
    pub fn unsynced(&self) -> u64 {
        let sizes = self.changes.iter().map(|(_, change)| match change {
            Change::Write { bytes, .. } => bytes.len() as u64,
            Change::Resize(_) => 0,
        });
        sizes.sum()
    }

    /// The numbers of the changes since the last sync.
    pub fn changes(&self) -> impl Iterator<Item = u64> {
        self.changes.iter().map(|(number, _)| *number)
    }

    /// Keeps a part of the changes since the last sync. `keeps` decides for each sector of a write, and for each change of the
    /// size; it gets the number of the change.
    pub fn lose(&mut self, mut keeps: impl FnMut(u64) -> bool) {
        let mut is_whole = true;
        for (number, change) in mem::take(&mut self.changes) {
            match change {
                Change::Write { offset, bytes } => {
                    for (at, sector) in sectors(offset, &bytes) {
                        match keeps(number) {
                            true => put(&mut self.synced, at, sector),
                            false => is_whole = false,
                        }
                    }
                }
                Change::Resize(size) => match keeps(number) {
                    true => self.synced.resize(size, 0),
                    false => is_whole = false,
                },
            }
        }
        if !is_whole {
            self.written.clone_from(&self.synced);
        }
    }
}

fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}

/// The parts of a write that lie in one sector each, with their offsets.
fn sectors(mut offset: usize, mut bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    std::iter::from_fn(move || {
        let (sector, rest) = bytes.split_at(bytes.len().min(SECTOR - offset % SECTOR));
        let at = offset;
        (offset, bytes) = (offset + sector.len(), rest);
        (!sector.is_empty()).then_some((at, sector))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_beyond_the_end_is_filled_with_zeros() {
        let mut image = Image::default();
        image.write(1, 2, b"ab");
        let mut into = [9; 6];
        assert!(!image.read(0, &mut into));
        assert_eq!(&into, b"\0\0ab\0\0");
        assert!(image.read(2, &mut into[..2]));
        assert!(!image.read(100, &mut into));
        assert_eq!(into, [0; 6]);
    }

    #[test]
    fn what_was_not_synced_is_lost() {
        let mut image = Image::default();
        image.write(1, 0, b"old");
        assert_eq!(image.unsynced(), 3);
        image.sync();
        assert_eq!(image.unsynced(), 0);
        image.write(2, 1, b"new");
        image.resize(3, 2);
        assert_eq!(image.written(), b"on");
        image.lose(|_| false);
        assert_eq!((image.written(), image.unsynced()), (b"old".as_slice(), 0));
    }

    #[test]
    fn a_write_is_torn_between_sectors() {
        let mut image = Image::default();
        image.write(1, 0, &[1; 1_500]);
        image.sync();
        image.write(2, 500, &[2; 1_000]);
        let mut asked = 0;
        image.lose(|_| {
            asked += 1;
            asked == 2
        });
        assert_eq!(asked, 3);
        let kept: Vec<bool> = image.written().iter().map(|byte| *byte == 2).collect();
        assert!((0..1_500).all(|at| kept[at] == (512..1_024).contains(&at)));
    }

    #[test]
    fn changes_are_kept_by_their_numbers() {
        let mut image = Image::default();
        image.write(4, 0, b"first");
        image.resize(6, 3);
        image.write(9, 3, b"last");
        assert_eq!(image.changes().collect::<Vec<_>>(), [4, 6, 9]);
        image.lose(|number| number < 9);
        assert_eq!(image.written(), b"fir");
    }
}
