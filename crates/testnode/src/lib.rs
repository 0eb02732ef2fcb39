//! The node's side of privval: listens, accepts a signer, asks it to sign, verifies.
//!
//! It is what `tmkms demo`, `tmkms harness` and the tests sign for. It is no node: it agrees with nobody, and
//! makes up its blocks.

mod address;
mod error;
mod fields;
mod heights;
mod listener;
mod raw_stream;
mod reserved_port;
mod signer;
mod verify;

pub use address::validator_address;
pub use error::NodeError;
pub use fields::{Fields, delimited};
pub use heights::{block_id, precommit, prevote, proposal};
pub use listener::Listener;
pub use raw_stream::RawStream;
pub use reserved_port::ReservedPort;
pub use signer::Signer;
pub use verify::verifies;
