//! The programs: static, and without a trace of where they were built.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::source::Source;
use crate::{Outcome, doing, run_text};

/// What is released.
pub const PROGRAMS: [&str; 2] = ["tmkms", "scaller"];

/// Builds the programs; returns the directory in which they are.
///
/// # Errors
/// When one does not build, or is not static.
pub fn build(source: &Source, target: &str, target_dir: &Path) -> Outcome<PathBuf> {
    // Not the directory of other builds, whose flags differ.
    let target_dir = target_dir.join("dist-build");
    let cargo_home = cargo_home()?;
    let places = [
        (source.root(), "/tmkms"),
        (cargo_home.as_path(), "/cargo"),
        (target_dir.as_path(), "/target"),
    ];
    let mut rust = vec!["-Ctarget-feature=+crt-static".to_owned()];
    let mut c = Vec::new();
    for (place, name) in places {
        rust.push(format!("--remap-path-prefix={}={name}", place.display()));
        c.push(format!("-ffile-prefix-map={}={name}", place.display()));
    }
    let mut command = Command::new(cargo());
    command.current_dir(source.root());
    command.args([
        "build",
        "--release",
        "--locked",
        "--target",
        target,
        "--target-dir",
    ]);
    command.arg(&target_dir);
    command.args(PROGRAMS.iter().flat_map(|program| ["--package", *program]));
    command.env("CARGO_ENCODED_RUSTFLAGS", rust.join("\u{1f}"));
    command.env(format!("CFLAGS_{}", target.replace('-', "_")), c.join(" "));
    command.env("SOURCE_DATE_EPOCH", source.epoch().to_string());
    let status = command.status().map_err(doing("run cargo"))?;
    if !status.success() {
        return Err(format!(
            "the release does not build for {target}; where its standard library is missing: \
             rustup target add {target}"
        ));
    }
    let built = target_dir.join(target).join("release");
    for program in PROGRAMS {
        expect_static(&built.join(program))?;
    }
    Ok(built)
}

/// The cargo that runs this program.
pub(crate) fn cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

fn cargo_home() -> Outcome<PathBuf> {
    env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")))
        .ok_or_else(|| "neither CARGO_HOME nor HOME is set".to_owned())
}

/// A program that asks for a loader needs the libraries of some machine.
fn expect_static(program: &Path) -> Outcome {
    let mut headers = Command::new("readelf");
    let headers = run_text(headers.arg("--program-headers").arg(program))?;
    if headers.contains("INTERP") {
        return Err(format!("{} is not static", program.display()));
    }
    Ok(())
}
