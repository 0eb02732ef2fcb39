//! Private key bytes at rest in memory: what a key file holds, before it signs
//! and when it is written again.
//!
//! Invariants
//! - The public key was derived from the private bytes, never taken on trust.
//! - The bytes live in one heap allocation that is zeroized on drop. There is
//!   no `Clone`, and `Debug` shows the public key only.
//! - 64 bytes are never told apart by their length: Go's form is taken exactly
//!   if its second half is the public key of its first half.

use crate::{Algorithm, show};
use ed25519_dalek::{VerifyingKey, hazmat::ExpandedSecretKey};
use privval::PublicKey;
use std::fmt;
use thiserror::Error;
use zeroize::Zeroizing;

/// A private consensus key as bytes, together with its public key.
///
/// It cannot sign: [`crate::ConsensusKey`] does. Its bytes leave this crate only
/// through [`crate::write_key`].
pub struct KeyMaterial {
    secret: Secret,
    public_key: PublicKey,
}

/// The forms of a private key that can be written back as they were read.
enum Secret {
    Ed25519Seed(Box<Zeroizing<[u8; 32]>>),
    /// RFC 8032 section 5.1.5: scalar and hash prefix; the seed is unknown.
    Ed25519Expanded(Box<Zeroizing<[u8; 64]>>),
    /// The curve crate zeroizes its scalar on drop.
    Secp256k1(Box<k256::ecdsa::SigningKey>),
}

/// Why bytes are no usable private key. Holds nothing of the private bytes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum MaterialError {
    /// A length that no form of this algorithm has.
    #[error("holds {found} bytes, but {} are expected", lengths(*.algorithm))]
    Length {
        /// The algorithm asked for.
        algorithm: Algorithm,
        /// Bytes found.
        found: usize,
    },
    /// Not the 64 bytes of Go's form.
    #[error("holds {0} bytes, but 64 are expected (Go's form: seed and public key)")]
    GoLength(usize),
    /// Only zero bytes: a preallocated or wiped file.
    #[error("holds only zero bytes, which is no key")]
    AllZero,
    /// 64 bytes in neither of the two forms.
    #[error(
        "holds 64 bytes that are neither Go's form (the second half is not the public key of \
         the first) nor tmkms' expanded form (the scalar is not clamped as RFC 8032 5.1.5 asks)"
    )]
    NeitherForm,
    /// 96 bytes that are not a scalar, a prefix and their public key.
    #[error(
        "holds 96 bytes that are no YubiHSM export: its last 32 bytes are not the public key \
         of the private part"
    )]
    ExportMismatch,
    /// A secp256k1 scalar that is zero or not below the group order.
    #[error(
        "holds 32 bytes that are no secp256k1 private key (zero, or not below the group order)"
    )]
    OutOfRange,
    /// The public key was found where the private key belongs.
    #[error("holds the {algorithm} public key, not the private key")]
    IsPublicKey {
        /// The algorithm of the public key.
        algorithm: Algorithm,
    },
    /// A valid private key, but of another public key than the caller expects.
    #[error(
        "holds the private key of {}, but the key expected is {}",
        show::base64(.found),
        show::base64(.expected)
    )]
    OtherKey {
        /// The public key the caller knows.
        expected: PublicKey,
        /// The public key derived from the bytes.
        found: PublicKey,
    },
}

/// The forms that are accepted, for people.
fn lengths(algorithm: Algorithm) -> &'static str {
    match algorithm {
        Algorithm::Ed25519 => "32 (seed), 64 (Go's form or tmkms' expanded form)",
        Algorithm::Secp256k1 => "32",
    }
}

