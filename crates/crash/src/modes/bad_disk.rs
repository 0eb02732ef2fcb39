//! A disk that does less than it was asked for: short writes, writes that fail half way, syncs
//! that fail and lose what they were to keep, whether the cache goes on showing it or not.
//!
//! After each the process is killed and started again, on the disk as the cache shows it, and
//! once more after a loss of power.

use super::halting::must_halt;
use super::life::{End, live, live_well};
use super::{Context, Mode};
use crate::autopsy::{Death, Finding};
use crate::disk::{Errno, Fault, Image, Loss, Mounted};
use crate::error::CrashError;
use crate::report::Report;
use crate::world::{Plan, Transport, World};
use crate::{disk, namespace};

/// The mode.
pub const MODE: Mode = Mode {
    name: "bad-disk",
    help: "short and torn writes, failed syncs, read-only: then a kill, then a loss of power (FUSE)",
    left_out: |_| namespace::unavailable().or_else(disk::unavailable),
    run,
};

/// What must stop the signing. The first write of a signature is the ring's, the second the
/// document's; the sync is the ring's.
const HALTING: &[Fault] = &[
    Fault::FailedWrite(1, Errno::Io),
    Fault::FailedWrite(1, Errno::NoSpace),
    Fault::FailedWrite(1, Errno::ReadOnly),
    Fault::FailedWrite(2, Errno::Io),
    Fault::FailedWrite(2, Errno::NoSpace),
    Fault::FailedWrite(2, Errno::ReadOnly),
    Fault::FailedWrite(3, Errno::Io),
    Fault::FailedSync(1, Errno::Io),
    Fault::FailedSync(1, Errno::NoSpace),
    Fault::FailedSync(2, Errno::Io),
    Fault::FailedSyncShown(1, Errno::Io),
    Fault::FailedSyncShown(1, Errno::NoSpace),
    Fault::FailedSyncShown(2, Errno::Io),
];

/// What must not.
const HARMLESS: &[Fault] = &[
    Fault::ShortWrite(1),
    Fault::ShortWrite(2),
    Fault::ShortWrite(3),
    Fault::ShortWrite(4),
];

fn run(context: &Context, report: &mut Report) -> Result<(), CrashError> {
    let mut rng = context.rng(MODE.name);
    let mut world = context.world(Transport::Unix, rng.fork())?;
    let losses = if context.is_short {
        &Loss::ALL[..1]
    } else {
        &Loss::ALL[..]
    };
    let mut image = Image::default();
    for fault in HALTING.iter().chain(HARMLESS) {
        for loss in losses {
            let place = format!("bad-disk, {fault:?}, then {loss:?} lost");
            world.ledger.enter(context.place(&place));
            let mounted = Mounted::new(image, &world.home.state_directory())?;
            one_fault(context, &mut world, &mounted, *fault, report)?;
            live_well(context, &mut world, report)?;
            image = mounted.lose_power(*loss, &mut rng)?;
            report.power_losses += 1;
            image = after_power_loss(context, &mut world, image, report)?;
        }
    }
    report.add(&world.ledger);
    Ok(())
}

fn one_fault(
    context: &Context,
    world: &mut World,
    mounted: &Mounted,
    fault: Fault,
    report: &mut Report,
) -> Result<(), CrashError> {
    if HALTING.contains(&fault) {
        return must_halt(world, &context.launch, report, || {
            mounted.set_fault(fault);
            Ok(())
        });
    }
    // Counted from the start here: its own writes may be short as well.
    mounted.set_fault(fault);
    report.faults += 1;
    let end = live(world, &context.launch, &Plan::mixed(10), None, report)?;
    if end != End::Survived {
        let text = format!("the signer did not go on ({end:?})");
        world.ledger.violation(text);
    }
    Ok(())
}

/// The machine starts again, and returns its disk.
fn after_power_loss(
    context: &Context,
    world: &mut World,
    image: Image,
    report: &mut Report,
) -> Result<Image, CrashError> {
    let mounted = Mounted::new(image, &world.home.state_directory())?;
    if let Finding::NeedsOperator(text) = world.autopsy(Death::Machine) {
        world
            .ledger
            .violation(format!("it would not start by itself: {text}"));
        report.stuck(text);
        world.begin_anew()?;
    }
    live_well(context, world, report)?;
    mounted.lose_power(Loss::Nothing, &mut context.rng(MODE.name))
}
