//! New keys from the operating system's random numbers.

use crate::stack::swept;
use crate::{Algorithm, KeyMaterial, MaterialError};
use thiserror::Error;
use zeroize::Zeroizing;

/// Tries before giving up: a secp256k1 draw misses the range once in 2¹²⁸, so
/// that a second miss means that the random source is broken.
const ATTEMPTS: usize = 4;

/// Why no key could be made.
#[derive(Debug, Error)]
pub enum GenerateError {
    /// The operating system gave no random bytes.
    #[error(
        "no key was made: the operating system gives no random numbers ({0}). Check that \
         getrandom(2) is allowed in this container or sandbox, then run the command again."
    )]
    NoRandomness(getrandom::Error),
    /// It gave bytes that are no key, several times over.
    #[error(
        "no key was made: the operating system's random numbers are not random ({0}). Do not \
         make keys on this machine."
    )]
    BadRandomness(MaterialError),
}

/// Makes a new private key; nothing is written.
///
/// # Errors
/// [`GenerateError`] if the operating system's random source fails.
pub fn generate(algorithm: Algorithm) -> Result<KeyMaterial, GenerateError> {
    let mut failure = MaterialError::AllZero;
    for _ in 0..ATTEMPTS {
        match swept(|| Ok(KeyMaterial::from_bytes(algorithm, &*random_seed()?, None)))? {
            Ok(material) => return Ok(material),
            Err(error) => failure = error,
        }
    }
    Err(GenerateError::BadRandomness(failure))
}

/// 32 random bytes.
///
/// # Errors
/// [`GenerateError::NoRandomness`] if the operating system gives none.
pub(crate) fn random_seed() -> Result<Zeroizing<[u8; 32]>, GenerateError> {
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice()).map_err(GenerateError::NoRandomness)?;
    Ok(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_generated_keys_differ() {
        for algorithm in [Algorithm::Ed25519, Algorithm::Secp256k1] {
            let first = generate(algorithm).unwrap();
            let second = generate(algorithm).unwrap();
            assert_eq!(first.algorithm(), algorithm);
            assert!(first.has_seed());
            assert_ne!(first.public_key(), second.public_key());
        }
    }

    #[test]
    fn a_failing_random_source_is_named() {
        let text = GenerateError::BadRandomness(MaterialError::AllZero).to_string();
        assert!(text.contains("Do not make keys on this machine."), "{text}");
    }
}
