//! `cargo xtask test`: everything that can be tested here, with one line of
//! totals at the end.

use crate::totals::{self, Totals};
use crate::{Outcome, interop, no_arguments, nodes, paths};
use std::process::Command;

pub(crate) fn run(arguments: &[String]) -> Outcome {
    no_arguments(arguments)?;
    let mut totals = workspace_tests()?;
    let go = nodes::go_version();
    match &go {
        Some(go) => totals += interop_tests(go),
        None => totals.skipped += left_out()?,
    }
    println!("{}", totals.line());
    if go.is_none() && paths::in_ci() {
        return Err("CI is set: tests that were left out count as a failure".to_owned());
    }
    if totals.is_success() {
        Ok(())
    } else {
        Err("tests failed".to_owned())
    }
}

/// Unit, property, CLI and documentation tests of every crate, and the helpers'
/// own tests of the interop crate.
fn workspace_tests() -> Result<Totals, String> {
    let mut all = Command::new(paths::cargo());
    all.current_dir(paths::workspace());
    all.args([
        "test",
        "--workspace",
        "--exclude",
        "interop",
        "--no-fail-fast",
    ]);
    let mut totals = totals::run(&mut all)?;
    let mut helpers = Command::new(paths::cargo());
    helpers.current_dir(paths::workspace());
    helpers.args(["test", "--package", "interop", "--lib"]);
    totals += totals::run(&mut helpers)?;
    Ok(totals)
}

/// A node that cannot be built counts as a failure and leaves the other totals alone.
fn interop_tests(go: &str) -> Totals {
    interop::run_tests(go, &[], true).unwrap_or_else(|text| {
        eprintln!("{text}");
        Totals {
            broken: 1,
            ..Totals::default()
        }
    })
}

fn left_out() -> Result<u64, String> {
    let count = interop::count()?;
    println!(
        "left out: the {count} tests against real nodes, because {}",
        nodes::NO_GO
    );
    Ok(count)
}
