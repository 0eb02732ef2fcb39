//! Whether the process could really answer, for the watchdog of the service manager.
//!
//! It hears that all is well only while
//! - the thread that decides turns,
//! - each session's thread turns: none hangs for longer than its waits are bounded,
//! - each chain's lock can be had: a commit that does not end holds it, and nothing is signed,
//! - not every chain has stopped signing for good, which only a restart mends.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, Instant};

use tracing::error;

use super::{Notify, Roster};
use crate::session::Node;

/// How long the deciding thread may be busy: with a reload, at most.
const DECIDING: Duration = Duration::from_secs(60);

/// What a session may need beyond its timeout for reading: an attempt to connect to a name with
/// many addresses, and the longest silence of a node.
const DIALLING: Duration = Duration::from_secs(120);

/// Milliseconds of this process are counted from here.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The last turn of a thread.
#[derive(Debug)]
pub struct Pulse(AtomicU64);

impl Default for Pulse {
    fn default() -> Self {
        let pulse = Self(AtomicU64::new(0));
        pulse.turned();
        pulse
    }
}

impl Pulse {
    /// It turns.
    pub fn turned(&self) {
        let now = u64::try_from(START.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.0.store(now, Relaxed);
    }

    fn age(&self) -> Duration {
        let last = Duration::from_millis(self.0.load(Relaxed));
        START.elapsed().saturating_sub(last)
    }
}

/// Tells the service manager that all is well, for as long as it is.
pub(super) struct Watchdog {
    deciding: Arc<Pulse>,
    ended: Arc<AtomicBool>,
}

impl Watchdog {
    pub(super) fn start(every: Duration, roster: Roster, notify: Notify) -> io::Result<Self> {
        let (deciding, ended) = (Arc::<Pulse>::default(), Arc::<AtomicBool>::default());
        let watchdog = Self {
            deciding: Arc::clone(&deciding),
            ended: Arc::clone(&ended),
        };
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
        self.deciding.turned();
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        self.ended.store(true, Relaxed);
    }
}

/// Why it could not answer; does not return while a chain's lock cannot be had.
fn trouble(deciding: &Pulse, roster: &Roster) -> Option<String> {
    if deciding.age() > DECIDING {
        return Some("the main thread hangs".to_owned());
    }
    let nodes = roster.nodes();
    if let Some(node) = nodes.iter().find(|node| hangs(node)) {
        let s = node.pulse.age().as_secs();
        return Some(format!("[{node}] has hung for {s} s"));
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

fn hangs(node: &Node) -> bool {
    node.pulse.age() > node.timeout + DIALLING
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pulse_ages_until_it_turns() {
        let pulse = Pulse::default();
        thread::sleep(Duration::from_millis(20));
        assert!(pulse.age() >= Duration::from_millis(15));
        pulse.turned();
        assert!(pulse.age() < Duration::from_millis(15));
    }
}
