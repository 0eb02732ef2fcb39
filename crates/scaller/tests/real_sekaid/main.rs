//! scaller with a real sekaid and the real signer. `cargo xtask interop` builds both and runs
//! these tests.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests: a panic is how a test fails, printing is how it shows progress"
)]

mod chain;
mod join;
mod node;
mod remote;
mod supervised;
