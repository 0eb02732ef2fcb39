//! What the store needs of a disk, so that tests can give it a faulty one.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use crate::place::Place;

/// A file of fixed size that is read whole and written in place.
pub trait Disk: Send {
    /// All of its bytes.
    ///
    /// # Errors
    /// What the disk says.
    fn read(&mut self) -> io::Result<Vec<u8>>;

    /// Writes at an offset, within the size that the file has. Not durable before
    /// [`sync`](Disk::sync).
    ///
    /// # Errors
    /// What the disk says; the bytes may then be written in part.
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// Returns when all that was written survives a loss of power.
    ///
    /// # Errors
    /// What the disk says; what was written may then be lost even if a later sync succeeds.
    fn sync(&mut self) -> io::Result<()>;

    /// Checks that the name still leads to this file, so that nobody else can be reading
    /// another one in its place.
    ///
    /// # Errors
    /// When the file was removed or replaced.
    fn check_in_place(&mut self) -> io::Result<()>;
}

/// A real file.
#[derive(Debug)]
pub struct FileDisk {
    file: File,
    place: Place,
    synced_in: Duration,
}

impl FileDisk {
    /// Opens an existing file for reading and writing.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(path: &Path) -> io::Result<Self> {
        Self::new(OpenOptions::new().read(true).write(true).open(path)?, path)
    }

    /// Opens an existing file for reading; writes fail.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open_read_only(path: &Path) -> io::Result<Self> {
        Self::new(File::open(path)?, path)
    }

    fn new(file: File, path: &Path) -> io::Result<Self> {
        Ok(Self {
            place: Place::new(path, &file.metadata()?),
            file,
            synced_in: Duration::ZERO,
        })
    }

    /// Its name, to be looked at by whoever does not write.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// How long the last sync took.
    #[must_use]
    pub fn synced_in(&self) -> Duration {
        self.synced_in
    }

    /// The open file.
    pub(crate) fn file(&self) -> &File {
        &self.file
    }
}

impl Disk for FileDisk {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        /// Neither file has a reason to be longer; a longer one is not ours.
        const MAX_LEN: u64 = 1024 * 1024;
        let len = self.file.metadata()?.len().min(MAX_LEN);
        let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
        self.file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&mut self) -> io::Result<()> {
        let started = Instant::now();
        self.file.sync_data()?;
        self.synced_in = started.elapsed();
        Ok(())
    }

    fn check_in_place(&mut self) -> io::Result<()> {
        self.place.check()
    }
}
