//! SIGKILL at every system call of a life, from the first after `execve` to the end of several
//! signatures.
//!
//! A call killed on entry is not made, so a kill on entry of the next one is a kill right after
//! this one: between two calls nothing happens that anybody else could see. All calls on entry
//! are therefore all moments there are. For the calls of a signature the moment after is tried
//! as well, by stopping the thread before the call returns.

use std::time::{Duration, Instant};

use super::life::{End, live, live_well, when_idle};
use super::{Context, Mode};
use crate::error::CrashError;
use crate::report::Report;
use crate::strace::{self, Injection, Point, Trace, injecting, tracing_to};
use crate::world::{Plan, Transport, World};

/// The mode.
pub const MODE: Mode = Mode {
    name: "syscalls",
    help: "SIGKILL at every system call of the start and of the signing path (strace)",
    left_out: |_| strace::unavailable(),
    run,
};

/// The call that makes a signature durable; what lies between two of them is one cycle.
pub(super) const SYNC: &str = "fdatasync";

/// How much a traced life signs: enough that the signing thread overtakes all others in the
/// count of every call that it makes.
pub(super) const ASKS: u64 = 15;

/// A signer that has answered and then answers nothing for so long stands still.
const IDLE: Duration = Duration::from_millis(400);

fn run(context: &Context, report: &mut Report) -> Result<(), CrashError> {
    let ways = [(Transport::Tcp, false), (Transport::Unix, true)];
    for (transport, is_new) in ways.into_iter().skip(usize::from(context.is_short)) {
        on_entry(context, transport, is_new, report)?;
    }
    after_return(context, report)?;
    Ok(())
}

/// Each life on a new chain (`is_new`), so that the making of the files is cut short too, or all
/// on one.
fn on_entry(
    context: &Context,
    transport: Transport,
    is_new: bool,
    report: &mut Report,
) -> Result<(), CrashError> {
    let mut world = context.world(transport, context.rng(MODE.name))?;
    let trace = trace(context, &mut world, is_new, report)?;
    let points = chosen(context, &trace);
    let mut progress = context.progress(MODE.name, points.len() as u64);
    let mut missed = 0;
    for (done, point) in (0..).zip(&points) {
        let place = format!(
            "syscalls over {transport:?}, at {}:{}",
            point.name, point.nth
        );
        world.ledger.enter(context.place(&place));
        if is_new {
            world.begin_anew()?;
        }
        let launch = context.launch.under(injecting(point, &Injection::Kill));
        let end = live(&mut world, &launch, &Plan::plain(ASKS), None, report)?;
        missed += u64::from(end != End::Killed);
        live_well(context, &mut world, report)?;
        progress.at(
            done,
            world.ledger.signatures,
            world.ledger.violations().len(),
        );
    }
    report.notes.push(format!(
        "{} calls killed on entry over {transport:?} with {} state, {missed} not reached; one \
         signature is {}",
        points.len() as u64 - missed,
        if is_new { "a new" } else { "an old" },
        trace.cycle(SYNC).join(", ")
    ));
    report.add(&world.ledger);
    Ok(())
}

/// Stops the signing thread right after each call of two signatures, and kills it there.
fn after_return(context: &Context, report: &mut Report) -> Result<(), CrashError> {
    let mut world = context.world(Transport::Unix, context.rng(MODE.name))?;
    let trace = trace(context, &mut world, false, report)?;
    let mut points = signing_points(&trace, if context.is_short { 1 } else { 3 });
    // The log's thread is woken only when it sleeps, so how often is never the same.
    points.retain(|point| point.name != "futex");
    if context.is_short {
        points.retain(|point| point.name == SYNC);
    }
    let mut killed = 0;
    for point in &points {
        let place = format!("syscalls, after {}:{}", point.name, point.nth);
        world.ledger.enter(context.place(&place));
        let launch = context
            .launch
            .under(injecting(point, &Injection::StopAfter));
        let plan = Plan::plain(ASKS);
        let end = live(&mut world, &launch, &plan, Some(when_idle(IDLE)), report)?;
        if end == End::Killed {
            killed += 1;
        } else {
            let text = format!("the signer did not stand still ({end:?})");
            report.notes.push(context.place(&place) + &text);
        }
        live_well(context, &mut world, report)?;
    }
    let count = points.len();
    report.notes.push(format!(
        "{killed} of {count} calls of the signing path killed after return"
    ));
    report.add(&world.ledger);
    Ok(())
}

fn chosen(context: &Context, trace: &Trace) -> Vec<Point> {
    if context.is_short {
        signing_points(trace, 1)
    } else {
        trace.points()
    }
}

/// The calls of so many signatures, counted past what other threads do before.
pub(super) fn signing_points(trace: &Trace, signatures: u64) -> Vec<Point> {
    let cycle = trace.cycle(SYNC);
    let mut names = cycle.clone();
    names.sort();
    names.dedup();
    let mut points = Vec::new();
    for name in names {
        let per_signature = cycle.iter().filter(|call| **call == name).count() as u64;
        let before = trace.count_outside_signing(&name, SYNC);
        // One signature more, so that the handshake's calls are left behind as well.
        let first = before + per_signature + 1;
        points.extend(
            (first..first + signatures * per_signature).map(|nth| Point {
                name: name.clone(),
                nth,
            }),
        );
    }
    points
}

/// One life call by call, from an empty state or from an old one: the start differs.
pub(super) fn trace(
    context: &Context,
    world: &mut World,
    is_new: bool,
    report: &mut Report,
) -> Result<Trace, CrashError> {
    if !is_new {
        live_well(context, world, report)?;
    }
    let file = world.home.path().join("trace");
    let launch = context.launch.under(tracing_to(&file));
    world.ledger.enter(context.place("syscalls, tracing"));
    live(world, &launch, &Plan::plain(ASKS), None, report)?;
    let text = finished(&file);
    let trace = Trace::parse(&text);
    if trace.cycle(SYNC).is_empty() {
        return Err(CrashError::Signer(format!(
            "no {SYNC} was traced, so it signs without making its mark durable"
        )));
    }
    Ok(trace)
}

/// The trace is complete a moment after the death of its process.
fn finished(file: &std::path::Path) -> String {
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        if text.trim_end().ends_with("+++") || Instant::now() >= deadline {
            return text;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}
