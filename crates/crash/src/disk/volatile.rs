//! A directory of files on a disk with a cache, without any I/O: POSIX, read as strictly as a
//! program that must survive should read it.
//!
//! Invariants:
//! - What was synced survives. `fsync` of a file keeps its content and length, not its name;
//!   `fsync` of the directory keeps names, and nothing in the files.
//! - Of what was not synced anything may survive or not ([`Loss`](super::Loss)).

use std::collections::BTreeMap;

/// Why an operation fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errno {
    /// No such name.
    NoEntry,
    /// The name is taken.
    Exists,
    /// The device failed.
    Io,
    /// No space left.
    NoSpace,
    /// Read-only.
    ReadOnly,
}

/// What is on the platter: files by number, and names of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Image {
    files: BTreeMap<u64, Vec<u8>>,
    names: BTreeMap<String, u64>,
}

impl Image {
    /// The content of a file.
    #[must_use]
    pub fn read(&self, name: &str) -> Option<&[u8]> {
        self.content(*self.names.get(name)?)
    }

    /// The number of the file with this name.
    #[must_use]
    pub fn lookup(&self, name: &str) -> Option<u64> {
        self.names.get(name).copied()
    }

    /// The content of a file by its number.
    #[must_use]
    pub fn content(&self, file: u64) -> Option<&[u8]> {
        self.files.get(&file).map(Vec::as_slice)
    }

    /// Names and numbers.
    pub fn names(&self) -> impl Iterator<Item = (&str, u64)> {
        self.names.iter().map(|(name, file)| (name.as_str(), *file))
    }

    pub(super) fn apply(&mut self, change: &Change) {
        match change {
            Change::Write {
                file,
                offset,
                bytes,
            } => self.write(*file, *offset, bytes),
            Change::Length { file, length } => {
                if let Some(content) = self.files.get_mut(file) {
                    content.resize(*length, 0);
                }
            }
            Change::Names(changes) => {
                for (name, file) in changes {
                    match file {
                        Some(file) => {
                            self.names.insert(name.clone(), *file);
                            self.files.entry(*file).or_default();
                        }
                        None => {
                            self.names.remove(name);
                        }
                    }
                }
            }
        }
    }

    pub(super) fn write(&mut self, file: u64, offset: usize, bytes: &[u8]) {
        let content = self.files.entry(file).or_default();
        let end = offset.saturating_add(bytes.len());
        if content.len() < end {
            content.resize(end, 0);
        }
        if let Some(place) = content.get_mut(offset..end) {
            place.copy_from_slice(bytes);
        }
    }

    /// Files without a name are gone after a restart.
    pub(super) fn forget_nameless(&mut self) {
        let named: Vec<u64> = self.names.values().copied().collect();
        self.files.retain(|file, _| named.contains(file));
    }
}

/// Something that was done and not synced.
#[derive(Clone, Debug)]
pub(super) enum Change {
    Write {
        file: u64,
        offset: usize,
        bytes: Vec<u8>,
    },
    Length {
        file: u64,
        length: usize,
    },
    /// All at once, as a rename is.
    Names(Vec<(String, Option<u64>)>),
}

impl Change {
    fn is_of(&self, of: u64) -> bool {
        match self {
            Self::Write { file, .. } | Self::Length { file, .. } => *file == of,
            Self::Names(_) => false,
        }
    }
}

/// The disk as a running system sees it, and what of it is on the platter.
#[derive(Clone, Debug, Default)]
pub struct VolatileDisk {
    pub(super) durable: Image,
    current: Image,
    pub(super) pending: Vec<Change>,
    last_file: u64,
}

impl VolatileDisk {
    /// A disk after the machine has started.
    #[must_use]
    pub fn new(image: Image) -> Self {
        Self {
            last_file: image.files.keys().copied().max().unwrap_or(1),
            current: image.clone(),
            durable: image,
            pending: Vec::new(),
        }
    }

    /// What programs see.
    #[must_use]
    pub fn current(&self) -> &Image {
        &self.current
    }

    /// Makes an empty file and returns its number.
    ///
    /// # Errors
    /// [`Errno::Exists`].
    pub fn create(&mut self, name: &str) -> Result<u64, Errno> {
        if self.current.names.contains_key(name) {
            return Err(Errno::Exists);
        }
        self.last_file += 1;
        let file = self.last_file;
        self.change(Change::Names(vec![(name.to_owned(), Some(file))]));
        Ok(file)
    }

    /// Writes into a file.
    pub fn write(&mut self, file: u64, offset: usize, bytes: &[u8]) {
        self.change(Change::Write {
            file,
            offset,
            bytes: bytes.to_vec(),
        });
    }

    /// Cuts or extends a file.
    pub fn set_length(&mut self, file: u64, length: usize) {
        self.change(Change::Length { file, length });
    }

    /// Gives a file another name, in place of what had that name, unless `keeps_target`.
    ///
    /// # Errors
    /// [`Errno::NoEntry`], [`Errno::Exists`].
    pub fn rename(&mut self, from: &str, to: &str, keeps_target: bool) -> Result<(), Errno> {
        let file = self.current.lookup(from).ok_or(Errno::NoEntry)?;
        if keeps_target && self.current.names.contains_key(to) {
            return Err(Errno::Exists);
        }
        self.change(Change::Names(vec![
            (from.to_owned(), None),
            (to.to_owned(), Some(file)),
        ]));
        Ok(())
    }

