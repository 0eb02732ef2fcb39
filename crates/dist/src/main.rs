//! `cargo xtask dist`.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use dist::source::Source;
use dist::{Outcome, check, release};

/// Makes a release: static archives, their sums and bills of materials, and the Debian package.
#[derive(Debug, Parser)]
#[command(name = "dist", bin_name = "cargo xtask dist")]
struct Options {
    /// The directory to make
    #[arg(long, default_value = "target/dist")]
    out: PathBuf,
    /// What to build for; its standard library must be installed
    #[arg(long, default_value = "x86_64-unknown-linux-gnu")]
    target: String,
    /// Builds everything twice, from copies of the sources in different places, and compares
    #[arg(long)]
    check: bool,
    /// Makes only the Debian package, of this program, which is built already
    #[arg(long, value_name = "PROGRAM", conflicts_with = "check")]
    deb: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Outcome {
    let source = Source::here()?;
    let out = source.root().join(&options.out);
    if options.check {
        return check::run(&source, &options.target, &out);
    }
    if let Some(program) = &options.deb {
        let name = release::package(&source, &options.target, program, &out)?;
        println!("{}", out.join(name).display());
        return Ok(());
    }
    let made = release::make(
        &source,
        &options.target,
        &source.root().join("target"),
        &out,
    )?;
    for name in made {
        println!("{}", out.join(name).display());
    }
    Ok(())
}
