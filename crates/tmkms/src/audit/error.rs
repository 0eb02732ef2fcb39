//! Why an audit log cannot be used.

use std::io;
use std::path::{Path, PathBuf};

/// Why an audit log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file system refuses.
    #[error("cannot {action} {}: {source}; correct `file` in [audit], or the rights of its directory", .path.display())]
    Io {
        /// "open", "read" and the like.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody else writes it.
    #[error("{} is written by another process: give each signer an audit log of its own", .0.display())]
    InUse(PathBuf),
    /// There is something else.
    #[error("{} is no audit log: it does not begin with a record of one, or none of its last lines is a record. It is left as it is: move it away, or name another file in [audit]", .0.display())]
    NotOne(PathBuf),
}

/// What failed, and on which path.
pub(super) fn io_error(action: &'static str, path: &Path) -> impl Fn(io::Error) -> AuditError {
    let path = path.to_owned();
    move |source| AuditError::Io {
        action,
        path: path.clone(),
        source,
    }
}
