//! Measures signers side by side, in one run: ours, its peers, and the floor beneath them all.
//!
//! Invariants:
//! - Every signer gets the same key, the same requests from the same client, and its state on
//!   the same disk.
//! - Every signature is verified, outside of the time that is measured.
//! - The signers take turns, so that a disk or a machine that changes hits all of them alike.
//! - What a signer cannot do is said in the table; any other failure ends the run.
#![allow(
    clippy::print_stdout,
    reason = "a command line program for developers talks on standard output"
)]

mod acceptance;
mod client;
mod contender;
mod error;
mod floor;
mod goals;
mod load;
mod machine;
mod options;
mod process;
mod report;
mod requests;
mod results;
mod run;
mod scene;
mod stats;

use std::process::ExitCode;

use crate::options::{Command, Options};

fn main() -> ExitCode {
    let options = Options::read();
    let outcome = match &options.command {
        Some(Command::Floor(nodes)) => floor::serve(nodes),
        Some(Command::Harness(harness)) => acceptance::run(harness),
        None => run::run(&options),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
