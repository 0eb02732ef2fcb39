//! Runs `cargo test`, lets its output through and adds up what it counted.

use std::io::{BufRead, BufReader, IsTerminal, stdout};
use std::ops::AddAssign;
use std::process::{Command, Stdio};

/// Tests that ran, over any number of test binaries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
    /// Runs that ended badly without a failed test: they did not compile, or crashed.
    pub(crate) broken: u64,
}

impl Totals {
    pub(crate) fn is_success(self) -> bool {
        self.failed == 0 && self.broken == 0
    }

    /// `N passed, N failed`, and what was skipped, if anything.
    pub(crate) fn line(self) -> String {
        let mut line = format!(
            "{} passed, {} failed",
            self.passed,
            self.failed + self.broken
        );
        if self.skipped > 0 {
            line += &format!(", {} skipped", self.skipped);
        }
        line
    }

    /// Reads libtest's closing line:
    /// `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; …`.
    fn parse(line: &str) -> Option<Self> {
        let (_, counts) = line.split_once("test result: ")?.1.split_once(". ")?;
        let count = |word: &str| {
            let part = counts
                .split("; ")
                .find_map(|part| part.strip_suffix(word))?;
            part.trim().parse().ok()
        };
        Some(Self {
            passed: count("passed")?,
            failed: count("failed")?,
            skipped: count("ignored")?,
            broken: 0,
        })
    }
}

impl AddAssign for Totals {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.broken += other.broken;
    }
}

/// Runs a `cargo test` command to its end.
pub(crate) fn run(command: &mut Command) -> Result<Totals, String> {
    if stdout().is_terminal() {
        // Cargo and libtest would not colour what goes through a pipe.
        command.env("CARGO_TERM_COLOR", "always");
    }
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{}: {error}", command.get_program().display()))?;
    let mut totals = Totals::default();
    for line in child
        .stdout
        .take()
        .map(BufReader::new)
        .into_iter()
        .flat_map(BufRead::lines)
    {
        let line = line.map_err(|error| format!("output of cargo test: {error}"))?;
        println!("{line}");
        totals += Totals::parse(&line).unwrap_or_default();
    }
    let status = child
        .wait()
        .map_err(|error| format!("cargo test: {error}"))?;
    if !status.success() && totals.failed == 0 {
        totals.broken = 1;
    }
    Ok(totals)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_closing_line_of_libtest_is_read() {
        let line = "test result: FAILED. 12 passed; 2 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s";
        let expected = Totals {
            passed: 12,
            failed: 2,
            skipped: 1,
            broken: 0,
        };
        assert_eq!(Totals::parse(line), Some(expected));
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(Totals::parse("running 3 tests"), None);
        assert_eq!(Totals::parse("test result: odd"), None);
    }

    #[test]
    fn a_run_that_does_not_compile_is_a_failure() {
        let totals = Totals {
            passed: 5,
            broken: 1,
            ..Totals::default()
        };
        assert!(!totals.is_success());
        assert_eq!(totals.line(), "5 passed, 1 failed");
    }

    #[test]
    fn skipped_tests_are_named_only_when_there_are_some() {
        let totals = Totals {
            passed: 5,
            skipped: 2,
            ..Totals::default()
        };
        assert_eq!(totals.line(), "5 passed, 0 failed, 2 skipped");
    }
}
