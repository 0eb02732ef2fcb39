//! The request to stop: wakes whoever sleeps, unblocks whoever reads, interrupts nobody who signs.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::connection::Interrupt;

/// Shared by all sessions of a process; clones are the same request.
#[derive(Clone, Default)]
pub struct Shutdown(Arc<Inner>);

#[derive(Default)]
struct Inner {
    asked: AtomicBool,
    waiting: Mutex<Waiting>,
    wake: Condvar,
}

#[derive(Default)]
struct Waiting {
    next: u64,
    readers: BTreeMap<u64, Box<dyn Interrupt>>,
}

impl Shutdown {
    /// Asks everyone to stop after the request in hand.
    pub fn ask(&self) {
        self.0.asked.store(true, Ordering::SeqCst);
        for reader in self.waiting().readers.values() {
            reader.interrupt();
        }
        self.0.wake.notify_all();
    }

    /// True once it was asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst)
    }

    /// Sleeps that long, or until it is asked.
    pub fn sleep(&self, how_long: Duration) {
        let waiting = self.waiting();
        // An error would mean that another thread panicked while holding the lock; then waking
        // early does no harm.
        let _ = self
            .0
            .wake
            .wait_timeout_while(waiting, how_long, |_| !self.is_asked());
    }

    /// Lets a blocking reader be interrupted for as long as the returned value lives.
    pub(super) fn register(&self, reader: Box<dyn Interrupt>) -> Registration {
        let mut waiting = self.waiting();
        if self.is_asked() {
            reader.interrupt();
        }
        let id = waiting.next;
        waiting.next = id.wrapping_add(1);
        waiting.readers.insert(id, reader);
        Registration {
            shutdown: self.clone(),
            id,
        }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.0
            .waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends the registration when it is dropped.
pub(super) struct Registration {
    shutdown: Shutdown,
    id: u64,
}

impl Drop for Registration {
    fn drop(&mut self) {
        self.shutdown.waiting().readers.remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    struct Flag(Arc<AtomicBool>);

    impl Interrupt for Flag {
        fn interrupt(&self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }

    #[test]
    fn asking_wakes_a_sleeper_at_once() {
        let shutdown = Shutdown::default();
        let asker = shutdown.clone();
        let started = Instant::now();
        let thread = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(50));
            asker.ask();
        });
        shutdown.sleep(Duration::from_secs(60));
        thread.join().unwrap();
        assert!(started.elapsed() < Duration::from_secs(30));
    }

    #[test]
    fn reader_that_registers_too_late_is_interrupted_too() {
        let shutdown = Shutdown::default();
        let early = Arc::new(AtomicBool::new(false));
        let late = Arc::new(AtomicBool::new(false));
        let registration = shutdown.register(Box::new(Flag(early.clone())));
        shutdown.ask();
        let _late = shutdown.register(Box::new(Flag(late.clone())));
        assert!(early.load(Ordering::SeqCst) && late.load(Ordering::SeqCst));
        drop(registration);
        assert_eq!(shutdown.waiting().readers.len(), 1);
    }
}
