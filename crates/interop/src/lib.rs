//! Helpers for the interop tests: real nodes from `interop/nodes`, the signer
//! binary, and what connects them, all on loopback.
//!
//! Invariants:
//! - Every wait has a deadline.
//! - Only processes that were started here are signalled, and all of them are
//!   dead when their handle is dropped.
//! - Nothing is written outside temporary directories.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "this crate serves tests only: a panic is how a test fails"
)]

mod binaries;
mod config_file;
mod extension_app;
mod node;
mod ports;
mod process;
mod rpc;
mod signer;
mod wait;

pub use binaries::{CometBft, cometbft, extension_app, peer_tmkms, sekaid, signer_harness, tmkms};
pub use config_file::ConfigFile;
pub use extension_app::{ExtensionApp, SeenCommit};
pub use node::{Node, fast_chain, wait_for_height};
pub use ports::free_port;
pub use process::{Process, run};
pub use rpc::Rpc;
pub use signer::{Signed, Signer, SignerHome};
pub use wait::until;

use std::time::Duration;

/// How long a chain may take to reach the next expected height. Blocks take
/// some tens of milliseconds here; the rest is room for a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(30);
