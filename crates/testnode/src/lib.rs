//! The node's side of privval: listens, accepts a signer, asks it to sign, verifies.
//!
//! It is what `tmkms demo` and the tests sign for. It is no node: it agrees with nobody, and
//! makes up its blocks.

mod connection;
mod heights;
mod verify;

pub use connection::{Listener, NodeError, Signer};
pub use heights::{block_id, precommit, prevote, proposal};
pub use verify::verifies;
