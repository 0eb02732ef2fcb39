//! The store in files: opening, merging, committing.

use std::fs::{File, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use guard::{Knowledge, Mark, Store, StoreError};
use privval::{Canonical, ChainId};

use crate::disk::{Disk, FileDisk};
use crate::document::Document;
use crate::error::OpenError;
use crate::merge::higher;
use crate::ring::{self, Ring};

/// The document's size on disk: it is written in place, padded with spaces to this.
const DOCUMENT_LEN: usize = 4096;

/// The store of one chain: the ring and the document beside it.
#[derive(Debug)]
pub struct FileStore<D = FileDisk> {
    chain_id: ChainId,
    ring: Ring<D>,
    document: D,
    path: PathBuf,
}

/// A store that was opened, and what it says.
#[derive(Debug)]
pub struct Opened {
    /// The store, locked.
    pub store: FileStore,
    /// What is known of the past.
    pub knowledge: Knowledge,
    /// What the operator should hear about how it was found, in whole sentences.
    pub notes: Vec<String>,
}

/// Where the ring of a state file is.
#[must_use]
pub fn ring_path(state_file: &Path) -> PathBuf {
    let mut name = state_file.as_os_str().to_owned();
    name.push(".ring");
    PathBuf::from(name)
}

impl FileStore {
    /// Opens the state of a chain, or begins it, and locks it.
    ///
    /// # Errors
    /// [`OpenError`] when another process has it, when it is damaged or of another chain, or
    /// when the file system refuses.
    pub fn open(state_file: &Path, chain_id: &ChainId) -> Result<Opened, OpenError> {
        check_directory(state_file)?;
        let ring_file = ring_path(state_file);
        if !ring_file.exists() {
            // Before the ring is made, so that a damaged document leaves nothing behind.
            let first = read_document(state_file, chain_id, &ring_file)?;
            let first = first.unwrap_or(Knowledge::Nothing);
            create(&ring_file, &ring::new_ring(chain_id.as_str(), &first))?;
        }
        let mut disk = lock(&ring_file)?;
        let content = read_ring(&ring_file, &mut disk, chain_id)?;
        let document = read_document(state_file, chain_id, &ring_file)?;
        let mut notes = Vec::new();
        let knowledge = merge(
            state_file,
            &ring_file,
            document.as_ref(),
            &content,
            &mut notes,
        )?;
        name_holder(&mut disk).map_err(io_error("write", &ring_file))?;
        let json = document_bytes(chain_id, &knowledge);
        if document.is_none() {
            create(state_file, &json)?;
        }
        let mut store = Self {
            chain_id: chain_id.clone(),
            document: FileDisk::open(state_file).map_err(io_error("open", state_file))?,
            ring: Ring::new(disk, &content),
            path: state_file.to_owned(),
        };
        store
            .catch_up(&content.newest.knowledge, &knowledge, &json)
            .map_err(io_error("write", state_file))?;
        Ok(Opened {
            store,
            knowledge,
            notes,
        })
    }

    /// Puts on disk what the merge found, so that ring and document say the same again.
    fn catch_up(&mut self, ring: &Knowledge, merged: &Knowledge, json: &[u8]) -> io::Result<()> {
        if let (Knowledge::Mark(mark), true) = (merged, ring != merged) {
            self.ring.append(mark)?;
        }
        self.document.write_at(0, json)?;
        self.document.sync()
    }
}

impl<D: Disk> FileStore<D> {
    /// Raises the mark to one that came from elsewhere: an import, a hook, the key's own mark.
    ///
    /// # Errors
    /// [`StoreError`] as for [`Store::commit`]. The caller checks that it is higher.
    pub fn raise(&mut self, mark: &Mark) -> Result<(), StoreError> {
        self.write(mark).map_err(|e| self.explain(&e))
    }

    /// The ring first: it is what counts. A crash between the two leaves the document one behind,
    /// and the signature unsaid.
    fn write(&mut self, mark: &Mark) -> io::Result<()> {
        self.ring.append(mark)?;
        let json = document_bytes(&self.chain_id, &Knowledge::Mark(mark.clone()));
        self.document.check_in_place()?;
        self.document.write_at(0, &json)
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
    check_directory(state_file)?;
    let ring_file = ring_path(state_file);
    let document = read_document(state_file, chain_id, &ring_file)?;
    if !ring_file.exists() {
        return Ok(document);
    }
    let mut disk = FileDisk::open_read_only(&ring_file).map_err(io_error("read", &ring_file))?;
    let content = read_ring(&ring_file, &mut disk, chain_id)?;
    merge(
        state_file,
        &ring_file,
        document.as_ref(),
        &content,
        &mut Vec::new(),
    )
    .map(Some)
}

fn merge(
    state_file: &Path,
    ring_file: &Path,
    document: Option<&Knowledge>,
    content: &ring::Content,
    notes: &mut Vec<String>,
) -> Result<Knowledge, OpenError> {
    let ring = &content.newest.knowledge;
    let Some(document) = document else {
        if let Knowledge::Mark(mark) = ring {
            notes.push(format!(
                "{} is missing; going on from {}, which says {}",
                state_file.display(),
                ring_file.display(),
                mark.hrs()
            ));
        }
        return Ok(ring.clone());
    };
    let merged = higher(document, ring).map_err(|c| OpenError::Disagreement {
        document_file: state_file.to_owned(),
        ring_file: ring_file.to_owned(),
        place: c.place,
        document: c.left,
        ring: c.right,
    })?;
    notes.extend(tell_difference(state_file, document, ring));
    Ok(merged)
}

fn tell_difference(state_file: &Path, document: &Knowledge, ring: &Knowledge) -> Option<String> {
    let (Knowledge::Mark(document), Knowledge::Mark(ring)) = (document, ring) else {
        return None;
    };
    let file = state_file.display();
    match document.hrs().cmp(&ring.hrs()) {
        std::cmp::Ordering::Less => Some(format!(
            "{file} says {}, the ring beside it {}: going on from the higher one (a loss of \
             power or a restored backup explains this)",
            document.hrs(),
            ring.hrs()
        )),
        std::cmp::Ordering::Greater => Some(format!(
            "{file} was moved on to {} by another program, tmkms perhaps: going on from there",
            document.hrs()
        )),
        std::cmp::Ordering::Equal => None,
    }
}

fn check_directory(state_file: &Path) -> Result<(), OpenError> {
    for path in [state_file.to_owned(), ring_path(state_file)] {
        if path.is_dir() {
            return Err(OpenError::IsDirectory(path));
        }
    }
    let directory = directory_of(state_file);
    if directory.is_dir() {
        return Ok(());
    }
    Err(OpenError::NoDirectory {
        file: state_file.to_owned(),
        directory,
    })
}

fn directory_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    }
}

