//! Fuzzing with libFuzzer, on stable Rust: builds the targets of `fuzz/` with coverage, runs each
//! for a while, counts.
//!
//! Invariants:
//! - Every file in `fuzz/src/bin` is a target; nothing else lists them.
//! - The corpus in the repository is only read. What a run learns stays in `target/fuzz/corpus`
//!   and is where the next run begins.
//! - A finding is a failure, and its input is kept.

mod place;
mod report;
mod target;

use self::place::Place;
use self::report::table;
use self::target::Target;
use crate::Outcome;

const DEFAULT_SECONDS: u64 = 10;
const USAGE: &str = "usage: cargo xtask fuzz [--seconds N] [--minimise] [TARGET…]";

pub(crate) fn run(arguments: &[String]) -> Outcome {
    let plan = Plan::parse(arguments, Target::all()?)?;
    let place = Place::new()?;
    place.build()?;
    if plan.minimise {
        return place.minimise(&plan.targets);
    }
    let reports = place.run_all(&plan.targets, plan.seconds)?;
    print!("{}", table(&reports));
    let findings: Vec<&str> = reports
        .iter()
        .filter_map(|report| report.finding.as_deref())
        .collect();
    if findings.is_empty() {
        return Ok(());
    }
    Err(findings.join("\n"))
}

/// What was asked for.
#[derive(Debug)]
struct Plan {
    seconds: u64,
    minimise: bool,
    targets: Vec<Target>,
}

impl Plan {
    /// No name means every target.
    fn parse(arguments: &[String], mut all: Vec<Target>) -> Result<Self, String> {
        let (mut seconds, mut minimise) = (DEFAULT_SECONDS, false);
        let mut names: Vec<&str> = Vec::new();
        let mut rest = arguments.iter();
        while let Some(argument) = rest.next() {
            match argument.as_str() {
                "--seconds" => seconds = number(rest.next())?,
                "--minimise" => minimise = true,
                name if all.iter().any(|target| target.name == name) => names.push(name),
                name => return Err(unknown(name, &all)),
            }
        }
        all.retain(|target| names.is_empty() || names.contains(&target.name.as_str()));
        Ok(Self {
            seconds,
            minimise,
            targets: all,
        })
    }
}

fn number(text: Option<&String>) -> Result<u64, String> {
    // 0 would be for ever to libFuzzer.
    text.and_then(|text| text.parse().ok())
        .filter(|seconds| *seconds > 0)
        .ok_or_else(|| format!("--seconds takes a number from 1\n{USAGE}"))
}

fn unknown(name: &str, all: &[Target]) -> String {
    let names: Vec<&str> = all.iter().map(|target| target.name.as_str()).collect();
    format!(
        "there is no fuzz target `{name}`, only {}\n{USAGE}",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &[&str]) -> Result<(u64, bool, usize), String> {
        let arguments: Vec<String> = arguments.iter().map(|a| (*a).to_owned()).collect();
        let plan = Plan::parse(&arguments, Target::all()?)?;
        Ok((plan.seconds, plan.minimise, plan.targets.len()))
    }

    #[test]
    fn without_names_all_targets_run_for_ten_seconds() {
        let all = Target::all().unwrap().len();
        assert!(all >= 10);
        assert_eq!(plan(&[]).unwrap(), (10, false, all));
        assert_eq!(plan(&["--minimise"]).unwrap(), (10, true, all));
        let chosen = plan(&["--seconds", "3", "guard", "state_ring"]);
        assert_eq!(chosen.unwrap(), (3, false, 2));
    }

    #[test]
    fn an_unknown_target_and_an_endless_run_are_refused() {
        assert!(plan(&["gaurd"]).unwrap_err().contains("tmkms_toml"));
        for bad in [&["--seconds", "0"][..], &["--seconds"], &["--seconds", "x"]] {
            assert!(plan(bad).unwrap_err().contains("a number from 1"));
        }
    }
}
