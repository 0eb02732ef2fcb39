//! `cargo xtask test`: everything that can be tested here, with one line of
//! totals at the end.

use crate::totals::{self, Totals};
use crate::{Outcome, interop, no_arguments, nodes, paths};

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

/// Unit, property, CLI and documentation tests of every crate, but for those that need real nodes.
fn workspace_tests() -> Result<Totals, String> {
    let runs: [&[&str]; 3] = [
        &[
            "--workspace",
            "--exclude",
            "interop",
            "--exclude",
            "scaller",
            "--no-fail-fast",
        ],
        &["--package", "interop", "--lib"],
        &["--package", "scaller", "--bins", "--test", "fakes"],
    ];
    let mut totals = Totals::default();
    for arguments in runs {
        let mut command = paths::cargo();
        command.current_dir(paths::workspace());
        command.arg("test").args(arguments);
        totals += totals::run(&mut command)?;
    }
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
