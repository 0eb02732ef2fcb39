//! Keeps key bytes inside the process: out of core dumps, debuggers of the same user, and swap.
//!
//! Each measure is tried, and one that the system does not allow is told and done without: a
//! signer that does not sign costs more than a key page in swap.

use rustix::io::Errno;
use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
use tracing::warn;

/// Before any key is read: no core dump, and no debugger of another process of the same user
/// (prctl(2), `PR_SET_DUMPABLE`).
pub fn before_keys() {
    let none = Rlimit {
        current: Some(0),
        maximum: Some(0),
    };
    told(
        "core dumps cannot be switched off",
        setrlimit(Resource::Core, none),
    );
    told(
        "the process cannot be closed to debuggers",
        set_dumpable_behavior(DumpableBehavior::NotDumpable),
    );
}

/// After all keys are read: what is in memory now is never written to swap (mlockall(2)).
///
/// Only what is mapped now. Locking what comes later too would make the start of threads fail
/// under the usual limit of 8 MiB, and no key is read later.
pub fn after_keys() {
    told(
        "memory cannot be locked, so keys could be written to swap: allow it (`ulimit -l`, \
         LimitMEMLOCK in a systemd unit, --ulimit memlock in Docker), or do without swap",
        mlockall(MlockAllFlags::CURRENT),
    );
}

fn told(what: &str, result: Result<(), Errno>) {
    if let Err(error) = result {
        warn!("{what} ({error})");
    }
}
