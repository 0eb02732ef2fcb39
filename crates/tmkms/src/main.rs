//! The binary: reads the arguments, runs the command, prints what failed.

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    let args = tmkms::cli::Args::parse();
    match tmkms::cli::run(args, &mut std::io::stdout()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let text = failure.to_string();
            // Mistakes in tmkms.toml come with their own heading.
            let heading = if text.starts_with("error") {
                ""
            } else {
                "error: "
            };
            // Without a standard error there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "{heading}{text}");
            ExitCode::FAILURE
        }
    }
}
