//! A chain: its guard and its key behind one lock.
//!
//! Invariants:
//! - The guard is asked and the store written under the lock; two requests are never judged
//!   against the same state, however many nodes ask at once.
//! - Only what the guard permitted reaches the provider.
//! - When a thread panicked with the lock held, the chain signs nothing more until a restart.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use guard::{Guard, Knowledge, Permit, Refusal};
use keys::{Provider, SignError, Signature};
use privval::{Canonical, ChainId, Height, PublicKey, RemoteError, Timestamp};
use store::FileStore;

use crate::config::RawBytes;
use crate::observe::document;
use crate::observe::record::ChainRecord;
use crate::observe::watch::Watch;

/// A chain to sign for.
pub struct Chain {
    id: ChainId,
    key_hex: String,
    provider: Arc<dyn Provider>,
    guard: Mutex<Guard<FileStore>>,
    raw_bytes: RawBytes,
    record: ChainRecord,
}

/// A signed vote or proposal.
#[derive(Debug)]
pub struct Signed {
    /// The signature.
    pub signature: Signature,
    /// The time that was signed.
    pub timestamp: Timestamp,
    /// The signature of the vote extension, if one was asked for.
    pub extension: Option<Signature>,
    /// The same was signed before.
    pub is_replay: bool,
    /// How long it took to judge it and to make the mark durable, the wait for the lock included.
    pub committed_in: Duration,
    /// Of that, the wait for the disk.
    pub synced_in: Duration,
    /// How long it took to sign it.
    pub signed_in: Duration,
}

/// Why there is no signature.
#[derive(Debug, thiserror::Error)]
pub enum SigningError {
    /// The guard refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The request cannot be signed, whatever was signed before.
    #[error("malformed request: {0}")]
    Malformed(String),
    /// The provider failed. The mark is set; the node's next try is a replay.
    #[error("{0}")]
    Provider(#[from] SignError),
    /// A bug.
    #[error(
        "a bug stopped the signing for this chain: restart the signer, and please report the \
         lines before the first of this message"
    )]
    Poisoned,
}

impl SigningError {
    /// A short name for counting.
    #[must_use]
    pub fn cause(&self) -> &'static str {
        match self {
            Self::Refused(refusal) => refusal.cause(),
            Self::Malformed(_) => "malformed",
            Self::Provider(_) => "provider",
            Self::Poisoned => "bug",
        }
    }

    /// The error as the node receives it.
    #[must_use]
    pub fn remote_error(&self) -> RemoteError {
        match self {
            Self::Refused(refusal) => refusal.remote_error(),
            other => RemoteError {
                code: 1,
                description: other.to_string(),
            },
        }
    }
}

impl Chain {
    /// A chain whose guard is `guard` and whose key is with `provider`; `key` is what is told of
    /// that key, and `watch` what is looked at from outside.
    pub fn new(
        id: ChainId,
        provider: Arc<dyn Provider>,
        guard: Guard<FileStore>,
        raw_bytes: RawBytes,
        key: document::Key,
        watch: Watch,
    ) -> Self {
        Self {
            id,
            key_hex: keys::show::hex(&provider.public_key()),
            provider,
            record: ChainRecord::new(key, guard.knowledge().hrs(), watch),
            guard: Mutex::new(guard),
            raw_bytes,
        }
    }

    /// The chain's id.
    #[must_use]
    pub fn id(&self) -> &ChainId {
        &self.id
    }

    /// The validator's public key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.provider.public_key()
    }

    /// That key in hexadecimal.
    #[must_use]
    pub fn key_hex(&self) -> &str {
        &self.key_hex
    }

    /// How requests for signatures over raw bytes are read.
    #[must_use]
    pub fn raw_bytes(&self) -> RawBytes {
        self.raw_bytes
    }

    /// Checks that a request is for this chain.
    ///
    /// # Errors
    /// [`Refusal::WrongChain`].
    pub fn check_id(&self, asked: &str) -> Result<(), SigningError> {
        Ok(self.guard()?.check_chain(asked)?)
    }

    /// Signs a vote or a proposal, and the extension that comes with it.
    ///
    /// # Errors
    /// [`SigningError`]; then nothing was signed.
    pub fn sign(
        &self,
        asked: &Canonical,
        extension: Option<&[u8]>,
        max_height: Option<Height>,
    ) -> Result<Signed, SigningError> {
        let started = Instant::now();
        let (permit, synced_in) = {
            let mut guard = self.guard()?;
            let permit = guard.permit(asked, max_height, started)?;
            (permit, guard.store_mut().synced_in())
        };
        let committed = Instant::now();
        let extension = extension.and_then(|bytes| permit.extension(bytes));
        let (timestamp, is_replay) = (permit.timestamp(), permit.is_replay());
        let signature = self.provider.sign(Permit::from(permit))?;
        let extension = extension
            .map(|permit| self.provider.sign(Permit::from(permit)))
            .transpose()?;
        Ok(Signed {
            signature,
            timestamp,
            extension,
            is_replay,
            committed_in: committed.saturating_duration_since(started),
            synced_in,
            signed_in: committed.elapsed(),
        })
    }

    /// Signs bytes that are no consensus message, where the chain allows it.
    ///
    /// # Errors
    /// [`SigningError`]; then nothing was signed.
    pub fn sign_raw_bytes(&self, raw: privval::RawBytes) -> Result<Signature, SigningError> {
        let permit = self.guard()?.permit_raw_bytes(raw)?;
        Ok(self.provider.sign(Permit::from(permit))?)
    }

    /// What was done so far.
    #[must_use]
    pub fn record(&self) -> &ChainRecord {
        &self.record
    }

    /// What is known of the past.
    ///
    /// # Errors
    /// [`SigningError::Poisoned`].
    pub fn knowledge(&self) -> Result<Knowledge, SigningError> {
        Ok(self.guard()?.knowledge().clone())
    }

    fn guard(&self) -> Result<MutexGuard<'_, Guard<FileStore>>, SigningError> {
        self.guard.lock().map_err(|_| SigningError::Poisoned)
    }
}
