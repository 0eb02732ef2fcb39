//! The mark beside a key: what the node itself had signed with it before it was imported.
//!
//! `softsign import` keeps it as `<key file>.mark.json`, and `start` takes it as a floor. So the
//! guide's plain steps (import the key, start the signer) are safe for a node that has signed
//! already.

use std::io;
use std::path::{Path, PathBuf};

use guard::{Knowledge, Mark};
use privval::{ChainId, Height, Hrs, Round, Step};
use store::{Document, DocumentError};

/// Why a mark cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MarkError {
    /// The file system refuses.
    #[error("cannot read {}: {source}", .file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// What it says.
        source: io::Error,
    },
    /// Not a state file.
    #[error("{} cannot be used: {problem}. Expected the priv_validator_state.json of a node, or a state file of tmkms", .file.display())]
    Document {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: DocumentError,
    },
    /// It is of another chain.
    #[error("{} is of chain {found}, not of {expected}", .file.display())]
    OtherChain {
        /// The file.
        file: PathBuf,
        /// The chain in it.
        found: ChainId,
        /// The chain that was expected.
        expected: ChainId,
    },
}

/// The mark that counts a height as signed, with all its rounds: whoever tells a height does not
/// know in which round this validator signed there.
#[must_use]
pub fn whole_height(height: Height) -> Mark {
    Mark::Floor {
        hrs: Hrs {
            height,
            round: Round::try_from(i32::MAX).unwrap_or_default(),
            step: Step::Precommit,
        },
        block_id: None,
    }
}

/// Where the mark of a key file is.
#[must_use]
pub fn mark_path(key_file: &Path) -> PathBuf {
    let mut name = key_file.as_os_str().to_owned();
    name.push(".mark.json");
    PathBuf::from(name)
}

/// Where the mark of a key file is for one chain, beside that for all: `key restore` writes it
/// where a key signs for several chains.
#[must_use]
pub fn chain_mark_path(key_file: &Path, chain_id: &ChainId) -> PathBuf {
    let mut name = key_file.as_os_str().to_owned();
    name.push(format!(".{chain_id}.mark.json"));
    PathBuf::from(name)
}

/// Reads a state file of any kind.
///
/// # Errors
/// [`MarkError`].
pub fn read_mark(file: &Path) -> Result<Document, MarkError> {
    let bytes = std::fs::read(file).map_err(|source| MarkError::Read {
        file: file.to_owned(),
        source,
    })?;
    Document::parse(&bytes).map_err(|problem| MarkError::Document {
        file: file.to_owned(),
        problem,
    })
}

/// The mark beside a key as far as it concerns a chain; `None` when there is none, or when it is
/// known to be of another chain (after an upgrade that began a new chain id, say).
///
/// # Errors
/// [`MarkError`] when there is one that cannot be used.
pub fn floor(key_file: &Path, chain_id: &ChainId) -> Result<Option<Mark>, MarkError> {
    let of_all = floor_in(&mark_path(key_file), chain_id)?;
    let of_chain = floor_in(&chain_mark_path(key_file, chain_id), chain_id)?;
    Ok(match (of_all, of_chain) {
        (Some(a), Some(b)) if a.hrs() < b.hrs() => Some(b),
        (a, b) => a.or(b),
    })
}

fn floor_in(file: &Path, chain_id: &ChainId) -> Result<Option<Mark>, MarkError> {
    let document = match read_mark(file) {
        Err(MarkError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Ok(None);
        }
        other => other?,
    };
    let ours = document.chain_id.as_ref().is_none_or(|id| id == chain_id);
    Ok(match document.knowledge {
        Knowledge::Mark(mark) if ours => Some(mark),
        _ => None,
    })
}
