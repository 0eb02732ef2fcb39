//! The binary: reads the arguments, runs the command, prints what failed.

use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;
use tmkms::cli::{self, Args, Output};

fn main() -> ExitCode {
    let args = Args::parse();
    match cli::run(args, &mut Output::new(io::stdout())) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let text = failure.to_string();
            if !text.is_empty() {
                // Without a standard error there is nobody to tell.
                let _ = writeln!(io::stderr(), "{text}");
            }
            ExitCode::from(failure.exit_code())
        }
    }
}
