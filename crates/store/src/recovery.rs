//! What a start finds: both files read, compared, and brought to the same state again.
//!
//! Invariants:
//! - What was read is made durable before it is believed: it may be in the page cache only,
//!   left by a process that crashed or whose sync failed.
//! - Each file is synced before the other is written, the ring always before the document. So
//!   one whole copy of the mark is on disk at every moment, and a document never knows more than
//!   the ring, unless somebody else wrote it.
//! - Nothing is repaired but what a crash explains: a torn slot after the newest record, and a
//!   torn document beside a ring that is not behind it.

use std::cmp::Ordering;
use std::fs::TryLockError;
use std::io;

use guard::{Knowledge, Mark};
use privval::ChainId;

use crate::disk::Disk;
use crate::document::{Document, DocumentError};
use crate::error::OpenError;
use crate::home::{Home, StateFile};
use crate::merge::higher;
use crate::page::Page;
use crate::ring::{self, Content, Ring};

/// Both files, open and in the same state.
pub(crate) struct Recovered<D> {
    pub(crate) ring: Ring<D>,
    pub(crate) document: D,
    pub(crate) knowledge: Knowledge,
    pub(crate) notes: Vec<String>,
}

/// Opens and locks what is there, or begins it.
pub(crate) fn recover<H: Home>(
    home: &mut H,
    chain_id: &ChainId,
) -> Result<Recovered<H::Disk>, OpenError> {
    let mut disk = open_ring(home, chain_id)?;
    lock(home, &mut disk)?;
    home.sync_names()
        .map_err(io_error(home, "sync the directory of", StateFile::Ring))?;
    let bytes = disk
        .read()
        .map_err(io_error(home, "read", StateFile::Ring))?;
    let content = read_ring(home, &bytes, chain_id)?;
    let page = read_page(home, chain_id)?;
    let mut notes = Vec::new();
    let knowledge = merge(home, chain_id, page.as_ref(), &content, &mut notes)?;
    name_holder(&mut disk, &home.holder()).map_err(io_error(home, "write", StateFile::Ring))?;
    if page.is_some() {
        sync_document(home)?;
    }
    let mut ring = Ring::new(disk, &content);
    settle(&mut ring, &content, &knowledge).map_err(io_error(home, "write", StateFile::Ring))?;
    let is_in_place = matches!(page, Some(Page::Ours(_) | Page::Torn { .. }));
    let document = write_page(home, &Page::bytes(chain_id, &knowledge), is_in_place)?;
    Ok(Recovered {
        ring,
        document,
        knowledge,
        notes,
    })
}

/// Makes durable in the ring what was read, then what was made of it.
fn settle<D: Disk>(ring: &mut Ring<D>, read: &Content, merged: &Knowledge) -> io::Result<()> {
    ring.refresh()?;
    match merged {
        Knowledge::Mark(mark) if read.newest.knowledge != *merged => ring.append(mark),
        _ => Ok(()),
    }
}

/// What is known, without locking or changing anything; `None` when there is neither file.
pub(crate) fn inspect<H: Home>(
    home: &mut H,
    chain_id: &ChainId,
) -> Result<Option<Knowledge>, OpenError> {
    let page = read_page(home, chain_id)?;
    let ring = home
        .read(StateFile::Ring)
        .map_err(io_error(home, "read", StateFile::Ring))?;
    let Some(ring) = ring else {
        return alone(home, chain_id, page);
    };
    let content = read_ring(home, &ring, chain_id)?;
    merge(home, chain_id, page.as_ref(), &content, &mut Vec::new()).map(Some)
}

/// Opens the ring, and makes it if there is none.
fn open_ring<H: Home>(home: &mut H, chain_id: &ChainId) -> Result<H::Disk, OpenError> {
    match home.open(StateFile::Ring) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        other => return other.map_err(io_error(home, "open", StateFile::Ring)),
    }
    // Before the ring is made, so that a damaged document leaves nothing behind.
    let page = read_page(home, chain_id)?;
    let first = alone(home, chain_id, page)?.unwrap_or(Knowledge::Nothing);
    home.create(StateFile::Ring, &ring::new_ring(chain_id.as_str(), &first))
        .map_err(io_error(home, "create", StateFile::Ring))?;
    home.open(StateFile::Ring)
        .map_err(io_error(home, "open", StateFile::Ring))
}

