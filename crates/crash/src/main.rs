//! `cargo xtask crash`: kills the real signer and breaks its disk, and says what came of it.
#![allow(clippy::print_stdout, reason = "a program for people")]

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use crash::binary;
use crash::error::CrashError;
use crash::modes::{Context, MODES, Mode, Sabotage};
use crash::namespace;
use crash::process::Launch;
use crash::report::{Report, table};

/// Kills the real signer at every point, breaks its disk, and checks all that it released.
#[derive(Debug, Parser)]
#[command(name = "crash", bin_name = "cargo xtask crash")]
struct Args {
    /// How many kills at random moments; what can be enumerated comes on top
    #[arg(long, default_value_t = 1000)]
    kills: u64,
    /// Where all choices come from; without it, the clock
    #[arg(long)]
    seed: Option<u64>,
    /// Only this mode; may be given several times. `--mode list` shows them
    #[arg(long, value_name = "MODE")]
    mode: Vec<String>,
    /// Only a part of what can be enumerated
    #[arg(long)]
    short: bool,
    /// Break the signer on purpose, to see that it is noticed
    #[arg(long, value_enum)]
    sabotage: Option<Sabotage>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    if args.mode.iter().any(|name| name == "list") {
        for mode in MODES {
            println!("{:<12} {}", mode.name, mode.help);
        }
        return ExitCode::SUCCESS;
    }
    namespace::enter();
    match run(&args) {
        Ok(is_good) if is_good => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(error) => {
            println!("{error}");
            ExitCode::from(2)
        }
    }
}

fn run(args: &Args) -> Result<bool, CrashError> {
    let modes = chosen(&args.mode)?;
    let context = Context {
        launch: Launch::plain(&binary::find()?),
        kills: args.kills,
        seed: args.seed.unwrap_or_else(from_clock),
        is_short: args.short,
        sabotage: args.sabotage,
        tells_progress: true,
    };
    println!(
        "signer {}, seed {}",
        context.launch.binary.display(),
        context.seed
    );
    let mut reports = Vec::new();
    for mode in modes {
        let report = mode.report(&context)?;
        tell(&report);
        reports.push(report);
    }
    println!("\n{}", table(&reports));
    let is_clean = reports.iter().all(|report| report.violations.is_empty());
    let is_whole = reports.iter().all(|report| report.skipped.is_empty());
    Ok(is_clean && (is_whole || std::env::var_os("CI").is_none()))
}

fn chosen(names: &[String]) -> Result<Vec<&'static Mode>, CrashError> {
    if names.is_empty() {
        return Ok(MODES.iter().collect());
    }
    let find = |name: &String| {
        let found = MODES.iter().find(|mode| mode.name == name);
        found.ok_or_else(|| {
            CrashError::Usage(format!(
                "no mode is called {name}; `--mode list` shows them"
            ))
        })
    };
    names.iter().map(find).collect()
}

fn tell(report: &Report) {
    /// A fault that shows once mostly shows often.
    const SHOWN: usize = 10;
    let name = report.name;
    for text in &report.notes {
        println!("{name}: {text}");
    }
    for why in &report.skipped {
        println!("{name}: LEFT OUT: {why}");
    }
    for violation in report.violations.iter().take(SHOWN) {
        println!("{name}: VIOLATION {violation}");
    }
    if let Some(more) = report.violations.len().checked_sub(SHOWN + 1) {
        println!("{name}: and {} violations more", more + 1);
    }
}

fn from_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::from(since.subsec_nanos()) ^ since.as_secs())
}
