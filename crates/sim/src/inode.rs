//! One file of the simulated disk: what reads see, and what would be left if the power went.
//!
//! Invariants:
//! - Reads see every write at once, as through a page cache.
//! - `durable` changes only through a sync, through the kernel's own write-back, and when the
//!   power goes: then each write that was not synced is lost, kept, or torn.
//! - After a failed sync a write may be gone from the disk and still be there to read (Linux
//!   marks such pages clean), so no later sync brings it back.

use chance::Rng;

/// A write at most as long as this reaches the disk whole or not at all, on an honest disk.
const SECTOR: usize = 512;

/// The bytes in which a document names its height, round and step.
const PLACE: std::ops::Range<usize> = 1..70;

#[derive(Debug)]
pub(crate) struct Inode {
    cached: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<Write>,
    pub(crate) is_locked: bool,
    /// A write was cut in the middle of its first bytes, where a document names its place. No
    /// disk does this, since a sector is whole; only a person can tell the result from an edit.
    pub(crate) is_cut_at_its_place: bool,
}

#[derive(Clone, Debug)]
struct Write {
    offset: usize,
    bytes: Vec<u8>,
}

/// How much of a write reaches the disk.
enum Fate {
    Lost,
    Kept,
    /// Some of its sectors, in any order.
    Sectors(u64),
    /// All before this byte.
    Head(usize),
    /// All from this byte on.
    Tail(usize),
}

impl Inode {
    /// A file that is on disk with this content.
    pub(crate) fn synced(bytes: Vec<u8>) -> Self {
        Self {
            durable: bytes.clone(),
            cached: bytes,
            unsynced: Vec::new(),
            is_locked: false,
            is_cut_at_its_place: false,
        }
    }

    pub(crate) fn read(&self) -> Vec<u8> {
        self.cached.clone()
    }

    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) {
        self.is_cut_at_its_place |= offset == 0 && PLACE.contains(&bytes.len());
        put(&mut self.cached, offset, bytes);
        self.unsynced.push(Write {
            offset,
            bytes: bytes.to_vec(),
        });
    }

    pub(crate) fn has_unsynced(&self) -> bool {
        !self.unsynced.is_empty()
    }

    pub(crate) fn sync(&mut self) {
        for write in self.unsynced.drain(..) {
            let end = write.offset + write.bytes.len();
            let now = self.cached.get(write.offset..end).unwrap_or_default();
            put(&mut self.durable, write.offset, now);
        }
    }

    /// A sync that reports an error: of each write nobody can say where it is now.
    pub(crate) fn fail_sync(&mut self, rng: &mut Rng) {
        for write in std::mem::take(&mut self.unsynced) {
            self.write_part(&write, rng);
            if rng.one_in(3) {
                self.unsynced.push(write);
            }
        }
    }

    /// The kernel writes something back on its own.
    pub(crate) fn write_back(&mut self, rng: &mut Rng) {
        let index = rng.index(self.unsynced.len());
        if let Some(write) = self.unsynced.get(index).cloned() {
            self.write_part(&write, rng);
        }
    }

    pub(crate) fn lose_power(&mut self, rng: &mut Rng) {
        for write in std::mem::take(&mut self.unsynced) {
            self.write_part(&write, rng);
        }
        self.cached.clone_from(&self.durable);
        self.is_locked = false;
    }

    /// Some of a write reaches the disk.
    fn write_part(&mut self, write: &Write, rng: &mut Rng) {
        let fate = Fate::random(rng, write);
        if let Fate::Head(cut) | Fate::Tail(cut) = &fate {
            self.is_cut_at_its_place |= write.offset == 0 && PLACE.contains(cut);
        }
        apply(&mut self.durable, write, &fate);
    }
}

impl Fate {
    fn random(rng: &mut Rng, write: &Write) -> Self {
        match rng.below(6) {
            0 | 1 => Self::Lost,
            2 => Self::Kept,
            3 => Self::Sectors(rng.bits()),
            4 => Self::Head(cut(rng, write)),
            _ => Self::Tail(cut(rng, write)),
        }
    }
}

/// Most of a record and of a document is padding, so half of the cuts fall into its beginning.
fn cut(rng: &mut Rng, write: &Write) -> usize {
    const BEGINNING: usize = 600;
    let len = write.bytes.len();
    let below = if rng.one_in(2) {
        len.min(BEGINNING)
    } else {
        len
    };
    rng.index(below)
}

fn apply(disk: &mut Vec<u8>, write: &Write, fate: &Fate) {
    match fate {
        Fate::Lost => {}
        Fate::Kept => put(disk, write.offset, &write.bytes),
        Fate::Head(end) => {
            let head = write.bytes.get(..*end).unwrap_or_default();
            put(disk, write.offset, head);
        }
        Fate::Tail(start) => {
            let tail = write.bytes.get(*start..).unwrap_or_default();
            put(disk, write.offset + start, tail);
        }
        Fate::Sectors(arrived) => {
            for (index, sector) in (0_u32..).zip(write.bytes.chunks(SECTOR)) {
                if arrived.checked_shr(index).unwrap_or_default() & 1 == 1 {
                    let skipped = usize::try_from(index).unwrap_or_default() * SECTOR;
                    put(disk, write.offset + skipped, sector);
                }
            }
        }
    }
}

fn put(disk: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if disk.len() < end {
        disk.resize(end, 0);
    }
    if let Some(place) = disk.get_mut(offset..end) {
        place.copy_from_slice(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after_power_loss(synced: bool, seed: u64) -> Vec<u8> {
        let mut inode = Inode::synced(vec![b'o'; 2 * SECTOR]);
        inode.write(0, &vec![b'n'; 2 * SECTOR]);
        assert_eq!(inode.read(), vec![b'n'; 2 * SECTOR], "reads see it at once");
        if synced {
            inode.sync();
        }
        inode.lose_power(&mut Rng::new(seed));
        inode.read()
    }

    #[test]
    fn synced_write_survives_every_loss_of_power() {
        for seed in 0..100 {
            assert_eq!(after_power_loss(true, seed), vec![b'n'; 2 * SECTOR]);
        }
    }

    #[test]
    fn write_that_was_not_synced_is_lost_kept_or_torn() {
        let found: std::collections::BTreeSet<Vec<u8>> =
            (0..200).map(|seed| after_power_loss(false, seed)).collect();
        assert!(found.contains(&vec![b'o'; 2 * SECTOR]), "lost");
        assert!(found.contains(&vec![b'n'; 2 * SECTOR]), "kept");
        let (o, n) = (vec![b'o'; SECTOR], vec![b'n'; SECTOR]);
        assert!(
            found.contains(&[o.clone(), n.clone()].concat()),
            "reordered"
        );
        assert!(found.contains(&[n, o].concat()), "cut at a sector");
        assert!(found.len() > 10, "cut at any byte: {}", found.len());
    }

    #[test]
    fn after_a_failed_sync_a_write_can_be_read_and_yet_never_reach_the_disk() {
        let outcome = |seed| {
            let mut rng = Rng::new(seed);
            let mut inode = Inode::synced(vec![b'o'; 8]);
            inode.write(0, b"nnnnnnnn");
            inode.fail_sync(&mut rng);
            let read = inode.read();
            inode.sync();
            inode.lose_power(&mut rng);
            (read, inode.read())
        };
        assert!((0..100).any(|s| outcome(s) == (b"nnnnnnnn".to_vec(), b"oooooooo".to_vec())));
        assert!((0..100).any(|s| outcome(s) == (b"nnnnnnnn".to_vec(), b"nnnnnnnn".to_vec())));
    }
}
