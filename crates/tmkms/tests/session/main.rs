//! Sessions, tried with the real binary and a made-up node on real sockets.
//!
//! Each test has its own directory, ports and process. Waits are bounded by
//! [`support::PATIENCE`]; random choices print their seed.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "clippy's leave for tests covers test functions, not the helpers beside them"
)]

mod audit;
mod bad_frames;
mod bad_handshakes;
mod chains;
mod crashes;
mod dialling;
mod ending;
mod health;
mod log_lines;
mod metrics;
mod nodes_of_one_chain;
mod notify;
mod page;
mod prometheus;
mod raw_bytes;
mod refusals;
mod reload;
mod signing;
mod state;
mod state_hook;
mod status;
mod support;
mod syslog;
mod tunnelled;
