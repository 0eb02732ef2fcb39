//! Many schedules, one seed after the other.

use std::time::{Duration, Instant};

use crate::oracle::Violation;
use crate::schedule::Schedule;
use crate::stats::Stats;
use crate::subject::{Real, Subject};

/// A schedule that broke a promise. `sim --seed SEED` shows it again.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its seed.
    pub seed: u64,
    /// The broken promise.
    pub violation: Violation,
}

/// What a run of schedules came to.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// How many were run.
    pub schedules: u64,
    /// What happened in them.
    pub stats: Stats,
    /// The broken promises; a run goes on after one, so that its figures stay comparable.
    pub found: Vec<Found>,
    /// How long it took.
    pub elapsed: Duration,
}

impl Report {
    /// Schedules a second.
    #[must_use]
    pub fn a_second(&self) -> u64 {
        let millis = u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX);
        self.schedules.saturating_mul(1000) / millis.max(1)
    }
}

/// Runs one schedule of the real signer.
///
/// # Errors
/// The [`Violation`] that it ran into.
pub fn run_schedule(seed: u64) -> Result<Stats, Violation> {
    run_schedule_of::<Real>(seed)
}

/// Runs one schedule of any signer.
///
/// # Errors
/// The [`Violation`] that it ran into.
pub fn run_schedule_of<S: Subject>(seed: u64) -> Result<Stats, Violation> {
    let mut schedule = Schedule::<S>::new(seed, false);
    schedule.run().map(|()| schedule.stats)
}

/// Runs one schedule of the real signer again and tells all that happens in it.
pub fn trace(seed: u64) -> (Vec<String>, Result<Stats, Violation>) {
    trace_of::<Real>(seed)
}

/// As [`trace`], of any signer.
pub fn trace_of<S: Subject>(seed: u64) -> (Vec<String>, Result<Stats, Violation>) {
    let mut schedule = Schedule::<S>::new(seed, true);
    let result = schedule.run().map(|()| schedule.stats);
    (schedule.machine.take_trace(), result)
}

/// Runs the real signer through `schedules` schedules with the seeds from `first_seed` on, or as
/// many as there is time for.
#[must_use]
pub fn run(schedules: u64, first_seed: u64, deadline: Option<Duration>) -> Report {
    run_of::<Real>(schedules, first_seed, deadline, &mut |_| {})
}

/// As [`run`], of any signer; `progress` is told about once a second how far it is.
pub fn run_of<S: Subject>(
    schedules: u64,
    first_seed: u64,
    deadline: Option<Duration>,
    progress: &mut dyn FnMut(&Report),
) -> Report {
    let start = Instant::now();
    let mut report = Report::default();
    let mut told = Duration::ZERO;
    while report.schedules < schedules {
        let seed = first_seed.wrapping_add(report.schedules);
        match run_schedule_of::<S>(seed) {
            Ok(stats) => report.stats += stats,
            Err(violation) => report.found.push(Found { seed, violation }),
        }
        report.schedules += 1;
        report.elapsed = start.elapsed();
        if deadline.is_some_and(|deadline| report.elapsed >= deadline) {
            break;
        }
        if report.elapsed >= told + Duration::from_secs(1) {
            told = report.elapsed;
            progress(&report);
        }
    }
    report
}
