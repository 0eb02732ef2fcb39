//! Whether the process could really answer, for the watchdog of the service manager.
//!
//! It hears that all is well only while
//! - the thread that decides turns,
//! - each session's thread turns: none hangs for longer than its waits are bounded,
//! - each chain's lock can be had: a commit that does not end holds it, and nothing is signed,
//! - not every chain has stopped signing for good, which only a restart mends.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use tracing::error;

use super::{Notify, Roster};
use crate::observe::turn::Turn;

/// How long the deciding thread may be busy: with a reload, at most.
const DECIDING: Duration = Duration::from_secs(60);

/// How long a session may be silent beyond what its work explains.
const SESSION: Duration = Duration::from_secs(60);

/// Tells the service manager that all is well, for as long as it is.
pub(super) struct Watchdog {
    deciding: Arc<Turn>,
    ended: Arc<AtomicBool>,
}

impl Watchdog {
    pub(super) fn start(every: Duration, roster: Roster, notify: Notify) -> io::Result<Self> {
        let (deciding, ended) = (Arc::<Turn>::default(), Arc::<AtomicBool>::default());
        let watchdog = Self {
            deciding: Arc::clone(&deciding),
            ended: Arc::clone(&ended),
        };
        watchdog.turned();
        thread::Builder::new()
            .name("watchdog".to_owned())
            .spawn(move || {
                let mut told = None;
                while !ended.load(Relaxed) {
                    let trouble = trouble(&deciding, &roster);
                    if trouble.is_none() {
                        notify.well();
                    } else if trouble != told {
                        let why = trouble.as_deref().unwrap_or_default();
                        error!(
                            target: super::TARGET,
                            "the watchdog is not told that all is well: {why}"
                        );
                    }
                    told = trouble;
                    thread::sleep(every);
                }
            })?;
        Ok(watchdog)
    }

    /// The deciding thread turns.
    pub(super) fn turned(&self) {
        self.deciding.due(Instant::now(), DECIDING);
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.ended.store(true, Relaxed);
    }
}

/// Why it could not answer; does not return while a chain's lock cannot be had.
fn trouble(deciding: &Turn, roster: &Roster) -> Option<String> {
    let now = Instant::now();
    if deciding.overdue(now).is_some() {
        return Some("the main thread hangs".to_owned());
    }
    for node in roster.nodes() {
        let overdue = node.record.turn().overdue(now);
        if let Some(late) = overdue.filter(|late| *late > SESSION) {
            return Some(format!("[{node}] has hung for {} s", late.as_secs()));
        }
    }
    let chains = roster.chains();
    // Each lock is had here once. One that a panic left behind is a chain that has stopped.
    let has_stopped = chains
        .iter()
        .filter(|chain| chain.knowledge().is_err() || chain.record().is_stopped())
        .count();
    if !chains.is_empty() && has_stopped == chains.len() {
        return Some("every chain has stopped signing until a restart".to_owned());
    }
    None
}
