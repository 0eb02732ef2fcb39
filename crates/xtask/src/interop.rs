//! The signer against real nodes.

use crate::totals::{self, Totals};
use crate::{Outcome, nodes, paths, peers};
use std::path::PathBuf;
use std::process::Command;

/// How many of these tests run at once: each waits most of its time.
const TEST_THREADS: &str = "--test-threads=2";

pub(crate) fn run(names: &[String]) -> Outcome {
    let go = nodes::go_version().ok_or(nodes::NO_GO)?;
    let totals = run_tests(&go, names, true)?;
    println!("{}", totals.line());
    if totals.passed + totals.failed + totals.broken == 0 {
        return Err(format!(
            "no test's name contains {names:?}; without a name all run"
        ));
    }
    if totals.is_success() {
        Ok(())
    } else {
        Err("interop tests failed".to_owned())
    }
}

/// Builds what the tests need and runs those whose name contains one of `names`
/// (all without names). `show` lets through what passing tests print.
pub(crate) fn run_tests(go: &str, names: &[String], show: bool) -> Result<Totals, String> {
    let nodes = nodes::build(go)?;
    let peers = peers::build_tmkms()?;
    let signer = build_signer()?;
    let mut command = cargo_test();
    command.env("TMKMS_BIN", signer);
    command.env("TMKMS_INTEROP_NODES", nodes);
    command.env("TMKMS_INTEROP_PEERS", peers);
    command.arg("--").arg(TEST_THREADS);
    if show {
        command.arg("--nocapture");
    }
    command.args(
        names
            .iter()
            .filter(|name| *name != "all")
            .map(|name| test_name(name)),
    );
    totals::run(&mut command)
}

/// How many interop tests there are.
pub(crate) fn count() -> Result<u64, String> {
    let output = cargo_test()
        .args(["--", "--list"])
        .output()
        .map_err(|error| format!("cargo test: {error}"))?;
    let list = String::from_utf8_lossy(&output.stdout);
    Ok(list
        .lines()
        .map(|line| u64::from(line.ends_with(": test")))
        .sum())
}

/// `cometbft-0.38` as the tests' names have it: `cometbft_0_38`.
fn test_name(name: &str) -> String {
    name.replace(['-', '.'], "_")
}

fn cargo_test() -> Command {
    let mut command = Command::new(paths::cargo());
    command.current_dir(paths::workspace());
    command.args(["test", "--package", "interop", "--test", "real_nodes"]);
    command
}

/// Builds the signer as it is released; returns its path.
pub(crate) fn build_signer() -> Result<PathBuf, String> {
    let status = Command::new(paths::cargo())
        .current_dir(paths::workspace())
        .args(["build", "--release", "--package", "tmkms"])
        .status()
        .map_err(|error| format!("cargo build: {error}"))?;
    if !status.success() {
        return Err("the signer does not build".to_owned());
    }
    paths::signer()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_release_finds_its_tests() {
        assert_eq!(test_name("cometbft-0.38"), "cometbft_0_38");
    }
}
