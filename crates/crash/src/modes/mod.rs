//! The ways to die.

pub mod bad_disk;
pub mod errors;
pub mod files;
pub mod full_disk;
pub mod hung_disk;
pub mod power_loss;
pub mod race;
pub mod random;
pub mod read_only;
pub mod syscalls;

mod halting;
mod life;

use std::time::{Duration, Instant};

use chance::Rng;

use crate::error::CrashError;
use crate::process::Launch;
use crate::report::Report;
use crate::world::{Transport, World};

/// Ways to break the signer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Sabotage {
    /// Its `fdatasync` does nothing and succeeds.
    Sync,
    /// Its files are put back to what they were a life ago.
    Restore,
}

/// What every mode is given.
#[derive(Clone, Debug)]
pub struct Context {
    /// The signer.
    pub launch: Launch,
    /// How many kills at random.
    pub kills: u64,
    /// From here come all choices.
    pub seed: u64,
    /// Only a part of what can be enumerated, for the tests.
    pub is_short: bool,
    /// Break the signer on purpose, to show that it would be noticed.
    pub sabotage: Option<Sabotage>,
    /// Whether to say how far it has come.
    pub tells_progress: bool,
}

impl Context {
    /// The choices of one mode, the same whichever other modes run.
    #[must_use]
    pub fn rng(&self, mode: &str) -> Rng {
        let salt = mode.bytes().fold(0_u64, |sum, byte| {
            sum.wrapping_mul(31).wrapping_add(byte.into())
        });
        Rng::new(self.seed ^ salt)
    }

    /// A new signer with an empty state.
    ///
    /// # Errors
    /// [`CrashError`].
    pub fn world(&self, transport: Transport, rng: Rng) -> Result<World, CrashError> {
        World::new(&self.launch.binary, transport, rng)
    }

    /// Where the run is, for the text of a violation.
    #[must_use]
    pub fn place(&self, what: &str) -> String {
        format!("[{what}, seed {}]", self.seed)
    }

    /// Begins to tell how far a mode has come.
    #[must_use]
    pub fn progress(&self, name: &'static str, goal: u64) -> Progress {
        Progress {
            name,
            goal,
            told: Instant::now(),
            tells: self.tells_progress,
        }
    }
}

/// Says every few seconds how far a mode has come.
#[derive(Debug)]
pub struct Progress {
    name: &'static str,
    goal: u64,
    told: Instant,
    tells: bool,
}

impl Progress {
    /// So much is done.
    #[allow(
        clippy::print_stdout,
        reason = "it is what a person looks at meanwhile"
    )]
    pub fn at(&mut self, done: u64, signatures: u64, violations: usize) {
        const EVERY: Duration = Duration::from_secs(5);
        if self.tells && self.told.elapsed() >= EVERY {
            self.told = Instant::now();
            println!(
                "{}: {done} of {}, {signatures} signatures, {violations} violations",
                self.name, self.goal
            );
        }
    }
}

/// A mode: its name, what it does, and how to run it.
#[derive(Clone, Copy, Debug)]
pub struct Mode {
    /// As on the command line.
    pub name: &'static str,
    /// For the help.
    pub help: &'static str,
    /// Why it cannot be run here, if it cannot.
    pub left_out: fn(&Context) -> Option<String>,
    /// Runs it.
    pub run: fn(&Context, &mut Report) -> Result<(), CrashError>,
}

impl Mode {
    /// What it finds, and how long it took; or why it was left out.
    ///
    /// # Errors
    /// [`CrashError`].
    pub fn report(&self, context: &Context) -> Result<Report, CrashError> {
        let started = Instant::now();
        let mut report = Report::new(self.name);
        if let Some(why) = (self.left_out)(context) {
            report.skipped.push(why);
            return Ok(report);
        }
        (self.run)(context, &mut report)?;
        report.took = started.elapsed();
        Ok(report)
    }
}

/// All modes, in the order in which they run.
pub const MODES: &[Mode] = &[
    random::MODE,
    race::MODE,
    syscalls::MODE,
    errors::MODE,
    power_loss::MODE,
    bad_disk::MODE,
    full_disk::MODE,
    hung_disk::MODE,
    read_only::MODE,
    files::MODE,
];
