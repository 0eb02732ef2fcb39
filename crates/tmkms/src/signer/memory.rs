//! Where the memory of this boot is kept: the first place in memory that is this user's own.

use std::path::{Path, PathBuf};

use privval::{ChainId, PublicKey};
use rustix::process::geteuid;
use store::{Memory, MemoryError};
use tracing::warn;

/// Whether a signer remembers its last signatures outside of its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BootMemory {
    /// Yes, until the machine boots.
    Kept,
    /// No: the key is used once and thrown away.
    Off,
}

/// Opens the memory of a key on a chain, and tells when there is no place for one.
///
/// # Errors
/// [`MemoryError`] when another signer has it, or when it is damaged.
pub(crate) fn open(
    chain_id: &ChainId,
    key: &PublicKey,
    state_file: &Path,
) -> Result<Option<Memory>, MemoryError> {
    let mut reasons = Vec::new();
    for directory in directories() {
        match Memory::open(&directory, chain_id, key.as_bytes(), state_file) {
            Err(error @ MemoryError::Io { .. }) => reasons.push(error.to_string()),
            other => return other.map(Some),
        }
    }
    warn!(
        "[{chain_id}] a state that is put back from a backup will not be noticed, nor a second \
         signer with this key and another state file: there is no place to remember the last \
         signature outside of the state ({})",
        reasons.join("; ")
    );
    Ok(None)
}

/// Where it may be, the best place first. `/dev/shm` comes last: it is there in every container,
/// and open to all users.
#[must_use]
pub fn directories() -> Vec<PathBuf> {
    let user = geteuid();
    let own = std::env::var_os("XDG_RUNTIME_DIR")
        .map(PathBuf::from)
        .filter(|directory| directory.is_absolute())
        .or_else(|| user.is_root().then(|| PathBuf::from("/run")));
    own.map(|directory| directory.join("tmkms"))
        .into_iter()
        .chain([PathBuf::from(format!("/dev/shm/tmkms-{}", user.as_raw()))])
        .collect()
}
