//! The signer against real nodes. `cargo xtask interop` builds what these tests
//! need and runs them; one file per kind of chain.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests: a panic is how a test fails, printing is how it shows progress"
)]

mod back_and_forth;
mod doctor;
mod faults;
mod harness;
mod move_over;
mod network;
mod node_starts;
mod sekaid;
mod single_validator;
mod vote_extensions;