/// Reads the document; `None` when there is none.
fn read_document(
    path: &Path,
    chain_id: &ChainId,
    ring_file: &Path,
) -> Result<Option<Knowledge>, OpenError> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(io_error("read", path)(e)),
    };
    let document = Document::parse(&bytes).map_err(|problem| OpenError::DamagedDocument {
        file: path.to_owned(),
        problem,
        remedy: remedy(path, ring_file, chain_id),
    })?;
    if document.is_cometbft {
        return Err(OpenError::CometBftDocument(path.to_owned()));
    }
    check_chain(
        path,
        document.chain_id.as_ref().map(ChainId::as_str),
        chain_id,
    )?;
    Ok(Some(document.knowledge))
}

/// What to do about a damaged document depends on whether the ring is whole.
fn remedy(path: &Path, ring_file: &Path, chain_id: &ChainId) -> String {
    let ring = std::fs::read(ring_file)
        .ok()
        .and_then(|bytes| ring::read(&bytes).ok())
        .filter(|content| content.chain_id == chain_id.as_str());
    match ring.map(|content| content.newest.knowledge) {
        Some(Knowledge::Mark(mark)) => format!(
            "{} beside it is whole and says {}: to go on from there, `rm {}` and start again",
            ring_file.display(),
            mark.hrs(),
            path.display()
        ),
        _ => format!(
            "Find the height of the last block with this validator's signature (any node or \
             explorer), `rm {}`, and run `tmkms state import` with a backup or that height",
            path.display()
        ),
    }
}

fn read_ring(
    path: &Path,
    disk: &mut FileDisk,
    chain_id: &ChainId,
) -> Result<ring::Content, OpenError> {
    let bytes = disk.read().map_err(io_error("read", path))?;
    let content = ring::read(&bytes).map_err(|problem| OpenError::DamagedRing {
        file: path.to_owned(),
        problem,
    })?;
    check_chain(path, Some(&content.chain_id), chain_id)?;
    Ok(content)
}

fn check_chain(path: &Path, found: Option<&str>, expected: &ChainId) -> Result<(), OpenError> {
    match found {
        Some(found) if found != expected.as_str() => Err(OpenError::OtherChain {
            file: path.to_owned(),
            found: found.to_owned(),
            expected: expected.to_string(),
        }),
        _ => Ok(()),
    }
}

/// Opens and locks the ring. The lock goes with the process, however it ends.
fn lock(path: &Path) -> Result<FileDisk, OpenError> {
    let mut disk = FileDisk::open(path).map_err(io_error("open", path))?;
    match disk.file().try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(OpenError::Locked {
                file: path.to_owned(),
                holder: ring::holder(&disk.read().unwrap_or_default()),
            });
        }
        Err(TryLockError::Error(source)) => {
            return Err(OpenError::CannotLock {
                file: path.to_owned(),
                source,
            });
        }
    }
    disk.check_in_place().map_err(io_error("lock", path))?;
    Ok(disk)
}

/// Leaves a text for whoever finds the lock taken. Not synced: it is for the living.
fn name_holder(disk: &mut FileDisk) -> io::Result<()> {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = match host.trim() {
        "" => "an unknown host",
        name => name,
    };
    let mut block = format!("process {} on {host}", std::process::id()).into_bytes();
    block.resize(block.len().next_multiple_of(512), 0);
    disk.write_at(ring::HOLDER_OFFSET, &block)
}

fn document_bytes(chain_id: &ChainId, knowledge: &Knowledge) -> Vec<u8> {
    let mut bytes = Document::to_json(chain_id, knowledge).into_bytes();
    let padded = bytes.len().max(DOCUMENT_LEN - 1);
    bytes.resize(padded, b' ');
    bytes.push(b'\n');
    bytes
}

/// Makes a file with this content, whole or not at all, and durable. Leaves one that another
/// process made meanwhile as it is.
fn create(path: &Path, bytes: &[u8]) -> Result<(), OpenError> {
    let made = || -> io::Result<()> {
        let directory = directory_of(path);
        let mut file = tempfile::NamedTempFile::new_in(&directory)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        match file.persist_noclobber(path) {
            Ok(_) => {}
            Err(e) if e.error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(e) => return Err(e.error),
        }
        File::open(directory)?.sync_all()
    };
    made().map_err(io_error("create", path))
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> OpenError {
    let file = path.to_owned();
    move |source| OpenError::Io {
        action,
        file,
        source,
    }
}
