//! The node's side of privval: listens, accepts a signer, asks it to sign, verifies.
//!
//! It is what `tmkms demo` and the tests sign for. It is no node: it agrees with nobody, and
//! makes up its blocks.

mod error;
mod heights;
mod listener;
mod raw_stream;
mod reserved_port;
mod signer;
mod verify;

pub use error::NodeError;
pub use heights::{block_id, precommit, prevote, proposal};
pub use listener::Listener;
pub use raw_stream::RawStream;
pub use reserved_port::ReservedPort;
pub use signer::Signer;
pub use verify::verifies;
