//! `cargo xtask e2e tunnel`: chooses rows and combinations, plays them, counts.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::combination::{self, Combination};
use crate::machine::Slack;
use crate::options::Tunnel;
use crate::play::{Manner, play};
use crate::rows::{ROWS, Row};
use crate::scene::Stage;
use crate::wait::{is_interrupted, listen_for_interrupts};
use crate::{Outcome, binaries, namespace};

/// What became of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Totals {
    passed: u32,
    failed: u32,
    left_out: u32,
}

/// Plays what was asked for; true when all of it passed.
///
/// # Errors
/// What prevents the run as a whole.
pub fn run(options: &Tunnel) -> Outcome<bool> {
    if options.row.iter().any(|name| name == "list") {
        list();
        return Ok(true);
    }
    let rows = rows(options)?;
    let combinations = combinations(options)?;
    binaries::check_tools()?;
    listen_for_interrupts()?;
    namespace::remove_stale();
    let manner = Manner {
        is_short: options.short,
        seed: options.seed.unwrap_or_else(from_clock),
    };
    println!("seed {}, {}", manner.seed, Slack::now());
    let stage = Stage::create()?;
    let mut totals = Totals::default();
    for combination in combinations {
        if combination.needs_tunnel() && !stage.binaries.has_tunnel {
            println!("LEFT OUT {combination}: this signer has no WireGuard in it");
            totals.left_out += 1;
            continue;
        }
        for row in &rows {
            if is_interrupted() {
                return Err("interrupted".to_owned());
            }
            totals.add(report(&stage, combination, row, manner));
        }
    }
    println!("{} passed, {} failed", totals.passed, totals.failed);
    Ok(totals.failed == 0)
}

impl Totals {
    fn add(&mut self, is_passed: bool) {
        self.passed += u32::from(is_passed);
        self.failed += u32::from(!is_passed);
    }
}

/// Plays a row and prints what came of it.
fn report(stage: &Stage, combination: Combination, row: &Row, manner: Manner) -> bool {
    let start = Instant::now();
    println!("     {combination} {}: {} …", row.name, row.what);
    let played = play(stage, combination, row, manner);
    let seconds = start.elapsed().as_secs();
    match &played {
        Ok(figures) => println!("PASS {combination} {}: {figures} ({seconds} s)", row.name),
        Err(text) => println!("FAIL {combination} {}: {text} ({seconds} s)", row.name),
    }
    played.is_ok()
}

fn list() {
    for row in ROWS {
        println!("{:<16} {}", row.name, row.what);
    }
    for combination in combination::ALL {
        println!("--with {combination}");
    }
}

fn rows(options: &Tunnel) -> Outcome<Vec<&'static Row>> {
    if options.row.is_empty() {
        let wanted = ROWS.iter().filter(|row| row.is_short || !options.short);
        return Ok(wanted.collect());
    }
    let find = |name: &String| {
        let found = ROWS.iter().find(|row| row.name == name);
        found.ok_or_else(|| format!("no row is called {name}; `--row list` shows them"))
    };
    options.row.iter().map(find).collect()
}

fn combinations(options: &Tunnel) -> Outcome<Vec<Combination>> {
    if options.with.is_empty() {
        return Ok(combination::ALL.to_vec());
    }
    let find = |name: &String| {
        let found = combination::ALL.iter().find(|one| one.name == name);
        found.copied().ok_or_else(|| {
            format!("there is no signer and gateway called {name}; `--row list` shows them")
        })
    };
    options.with.iter().map(find).collect()
}

fn from_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| u64::from(since.subsec_nanos()) ^ since.as_secs())
}
