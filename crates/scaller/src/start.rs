//! `scaller start`: runs sekaid here, or has the container's main process run it.

use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use crate::args::StartArgs;
use crate::desired::{self, Desired};
use crate::failure::{Failure, say};
use crate::home::Home;
use crate::restart::Policy;
use crate::signals::Events;
use crate::supervise::{End, Supervisor};
use crate::{Outcome, wait};

/// How long the main process may take to start sekaid.
const HANDOVER: Duration = Duration::from_secs(15);

pub(crate) fn run(args: &StartArgs) -> Outcome {
    let home = Home::new(&args.home.home);
    home.made_genesis()?;
    if wait::is_waiting(&home)? {
        return hand_over(&home, args.restart);
    }
    here(&home, args.restart)
}

/// Runs sekaid as a child of this process.
pub(crate) fn here(home: &Home, policy: Policy) -> Outcome {
    let events = Events::new()?;
    let mut lock = home.lock()?;
    match Supervisor::new(home, &events, policy, &|| false).run(&mut lock)? {
        End::Sekaid(code) | End::Signal(code) => Ok(ExitCode::from(code)),
        End::Stopped => Ok(ExitCode::SUCCESS),
    }
}

/// The main process of the container runs sekaid, so that the container ends when sekaid does and
/// its log is the container's. It remembers: a container that is started again runs sekaid again.
fn hand_over(home: &Home, restart: Policy) -> Outcome {
    if home.is_locked()? && desired::read(home)?.is_some() {
        say!(
            "sekaid runs already on {}, as a child of the container's main process. Its output is \
             in the container's log (`docker logs`)",
            home.root().display()
        );
        return Ok(ExitCode::SUCCESS);
    }
    // Says who is in the way, if somebody is.
    drop(home.lock()?);
    desired::write(home, &Desired { restart })?;
    let start = Instant::now();
    loop {
        thread::sleep(Duration::from_millis(200));
        if home.is_locked()? {
            break;
        }
        if desired::read(home)?.is_none() {
            return Err(Failure::new(
                "sekaid was not started: the container's log (`docker logs`) says why",
            ));
        }
        if start.elapsed() > HANDOVER {
            return Err(Failure::new(format!(
                "the container's main process (`scaller wait`) did not start sekaid within {} s. \
                 Restart the container: it starts sekaid then",
                HANDOVER.as_secs()
            )));
        }
    }
    say!(
        "sekaid is started by the container's main process: its output is in the container's log \
         (`docker logs`), and it is started again with the container. `scaller stop` ends it"
    );
    Ok(ExitCode::SUCCESS)
}
