//! Where marks are kept: the seam to disks and, later, to databases.

use privval::Canonical;

/// Keeps the mark of one chain.
///
/// # Contract
/// When [`commit`](Store::commit) returns `Ok`, the message survives a crash of the process and
/// of the machine: whoever opens the store next reads it, or a later one. When it returns an
/// error, it may or may not have been kept; the caller signs nothing more.
///
/// The module `contract` (feature of the same name) holds any store to this.
pub trait Store: Send {
    /// Makes durable that `signed` is about to be signed.
    ///
    /// # Errors
    /// [`StoreError`] when this cannot be promised.
    fn commit(&mut self, signed: &Canonical) -> Result<(), StoreError>;
}

/// A mark could not be made durable. The text says which file and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct StoreError(pub String);
