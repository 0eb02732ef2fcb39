//! `cargo xtask e2e systemd`: the units of `deploy/systemd` under a real systemd, with a stand-in
//! for the node that asks for signatures.
//!
//! Invariants:
//! - The machine's own files are below, read-only: what the booted system writes is in memory, and
//!   gone with it.
//! - It is installed by the scripts that a person would run, as `docs/systemd.md` has it.

mod boot;
mod chapters;
mod node;

use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::binaries::check_programs;
use crate::machine::Slack;
use crate::wait::{is_interrupted, listen_for_interrupts};
use crate::{Outcome, namespace};

use self::boot::Machine;
use self::chapters::CHAPTERS;

/// Programs from elsewhere, and their packages.
const NEEDED: &[(&str, &str)] = &[
    ("systemd-nspawn", "systemd-container"),
    ("systemctl", "systemd-sysv"),
    ("nft", "nftables"),
    ("ip", "iproute2"),
];

/// Boots a machine and plays each chapter on it, in their order; true when all of them passed.
///
/// # Errors
/// What prevents the run as a whole.
pub fn run() -> Outcome<bool> {
    check_programs(NEEDED)?;
    listen_for_interrupts()?;
    namespace::remove_stale();
    println!("{}", Slack::now());
    let package = std::env::var_os("TMKMS_DEB").map(PathBuf::from);
    let package =
        package.ok_or("TMKMS_DEB is not set: `cargo xtask e2e systemd` makes the package")?;
    let machine = Machine::boot(&repository(), &interop::tmkms(), &package)?;
    let mut passed = 0;
    for chapter in CHAPTERS {
        let start = Instant::now();
        let played = (chapter.play)(&machine);
        if is_interrupted() {
            return Err("interrupted".to_owned());
        }
        let seconds = start.elapsed().as_secs();
        match played {
            Ok(()) => {
                passed += 1;
                println!("PASS {} ({seconds} s)", chapter.name);
            }
            // What follows stands on it.
            Err(text) => {
                println!(
                    "FAIL {}: {text} ({seconds} s)\n{}",
                    chapter.name,
                    machine.journal()
                );
                println!("{passed} passed, 1 failed, the rest was not played");
                return Ok(false);
            }
        }
    }
    println!("{passed} passed, 0 failed");
    Ok(true)
}

fn repository() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}
