//! `scaller wait`: a container's main process that runs sekaid once it is asked to; `scaller stop`.

use std::fs::{self, File};
use std::process::ExitCode;
use std::time::Duration;

use crate::Outcome;
use crate::args::HomeArgs;
use crate::desired;
use crate::failure::{Failure, say};
use crate::home::{self, Home};
use crate::signals::{Event, Events};
use crate::supervise::{End, Supervisor, reap, wait_until_free};

/// How often is looked whether sekaid is asked for.
const LOOK: Duration = Duration::from_millis(200);

/// sekaid writes its databases out before it ends.
const STOP_PATIENCE: Duration = Duration::from_secs(60);

const FILE: &str = "waiting";

/// Whether a `scaller wait` runs on this home.
pub(crate) fn is_waiting(home: &Home) -> Result<bool, Failure> {
    home::is_locked(&home.own_file(FILE)?)
}

pub(crate) fn run(args: &HomeArgs) -> Outcome {
    let events = Events::new()?;
    let home = Home::new(&args.home);
    let _waiting = announce(&home)?;
    say!("scaller: waiting for commands; `scaller start` has this process run sekaid");
    loop {
        // One that cannot be read is asked for too: then it is said what is wrong with it.
        if !matches!(desired::read(&home), Ok(None))
            && let Some(code) = supervise(&home, &events)?
        {
            return Ok(code);
        }
        match events.next(LOOK) {
            Event::Signal { ends: true, .. } => return Ok(ExitCode::SUCCESS),
            Event::Child => {
                reap(None);
            }
            Event::Signal { .. } | Event::Quiet => {}
        }
    }
}

/// From here on `start` hands over to this process.
fn announce(home: &Home) -> Result<File, Failure> {
    fs::create_dir_all(home.root()).map_err(|e| Failure::file("make", home.root(), &e))?;
    let mut tries = 0;
    loop {
        // Somebody who only looks holds it for a moment.
        match home::try_lock(&home.own_file(FILE)?)? {
            Some(file) => return Ok(file),
            None if tries < 10 => std::thread::sleep(Duration::from_millis(30)),
            None => {
                return Err(Failure::new(format!(
                    "another `scaller wait` runs on {}",
                    home.root().display()
                )));
            }
        }
        tries += 1;
    }
}

/// Runs sekaid; the exit code if this process should end with it.
fn supervise(home: &Home, events: &Events) -> Result<Option<ExitCode>, Failure> {
    match try_supervise(home, events) {
        Ok(End::Sekaid(code) | End::Signal(code)) => Ok(Some(ExitCode::from(code))),
        Ok(End::Stopped) => {
            say!("scaller: sekaid was stopped; waiting for commands");
            Ok(None)
        }
        Err(failure) => {
            // The container stays, so that what is wrong can be mended in it.
            say!("error: sekaid was not started: {failure}");
            desired::remove(home)?;
            Ok(None)
        }
    }
}

fn try_supervise(home: &Home, events: &Events) -> Result<End, Failure> {
    home.made_genesis()?;
    let Some(desired) = desired::read(home)? else {
        return Ok(End::Stopped);
    };
    let mut lock = home.lock()?;
    say!(
        "scaller: starting sekaid on {} (restarts: {})",
        home.root().display(),
        desired.restart
    );
    // What cannot be read is no order to stop.
    let stop = || matches!(desired::read(home), Ok(None));
    Supervisor::new(home, events, desired.restart, &stop).run(&mut lock)
}

/// Ends the sekaid that a waiting main process runs.
pub(crate) fn stop(args: &HomeArgs) -> Outcome {
    let home = Home::new(&args.home);
    let was_asked_for = desired::remove(&home)?;
    if !is_waiting(&home)? && home.is_locked()? {
        return Err(Failure::new(format!(
            "the sekaid on {} is not run by `scaller wait`. Stop its container or service",
            home.root().display()
        )));
    }
    if !wait_until_free(&home, STOP_PATIENCE)? {
        return Err(Failure::new(format!(
            "sekaid has not ended within {} s and still runs",
            STOP_PATIENCE.as_secs()
        )));
    }
    if was_asked_for {
        say!("sekaid is stopped, and stays so until `scaller start`");
    } else {
        say!("sekaid was not running");
    }
    Ok(ExitCode::SUCCESS)
}
