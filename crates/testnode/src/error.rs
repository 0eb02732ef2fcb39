//! What goes wrong between a node and its signer, as the node sees it.

use std::io;
use std::time::Duration;

use privval::FrameError;
use privval::node_side::Answer;
use secret_connection::{HandshakeFailure, StreamError};

/// What goes wrong while talking to a signer.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The network failed.
    #[error("the connection to the signer failed: {0}")]
    Io(io::Error),
    /// The signer closed.
    #[error("the signer closed the connection{}", if *.partial { " in the middle of an answer" } else { "" })]
    Closed {
        /// A part of an answer had arrived.
        partial: bool,
    },
    /// No signer came.
    #[error("no signer connected within {} ms", .0.as_millis())]
    NoSigner(Duration),
    /// The handshake failed.
    #[error("the handshake with the signer failed: {0}")]
    Handshake(#[from] HandshakeFailure),
    /// The answer cannot be cut out.
    #[error("the signer's answer is broken: {0}")]
    Frame(#[from] FrameError),
    /// The signer refused.
    #[error("the signer refused: {0}")]
    Refused(String),
    /// The answer is of another kind than the question.
    #[error("the signer answered something else: {0:?}")]
    Unexpected(Answer),
    /// The signature does not verify.
    #[error("the signature of {0} does not verify")]
    BadSignature(String),
    /// The extension's signature does not verify.
    #[error("the signature of the extension of {0} does not verify")]
    BadExtensionSignature(String),
    /// An extension's signature where every version of the node panics over one.
    #[error("{0} came back with the signature of an extension, and cannot have one")]
    UnwantedExtensionSignature(String),
}

impl NodeError {
    /// True when the signer ended the connection, between two answers.
    ///
    /// A signer that ends with a request unread shows as a reset; to the node it is the same.
    #[must_use]
    pub fn is_clean_close(&self) -> bool {
        match self {
            Self::Closed { partial } => !partial,
            Self::Io(error) => matches!(
                error.kind(),
                io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
            ),
            _ => false,
        }
    }
}

impl From<io::Error> for NodeError {
    fn from(error: io::Error) -> Self {
        match StreamError::of(&error) {
            Some(StreamError::ClosedInFrame { .. }) => Self::Closed { partial: true },
            _ => Self::Io(error),
        }
    }
}
