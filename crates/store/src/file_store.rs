//! The store in two files: opening, committing, raising.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use guard::{Knowledge, Mark, Store, StoreError};
use privval::{Canonical, ChainId};

use crate::directory::Directory;
use crate::disk::{Disk, FileDisk};
use crate::error::OpenError;
use crate::home::{Home, StateFile};
use crate::memory::Memory;
use crate::page::Page;
use crate::place::Place;
use crate::recovery;
use crate::ring::Ring;

/// The store of one chain: the ring and the document beside it.
#[derive(Debug)]
pub struct FileStore<D = FileDisk> {
    chain_id: ChainId,
    ring: Ring<D>,
    document: D,
    path: PathBuf,
    memory: Option<Memory>,
}

/// A store that was opened, and what it says.
#[derive(Debug)]
pub struct Opened<D = FileDisk> {
    /// The store, locked.
    pub store: FileStore<D>,
    /// What is known of the past.
    pub knowledge: Knowledge,
    /// What the operator should hear about how it was found, in whole sentences.
    pub notes: Vec<String>,
}

impl FileStore {
    /// Opens the state of a chain, or begins it, and locks it.
    ///
    /// # Errors
    /// [`OpenError`] when another process has it, when it is damaged or of another chain, or
    /// when the file system refuses.
    pub fn open(state_file: &Path, chain_id: &ChainId) -> Result<Opened, OpenError> {
        Self::open_in(&mut Directory::of(state_file)?, chain_id)
    }

    /// The names of its two files, for whoever looks at them from outside.
    #[must_use]
    pub fn places(&self) -> Vec<Place> {
        [self.ring.disk(), &self.document]
            .map(|disk| disk.place().clone())
            .into()
    }

    /// How long the disk took to make the last mark durable.
    #[must_use]
    pub fn synced_in(&self) -> Duration {
        self.ring.disk().synced_in()
    }
}

impl<D: Disk> FileStore<D> {
    /// Opens the state of a chain in any home, as [`FileStore::open`] does in a directory.
    ///
    /// # Errors
    /// As for [`FileStore::open`].
    pub fn open_in<H: Home<Disk = D>>(
        home: &mut H,
        chain_id: &ChainId,
    ) -> Result<Opened<D>, OpenError> {
        let recovered = recovery::recover(home, chain_id)?;
        Ok(Opened {
            store: Self {
                chain_id: chain_id.clone(),
                ring: recovered.ring,
                document: recovered.document,
                path: home.path(StateFile::Document).to_owned(),
                memory: None,
            },
            knowledge: recovered.knowledge,
            notes: recovered.notes,
        })
    }

    /// Raises the mark to one that came from elsewhere: an import, a hook, the key's own mark.
    ///
    /// # Errors
    /// [`StoreError`] as for [`Store::commit`]. The caller checks that it is higher.
    pub fn raise(&mut self, mark: &Mark) -> Result<(), StoreError> {
        self.write(mark).map_err(|e| self.explain(&e))
    }

    /// From now on every mark goes into this memory too, beginning with the last one, `mark`.
    ///
    /// # Errors
    /// [`StoreError`] when it cannot be written.
    pub fn remember(&mut self, mut memory: Memory, mark: Option<&Mark>) -> Result<(), StoreError> {
        if let Some(mark) = mark {
            memory.note(mark.hrs()).map_err(|e| self.explain(&e))?;
        }
        self.memory = Some(memory);
        Ok(())
    }

    /// The ring first: it is what counts. A crash between the two leaves the document one behind,
    /// and the signature unsaid.
    fn write(&mut self, mark: &Mark) -> io::Result<()> {
        self.ring.append(mark)?;
        let page = Page::bytes(&self.chain_id, &Knowledge::Mark(mark.clone()));
        self.document.check_in_place()?;
        self.document.write_at(0, &page)?;
        match &mut self.memory {
            Some(memory) => memory.note(mark.hrs()),
            None => Ok(()),
        }
    }

    fn explain(&self, error: &io::Error) -> StoreError {
        StoreError(format!(
            "cannot write the state {} of chain {}: {error}",
            self.path.display(),
            self.chain_id
        ))
    }
}

impl<D: Disk> Store for FileStore<D> {
    fn commit(&mut self, signed: &Canonical) -> Result<(), StoreError> {
        self.write(&Mark::Signed(signed.clone()))
            .map_err(|e| self.explain(&e))
    }
}

/// Reads the state of a chain without locking or changing it, for people to look at.
///
/// # Errors
/// [`OpenError`] as for [`FileStore::open`], but for the lock.
pub fn inspect(state_file: &Path, chain_id: &ChainId) -> Result<Option<Knowledge>, OpenError> {
    recovery::inspect(&mut Directory::of(state_file)?, chain_id)
}
