//! What the service manager is told, as systemd has it (sd_notify(3)).
//!
//! The socket is connected before the sandbox goes on, and nothing that it does holds anybody up.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tracing::warn;

/// Tells the service manager, where there is one; clones tell the same one.
#[derive(Clone, Default)]
pub struct Notify(Option<Arc<Manager>>);

struct Manager {
    socket: UnixDatagram,
    watchdog: Option<Duration>,
    /// The last status that was told.
    status: Mutex<String>,
}

impl Notify {
    /// Finds the service manager by `NOTIFY_SOCKET`, and what its watchdog expects by
    /// `WATCHDOG_USEC` and `WATCHDOG_PID`.
    #[must_use]
    pub fn from_environment() -> Self {
        let Some(name) = std::env::var_os("NOTIFY_SOCKET").filter(|it| !it.is_empty()) else {
            return Self::default();
        };
        // Once before the sandbox goes on: the first time, rustix looks for the kernel's clock in a
        // file that is out of reach then.
        monotonic_micros();
        let socket = connect(&name).inspect_err(|e| {
            warn!(
                "NOTIFY_SOCKET is {}, and nobody is there: {e}",
                name.display()
            );
        });
        Self(socket.ok().map(|socket| {
            Arc::new(Manager {
                socket,
                watchdog: watchdog(
                    std::env::var("WATCHDOG_USEC").ok().as_deref(),
                    std::env::var("WATCHDOG_PID").ok().as_deref(),
                ),
                status: Mutex::default(),
            })
        }))
    }

    /// How often the watchdog is to hear that all is well: twice as often as it expects.
    #[must_use]
    pub fn watchdog(&self) -> Option<Duration> {
        let manager = self.0.as_ref()?;
        manager.watchdog.map(|expected| expected / 2)
    }

    /// All is ready.
    pub(super) fn ready(&self, status: &str) {
        self.remember(status);
        self.send(&format!("READY=1\nSTATUS={status}\n"));
    }

    /// A reload has begun; [`Self::ready`] ends it.
    pub(super) fn reloading(&self) {
        if self.0.is_some() {
            let micros = monotonic_micros();
            self.send(&format!("RELOADING=1\nMONOTONIC_USEC={micros}\n"));
        }
    }

    /// The end has begun.
    pub(super) fn stopping(&self) {
        self.send("STOPPING=1\nSTATUS=finishing the requests in hand\n");
    }

    /// What the process does, if that is news.
    pub(super) fn status(&self, status: &str) {
        if self.remember(status) {
            self.send(&format!("STATUS={status}\n"));
        }
    }

    /// All is well.
    pub(super) fn well(&self) {
        self.send("WATCHDOG=1\n");
    }

    /// Whether it is another one than before.
    fn remember(&self, status: &str) -> bool {
        let Some(manager) = &self.0 else {
            return false;
        };
        let mut last = manager
            .status
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_new = *last != status;
        status.clone_into(&mut last);
        is_new
    }

    fn send(&self, text: &str) {
        if let Some(manager) = &self.0 {
            // A manager that is gone, or does not read, is told nothing: signing goes on.
            let _ = manager.socket.send(text.as_bytes());
        }
    }
}

fn monotonic_micros() -> i128 {
    let now = clock_gettime(ClockId::Monotonic);
    i128::from(now.tv_sec) * 1_000_000 + i128::from(now.tv_nsec) / 1_000
}

fn connect(name: &OsStr) -> io::Result<UnixDatagram> {
    let address = match name.as_bytes() {
        [b'@', rest @ ..] => SocketAddr::from_abstract_name(rest)?,
        _ => SocketAddr::from_pathname(name)?,
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address)?;
    Ok(socket)
}

/// A watchdog that is meant for another process is none of ours.
fn watchdog(micros: Option<&str>, pid: Option<&str>) -> Option<Duration> {
    let own = std::process::id().to_string();
    let micros: u64 = micros?.parse().ok().filter(|micros| *micros > 0)?;
    let is_ours = pid.is_none_or(|pid| pid.is_empty() || pid == own);
    is_ours.then(|| Duration::from_micros(micros))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn watchdog_of_another_process_is_none() {
        let own = std::process::id().to_string();
        let half = Some(Duration::from_millis(500));
        assert_eq!(watchdog(Some("500000"), None), half);
        assert_eq!(watchdog(Some("500000"), Some(&own)), half);
        assert_eq!(watchdog(Some("500000"), Some("1")), None);
        for micros in [None, Some(""), Some("0"), Some("-1"), Some("soon")] {
            assert_eq!(watchdog(micros, None), None, "{micros:?}");
        }
    }
}
