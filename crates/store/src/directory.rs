//! A directory of the file system as the home of a chain's state.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::disk::{Disk as _, FileDisk};
use crate::error::OpenError;
use crate::home::{Home, StateFile};

/// Where the ring of a state file is.
#[must_use]
pub fn ring_path(state_file: &Path) -> PathBuf {
    let mut name = state_file.as_os_str().to_owned();
    name.push(".ring");
    PathBuf::from(name)
}

/// The ring and the document on a real file system.
#[derive(Debug)]
pub struct Directory {
    document: PathBuf,
    ring: PathBuf,
}

impl Directory {
    /// The home of the state whose document is `state_file`.
    ///
    /// # Errors
    /// [`OpenError`] when the directory is not there, or a directory is in the place of a file.
    pub fn of(state_file: &Path) -> Result<Self, OpenError> {
        let home = Self {
            document: state_file.to_owned(),
            ring: ring_path(state_file),
        };
        for path in [&home.document, &home.ring] {
            if path.is_dir() {
                return Err(OpenError::IsDirectory(path.clone()));
            }
        }
        let directory = home.directory();
        if directory.is_dir() {
            return Ok(home);
        }
        Err(OpenError::NoDirectory {
            directory: directory.to_owned(),
            file: home.document,
        })
    }

    fn directory(&self) -> &Path {
        match self.document.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        }
    }

    /// What root makes, importing a state, is for a signer that is the directory's owner.
    fn give_to_owner(&self, made: &File) -> io::Result<()> {
        let (directory, own) = (fs::metadata(self.directory())?, made.metadata()?);
        if own.uid() != 0 || directory.uid() == 0 {
            return Ok(());
        }
        fchown(made, Some(directory.uid()), Some(directory.gid()))
    }

    /// A temporary file beside the others, written and synced.
    fn written(&self, bytes: &[u8]) -> io::Result<NamedTempFile> {
        let mut made = NamedTempFile::new_in(self.directory())?;
        self.give_to_owner(made.as_file())?;
        made.write_all(bytes)?;
        made.as_file().sync_all()?;
        Ok(made)
    }
}

impl Home for Directory {
    type Disk = FileDisk;

    fn path(&self, file: StateFile) -> &Path {
        match file {
            StateFile::Ring => &self.ring,
            StateFile::Document => &self.document,
        }
    }

    fn read(&mut self, file: StateFile) -> io::Result<Option<Vec<u8>>> {
        match FileDisk::open_read_only(self.path(file)) {
            Ok(mut disk) => disk.read().map(Some),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn open(&mut self, file: StateFile) -> io::Result<FileDisk> {
        FileDisk::open(self.path(file))
    }

    /// The lock goes with the process, however it ends.
    fn lock(&mut self, ring: &mut FileDisk) -> Result<(), TryLockError> {
        ring.file().try_lock()
    }

    fn create(&mut self, file: StateFile, bytes: &[u8]) -> io::Result<()> {
        match self.written(bytes)?.persist_noclobber(self.path(file)) {
            Ok(_) => self.sync_names(),
            Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => self.sync_names(),
            Err(e) => Err(e.error),
        }
    }

    fn replace(&mut self, file: StateFile, bytes: &[u8]) -> io::Result<()> {
        self.written(bytes)?.persist(self.path(file))?;
        self.sync_names()
    }

    fn sync_names(&mut self) -> io::Result<()> {
        File::open(self.directory())?.sync_all()
    }

    fn holder(&self) -> String {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host = match host.trim() {
            "" => "an unknown host",
            name => name,
        };
        format!("process {} on {host}", std::process::id())
    }
}
