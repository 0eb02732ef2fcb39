//! Every system call that a disk, a socket or a log can fail, made to fail.
//!
//! When the mark cannot be written the signer refuses, on the connection that is open; it signs
//! nothing more, not even again what it signed before; it still answers pings; and it goes on
//! as it should once it was started again. What fails beside the mark costs at most the
//! connection.

use super::halting::must_halt;
use super::life::{End, live, live_well};
use super::syscalls::{ASKS, SYNC, signing_points, trace};
use super::{Context, Mode};
use crate::error::CrashError;
use crate::process::Launch;
use crate::report::Report;
use crate::strace::{self, Injection, Trace, injecting};
use crate::world::{Plan, Transport, World};

/// The mode.
pub const MODE: Mode = Mode {
    name: "errors",
    help: "EIO, ENOSPC, EDQUOT and others from every call that may give them (strace)",
    left_out: |_| strace::unavailable(),
    run,
};

/// What must come of an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// A refusal, and nothing signed from then on.
    Halt,
    /// The same when the call goes on failing; a single failure may be asked about again.
    HaltIfItStays,
    /// Nothing that a node could see, but for a lost connection.
    GoOn,
}

/// The calls of the signing path, what each may fail with, and what must come of it.
const SIGNING: &[(&str, &[&str], Outcome)] = &[
    (
        "fdatasync",
        &["EIO", "ENOSPC", "EDQUOT", "EROFS"],
        Outcome::Halt,
    ),
    (
        "pwrite64",
        &["EIO", "ENOSPC", "EDQUOT", "EROFS", "EFBIG"],
        Outcome::Halt,
    ),
    (
        "statx",
        &["ENOENT", "EIO", "EACCES"],
        Outcome::HaltIfItStays,
    ),
    ("fdatasync", &["EINTR"], Outcome::GoOn),
    ("pwrite64", &["EINTR"], Outcome::GoOn),
    ("write", &["ENOSPC", "EIO", "EPIPE"], Outcome::GoOn),
    ("sendto", &["EINTR", "ECONNRESET", "EPIPE"], Outcome::GoOn),
    (
        "recvfrom",
        &["EINTR", "ECONNRESET", "ETIMEDOUT"],
        Outcome::GoOn,
    ),
];

/// The calls of the start, and what each may fail with.
const STARTING: &[(&str, &[&str])] = &[
    ("openat", &["EIO", "ENOSPC", "EACCES", "EMFILE"]),
    ("read", &["EIO"]),
    ("pread64", &["EIO"]),
    ("write", &["ENOSPC"]),
    ("pwrite64", &["EIO", "ENOSPC"]),
    ("fsync", &["EIO", "ENOSPC"]),
    ("fdatasync", &["EIO"]),
    ("flock", &["ENOLCK", "EIO"]),
    ("renameat2", &["EIO", "ENOSPC", "EINVAL"]),
    ("linkat", &["EIO"]),
    ("statx", &["EIO", "EACCES"]),
    ("getrandom", &["EAGAIN"]),
];

fn run(context: &Context, report: &mut Report) -> Result<(), CrashError> {
    let mut world = context.world(Transport::Unix, context.rng(MODE.name))?;
    let new = trace(context, &mut world, true, report)?;
    let old = trace(context, &mut world, false, report)?;
    while_signing(context, &mut world, &old, report)?;
    if !context.is_short {
        for (is_new, trace) in [(true, &new), (false, &old)] {
            while_starting(context, &mut world, is_new, trace, report)?;
        }
    }
    report.add(&world.ledger);
    Ok(())
}

fn while_signing(
    context: &Context,
    world: &mut World,
    trace: &Trace,
    report: &mut Report,
) -> Result<(), CrashError> {
    let points = signing_points(trace, if context.is_short { 1 } else { 2 });
    for (name, errors, outcome) in SIGNING {
        let errors = if context.is_short {
            errors.get(..1).unwrap_or_default()
        } else {
            errors
        };
        for error in errors {
            for point in points.iter().filter(|point| point.name == *name) {
                let place = format!("errors, {error} from {name}:{}", point.nth);
                world.ledger.enter(context.place(&place));
                let injection = match outcome {
                    Outcome::HaltIfItStays => Injection::FailFromThere(error),
                    Outcome::Halt | Outcome::GoOn => Injection::Fail(error),
                };
                let launch = context.launch.under(injecting(point, &injection));
                match outcome {
                    Outcome::Halt | Outcome::HaltIfItStays => {
                        must_halt(world, &launch, report, || Ok(()))?;
                    }
                    Outcome::GoOn => goes_on(world, &launch, report)?,
                }
                live_well(context, world, report)?;
            }
        }
    }
    Ok(())
}

fn goes_on(world: &mut World, launch: &Launch, report: &mut Report) -> Result<(), CrashError> {
    let end = live(world, launch, &Plan::mixed(ASKS), None, report)?;
    report.faults += 1;
    if end != End::Survived {
        world
            .ledger
            .violation(format!("the signer did not go on ({end:?})"));
    }
    Ok(())
}

/// Whatever fails while it starts: it ends with an error or goes on, and the next start is good.
fn while_starting(
    context: &Context,
    world: &mut World,
    is_new: bool,
    trace: &Trace,
    report: &mut Report,
) -> Result<(), CrashError> {
    let mut exited = 0;
    let starting = trace.points_outside_signing(SYNC);
    for (name, errors) in STARTING {
        let of_name = starting.iter().filter(|point| point.name == *name);
        for (point, error) in of_name.flat_map(|p| errors.iter().map(move |e| (p, e))) {
            let place = format!("errors, {error} from {name}:{} at the start", point.nth);
            world.ledger.enter(context.place(&place));
            if is_new {
                world.begin_anew()?;
            }
            let injection = Injection::Fail(error);
            let launch = context.launch.under(injecting(point, &injection));
            exited += u64::from(ends_or_goes_on(world, &launch, report)?);
            live_well(context, world, report)?;
        }
    }
    report.notes.push(format!(
        "errors at the start on {} state: {exited} ended it with a word about the error, the others \
         did not matter",
        if is_new { "a new" } else { "an old" }
    ));
    Ok(())
}

/// True when the signer ended; then it must have said why.
fn ends_or_goes_on(
    world: &mut World,
    launch: &Launch,
    report: &mut Report,
) -> Result<bool, CrashError> {
    let plan = Plan::mixed(ASKS).with_faults();
    report.faults += 1;
    if live(world, launch, &plan, None, report)? != End::Exited {
        return Ok(false);
    }
    let log = std::fs::read_to_string(world.home.log()).unwrap_or_default();
    if !log.contains("error") {
        world
            .ledger
            .violation(format!("it ended without a word about an error: {log:?}"));
    }
    Ok(true)
}
