//! `cargo xtask e2e tunnel`: chooses rows and combinations, plays them, counts.

use std::thread;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use crate::combination::{self, Combination};
use crate::machine::Slack;
use crate::options::Tunnel;
use crate::play::Manner;
use crate::stage::Stage;
use crate::table::{self, Entry};
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
    let entries = entries(options)?;
    let combinations = combinations(options)?;
    binaries::check_tools()?;
    listen_for_interrupts()?;
    namespace::remove_stale();
    let manner = Manner {
        is_short: options.short,
        is_written: options.write,
        seed: options.seed.unwrap_or_else(from_clock),
    };
    println!("seed {}, {}", manner.seed, Slack::now());
    let stage = Stage::create()?;
    let mut totals = Totals::default();
    let mut is_first = true;
    let is_used =
        |combination: &Combination| entries.iter().any(|entry| entry.applies_to(*combination));
    for combination in combinations.into_iter().filter(is_used) {
        let is_asked_for = !options.with.is_empty();
        if combination.needs_tunnel() && !stage.binaries.has_tunnel && !is_asked_for {
            println!("LEFT OUT {combination}: this signer has no WireGuard in it");
            totals.left_out += 1;
            continue;
        }
        let is_wanted = |entry: &&Entry| {
            entry.applies_to(combination) && (is_first || !options.is_short() || entry.is_basic())
        };
        for entry in entries.iter().filter(is_wanted) {
            totals.add(report(&stage, *entry, combination, manner)?);
        }
        is_first = false;
    }
    let [any, ..] = combination::ALL;
    // Who chooses signers and gateways wants those, and what else is named.
    let has_singles = options.with.is_empty() || !options.row.is_empty();
    let is_wanted = |entry: &&Entry| entry.is_single() && has_singles;
    for entry in entries.iter().filter(is_wanted) {
        totals.add(report(&stage, *entry, any, manner)?);
    }
    println!("{}", totals.line());
    Ok(totals.failed == 0)
}

impl Totals {
    fn add(&mut self, is_passed: bool) {
        self.passed += u32::from(is_passed);
        self.failed += u32::from(!is_passed);
    }

    fn line(self) -> String {
        let mut line = format!("{} passed, {} failed", self.passed, self.failed);
        if self.left_out > 0 {
            line += &format!(", {} combinations left out", self.left_out);
        }
        line
    }
}

/// Plays an entry and prints what came of it.
///
/// # Errors
/// When the run is interrupted.
fn report(stage: &Stage, entry: Entry, combination: Combination, manner: Manner) -> Outcome<bool> {
    let start = Instant::now();
    let name = if entry.is_single() {
        entry.name().to_owned()
    } else {
        format!("{combination} {}", entry.name())
    };
    println!("     {name}: {} …", entry.what());
    // A helper that gives up panics, and takes only its row with it.
    let played = thread::scope(|scope| {
        let row = scope.spawn(|| entry.play(stage, combination, manner));
        row.join().unwrap_or_else(|_| Err("panicked".to_owned()))
    });
    if is_interrupted() {
        return Err("interrupted".to_owned());
    }
    let seconds = start.elapsed().as_secs();
    match &played {
        Ok(figures) => println!("PASS {name}: {figures} ({seconds} s)"),
        Err(text) => println!("FAIL {name}: {text} ({seconds} s)"),
    }
    Ok(played.is_ok())
}

fn list() {
    for entry in table::all() {
        println!("{:<22} {}", entry.name(), entry.what());
    }
    for combination in combination::ALL {
        println!("--with {combination}");
    }
}

fn entries(options: &Tunnel) -> Outcome<Vec<Entry>> {
    let all = table::all();
    if options.row.is_empty() {
        let is_wanted = |entry: &Entry| entry.is_short() || !options.short;
        return Ok(all.into_iter().filter(is_wanted).collect());
    }
    let find = |name: &String| {
        let found = all.iter().find(|entry| entry.name() == name).copied();
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