    /// Gives a file a second name.
    ///
    /// # Errors
    /// [`Errno::Exists`].
    pub fn link(&mut self, file: u64, to: &str) -> Result<(), Errno> {
        if self.current.names.contains_key(to) {
            return Err(Errno::Exists);
        }
        self.change(Change::Names(vec![(to.to_owned(), Some(file))]));
        Ok(())
    }

    /// Takes a name away.
    ///
    /// # Errors
    /// [`Errno::NoEntry`].
    pub fn unlink(&mut self, name: &str) -> Result<(), Errno> {
        self.current.lookup(name).ok_or(Errno::NoEntry)?;
        self.change(Change::Names(vec![(name.to_owned(), None)]));
        Ok(())
    }

    /// `fsync` or `fdatasync` of a file.
    pub fn sync(&mut self, file: u64) {
        self.keep(|change| change.is_of(file));
    }

    /// `fsync` of the directory.
    pub fn sync_directory(&mut self) {
        self.keep(|change| matches!(change, Change::Names(_)));
    }

    /// A failed `fsync`: what it was to keep will never be written, and the next one succeeds
    /// without it. Some systems drop it from the cache; Linux' ext4 goes on showing it
    /// (Rebello and others, "Can Applications Recover from fsync Failures?", 2020).
    pub fn fail_sync(&mut self, file: u64, stays_in_cache: bool) {
        self.pending.retain(|change| !change.is_of(file));
        let durable = self.durable.content(file).map(<[u8]>::to_vec);
        if let (Some(content), false) = (durable, stays_in_cache) {
            self.current.files.insert(file, content);
        }
    }

    fn change(&mut self, change: Change) {
        self.current.apply(&change);
        self.pending.push(change);
    }

    fn keep(&mut self, is_synced: impl Fn(&Change) -> bool) {
        for change in &self.pending {
            if is_synced(change) {
                self.durable.apply(change);
            }
        }
        self.pending.retain(|change| !is_synced(change));
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::disk::Loss;
    use chance::Rng;

    /// A disk with one file that is safe.
    pub(in crate::disk) fn with_file(content: &[u8]) -> (VolatileDisk, u64) {
        let mut disk = VolatileDisk::default();
        let file = disk.create("a").unwrap();
        disk.write(file, 0, content);
        disk.sync(file);
        disk.sync_directory();
        (disk, file)
    }

    fn after(disk: &VolatileDisk, loss: Loss) -> Image {
        disk.lose_power(loss, &mut Rng::new(1))
    }

    #[test]
    fn synced_content_and_name_survive_everything() {
        let (disk, _) = with_file(b"kept");
        for loss in Loss::ALL {
            assert_eq!(after(&disk, loss).read("a"), Some(&b"kept"[..]), "{loss:?}");
        }
    }

    #[test]
    fn synced_file_without_a_synced_directory_has_no_name() {
        let mut disk = VolatileDisk::default();
        let file = disk.create("a").unwrap();
        disk.write(file, 0, b"x");
        disk.sync(file);
        assert_eq!(after(&disk, Loss::Everything), Image::default());
        assert_eq!(after(&disk, Loss::Nothing).read("a"), Some(&b"x"[..]));
    }

    #[test]
    fn synced_directory_without_a_synced_file_has_an_empty_one() {
        let mut disk = VolatileDisk::default();
        let file = disk.create("a").unwrap();
        disk.write(file, 0, b"x");
        disk.sync_directory();
        assert_eq!(after(&disk, Loss::Everything).read("a"), Some(&b""[..]));
    }

    #[test]
    fn unsynced_rename_leaves_the_old_names_and_a_synced_one_the_new() {
        let (mut disk, _) = with_file(b"x");
        disk.rename("a", "b", true).unwrap();
        assert!(after(&disk, Loss::Everything).read("a").is_some());
        disk.sync_directory();
        let image = after(&disk, Loss::Everything);
        assert_eq!((image.read("a"), image.read("b")), (None, Some(&b"x"[..])));
        let other = disk.create("c").unwrap();
        assert_eq!(disk.rename("c", "b", true), Err(Errno::Exists));
        disk.rename("c", "b", false).unwrap();
        assert_eq!(disk.current().lookup("b"), Some(other));
    }

    #[test]
    fn failed_sync_loses_what_it_was_to_keep_and_the_next_one_does_not_bring_it_back() {
        for stays_in_cache in [false, true] {
            let (mut disk, file) = with_file(b"old");
            disk.write(file, 0, b"new");
            disk.fail_sync(file, stays_in_cache);
            disk.sync(file);
            let seen: &[u8] = if stays_in_cache { b"new" } else { b"old" };
            assert_eq!(disk.current().read("a"), Some(seen));
            assert_eq!(after(&disk, Loss::Nothing).read("a"), Some(&b"old"[..]));
        }
    }
}
