//! `cargo xtask e2e`: the production path, end to end.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::process::ExitCode;

use clap::Parser as _;
use e2e::options::{Command, Options};

fn main() -> ExitCode {
    let options = Options::parse();
    let played = match &options.command {
        Command::Tunnel(tunnel) => e2e::tunnel::run(tunnel),
        Command::Firewall(firewall) => e2e::firewall::run(firewall),
        Command::Systemd => e2e::systemd::run(),
    };
    match played {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(text) => {
            println!("{text}");
            ExitCode::from(2)
        }
    }
}
