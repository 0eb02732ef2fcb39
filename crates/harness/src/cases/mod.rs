//! The cases: what a node relies on, and how that is tried.
//!
//! Invariant: each case asks for heights of its own, so that none depends on what came of another.

mod conflicts;
mod connection;
mod extensions;
mod malformed;
mod repeats;
mod signing;
mod start;

use privval::Version;

use crate::fault::Outcome;
use crate::plan::Plan;
use crate::play::Play;
use crate::report::Severity;

/// One thing that a node relies on.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) relies_on: &'static str,
    pub(crate) severity: Severity,
    pub(crate) run: Box<dyn Fn(&mut Play<'_>) -> Outcome>,
}

pub(crate) use start::handshake;

/// What comes first, after the handshake.
pub(crate) fn start(plan: &Plan) -> Vec<Case> {
    start::cases(plan)
}

/// What differs from version to version.
pub(crate) fn of_version(plan: &Plan, version: Version) -> Vec<Case> {
    let mut cases = signing::cases(version);
    if version >= Version::V0_38 {
        cases.extend(extensions::cases(plan, version));
    }
    cases
}

/// What is the same in all of them.
pub(crate) fn of_every_version(plan: &Plan) -> Vec<Case> {
    let mut cases = repeats::cases();
    cases.extend(conflicts::cases());
    cases.extend(connection::cases());
    cases.extend(malformed::cases(plan.newest()));
    cases
}

type Run = dyn Fn(&mut Play<'_>) -> Outcome;

fn case(
    severity: Severity,
    name: &'static str,
    relies_on: &'static str,
    run: impl Fn(&mut Play<'_>) -> Outcome + 'static,
) -> Case {
    let run: Box<Run> = Box::new(run);
    Case {
        name,
        relies_on,
        severity,
        run,
    }
}

fn must(
    name: &'static str,
    relies_on: &'static str,
    run: impl Fn(&mut Play<'_>) -> Outcome + 'static,
) -> Case {
    case(Severity::Must, name, relies_on, run)
}

fn should(
    name: &'static str,
    relies_on: &'static str,
    run: impl Fn(&mut Play<'_>) -> Outcome + 'static,
) -> Case {
    case(Severity::Should, name, relies_on, run)
}

fn differs(
    name: &'static str,
    relies_on: &'static str,
    run: impl Fn(&mut Play<'_>) -> Outcome + 'static,
) -> Case {
    case(Severity::Differs, name, relies_on, run)
}
