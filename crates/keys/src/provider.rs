//! What signs: one provider per key, and only for permits of the guard.
//!
//! Invariants
//! - A [`Provider`] takes a [`guard::Permit`] by value and nothing else. Only the
//!   guard makes permits, after the mark was committed, so code that signs bytes
//!   of its own does not compile:
//!
//! ```compile_fail,E0308
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use keys::{Algorithm, ConsensusKey, Provider, Softsign};
//! let signer = Softsign::new(ConsensusKey::from_bytes(Algorithm::Ed25519, &[7; 32], None)?);
//! signer.sign(b"any bytes")?; // expected `Permit`
//! # Ok(())
//! # }
//! ```
//! - The key's own signing method is private to this crate:
//!
//! ```compile_fail,E0624
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use keys::{Algorithm, ConsensusKey};
//! let key = ConsensusKey::from_bytes(Algorithm::Ed25519, &[7; 32], None)?;
//! key.sign(b"any bytes"); // private
//! # Ok(())
//! # }
//! ```
//! - A key cannot be copied out to sign elsewhere:
//!
//! ```compile_fail,E0599
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use keys::{Algorithm, ConsensusKey};
//! let key = ConsensusKey::from_bytes(Algorithm::Ed25519, &[7; 32], None)?;
//! let second = key.clone(); // not Clone
//! # Ok(())
//! # }
//! ```
//! - What these examples leave out does compile, so they fail for the reason given:
//!
//! ```
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use keys::{Algorithm, ConsensusKey, Provider, Softsign};
//! let signer = Softsign::new(ConsensusKey::from_bytes(Algorithm::Ed25519, &[7; 32], None)?);
//! signer.public_key();
//! # Ok(())
//! # }
//! ```

use crate::ConsensusKey;
use guard::Permit;
use privval::PublicKey;
use std::fmt;
use thiserror::Error;

/// A signature: 64 bytes, `R ‖ S` for Ed25519 and `r ‖ s` (low s) for secp256k1.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    /// Takes the bytes that a provider made.
    pub fn from_bytes(bytes: [u8; 64]) -> Self {
        Self(bytes)
    }

    /// The bytes, as they go on the wire.
    pub fn to_bytes(self) -> [u8; 64] {
        self.0
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode_upper(self.0))
    }
}

/// Why a provider gave no signature.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SignError {
    /// The algorithm failed on this input.
    #[error("the {provider} provider could not sign: {reason}")]
    Failed {
        /// The provider's name in the configuration.
        provider: &'static str,
        /// What it said.
        reason: String,
    },
}

/// Something that holds one consensus key and signs with it.
pub trait Provider: Send + Sync {
    /// The public key. It never changes while the provider lives.
    fn public_key(&self) -> PublicKey;

    /// Signs exactly [`Permit::sign_bytes`] and uses the permit up.
    ///
    /// # Errors
    /// [`SignError`] if there is no signature. The permit is gone all the same; the
    /// guard has committed the mark, so a new request for it is answered by its rules.
    fn sign(&self, permit: Permit) -> Result<Signature, SignError>;
}

/// The provider that holds its key in this process' memory.
#[derive(Debug)]
pub struct Softsign {
    key: ConsensusKey,
}

impl Softsign {
    /// Takes the key; it leaves memory when this is dropped.
    pub fn new(key: ConsensusKey) -> Self {
        Self { key }
    }
}

impl Provider for Softsign {
    fn public_key(&self) -> PublicKey {
        self.key.public_key()
    }

    fn sign(&self, permit: Permit) -> Result<Signature, SignError> {
        self.key
            .sign(permit.sign_bytes())
            .map_err(|error| SignError::Failed {
                provider: "softsign",
                reason: error.to_string(),
            })
    }
}
