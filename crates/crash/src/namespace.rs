//! A mount namespace of one's own: what is mounted in it is gone with the last process in it,
//! and nobody else sees it.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

/// Set inside.
const MARK: &str = "TMKMS_CRASH_NAMESPACE";

/// Ways to get one: as root, and as anybody where user namespaces are permitted.
const WAYS: [&[&str]; 2] = [
    &["--mount", "--propagation", "private"],
    &[
        "--user",
        "--map-root-user",
        "--mount",
        "--propagation",
        "private",
    ],
];

/// Runs this program again in a namespace of its own, and returns only when it is there already
/// or none can be had.
pub fn enter() {
    if is_inside() {
        return;
    }
    let Some(way) = WAYS.iter().find(|way| is_permitted(way)) else {
        return;
    };
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    // Returns only if it fails, and then the run goes on without.
    let _ = Command::new("unshare")
        .args(*way)
        .arg("--")
        .arg(program)
        .args(std::env::args_os().skip(1))
        .env(MARK, "1")
        .exec();
}

/// Whether mounts made now are nobody else's business.
#[must_use]
pub fn is_inside() -> bool {
    std::env::var_os(MARK).is_some()
}

/// Why nothing may be mounted; `None` when it may.
#[must_use]
pub fn unavailable() -> Option<String> {
    (!is_inside()).then(|| {
        "no mount namespace of one's own is permitted here (`unshare --mount`, or `unshare --user \
         --map-root-user --mount`)"
            .to_owned()
    })
}

fn is_permitted(way: &[&str]) -> bool {
    Command::new("unshare")
        .args(way)
        .args(["--", "true"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}
