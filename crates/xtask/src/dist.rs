//! `cargo xtask dist`: makes a release.

use crate::{Outcome, paths};
use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let status = command(arguments)
        .status()
        .map_err(|error| format!("cargo run: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err("no release was made".to_owned())
    }
}

/// The Debian package of a program that is built already.
pub(crate) fn package(program: &Path) -> Result<PathBuf, String> {
    let program = program.display().to_string();
    let output = command(&["--out", "target/dist-package", "--deb", &program])
        .output()
        .map_err(|error| format!("cargo run: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().into())
}

fn command<Argument: AsRef<std::ffi::OsStr>>(arguments: &[Argument]) -> Command {
    let mut command = paths::cargo();
    command.current_dir(paths::workspace());
    command.args(["run", "--quiet", "--package", "dist", "--"]);
    command.args(arguments);
    command
}
