//! The signer, and `scaller`, with real nodes.

use crate::totals::{self, Totals};
use crate::{Outcome, nodes, paths, peers};
use std::path::PathBuf;
use std::process::Command;

/// Tests that need what is built here; no other run has them.
struct Target {
    package: &'static str,
    test: &'static str,
}

const TARGETS: &[Target] = &[
    Target {
        package: "interop",
        test: "real_nodes",
    },
    Target {
        package: "scaller",
        test: "real_sekaid",
    },
];

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
    let mut totals = Totals::default();
    for target in TARGETS {
        let mut command = cargo_test(target);
        command.env("TMKMS_BIN", &signer);
        command.env("TMKMS_INTEROP_NODES", &nodes);
        command.env("TMKMS_INTEROP_PEERS", &peers);
        command.arg("--").arg(TEST_THREADS);
        if show {
            command.arg("--nocapture");
        }
        command.args(filters(target, names));
        totals += totals::run(&mut command)?;
    }
    Ok(totals)
}

/// The names as libtest takes them: those of one package are all its tests.
fn filters(target: &Target, names: &[String]) -> Vec<String> {
    let is_all = |name: &String| name == "all" || name == target.package;
    if names.iter().any(is_all) {
        return Vec::new();
    }
    names.iter().map(|name| test_name(name)).collect()
}

/// How many interop tests there are.
pub(crate) fn count() -> Result<u64, String> {
    let mut count = 0;
    for target in TARGETS {
        let output = cargo_test(target)
            .args(["--", "--list"])
            .output()
            .map_err(|error| format!("cargo test: {error}"))?;
        let list = String::from_utf8_lossy(&output.stdout);
        count += list
            .lines()
            .map(|line| u64::from(line.ends_with(": test")))
            .sum::<u64>();
    }
    Ok(count)
}

/// `cometbft-0.38` as the tests' names have it: `cometbft_0_38`.
fn test_name(name: &str) -> String {
    name.replace(['-', '.'], "_")
}

fn cargo_test(target: &Target) -> Command {
    let mut command = paths::cargo();
    command.current_dir(paths::workspace());
    command.args(["test", "--package", target.package]);
    command.args(["--test", target.test]);
    command
}

/// Builds the signer as it is released; returns its path.
pub(crate) fn build_signer() -> Result<PathBuf, String> {
    let status = paths::cargo()
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

    #[test]
    fn the_name_of_a_package_finds_all_of_its_tests_and_no_others() {
        let [nodes, scaller] = TARGETS else {
            panic!("two targets")
        };
        let names = ["scaller".to_owned()];
        assert_eq!(filters(scaller, &names), [""; 0]);
        assert_eq!(filters(nodes, &names), ["scaller"]);
        assert_eq!(filters(nodes, &[]), [""; 0]);
        assert_eq!(filters(nodes, &["all".to_owned()]), [""; 0]);
    }
}
