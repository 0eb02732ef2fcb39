//! A home of state files in memory, whose bytes a target can damage between two starts.

use std::fs::TryLockError;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use store::{Disk, Home, StateFile};

/// The bytes of a file, shared by all who have it open.
pub type Bytes = Arc<Mutex<Vec<u8>>>;

/// Ring and document; clones share them.
#[derive(Clone, Debug, Default)]
pub struct MemoryHome {
    /// The ring, if there is one.
    pub ring: Option<Bytes>,
    /// The document, if there is one.
    pub document: Option<Bytes>,
}

/// One of the files, open.
#[derive(Debug)]
pub struct MemoryDisk(Bytes);

impl MemoryHome {
    /// What a file holds, if there is one.
    #[must_use]
    pub fn content(&self, file: StateFile) -> Option<Vec<u8>> {
        let bytes = match file {
            StateFile::Ring => self.ring.as_ref()?,
            StateFile::Document => self.document.as_ref()?,
        };
        Some(locked(bytes).clone())
    }

    /// Gives a file other bytes.
    pub fn put(&mut self, file: StateFile, bytes: Vec<u8>) {
        *self.slot(file) = Some(Arc::new(Mutex::new(bytes)));
    }

    fn slot(&mut self, file: StateFile) -> &mut Option<Bytes> {
        match file {
            StateFile::Ring => &mut self.ring,
            StateFile::Document => &mut self.document,
        }
    }
}

fn locked(bytes: &Bytes) -> std::sync::MutexGuard<'_, Vec<u8>> {
    bytes.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Home for MemoryHome {
    type Disk = MemoryDisk;

    fn path(&self, file: StateFile) -> &Path {
        Path::new(match file {
            StateFile::Ring => "state.json.ring",
            StateFile::Document => "state.json",
        })
    }

    fn read(&mut self, file: StateFile) -> io::Result<Option<Vec<u8>>> {
        Ok(self.content(file))
    }

    fn open(&mut self, file: StateFile) -> io::Result<MemoryDisk> {
        let bytes = self.slot(file).clone();
        bytes
            .map(MemoryDisk)
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn lock(&mut self, _: &mut MemoryDisk) -> Result<(), TryLockError> {
        Ok(())
    }

    fn create(&mut self, file: StateFile, bytes: &[u8]) -> io::Result<()> {
        if self.slot(file).is_none() {
            self.put(file, bytes.to_vec());
        }
        Ok(())
    }

    fn replace(&mut self, file: StateFile, bytes: &[u8]) -> io::Result<()> {
        self.put(file, bytes.to_vec());
        Ok(())
    }

    fn sync_names(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn holder(&self) -> String {
        "process 1 on a host".to_owned()
    }
}

impl Disk for MemoryDisk {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        Ok(locked(&self.0).clone())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut file = locked(&self.0);
        let start = usize::try_from(offset).expect("an offset in memory");
        let end = start + bytes.len();
        if file.len() < end {
            file.resize(end, 0);
        }
        file[start..end].copy_from_slice(bytes);
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn check_in_place(&mut self) -> io::Result<()> {
        Ok(())
    }
}
