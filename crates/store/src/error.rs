//! Why a store does not open. Each text says which file, and what to do.

use std::io;
use std::path::PathBuf;

use crate::document::DocumentError;

/// Why the state of a chain cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The directory is not there.
    #[error("the directory of the state file {} does not exist: create it with `mkdir -p {}`", .file.display(), .directory.display())]
    NoDirectory {
        /// The state file.
        file: PathBuf,
        /// Its directory.
        directory: PathBuf,
    },
    /// A directory stands where a file should be.
    #[error("{} is a directory, a state file was expected (Docker makes a directory when a file to mount does not exist): remove it with `rmdir {}`", .0.display(), .0.display())]
    IsDirectory(PathBuf),
    /// Another process has it.
    #[error("{} is in use by another signer ({holder}): two signers with one key are how validators double-sign; stop that one first", .file.display())]
    Locked {
        /// The locked file.
        file: PathBuf,
        /// Who holds it, as far as it said so.
        holder: String,
    },
    /// The file system has no locks.
    #[error("{} cannot be locked ({source}): a second signer could start unnoticed; keep the state on a local file system", .file.display())]
    CannotLock {
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The document is empty or damaged.
    #[error("the state file {} is damaged: {problem}. Nothing is signed, because what was signed last is not certain. {remedy}", .file.display())]
    DamagedDocument {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: DocumentError,
        /// What to do.
        remedy: String,
    },
    /// The ring is damaged.
    #[error("{} is damaged: {problem}. Nothing is signed, because what was signed last is not certain. Find the height of the last block with this validator's signature (any node or explorer), move the damaged file away and run `tmkms state import` with that height or a backup", .file.display())]
    DamagedRing {
        /// The file.
        file: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The files belong to another chain.
    #[error("{} holds the state of chain {found}, not of {expected}: correct state_file or the chain's id in tmkms.toml", .file.display())]
    OtherChain {
        /// The file.
        file: PathBuf,
        /// The chain in it.
        found: String,
        /// The chain asked for.
        expected: String,
    },
    /// The files contradict each other.
    #[error("{} and {} disagree about what was signed at {place}: {document} against {ring}. No crash explains that; was the key used by another signer? Nothing is signed. When you know which is right, move the other away", .document_file.display(), .ring_file.display())]
    Disagreement {
        /// The document.
        document_file: PathBuf,
        /// The ring.
        ring_file: PathBuf,
        /// The height, round and step.
        place: String,
        /// What the document says.
        document: String,
        /// What the ring says.
        ring: String,
    },
    /// CometBFT's own state file.
    #[error("{} is a priv_validator_state.json of CometBFT: leave it to the node, give state_file another name, and import it with `tmkms state import {}`", .0.display(), .0.display())]
    CometBftDocument(PathBuf),
    /// The file system refused.
    #[error("cannot {action} {}: {source}", .file.display())]
    Io {
        /// "read", "create", "write" and the like.
        action: &'static str,
        /// The file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}