fn lock<H: Home>(home: &mut H, disk: &mut H::Disk) -> Result<(), OpenError> {
    home.lock(disk).map_err(|error| {
        let file = home.path(StateFile::Ring).to_owned();
        match error {
            TryLockError::WouldBlock => OpenError::Locked {
                file,
                holder: ring::holder(&disk.read().unwrap_or_default()),
            },
            TryLockError::Error(source) => OpenError::CannotLock { file, source },
        }
    })?;
    disk.check_in_place()
        .map_err(io_error(home, "lock", StateFile::Ring))
}

/// Makes the document durable as it is, since the ring is about to be written.
fn sync_document<H: Home>(home: &mut H) -> Result<(), OpenError> {
    home.open(StateFile::Document)
        .and_then(|mut disk| disk.sync())
        .map_err(io_error(home, "sync", StateFile::Document))
}

/// Writes the document and returns it when it is durable.
fn write_page<H: Home>(
    home: &mut H,
    bytes: &[u8],
    is_in_place: bool,
) -> Result<H::Disk, OpenError> {
    if !is_in_place {
        home.replace(StateFile::Document, bytes).map_err(io_error(
            home,
            "write",
            StateFile::Document,
        ))?;
    }
    let mut disk =
        home.open(StateFile::Document)
            .map_err(io_error(home, "open", StateFile::Document))?;
    if is_in_place {
        disk.write_at(0, bytes)
            .and_then(|()| disk.sync())
            .map_err(io_error(home, "write", StateFile::Document))?;
    }
    Ok(disk)
}

/// What a document says that has no ring beside it.
fn alone<H: Home>(
    home: &mut H,
    chain_id: &ChainId,
    page: Option<Page>,
) -> Result<Option<Knowledge>, OpenError> {
    match page {
        None => Ok(None),
        Some(Page::Ours(document) | Page::Foreign(document)) => Ok(Some(document.knowledge)),
        Some(Page::Torn { problem, .. }) => Err(damaged(home, chain_id, problem)),
    }
}

fn merge<H: Home>(
    home: &mut H,
    chain_id: &ChainId,
    page: Option<&Page>,
    content: &Content,
    notes: &mut Vec<String>,
) -> Result<Knowledge, OpenError> {
    let ring = &content.newest.knowledge;
    let document = match page {
        Some(Page::Ours(document) | Page::Foreign(document)) => &document.knowledge,
        Some(Page::Torn { claim, problem }) => match ring {
            Knowledge::Mark(mark) if claim.is_none_or(|claim| claim <= mark.hrs()) => {
                notes.push(go_on_from_ring(home, mark, "was torn by a loss of power"));
                return Ok(ring.clone());
            }
            _ => return Err(damaged(home, chain_id, problem.clone())),
        },
        None => {
            if let Knowledge::Mark(mark) = ring {
                notes.push(go_on_from_ring(home, mark, "is missing"));
            }
            return Ok(ring.clone());
        }
    };
    let merged = higher(document, ring).map_err(|c| OpenError::Disagreement {
        document_file: home.path(StateFile::Document).to_owned(),
        ring_file: home.path(StateFile::Ring).to_owned(),
        place: c.place,
        document: c.left,
        ring: c.right,
    })?;
    notes.extend(tell_difference(home, document, ring));
    Ok(merged)
}

fn go_on_from_ring<H: Home>(home: &H, mark: &Mark, what: &str) -> String {
    format!(
        "{} {what}; going on from {}, which says {}",
        home.path(StateFile::Document).display(),
        home.path(StateFile::Ring).display(),
        mark.hrs()
    )
}

