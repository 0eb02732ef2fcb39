//! Other signers, from their registries, to be compared with ours: tmkms as a Rust crate, the
//! others as the Go modules of `interop/peers`.

use crate::cache::{Build, make_all};
use crate::{Outcome, no_arguments, nodes, paths};
use std::path::{Path, PathBuf};
use std::process::Command;

const TMKMS: &str = "0.15.0";

pub(crate) fn run(arguments: &[String]) -> Outcome {
    no_arguments(arguments)?;
    let root = build()?;
    println!("the peers are in {}", root.display());
    Ok(())
}

/// Builds what is missing or outdated; returns the folder with all of them.
pub(crate) fn build() -> Result<PathBuf, String> {
    let root = root()?;
    let go = nodes::go_version().ok_or(nodes::NO_GO)?;
    let mut builds = vec![tmkms(&root)];
    for source in nodes::modules_below(&paths::workspace().join("interop/peers"))? {
        builds.push(nodes::module(&go, &root, source)?);
    }
    make_all(&root, "peer", &builds)?;
    Ok(root)
}

/// Builds only tmkms, which the tests against real nodes know; returns the folder above it.
pub(crate) fn build_tmkms() -> Result<PathBuf, String> {
    let root = root()?;
    make_all(&root, "peer", &[tmkms(&root)])?;
    Ok(root)
}

fn root() -> Result<PathBuf, String> {
    Ok(paths::cache()?.join("peers"))
}

fn tmkms(root: &Path) -> Build {
    let name = format!("tmkms-{TMKMS}");
    Build {
        folder: root.join(&name),
        product: "bin/tmkms".to_owned(),
        key: name.clone(),
        command: cargo_install,
        // Outside the workspace, whose settings are none of the peer's.
        source: root.to_owned(),
        name,
    }
}

fn cargo_install(_: &Build, folder: &Path) -> Command {
    let mut command = paths::cargo();
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
