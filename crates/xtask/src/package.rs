//! Runs the program of another crate of the workspace, optimised.

use crate::{Outcome, paths};

pub(crate) fn run(package: &str, arguments: &[String]) -> Outcome {
    let status = paths::cargo()
        .current_dir(paths::workspace())
        .args(["run", "--quiet", "--release", "--package", package, "--"])
        .args(arguments)
        .status()
        .map_err(|error| format!("cargo run: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("{package} failed"))
    }
}
