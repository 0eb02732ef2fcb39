//! `sim`: runs the simulator, and says what came of it.
#![allow(
    clippy::print_stdout,
    reason = "a command line program for developers talks on standard output"
)]

use std::process::ExitCode;
use std::time::Duration;

use sim::{Found, Real, Report, run_of, trace};

const USAGE: &str = "\
usage: sim [--schedules N] [--seconds N] [--seed S]

  --schedules N  run N schedules (100000 unless --seconds is given)
  --seconds N    stop after N seconds
  --seed S       begin with this seed; alone, run this one schedule and tell all of it";

#[derive(Debug, Default, PartialEq, Eq)]
struct Arguments {
    schedules: Option<u64>,
    seconds: Option<u64>,
    seed: Option<u64>,
}

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(text) => {
            eprintln!("{text}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let is_clean = match arguments {
        Arguments {
            seed: Some(seed),
            schedules: None,
            seconds: None,
        } => tell(seed),
        other => explore(&other),
    };
    if is_clean {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

impl Arguments {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut arguments = Self::default();
        while let Some(name) = words.next() {
            let place = match name.as_str() {
                "--schedules" => &mut arguments.schedules,
                "--seconds" => &mut arguments.seconds,
                "--seed" => &mut arguments.seed,
                other => return Err(format!("`{other}` is not an option of sim")),
            };
            let value = words.next().ok_or(format!("{name} needs a number"))?;
            let number = value.parse();
            *place = Some(number.map_err(|_| format!("{name} needs a number, got `{value}`"))?);
        }
        Ok(arguments)
    }
}

/// One schedule, line by line.
fn tell(seed: u64) -> bool {
    let (lines, result) = trace(seed);
    for line in lines {
        println!("{line}");
    }
    match &result {
        Ok(stats) => println!("\nseed {seed}: no violation; {stats}"),
        Err(violation) => println!("\nseed {seed}: VIOLATION: {violation}"),
    }
    result.is_ok()
}

fn explore(arguments: &Arguments) -> bool {
    let by_default = if arguments.seconds.is_some() {
        u64::MAX
    } else {
        100_000
    };
    let schedules = arguments.schedules.unwrap_or(by_default);
    let first = arguments.seed.unwrap_or(1);
    let deadline = arguments.seconds.map(Duration::from_secs);
    println!("seeds from {first} on");
    let report = run_of::<Real>(schedules, first, deadline, &mut |report| {
        println!("{}", progress(report));
    });
    println!("{}\n{}", progress(&report), report.stats);
    for Found { seed, violation } in report.found.iter().take(10) {
        println!("VIOLATION: {violation}\n  `sim --seed {seed}` tells how it came to that");
    }
    report.found.is_empty()
}

fn progress(report: &Report) -> String {
    format!(
        "{} schedules in {:.1} s ({} a second), {} crashes, {} violations",
        report.schedules,
        report.elapsed.as_secs_f64(),
        report.a_second(),
        report.stats.kills + report.stats.power_losses,
        report.found.len()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Arguments, String> {
        Arguments::parse(line.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn options_are_taken_in_any_order() {
        let expected = Arguments {
            schedules: Some(10),
            seconds: None,
            seed: Some(7),
        };
        assert_eq!(parse("--seed 7 --schedules 10"), Ok(expected));
        assert_eq!(parse(""), Ok(Arguments::default()));
    }

    #[test]
    fn mistakes_are_named() {
        let text = |line| parse(line).err().unwrap_or_default();
        assert_eq!(text("--sed 7"), "`--sed` is not an option of sim");
        assert_eq!(text("--seed"), "--seed needs a number");
        assert_eq!(text("--seed x"), "--seed needs a number, got `x`");
        assert_eq!(text("--seconds -1"), "--seconds needs a number, got `-1`");
    }
}
