//! A disk that fills up while the signer signs.
//!
//! The files have their full size from the start, so signing and even a new start need no space.
//! A first start on a full disk cannot make its files, and says so.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::Path;

use super::life::{connected, live_well, must_not_start};
use super::{Context, Mode};
use crate::error::CrashError;
use crate::mounts::Mount;
use crate::namespace;
use crate::report::Report;
use crate::world::{Plan, Transport, World};

/// The mode.
pub const MODE: Mode = Mode {
    name: "full-disk",
    help: "the disk fills up while signing, and is full at the start (tmpfs, ext4)",
    left_out: |_| namespace::unavailable(),
    run,
};

const TMPFS_KIB: u32 = 512;
const EXT4_KIB: u32 = 4096;

/// How much is signed on the full disk: several times around the ring.
const ASKS: u64 = 100;

/// Mounts a small disk on the first path; the second is for an image of it.
type Maker = fn(&Path, &Path) -> Result<Mount, CrashError>;

fn run(context: &Context, report: &mut Report) -> Result<(), CrashError> {
    let mut world = context.world(Transport::Unix, context.rng(MODE.name))?;
    let at = world.home.state_directory();
    let image = world.home.path().join("disk.ext4");
    let disks: [(&str, Maker); 2] = [
        ("tmpfs", |at, _| Mount::tmpfs(at, TMPFS_KIB)),
        ("ext4", |at, image| Mount::ext4(image, at, EXT4_KIB)),
    ];
    for (name, mount) in disks {
        world
            .ledger
            .enter(context.place(&format!("full-disk, {name}")));
        match mount(&at, &image) {
            Ok(mounted) => {
                world.begin_anew()?;
                fills_up(context, &mut world, report)?;
                is_full_at_the_start(context, &mut world, report)?;
                drop(mounted);
                report.notes.push(format!("signed on a full {name}"));
            }
            Err(error) => report.skipped.push(format!("{name}: {error}")),
        }
    }
    // Only one of the two made it.
    let _ = fs::remove_file(image);
    report.add(&world.ledger);
    Ok(())
}

fn fills_up(context: &Context, world: &mut World, report: &mut Report) -> Result<(), CrashError> {
    let directory = world.home.state_directory();
    report.faults += 1;
    connected(world, &context.launch, report, |signer| {
        signer.talk(&Plan::mixed(10))?;
        fill(&directory)?;
        signer.talk(&Plan::mixed(ASKS))
    })?;
    live_well(context, world, report)
}

/// No state, and no space to make one.
fn is_full_at_the_start(
    context: &Context,
    world: &mut World,
    report: &mut Report,
) -> Result<(), CrashError> {
    world.begin_anew()?;
    fill(&world.home.state_directory())?;
    report.faults += 1;
    report.lives += 1;
    must_not_start(
        world,
        &context.launch,
        "without space for its state the signer",
        &["No space left on device", "state.json"],
    )?;
    world.begin_anew()?;
    live_well(context, world, report)
}

/// Fills the file system that this directory is on, to the last byte.
fn fill(directory: &Path) -> Result<(), CrashError> {
    let path = directory.join("filler");
    let mut file = File::create(&path).map_err(CrashError::doing("make a filler"))?;
    for size in [64 * 1024, 4096, 512, 1] {
        let piece = vec![1_u8; size];
        while file
            .write_all(&piece)
            .and_then(|()| file.sync_all())
            .is_ok()
        {}
    }
    Ok(())
}
