//! `cargo xtask e2e firewall`: the rules of `deploy/firewall` against real packets.
//!
//! Invariants:
//! - What must not pass is tried without the rules first, and passes there: it is the rules that
//!   refuse it, and nothing else.
//! - Docker is the real one, because what it publishes goes past the input hook.

mod docker;
mod echo;
mod place;
mod probe;
mod rows;
mod rules;

use std::thread;
use std::time::Instant;

use crate::binaries::check_programs;
use crate::machine::Slack;
use crate::options::Firewall;
use crate::wait::{is_interrupted, listen_for_interrupts};
use crate::{Outcome, namespace};

use self::place::Place;
use self::rows::{PLACES, Plan};
use self::rules::Rules;

/// Programs from elsewhere, and their packages.
const NEEDED: &[(&str, &str)] = &[
    ("ip", "iproute2"),
    ("nft", "nftables"),
    ("ufw", "ufw"),
    ("iptables", "iptables"),
    ("dockerd", "docker.io"),
];

/// Plays every place with every kind of rules; true when all of it passed.
///
/// # Errors
/// What prevents the run as a whole.
pub fn run(options: &Firewall) -> Outcome<bool> {
    check_programs(NEEDED)?;
    listen_for_interrupts()?;
    namespace::remove_stale();
    println!("{}", Slack::now());
    // Most of the time is waiting for packets that must not come.
    let played: Vec<(Outcome<String>, u64)> = thread::scope(|scope| {
        let places = PLACES.iter().map(|plan| {
            scope.spawn(move || {
                let start = Instant::now();
                (play(plan, options.short), start.elapsed().as_secs())
            })
        });
        let places: Vec<_> = places.collect();
        let panicked = |_| (Err("panicked".to_owned()), 0);
        let played = places.into_iter().map(|place| place.join());
        played
            .map(|played| played.unwrap_or_else(panicked))
            .collect()
    });
    if is_interrupted() {
        return Err("interrupted".to_owned());
    }
    for (plan, (played, seconds)) in PLACES.iter().zip(&played) {
        match played {
            Ok(figures) => println!("PASS {}: {figures} ({seconds} s)", plan.name),
            Err(text) => println!("FAIL {}: {text} ({seconds} s)", plan.name),
        }
    }
    let passed = played.iter().filter(|(played, _)| played.is_ok()).count();
    println!("{passed} passed, {} failed", played.len() - passed);
    Ok(passed == played.len())
}

/// One machine without rules, then with each kind of them.
fn play(plan: &Plan, is_short: bool) -> Outcome<String> {
    let place = Place::build(plan)?;
    place.expect_everything_open(plan)?;
    let mut figures = Vec::new();
    for kind in plan.kinds {
        if is_short && plan.is_long_with(*kind) {
            continue;
        }
        let rules = Rules::new(*kind, plan, &place)?;
        rules.apply()?;
        let tried = place.expect(plan, &format!("with {kind}"))?;
        let standing = place.connect(plan)?;
        let first = rules.dump()?;
        rules.apply()?;
        if rules.dump()? != first {
            return Err(format!("{kind}: applied twice is not the same as once"));
        }
        standing.expect_alive(&format!("{kind} was loaded again"))?;
        place.expect(plan, &format!("with {kind}, applied twice"))?;
        rules.expect_no_lock_out(&place, plan)?;
        rules.remove()?;
        figures.push(format!("{kind}: {tried} ways"));
    }
    Ok(figures.join(", "))
}
