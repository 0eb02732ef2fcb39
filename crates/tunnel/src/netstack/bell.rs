//! What wakes those who wait for a connection, or at a listener.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, MutexGuard};
use std::time::Instant;

/// A condition variable under the tunnel's lock, which costs no system call while nobody waits.
#[derive(Default)]
pub(crate) struct Bell {
    rings: Condvar,
    /// Changed under the lock only; who rings has had the lock after those who wait.
    waiting: AtomicUsize,
}

impl Bell {
    /// Waits until it rings or `deadline` has come, or for no reason, without the lock. `None` when
    /// somebody has panicked with the lock.
    pub(crate) fn wait<'a, T>(
        &self,
        guard: MutexGuard<'a, T>,
        deadline: Option<Instant>,
    ) -> Option<MutexGuard<'a, T>> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let guard = match deadline {
            Some(at) => {
                let left = at.saturating_duration_since(Instant::now());
                let waited = self.rings.wait_timeout(guard, left);
                waited.map(|(guard, _)| guard).ok()
            }
            None => self.rings.wait(guard).ok(),
        };
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        guard
    }

    /// Wakes everybody who waits.
    pub(crate) fn ring(&self) {
        if self.waiting.load(Ordering::Relaxed) > 0 {
            self.rings.notify_all();
        }
    }
}
