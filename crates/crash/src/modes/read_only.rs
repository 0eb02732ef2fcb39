//! A disk that becomes read-only while the signer signs, and one that is from the start.

use super::halting::must_halt;
use super::life::{connected, live_well, must_not_start};
use super::{Context, Mode};
use crate::error::CrashError;
use crate::mounts::Mount;
use crate::namespace;
use crate::report::Report;
use crate::world::{Plan, Transport, World};

/// The mode.
pub const MODE: Mode = Mode {
    name: "read-only",
    help: "the disk becomes read-only while signing, and is at the start (tmpfs, ext4)",
    left_out: |_| namespace::unavailable(),
    run,
};

fn run(context: &Context, report: &mut Report) -> Result<(), CrashError> {
    let mut world = context.world(Transport::Unix, context.rng(MODE.name))?;
    by_hand(context, &mut world, report)?;
    by_ext4_itself(context, &mut world, report)?;
    report.add(&world.ledger);
    Ok(())
}

/// `mount -o remount,ro`: the kernel refuses it as long as the state is open for writing, so the
/// signer goes on. Once the signer is gone it works, and then the signer does not start.
fn by_hand(context: &Context, world: &mut World, report: &mut Report) -> Result<(), CrashError> {
    world.ledger.enter(context.place("read-only, by hand"));
    let mounted = Mount::tmpfs(&world.home.state_directory(), 512)?;
    let mut remount = Ok(());
    connected(world, &context.launch, report, |signer| {
        signer.talk(&Plan::mixed(10))?;
        remount = mounted.make_read_only();
        signer.talk(&Plan::mixed(10))
    })?;
    report.faults += 1;
    report.notes.push(match remount {
        Ok(()) => "a remount under open files was done, and signing went on".to_owned(),
        Err(error) => format!("signing went on; a remount under open files was refused: {error}"),
    });
    match mounted.make_read_only() {
        Ok(()) => {
            does_not_start(context, world, report)?;
            mounted.make_writable()?;
        }
        Err(error) => report.skipped.push(format!("a start read-only: {error}")),
    }
    live_well(context, world, report)?;
    drop(mounted);
    world.begin_anew()
}

fn does_not_start(
    context: &Context,
    world: &mut World,
    report: &mut Report,
) -> Result<(), CrashError> {
    report.lives += 1;
    report.faults += 1;
    must_not_start(
        world,
        &context.launch,
        "with its state read-only the signer",
        &["Read-only file system", "state.json"],
    )?;
    Ok(())
}

/// ext4 finds an error in itself and goes read-only under open files, as it does on a failing
/// disk.
fn by_ext4_itself(
    context: &Context,
    world: &mut World,
    report: &mut Report,
) -> Result<(), CrashError> {
    world
        .ledger
        .enter(context.place("read-only, by ext4 itself"));
    let image = world.home.path().join("disk.ext4");
    let mounted = match Mount::ext4(&image, &world.home.state_directory(), 4096) {
        Ok(mounted) => mounted,
        Err(error) => {
            report.skipped.push(format!("ext4: {error}"));
            return Ok(());
        }
    };
    let mut could_fail = Ok(());
    must_halt(world, &context.launch, report, || {
        could_fail = mounted.fail_ext4();
        Ok(())
    })?;
    match could_fail {
        Ok(()) => report
            .notes
            .push("ext4 went read-only under open files, and the signer stopped".to_owned()),
        Err(error) => report.skipped.push(format!("ext4's own error: {error}")),
    }
    does_not_start(context, world, report)?;
    drop(mounted);
    // After a check, as an operator would do, it is writable again.
    let mounted = Mount::ext4_again(&image, &world.home.state_directory())?;
    live_well(context, world, report)?;
    drop(mounted);
    world.begin_anew()
}
