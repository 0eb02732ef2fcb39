//! The sandbox: after the start the process keeps only what signing needs.
//!
//! Landlock holds files and TCP ports, seccomp the system calls; neither needs any rights. Both
//! are inherited by every later thread and cannot be taken off again.
//!
//! Invariants:
//! - It goes on after all keys are read and all states are open, before the first node is dialled.
//! - What the kernel does not have is told and done without: a signer that does not sign costs
//!   more than one that could read a file too many.
//! - A call that nobody thought of fails and is not deadly: it may be another libc's way to do a
//!   harmless thing. Only what no signer ever does ends the process ([`calls`]).

mod access;
mod arguments;
pub mod calls;
mod filter;
mod needs;
mod report;

use std::time::Duration;

pub use self::needs::Needs;
pub use self::report::{Report, tell_off};

/// Which threads a sandbox holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    /// The whole process. Landlock takes in the calling thread and those that it starts later, so
    /// others must not be there yet; the report tells if they are.
    All,
    /// The calling thread and those that it starts later.
    Own,
}

/// Puts the process into its sandbox, as far as the system allows. No privileges can be gained by
/// running a program from then on either (prctl(2), `PR_SET_NO_NEW_PRIVS`).
#[must_use]
pub fn apply(needs: &Needs, threads: Threads) -> Report {
    let mut report = Report::of(needs);
    if threads == Threads::All {
        report.other_threads(other_threads());
    }
    report.access(access::restrict(needs));
    report.calls(filter::restrict(needs, threads));
    report
}

/// How many other threads there are, after those that are about to end had time to.
fn other_threads() -> usize {
    const TRIES: u32 = 20;
    const PAUSE: Duration = Duration::from_millis(5);
    let count =
        || std::fs::read_dir("/proc/self/task").map_or(0, |tasks| tasks.count().saturating_sub(1));
    for _ in 0..TRIES {
        if count() == 0 {
            return 0;
        }
        std::thread::sleep(PAUSE);
    }
    count()
}
