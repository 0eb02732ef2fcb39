//! A consensus key that is ready to sign.
//!
//! Invariants
//! - It signs for this crate's [`crate::Provider`] only: the signing method is not
//!   public, so raw bytes can be signed nowhere else.
//! - The secret part sits in one heap allocation and is zeroized on drop. There
//!   is no `Clone`, and `Debug` shows the public key only.

use crate::material::Signer;
use crate::stack::{swept, swept_after_signing};
use crate::{Algorithm, KeyMaterial, MaterialError, Signature, show};
use ed25519_dalek::{VerifyingKey, hazmat};
use k256::ecdsa::{self, signature::Signer as _};
use privval::PublicKey;
use sha2::Sha512;
use std::fmt;

/// A private consensus key, expanded once, with its public key at hand.
pub struct ConsensusKey {
    inner: Inner,
    public_key: PublicKey,
}

enum Inner {
    Ed25519 {
        expanded: Box<hazmat::ExpandedSecretKey>,
        /// Kept, because deriving it costs as much as the signature itself.
        verifying: VerifyingKey,
    },
    Secp256k1(Box<ecdsa::SigningKey>),
}

impl ConsensusKey {
    /// Takes private key bytes; see [`KeyMaterial::from_bytes`] for the forms.
    ///
    /// # Errors
    /// [`MaterialError`] if they are no private key, or not that of `expected`.
    pub fn from_bytes(
        algorithm: Algorithm,
        bytes: &[u8],
        expected: Option<PublicKey>,
    ) -> Result<Self, MaterialError> {
        KeyMaterial::from_bytes(algorithm, bytes, expected).map(|material| Self::from(&material))
    }

    /// The public key.
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// Signs as CometBFT's `crypto/ed25519` and `crypto/secp256k1` do: the same
    /// bytes give the same signature, which replaying after a crash relies on.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Signature, ecdsa::Error> {
        swept_after_signing(|| self.sign_on_the_stack(message))
    }

    fn sign_on_the_stack(&self, message: &[u8]) -> Result<Signature, ecdsa::Error> {
        match &self.inner {
            Inner::Ed25519 {
                expanded,
                verifying,
            } => {
                let signature = hazmat::raw_sign::<Sha512>(expanded, message, verifying);
                Ok(Signature::from_bytes(signature.to_bytes()))
            }
            Inner::Secp256k1(key) => {
                let signature: ecdsa::Signature = key.try_sign(message)?;
                let low_s = signature.normalize_s().unwrap_or(signature);
                Ok(Signature::from_bytes(low_s.to_bytes().into()))
            }
        }
    }
}

impl From<&KeyMaterial> for ConsensusKey {
    fn from(material: &KeyMaterial) -> Self {
        swept(|| Self::expanded(material))
    }
}

impl ConsensusKey {
    fn expanded(material: &KeyMaterial) -> Self {
        let inner = match material.signer() {
            Signer::Ed25519(expanded) => Inner::Ed25519 {
                verifying: VerifyingKey::from(&*expanded),
                expanded,
            },
            Signer::Secp256k1(key) => Inner::Secp256k1(key),
        };
        Self {
            inner,
            public_key: material.public_key(),
        }
    }
}

impl fmt::Debug for ConsensusKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConsensusKey")
            .field("public_key", &show::base64(&self.public_key))
            .finish_non_exhaustive()
    }
}
