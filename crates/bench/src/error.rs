//! What ends a run.

use std::io;
use std::path::{Path, PathBuf};

use testnode::NodeError;

/// Why there are no figures.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// A file or a directory.
    #[error("{}: {source}", .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A program did not start or did not end well.
    #[error("{program}: {reason}")]
    Program {
        /// Which.
        program: String,
        /// What happened.
        reason: String,
    },
    /// The system refuses something else.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The signer did not answer as it should.
    #[error("{0}")]
    Signer(#[from] NodeError),
    /// A signature does not verify.
    #[error("the signature of {0} does not verify")]
    BadSignature(String),
    /// A measurement of a signer failed.
    #[error("{what}: {source}\n(run with --logs to see what the signer says)")]
    Phase {
        /// Which signer, and what it was doing.
        what: String,
        /// Why.
        source: Box<BenchError>,
    },
}

impl BenchError {
    /// For `map_err`, with the path that failed.
    pub(crate) fn file(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::File { path, source }
    }

    /// A program failed.
    pub(crate) fn program(program: &Path, reason: &impl ToString) -> Self {
        Self::Program {
            program: program.display().to_string(),
            reason: reason.to_string(),
        }
    }
}
