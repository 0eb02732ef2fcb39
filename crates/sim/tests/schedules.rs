//! The real guard and store through some thousand schedules.
#![allow(clippy::print_stdout, reason = "the figures are worth reading")]

use sim::{Stats, run, run_schedule, trace};

const SCHEDULES: u64 = 2000;

#[test]
fn no_schedule_breaks_a_promise() {
    let report = run(SCHEDULES, 1, None);
    println!("{SCHEDULES} schedules from seed 1: {}", report.stats);
    assert!(report.found.is_empty(), "{:?}", report.found);
    assert_eq!(report.schedules, SCHEDULES);
    // A run in which little happened would prove little.
    let Stats {
        signatures,
        repeats,
        starts,
        stops,
        kills,
        power_losses,
        faults,
        replacements,
        ..
    } = report.stats;
    for (what, count) in [
        ("signatures", signatures),
        ("repeats", repeats),
        ("starts", starts),
        ("kills", kills),
        ("power losses", power_losses),
        ("faults", faults),
        ("replacements", replacements),
    ] {
        assert!(count >= SCHEDULES / 3, "only {count} {what}");
    }
    assert!(
        stops < SCHEDULES / 100,
        "{stops} starts waited for a person"
    );
}

#[test]
fn one_seed_gives_one_schedule() {
    for seed in [1, 7, u64::MAX] {
        let (first, result) = trace(seed);
        assert!(!first.is_empty());
        assert_eq!((first, result), trace(seed), "seed {seed}");
        assert_eq!(
            trace(seed).1,
            run_schedule(seed),
            "the trace changes nothing"
        );
    }
    assert_ne!(trace(1).0, trace(2).0);
}

#[test]
fn deadline_ends_a_run() {
    let report = run(u64::MAX, 1, Some(std::time::Duration::from_millis(50)));
    assert!(report.schedules > 0);
    assert!(report.found.is_empty(), "{:?}", report.found);
}
