//! What prevents a run: not a fault of the signer, which is a violation in the ledger.

use std::io;

/// Why a run cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum CrashError {
    /// The system refuses something that the run needs.
    #[error("cannot {what}: {source}")]
    System {
        /// What was to be done.
        what: String,
        /// What it said.
        source: io::Error,
    },
    /// The made-up node cannot listen.
    #[error("the recording node cannot listen: {0}")]
    Node(#[from] testnode::NodeError),
    /// The signer's directory or disk cannot be made.
    #[error("the signer's surroundings cannot be made: {0}")]
    Home(String),
    /// The command line asks for what there is not.
    #[error("{0}")]
    Usage(String),
    /// The signer did not do what every healthy one does, so nothing can be measured.
    #[error("the signer is of no use here: {0}")]
    Signer(String),
}

impl CrashError {
    /// For `map_err`: says what was to be done.
    pub fn doing(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |source| Self::System { what, source }
    }
}
