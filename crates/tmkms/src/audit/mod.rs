//! The audit log: one record for each signature and each refusal, in a chain of hashes.
//!
//! `record` is what is written, `file` where, `head` what is synced of it, `end` where a start goes
//! on, `writer` the thread that does it, and [`verify`] finds what was changed since. The format is
//! in `docs/audit.md`.
//!
//! Invariants:
//! - Who signs waits for no disk: a record goes into a bounded queue. What there was no room for
//!   is counted, and the count is a record.
//! - What is written is never written again, moved or removed: files only grow, and are renamed
//!   once.
//! - The head never knows more than the disk has synced, so a log that ends before it was cut.

mod end;
mod entry;
mod error;
mod file;
mod head;
mod name;
mod record;
pub mod verify;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

pub use self::entry::{Entry, Subject};
pub use self::error::AuditError;
pub use self::record::FORMAT;

use self::end::Cut;
use self::entry::{Batch, Queue};
use self::file::AuditFile;
use self::writer::Writer;
use tracing::{error, info};

/// The target of the log's lines.
const TARGET: &str = "tmkms::audit";

/// How long the end of the process waits for the disk.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Takes records; clones are the same. The default takes none.
#[derive(Clone, Default)]
pub struct Audit(Option<Arc<Queue>>);

impl Audit {
    /// Whether records are kept: what goes into one need not be put together otherwise.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// Adds a record. Never waits.
    pub fn add(&self, entry: Entry) {
        if let Some(queue) = &self.0 {
            queue.push(entry);
        }
    }
}

/// An audit log that is open, and not written to by a thread yet.
pub struct Trail {
    file: AuditFile,
    queue: Arc<Queue>,
    /// What could not be written yet.
    batch: Batch,
}

/// An audit log that is being written. Dropping it writes what is left, and that this was all.
pub struct Running {
    queue: Arc<Queue>,
    writer: Option<Writer>,
}

impl Trail {
    /// Opens an audit log and goes on where it ends.
    ///
    /// # Errors
    /// [`AuditError`].
    pub fn open(path: &Path, rotate_len: u64) -> Result<Self, AuditError> {
        let (mut file, cut) = AuditFile::open(path, rotate_len)?;
        if let Some(cut) = &cut {
            tell(path, cut);
        }
        let entries = cut.map(Entry::from).into_iter().chain([Entry::started()]);
        let queue = Arc::<Queue>::default();
        entries.for_each(|entry| queue.push(entry));
        let mut batch = queue.take(Duration::ZERO);
        // What cannot be written now is tried again by the thread, which says so.
        let _ = file.append(&mut batch.entries);
        info!(target: TARGET, "audit log: {}, {}", path.display(), file.describe());
        Ok(Self { file, queue, batch })
    }

    /// What sessions add their records to.
    #[must_use]
    pub fn audit(&self) -> Audit {
        Audit(Some(Arc::clone(&self.queue)))
    }

    /// The directory in which files are made and renamed while the process runs: that of the log,
    /// where it holds nothing else.
    #[must_use]
    pub fn own_directory(&self) -> Option<PathBuf> {
        self.file.own_directory()
    }

    /// Writes from now on, on a thread of its own; `may_rotate` says whether files can still be
    /// made and renamed.
    ///
    /// # Errors
    /// What the system says when it has no thread.
    pub fn start(mut self, may_rotate: bool) -> std::io::Result<Running> {
        self.file.may_rotate(may_rotate);
        let writer = Writer::start(self.file, Arc::clone(&self.queue), self.batch)?;
        Ok(Running {
            queue: self.queue,
            writer: Some(writer),
        })
    }
}

fn tell(path: &Path, cut: &Cut) {
    error!(
        target: TARGET,
        "the audit log {} is not as it was left: {cut}. Signing goes on, and this is a record of \
         its own. Find out who changed it",
        path.display()
    );
}

impl Drop for Running {
    fn drop(&mut self) {
        self.queue.push(Entry::stopped());
        if let Some(writer) = self.writer.take() {
            writer.stop(LAST_WORDS);
        }
    }
}
