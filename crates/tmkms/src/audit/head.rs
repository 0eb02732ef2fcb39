//! `audit.log.head`: number and hash of the last record that is synced. It is also what is locked,
//! because it stays when files are renamed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::error::{AuditError, io_error};
use super::record::{FORMAT, Hash, Link};

/// The length of the head, so that it is always written over in place.
const HEAD_LEN: usize = 256;

/// What `audit.log.head` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the file that the record is in.
    pub file: u64,
    /// The last record that is synced.
    pub link: Link,
}

#[derive(Serialize, Deserialize)]
struct HeadText {
    format: u32,
    file: u64,
    seq: u64,
    hash: String,
}

impl Head {
    /// Reads a head; `None` if it is none.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text: HeadText = serde_json::from_slice(text.trim_ascii_end()).ok()?;
        let mut hash = Hash::default();
        hex::decode_to_slice(&text.hash, &mut hash).ok()?;
        Some(Self {
            file: text.file,
            link: Link {
                seq: text.seq,
                hash,
            },
        })
    }

    pub(super) fn render(&self) -> Vec<u8> {
        let text = HeadText {
            format: FORMAT,
            file: self.file,
            seq: self.link.seq,
            hash: hex::encode(self.link.hash),
        };
        let mut bytes = serde_json::to_vec(&text).unwrap_or_default();
        bytes.resize(HEAD_LEN - 1, b' ');
        bytes.push(b'\n');
        bytes
    }
}

/// Opens the head of a log and locks it.
pub(super) fn open_locked(head: &Path, log: &Path) -> Result<File, AuditError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(head)
        .map_err(io_error("open", head))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(AuditError::InUse(log.to_owned())),
        Err(TryLockError::Error(source)) => Err(io_error("lock", head)(source)),
    }
}

/// What stands in it; `None` for nothing, or for what is no head.
pub(super) fn read_head(head: &File) -> io::Result<Option<Head>> {
    let mut bytes = vec![0; HEAD_LEN];
    let len = head.read_at(&mut bytes, 0)?;
    bytes.truncate(len);
    Ok(Head::parse(&bytes))
}
