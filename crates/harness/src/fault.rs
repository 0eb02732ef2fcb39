//! Why a case did not pass.

use std::time::Duration;

/// What goes wrong between the harness and the signer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Trouble {
    /// The signer ended the connection.
    #[error("the signer closed the connection instead of answering")]
    Closed,
    /// No answer came in time.
    #[error("the signer did not answer within {} ms", .0.as_millis())]
    Silent(Duration),
    /// The answer cannot be read.
    #[error("{0}")]
    BadReply(String),
    /// The answer is longer than the node reads.
    #[error("the answer has {len} bytes, and this node reads {limit} at most")]
    TooLong {
        /// Its length.
        len: usize,
        /// The node's limit.
        limit: usize,
    },
    /// The signer did not connect, or its handshake failed.
    #[error(
        "the signer did not connect again within {} ms{}",
        .waited.as_millis(),
        .handshake.as_ref().map(|why| format!("; a handshake failed: {why}")).unwrap_or_default()
    )]
    NotBack {
        /// How long was waited.
        waited: Duration,
        /// What became of the last connection without a handshake.
        handshake: Option<String>,
    },
}

/// Why a case did not pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The signer did otherwise than the node relies on.
    Failed(String),
    /// The case does not apply.
    Skipped(String),
    /// Nothing more can be asked.
    Gone(String),
}

/// What came of a case: passed, with a remark if there is something to say.
pub(crate) type Outcome = Result<Option<String>, Fault>;

impl Fault {
    pub(crate) fn failed(why: impl Into<String>) -> Self {
        Self::Failed(why.into())
    }
}

impl From<Trouble> for Fault {
    fn from(trouble: Trouble) -> Self {
        Self::Failed(trouble.to_string())
    }
}
