//! The command line as its users meet it: the real binary, in a directory of its own, as whole
//! sessions.
//!
//! Most cases are transcripts (`transcripts/COMMAND/NAME.txt`, see [`transcript`]): commands, and
//! all that they print. The rest, beside them in a module per command, need a running signer, a
//! closed pipe or another user.

// Clippy's leave for tests covers `#[test]` functions, not the helpers beside them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout
)]

mod config_check;
mod demo;
mod doctor;
mod gateway;
mod hardening;
mod harness;
mod help;
mod home;
mod init;
mod key_show;
mod keys;
mod pipes;
mod sandbox;
mod sandbox_traced;
mod secrets;
mod signer;
mod softsign_import;
mod softsign_keygen;
mod start;
mod state;
mod status;
mod transcript;
mod watchdog;
mod wireguard;
