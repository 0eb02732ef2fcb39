//! The thread that writes the audit log.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use tracing::{error, warn};

use super::TARGET;
use super::entry::{Batch, Entry, Queue};
use super::file::AuditFile;

/// How often it looks whether it should end, and tries again where the disk refused.
const TICK: Duration = Duration::from_millis(500);

/// What a loss of power can take: the disk is asked to keep what was written this often.
const SYNC_EVERY: Duration = Duration::from_secs(5);

/// How often the log repeats that nothing can be written.
const REMINDER: Duration = Duration::from_secs(60);

/// A thread that writes until it is stopped.
pub(super) struct Writer {
    queue: Arc<Queue>,
    ending: Arc<AtomicBool>,
    ended: Receiver<()>,
}

impl Writer {
    /// Starts it; `batch` is what it begins with.
    ///
    /// # Errors
    /// What the system says when it has no thread.
    pub(super) fn start(file: AuditFile, queue: Arc<Queue>, batch: Batch) -> io::Result<Self> {
        let ending = Arc::<AtomicBool>::default();
        let (end, ended) = mpsc::channel();
        let mut run = Run {
            file,
            queue: Arc::clone(&queue),
            ending: Arc::clone(&ending),
            batch,
            synced: Instant::now(),
            failing: None,
        };
        thread::Builder::new()
            .name("audit".to_owned())
            .spawn(move || {
                run.write_on();
                // Fails when nobody waits any more.
                let _ = end.send(());
            })?;
        Ok(Self {
            queue,
            ending,
            ended,
        })
    }

    /// Ends it, once all is written and synced or that much time has passed.
    pub(super) fn stop(self, patience: Duration) {
        self.ending.store(true, Ordering::SeqCst);
        self.queue.wake();
        if self.ended.recv_timeout(patience).is_err() {
            error!(target: TARGET,
                "the audit log could not be finished within {} s: the disk does not answer",
                patience.as_secs()
            );
        }
    }
}

struct Run {
    file: AuditFile,
    queue: Arc<Queue>,
    ending: Arc<AtomicBool>,
    /// What is taken from the queue and not written yet.
    batch: Batch,
    synced: Instant,
    /// Since when the disk refuses, and when that was told.
    failing: Option<(Instant, Instant)>,
}

impl Run {
    fn write_on(&mut self) {
        loop {
            // While the disk refuses, the queue keeps what comes, as far as it has room.
            if self.batch.entries.is_empty() {
                self.batch = self.queue.take(TICK);
            } else {
                thread::sleep(TICK);
            }
            let is_last = self.ending.load(Ordering::SeqCst);
            let written = self.write();
            if is_last {
                // Whatever came while the flag was set.
                self.batch = self.queue.take(Duration::ZERO);
                let written = written.and_then(|()| self.write());
                let synced = written.and_then(|()| self.file.sync());
                return self.judge(synced);
            }
            let synced = written.and_then(|()| self.sync_if_due());
            self.judge(synced);
        }
    }

    fn write(&mut self) -> io::Result<()> {
        if self.batch.lost > 0 {
            let lost = std::mem::take(&mut self.batch.lost);
            let why = "the disk refused, and there was no room to keep them";
            self.batch
                .entries
                .push_back((SystemTime::now(), Entry::Gap { lost, why }));
        }
        self.file.append(&mut self.batch.entries)
    }

    fn sync_if_due(&mut self) -> io::Result<()> {
        if self.synced.elapsed() < SYNC_EVERY {
            return Ok(());
        }
        self.synced = Instant::now();
        self.file.sync()
    }

    /// Tells a trouble when it begins, each minute, and when it is over.
    fn judge(&mut self, result: io::Result<()>) {
        let now = Instant::now();
        match (result, self.failing) {
            (Ok(()), None) => {}
            (Ok(()), Some((since, _))) => {
                self.failing = None;
                warn!(
                    target: TARGET,
                    "the audit log {} is written again, after {} s; what was lost meanwhile is a \
                     record in it",
                    self.file.path().display(),
                    (now - since).as_secs()
                );
            }
            (Err(_), Some((_, told))) if now - told < REMINDER => {}
            (Err(e), failing) => {
                let since = failing.map_or(now, |(since, _)| since);
                self.failing = Some((since, now));
                error!(
                    target: TARGET,
                    "the audit log {} cannot be written: {e}. Signing goes on; what is done is \
                     kept in memory as far as there is room, and what is not will be a gap in the \
                     log. Make room on the disk, or mend it",
                    self.file.path().display()
                );
            }
        }
    }
}