fn tell_difference<H: Home>(home: &H, document: &Knowledge, ring: &Knowledge) -> Option<String> {
    let (Knowledge::Mark(document), Knowledge::Mark(ring)) = (document, ring) else {
        return None;
    };
    let file = home.path(StateFile::Document).display();
    match document.hrs().cmp(&ring.hrs()) {
        Ordering::Less => Some(format!(
            "{file} says {}, the ring beside it {}: going on from the higher one (a loss of \
             power or a restored backup explains this)",
            document.hrs(),
            ring.hrs()
        )),
        Ordering::Greater => Some(format!(
            "{file} was moved on to {} by another program, tmkms perhaps: going on from there",
            document.hrs()
        )),
        Ordering::Equal => None,
    }
}

/// Reads the document; `None` when there is none.
fn read_page<H: Home>(home: &mut H, chain_id: &ChainId) -> Result<Option<Page>, OpenError> {
    let bytes =
        home.read(StateFile::Document)
            .map_err(io_error(home, "read", StateFile::Document))?;
    let Some(bytes) = bytes else {
        return Ok(None);
    };
    let page = Page::read(&bytes).map_err(|problem| damaged(home, chain_id, problem))?;
    if let Page::Ours(document) | Page::Foreign(document) = &page {
        check_document(home, document, chain_id)?;
    }
    Ok(Some(page))
}

fn check_document<H: Home>(
    home: &H,
    document: &Document,
    chain_id: &ChainId,
) -> Result<(), OpenError> {
    if document.is_cometbft {
        let file = home.path(StateFile::Document).to_owned();
        return Err(OpenError::CometBftDocument(file));
    }
    let found = document.chain_id.as_ref().map(ChainId::as_str);
    check_chain(home, StateFile::Document, found, chain_id)
}

fn damaged<H: Home>(home: &mut H, chain_id: &ChainId, problem: DocumentError) -> OpenError {
    OpenError::DamagedDocument {
        file: home.path(StateFile::Document).to_owned(),
        problem,
        remedy: remedy(home, chain_id),
    }
}

/// What to do about a damaged document depends on whether the ring is whole.
fn remedy<H: Home>(home: &mut H, chain_id: &ChainId) -> String {
    let ring = home
        .read(StateFile::Ring)
        .ok()
        .flatten()
        .and_then(|bytes| ring::read(&bytes).ok())
        .filter(|content| content.chain_id == chain_id.as_str());
    let document = home.path(StateFile::Document).display();
    match ring.map(|content| content.newest.knowledge) {
        Some(Knowledge::Mark(mark)) => format!(
            "{} beside it is whole and says {}: to go on from there, `rm {document}` and start \
             again",
            home.path(StateFile::Ring).display(),
            mark.hrs(),
        ),
        _ => format!(
            "Find the height of the last block with this validator's signature (any node or \
             explorer), `rm {document}`, and run `tmkms state import` with a backup or that height"
        ),
    }
}

fn read_ring<H: Home>(home: &H, bytes: &[u8], chain_id: &ChainId) -> Result<Content, OpenError> {
    let content = ring::read(bytes).map_err(|problem| OpenError::DamagedRing {
        file: home.path(StateFile::Ring).to_owned(),
        problem,
    })?;
    check_chain(home, StateFile::Ring, Some(&content.chain_id), chain_id)?;
    Ok(content)
}

fn check_chain<H: Home>(
    home: &H,
    file: StateFile,
    found: Option<&str>,
    expected: &ChainId,
) -> Result<(), OpenError> {
    match found {
        Some(found) if found != expected.as_str() => Err(OpenError::OtherChain {
            file: home.path(file).to_owned(),
            found: found.to_owned(),
            expected: expected.to_string(),
        }),
        _ => Ok(()),
    }
}

/// Leaves a text for whoever finds the lock taken. Not synced: it is for the living.
fn name_holder<D: Disk>(disk: &mut D, holder: &str) -> io::Result<()> {
    let mut block = holder.as_bytes().to_vec();
    block.resize(block.len().next_multiple_of(512), 0);
    disk.write_at(ring::HOLDER_OFFSET, &block)
}

fn io_error<H: Home>(
    home: &H,
    action: &'static str,
    file: StateFile,
) -> impl FnOnce(io::Error) -> OpenError + use<H> {
    let file = home.path(file).to_owned();
    move |source| OpenError::Io {
        action,
        file,
        source,
    }
}
