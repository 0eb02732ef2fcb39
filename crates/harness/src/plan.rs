//! What is tried.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use privval::{PublicKey, Version};

use crate::ground::Ground;

/// What is tried, and how long is waited.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The chain and the first height.
    pub ground: Ground,
    /// As nodes of which versions, in this order.
    pub versions: Vec<Version>,
    /// The public key that the signer must have, if that is known.
    pub expected_key: Option<PublicKey>,
    /// The chain has vote extensions: what they need is a must.
    pub extensions: bool,
    /// How long the signer may take to connect.
    pub patience: Duration,
    /// How long one answer may take; a node waits 5 s.
    pub answer_timeout: Duration,
    /// How long the signer may take to come back when the connection has ended.
    pub return_timeout: Duration,
    /// True from when the signer is waited for until it connects, for whoever runs it.
    pub is_waiting: Arc<AtomicBool>,
    /// To be set by whoever runs it once no signer will come: nobody waits for one any more.
    pub given_up: Arc<AtomicBool>,
    /// How slow a node is, where that is tried.
    pub pauses: Pauses,
    /// How long a signer without a past may let heights pass before it signs one.
    pub first_signature_timeout: Duration,
}

impl Plan {
    /// How long a node waits for one answer (CometBFT `privval/signer_endpoint.go`).
    pub const NODE_TIMEOUT: Duration = Duration::from_secs(5);

    /// Everything, as nodes do it.
    #[must_use]
    pub fn new(ground: Ground) -> Self {
        Self {
            ground,
            versions: Version::ALL.to_vec(),
            expected_key: None,
            extensions: false,
            patience: Duration::from_secs(60),
            answer_timeout: Self::NODE_TIMEOUT,
            return_timeout: Duration::from_secs(10),
            is_waiting: Arc::default(),
            given_up: Arc::default(),
            pauses: Pauses::default(),
            first_signature_timeout: Duration::from_secs(60),
        }
    }

    /// The newest of the versions: as a node of it all is asked that is the same in every version.
    #[must_use]
    pub fn newest(&self) -> Version {
        self.versions
            .iter()
            .copied()
            .max()
            .unwrap_or(Version::V0_34)
    }
}

/// How long a node keeps its signer waiting in the cases that are about that.
#[derive(Clone, Copy, Debug)]
pub struct Pauses {
    /// Between the two halves of a request.
    pub half: Duration,
    /// Before it reads an answer.
    pub reader: Duration,
    /// Between two requests: longer than a node is ever silent, which pings every 3.3 s.
    pub idle: Duration,
    /// Between taking a connection and hanging up without a word.
    pub silence: Duration,
}

impl Default for Pauses {
    fn default() -> Self {
        Self {
            half: Duration::from_millis(1500),
            reader: Duration::from_secs(2),
            idle: Duration::from_secs(4),
            silence: Duration::from_secs(2),
        }
    }
}
