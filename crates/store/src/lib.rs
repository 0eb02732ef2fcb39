//! Keeps the mark of a chain on disk, so that no crash makes the signer forget what it signed.
//!
//! Two files hold it. The *ring* (`<state_file>.ring`) is what the signer trusts: a fixed set of
//! checksummed slots, written in place with one `fdatasync` for each signature. The *document*
//! (`state_file`) is JSON for people and for tmkms 0.15, which can read it and go on from it.
//! Format and recovery: `docs/state-file.md`.
//!
//! Invariants:
//! - [`FileStore::commit`](guard::Store::commit) returns `Ok` only after the ring is synced and
//!   the document is written, in that order.
//! - A write never touches the slot of the last mark, nor its disk sector: a torn write loses
//!   the new mark, which was not signed yet, and never the old one.
//! - At start the higher mark of ring and document wins, and is made durable in both before it is
//!   believed. What a crash cannot explain stops the start; nothing is repaired by guessing.
//! - One process at a time: the ring is locked (`flock`) for as long as the store lives.
//! - A state that is older than what was signed since the machine booted does not start
//!   ([`Memory`]).

mod directory;
mod disk;
mod document;
mod error;
mod file_store;
mod home;
mod memory;
mod merge;
mod page;
mod place;
mod record;
mod recovery;
mod ring;

pub use directory::{Directory, ring_path};
pub use disk::{Disk, FileDisk};
pub use document::{Document, DocumentError};
pub use error::OpenError;
pub use file_store::{FileStore, Opened, inspect};
pub use home::{Home, StateFile};
pub use memory::{Memory, MemoryError};
pub use place::Place;
pub use ring::Ring;
