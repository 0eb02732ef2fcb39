//! The real store over a home with one flaw: what the store would be if it left out a call.

use std::fs::TryLockError;
use std::io;
use std::marker::PhantomData;
use std::path::Path;

use guard::{Guard, Mark};
use privval::ChainId;
use sim::{SimDisk, SimHome, StartError, Started, Subject, guarded, open};
use store::{Disk, FileStore, Home, StateFile};

/// What may be wrong with a home; by default nothing is.
pub(crate) trait Flaw: Send + 'static {
    fn write_at(disk: &mut SimDisk, _: StateFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        disk.write_at(offset, bytes)
    }

    fn sync(disk: &mut SimDisk, _: StateFile) -> io::Result<()> {
        disk.sync()
    }

    fn check_in_place(disk: &mut SimDisk) -> io::Result<()> {
        disk.check_in_place()
    }

    fn read(home: &mut SimHome, file: StateFile) -> io::Result<Option<Vec<u8>>> {
        home.read(file)
    }

    fn lock(home: &mut SimHome, ring: &mut SimDisk) -> Result<(), TryLockError> {
        home.lock(ring)
    }

    fn sync_names(home: &mut SimHome) -> io::Result<()> {
        home.sync_names()
    }
}

/// A signer with such a home.
pub(crate) struct Flawed<F>(F);

pub(crate) struct FlawedHome<F> {
    home: SimHome,
    flaw: PhantomData<F>,
}

pub(crate) struct FlawedDisk<F> {
    disk: SimDisk,
    file: StateFile,
    flaw: PhantomData<F>,
}

impl<F: Flaw> Subject for Flawed<F> {
    type Process = Guard<FileStore<FlawedDisk<F>>>;

    fn start(
        home: SimHome,
        chain_id: &ChainId,
        floor: Option<&Mark>,
    ) -> Result<Started<Self::Process>, StartError> {
        let home = FlawedHome {
            home,
            flaw: PhantomData::<F>,
        };
        Ok(guarded(chain_id, open(home, chain_id, floor)?))
    }
}

impl<F: Flaw> Home for FlawedHome<F> {
    type Disk = FlawedDisk<F>;

    fn path(&self, file: StateFile) -> &Path {
        self.home.path(file)
    }

    fn read(&mut self, file: StateFile) -> io::Result<Option<Vec<u8>>> {
        F::read(&mut self.home, file)
    }

    fn open(&mut self, file: StateFile) -> io::Result<Self::Disk> {
        Ok(FlawedDisk {
            disk: self.home.open(file)?,
            file,
            flaw: PhantomData,
        })
    }

    fn lock(&mut self, ring: &mut Self::Disk) -> Result<(), TryLockError> {
        F::lock(&mut self.home, &mut ring.disk)
    }

    fn create(&mut self, file: StateFile, bytes: &[u8]) -> io::Result<()> {
        self.home.create(file, bytes)
    }

    fn replace(&mut self, file: StateFile, bytes: &[u8]) -> io::Result<()> {
        self.home.replace(file, bytes)
    }

    fn sync_names(&mut self) -> io::Result<()> {
        F::sync_names(&mut self.home)
    }

    fn holder(&self) -> String {
        self.home.holder()
    }
}

impl<F: Flaw> Disk for FlawedDisk<F> {
    fn read(&mut self) -> io::Result<Vec<u8>> {
        self.disk.read()
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        F::write_at(&mut self.disk, self.file, offset, bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        F::sync(&mut self.disk, self.file)
    }

    fn check_in_place(&mut self) -> io::Result<()> {
        F::check_in_place(&mut self.disk)
    }
}

pub(crate) struct NoFlaw;
impl Flaw for NoFlaw {}

pub(crate) struct NoSync;
impl Flaw for NoSync {
    fn sync(disk: &mut SimDisk, file: StateFile) -> io::Result<()> {
        match file {
            StateFile::Ring => Ok(()),
            StateFile::Document => disk.sync(),
        }
    }
}

pub(crate) struct SyncErrorIgnored;
impl Flaw for SyncErrorIgnored {
    fn sync(disk: &mut SimDisk, _: StateFile) -> io::Result<()> {
        disk.sync().or(Ok(()))
    }
}

pub(crate) struct WriteErrorIgnored;
impl Flaw for WriteErrorIgnored {
    fn write_at(disk: &mut SimDisk, _: StateFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        disk.write_at(offset, bytes).or(Ok(()))
    }
}

pub(crate) struct NoDocument;
impl Flaw for NoDocument {
    fn write_at(disk: &mut SimDisk, file: StateFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        match file {
            StateFile::Ring => disk.write_at(offset, bytes),
            StateFile::Document => Ok(()),
        }
    }
}

pub(crate) struct DocumentIgnored;
impl Flaw for DocumentIgnored {
    fn read(home: &mut SimHome, file: StateFile) -> io::Result<Option<Vec<u8>>> {
        match file {
            StateFile::Ring => home.read(file),
            StateFile::Document => Ok(None),
        }
    }
}

pub(crate) struct ReplacementIgnored;
impl Flaw for ReplacementIgnored {
    fn check_in_place(_: &mut SimDisk) -> io::Result<()> {
        Ok(())
    }
}

pub(crate) struct NoLock;
impl Flaw for NoLock {
    fn lock(_: &mut SimHome, _: &mut SimDisk) -> Result<(), TryLockError> {
        Ok(())
    }
}

/// An optimisation that looks harmless: what is there already need not be written.
pub(crate) struct NeedlessWriteSkipped;
impl Flaw for NeedlessWriteSkipped {
    fn write_at(disk: &mut SimDisk, _: StateFile, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let start = usize::try_from(offset).unwrap();
        if disk.read()?.get(start..start + bytes.len()) == Some(bytes) {
            return Ok(());
        }
        disk.write_at(offset, bytes)
    }
}

pub(crate) struct NamesNotSynced;
impl Flaw for NamesNotSynced {
    fn sync_names(_: &mut SimHome) -> io::Result<()> {
        Ok(())
    }
}
