//! `cargo xtask e2e docker`: the deployment kit, end to end.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::process::ExitCode;

use clap::Parser as _;
use e2e_docker::options::Options;
use e2e_docker::play;

fn main() -> ExitCode {
    match play::run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => {
            println!("{text}");
            ExitCode::from(2)
        }
    }
}
