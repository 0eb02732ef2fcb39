//! Other signers, from their registries, to be compared with ours.

use crate::cache::{Build, make_all};
use crate::{Outcome, no_arguments, paths};
use std::path::{Path, PathBuf};
use std::process::Command;

const TMKMS: &str = "0.15.0";

pub(crate) fn run(arguments: &[String]) -> Outcome {
    no_arguments(arguments)?;
    let root = build()?;
    println!("the peers are in {}", root.display());
    Ok(())
}

/// Builds what is missing; returns the folder with all of them.
pub(crate) fn build() -> Result<PathBuf, String> {
    let root = paths::cache()?.join("peers");
    let name = format!("tmkms-{TMKMS}");
    let tmkms = Build {
        folder: root.join(&name),
        product: "bin/tmkms".to_owned(),
        key: name.clone(),
        command: cargo_install,
        // Outside the workspace, whose settings are none of the peer's.
        source: root.clone(),
        name,
    };
    make_all(&root, "peer", &[tmkms])?;
    Ok(root)
}

fn cargo_install(_: &Build, folder: &Path) -> Command {
    let mut command = Command::new(paths::cargo());
    command.args([
        "install",
        "tmkms",
        "--version",
        TMKMS,
        "--features=softsign",
        "--locked",
        "--root",
    ]);
    command.arg(folder);
    // Its workspace-free build must not go into, or wait for, our target directory.
    command.env_remove("CARGO_TARGET_DIR");
    command
}
