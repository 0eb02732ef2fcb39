//! Signals to processes of the run.

use std::time::Duration;

use interop::Process;
use rustix::process::{Pid, Signal, kill_process};

use crate::wait::until;

/// How long it may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Sends a signal to a process that runs.
pub fn signal(process: &mut Process, signal: Signal) {
    let id = i32::try_from(process.id()).ok().and_then(Pid::from_raw);
    if let Some(id) = id.filter(|_| process.is_running()) {
        // It may end between the look and the signal, and then there is nothing to do.
        let _ = kill_process(id, signal);
    }
}

/// SIGTERM, and SIGKILL to one that does not follow.
pub fn end(process: &mut Process) {
    signal(process, Signal::TERM);
    let ended = until("a process ends", PATIENCE, || {
        (!process.is_running()).then_some(())
    });
    if let Err(text) = ended {
        eprintln!("{text}; it is killed");
    }
    process.kill();
}