impl KeyMaterial {
    /// Takes private key bytes in any form that tmkms 0.15 or CometBFT writes.
    ///
    /// Ed25519: 32 bytes are a seed. 64 bytes are Go's `seed ‖ public` exactly
    /// if the second half is the public key of the first; otherwise they are
    /// tmkms' expanded key if the scalar is clamped. 96 bytes are the YubiHSM
    /// export that tmkms reads (scalar in big-endian order, prefix, public key).
    /// secp256k1: 32 bytes, the big-endian scalar.
    ///
    /// With `expected` the derived public key must equal it. A 64-byte key whose
    /// scalar is not clamped is accepted only so: clamping a scalar that was
    /// reduced modulo the group order would sign under another key.
    ///
    /// # Errors
    /// [`MaterialError`], whose texts hold no private bytes.
    pub fn from_bytes(
        algorithm: Algorithm,
        bytes: &[u8],
        expected: Option<PublicKey>,
    ) -> Result<Self, MaterialError> {
        refuse_public(bytes, expected)?;
        let material = match algorithm {
            Algorithm::Ed25519 => Self::ed25519(bytes, expected)?,
            Algorithm::Secp256k1 => Self::secp256k1(bytes)?,
        };
        match expected {
            Some(expected) if expected != material.public_key => Err(MaterialError::OtherKey {
                expected,
                found: material.public_key,
            }),
            _ => Ok(material),
        }
    }

    /// Takes Go's 64-byte Ed25519 form, `seed ‖ public`, and nothing else.
    ///
    /// # Errors
    /// [`MaterialError::GoLength`], [`MaterialError::OtherKey`] if the second
    /// half is not the public key of the first, [`MaterialError::AllZero`].
    pub fn from_go_ed25519(bytes: &[u8]) -> Result<Self, MaterialError> {
        let ([seed, public], []) = bytes.as_chunks::<32>() else {
            return Err(MaterialError::GoLength(bytes.len()));
        };
        let material = Self::from_seed(seed)?;
        let expected = PublicKey::Ed25519(*public);
        if material.public_key == expected {
            Ok(material)
        } else {
            Err(MaterialError::OtherKey {
                expected,
                found: material.public_key,
            })
        }
    }

    /// The public key, derived from the private bytes.
    pub fn public_key(&self) -> PublicKey {
        self.public_key
    }

    /// The algorithm of the key.
    pub fn algorithm(&self) -> Algorithm {
        match self.secret {
            Secret::Ed25519Seed(_) | Secret::Ed25519Expanded(_) => Algorithm::Ed25519,
            Secret::Secp256k1(_) => Algorithm::Secp256k1,
        }
    }

    /// Whether the key is known as a 32-byte seed, so that it can be kept as 24
    /// words; an expanded key cannot.
    pub fn has_seed(&self) -> bool {
        !matches!(self.secret, Secret::Ed25519Expanded(_))
    }

    /// The bytes as they stand in a base64 key file of tmkms.
    pub(crate) fn secret_bytes(&self) -> Zeroizing<Vec<u8>> {
        match &self.secret {
            Secret::Ed25519Seed(seed) => Zeroizing::new(seed.to_vec()),
            Secret::Ed25519Expanded(expanded) => Zeroizing::new(expanded.to_vec()),
            Secret::Secp256k1(key) => {
                let scalar: Zeroizing<[u8; 32]> = Zeroizing::new(key.to_bytes().into());
                Zeroizing::new(scalar.to_vec())
            }
        }
    }

    /// What signs.
    pub(crate) fn signer(&self) -> Signer {
        match &self.secret {
            Secret::Ed25519Seed(seed) => {
                Signer::Ed25519(Box::new(ExpandedSecretKey::from(&***seed)))
            }
            Secret::Ed25519Expanded(expanded) => {
                Signer::Ed25519(Box::new(ExpandedSecretKey::from_bytes(expanded)))
            }
            Secret::Secp256k1(key) => Signer::Secp256k1(key.clone()),
        }
    }

    fn ed25519(bytes: &[u8], expected: Option<PublicKey>) -> Result<Self, MaterialError> {
        match bytes.as_chunks::<32>() {
            ([seed], []) => Self::from_seed(seed),
            ([first, second], []) => Self::from_64(first, second, expected),
            ([scalar, prefix, public], []) => Self::from_yubihsm_export(scalar, prefix, public),
            _ => Err(MaterialError::Length {
                algorithm: Algorithm::Ed25519,
                found: bytes.len(),
            }),
        }
    }

    fn from_seed(seed: &[u8; 32]) -> Result<Self, MaterialError> {
        if seed.iter().all(|byte| *byte == 0) {
            return Err(MaterialError::AllZero);
        }
        let mut kept = Box::new(Zeroizing::new([0; 32]));
        kept.copy_from_slice(seed);
        Ok(Self {
            public_key: public_of(&ExpandedSecretKey::from(seed)),
            secret: Secret::Ed25519Seed(kept),
        })
    }

