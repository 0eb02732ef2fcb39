//! A signer that runs: its sessions, what it is told by signals, and what it tells whoever
//! supervises it.
//!
//! Invariants:
//! - One thread decides: sessions that end, signals and reloads come to it one after the other.
//! - A reload is applied whole or not at all, and no connection that stays in tmkms.toml notices.

mod health;
mod metrics;
mod notify;
mod reload;
mod roster;
mod sessions;

use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use tracing::{error, info, warn};

pub use self::metrics::Metrics;
pub use self::notify::Notify;
pub(crate) use self::reload::mark;
pub use self::reload::{Reach, Reload};
pub use self::roster::Roster;
pub use self::sessions::Sessions;

use self::health::Watchdog;
use crate::session::Trouble;

/// The target of the log's lines.
const TARGET: &str = "tmkms::commands::start";

/// How long sessions may take to finish the request in hand.
const GRACE: Duration = Duration::from_secs(5);

/// How often the status line of the service manager is looked at.
const TICK: Duration = Duration::from_secs(1);

/// What the deciding thread waits for.
#[derive(Debug)]
pub enum Event {
    /// A session has ended.
    Ended {
        /// Which one.
        id: u64,
        /// The node, and why it is not to be dialled again.
        trouble: Option<(String, Trouble)>,
    },
    /// The process is told to end, by this signal.
    Stop(Option<&'static str>),
    /// The process is told to read tmkms.toml again.
    Reload,
}

/// Where events come from, and where they go.
#[must_use]
pub fn events() -> (Sender<Event>, Receiver<Event>) {
    mpsc::channel()
}

/// Sends an event for each signal: SIGTERM and SIGINT, and SIGHUP where it has a meaning.
///
/// # Errors
/// What the system says.
pub fn on_signals(events: &Sender<Event>, hangup: bool) -> std::io::Result<Handle> {
    let all = [SIGTERM, SIGINT, SIGHUP];
    let mut signals = Signals::new(all.iter().take(if hangup { 3 } else { 2 }))?;
    let handle = signals.handle();
    let events = events.clone();
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || {
            for signal in &mut signals {
                let event = match signal {
                    SIGTERM => Event::Stop(Some("SIGTERM")),
                    SIGINT => Event::Stop(Some("SIGINT")),
                    _ => Event::Reload,
                };
                // Fails when nobody waits any more: then the process is about to end.
                let _ = events.send(event);
            }
        })?;
    Ok(handle)
}

/// Why a signer ended that was not told to.
#[derive(Debug, thiserror::Error)]
#[error("[{node}] {trouble}; reconnect = false, so the signer ends")]
pub struct NotAgain {
    node: String,
    trouble: Trouble,
}

/// Runs sessions until all have ended, or a while after the process is told to.
///
/// # Errors
/// [`NotAgain`], for the first node that is not to be dialled again.
pub fn run(
    mut sessions: Sessions,
    events: &Receiver<Event>,
    mut reload: Option<&mut Reload>,
    notify: &Notify,
) -> Result<(), NotAgain> {
    let roster = sessions.roster();
    let watchdog = notify.watchdog().and_then(|every| {
        Watchdog::start(every, roster.clone(), notify.clone())
            .inspect_err(|e| error!(target: TARGET, "no watchdog: {e}"))
            .ok()
    });
    notify.ready(&roster.summary());
    let mut failure = None;
    let mut deadline: Option<Instant> = None;
    while !sessions.is_empty() && deadline.is_none_or(|it| Instant::now() < it) {
        if let Some(watchdog) = &watchdog {
            watchdog.turned();
        }
        let left = deadline.map_or(TICK, |it| it.saturating_duration_since(Instant::now()));
        match events.recv_timeout(left.min(TICK)) {
            Ok(Event::Ended { id, trouble }) => {
                if let Some((node, trouble)) = sessions.ended(id).then_some(trouble).flatten() {
                    failure.get_or_insert(NotAgain { node, trouble });
                    deadline.get_or_insert_with(|| stop(&sessions, notify));
                }
            }
            Ok(Event::Stop(name)) => {
                if let Some(name) = name {
                    info!(target: TARGET, "{name}: finishing the requests in hand");
                }
                deadline.get_or_insert_with(|| stop(&sessions, notify));
            }
            Ok(Event::Reload) => {
                if deadline.is_none() {
                    notify.reloading();
                    match &mut reload {
                        Some(reload) => reload.run(&mut sessions),
                        None => warn!(
                            target: TARGET,
                            "SIGHUP changes nothing: the signer was started with --no-reload. \
                             Restart it"
                        ),
                    }
                    notify.ready(&roster.summary());
                }
            }
            Err(_) => notify.status(&roster.summary()),
        }
    }
    failure.map_or(Ok(()), Err)
}

fn stop(sessions: &Sessions, notify: &Notify) -> Instant {
    notify.stopping();
    sessions.stop_all();
    Instant::now() + GRACE
}
