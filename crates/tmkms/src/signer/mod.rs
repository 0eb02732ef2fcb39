//! The signer: chains with their keys, guards and state, and the nodes that they serve.

mod chain;
mod hook;
mod load;
mod mark;
mod memory;
mod state;

pub use self::chain::{Chain, Signed, SigningError};
pub use self::load::{LoadError, Signer, check, extend, load, read_softsign_key};
pub use self::mark::{MarkError, chain_mark_path, floor, mark_path, read_mark, whole_height};
pub use self::memory::{BootMemory, directories as memory_directories};