    fn from_64(
        first: &[u8; 32],
        second: &[u8; 32],
        expected: Option<PublicKey>,
    ) -> Result<Self, MaterialError> {
        if [first, second] == [&[0; 32]; 2] {
            return Err(MaterialError::AllZero);
        }
        if public_of(&ExpandedSecretKey::from(first)) == PublicKey::Ed25519(*second) {
            return Self::from_seed(first);
        }
        let material = Self::from_expanded(first, second);
        if is_clamped(first) || expected == Some(material.public_key) {
            Ok(material)
        } else {
            Err(MaterialError::NeitherForm)
        }
    }

    /// tmkms clamps the scalar when it reads it, and so does the curve crate
    /// here: both sign under the same key.
    fn from_expanded(scalar: &[u8; 32], prefix: &[u8; 32]) -> Self {
        let mut kept = Box::new(Zeroizing::new([0; 64]));
        for (to, from) in kept.iter_mut().zip(scalar.iter().chain(prefix)) {
            *to = *from;
        }
        Self {
            public_key: public_of(&ExpandedSecretKey::from_bytes(&kept)),
            secret: Secret::Ed25519Expanded(kept),
        }
    }

    /// The YubiHSM keeps the scalar in the opposite byte order; tmkms drops the
    /// public key unread, here it guards against a file of another kind.
    fn from_yubihsm_export(
        scalar: &[u8; 32],
        prefix: &[u8; 32],
        public: &[u8; 32],
    ) -> Result<Self, MaterialError> {
        let mut little_endian = Zeroizing::new(*scalar);
        little_endian.reverse();
        let material = Self::from_expanded(&little_endian, prefix);
        if material.public_key == PublicKey::Ed25519(*public) {
            Ok(material)
        } else {
            Err(MaterialError::ExportMismatch)
        }
    }

    fn secp256k1(bytes: &[u8]) -> Result<Self, MaterialError> {
        let Ok(scalar) = <&[u8; 32]>::try_from(bytes) else {
            return Err(MaterialError::Length {
                algorithm: Algorithm::Secp256k1,
                found: bytes.len(),
            });
        };
        let key = k256::ecdsa::SigningKey::from_bytes(scalar.into())
            .map(Box::new)
            .map_err(|_| MaterialError::OutOfRange)?;
        Ok(Self {
            public_key: public_of_secp256k1(&key),
            secret: Secret::Secp256k1(key),
        })
    }
}

impl fmt::Debug for KeyMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyMaterial")
            .field("public_key", &show::base64(&self.public_key))
            .finish_non_exhaustive()
    }
}

/// The part of a key that signs; only [`crate::ConsensusKey`] holds one.
pub(crate) enum Signer {
    /// Expanded once: hashing the seed for each signature would double its cost.
    Ed25519(Box<ExpandedSecretKey>),
    Secp256k1(Box<k256::ecdsa::SigningKey>),
}

/// RFC 8032 section 5.1.5 step 2: the three low bits and the highest are clear,
/// the second highest is set.
fn is_clamped(scalar: &[u8; 32]) -> bool {
    let [first, .., last] = scalar;
    first & 0b0000_0111 == 0 && last & 0b1100_0000 == 0b0100_0000
}

fn public_of(expanded: &ExpandedSecretKey) -> PublicKey {
    PublicKey::Ed25519(VerifyingKey::from(expanded).to_bytes())
}

fn public_of_secp256k1(key: &k256::ecdsa::SigningKey) -> PublicKey {
    PublicKey::Secp256k1(k256::CompressedPoint::from(key.verifying_key()).into())
}

/// A public key in place of a private one would sign nothing, but as an Ed25519
/// "seed" it would silently make another key.
fn refuse_public(bytes: &[u8], expected: Option<PublicKey>) -> Result<(), MaterialError> {
    let algorithm = match (bytes, expected) {
        (_, Some(PublicKey::Ed25519(public))) if bytes == public => Algorithm::Ed25519,
        ([2 | 3, rest @ ..], _) if rest.len() == 32 => Algorithm::Secp256k1,
        _ => return Ok(()),
    };
    Err(MaterialError::IsPublicKey { algorithm })
}
