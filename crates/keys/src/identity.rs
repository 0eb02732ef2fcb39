//! The key of this signer's connections (`kms-identity.key`): base64 of a
//! 32-byte Ed25519 seed, as tmkms writes it.
//!
//! Invariant: it is no consensus key, and a consensus key's 64-byte form is not
//! taken for one.

use crate::file::{decode_base64, text};
use crate::generate::random_seed;
use crate::stack::swept;
use crate::{
    FilePermissions, GenerateError, KeyFileError, KeyFormat, MaterialError, Origin, Overwrite,
    Problem, Purpose, WriteError, base64_text, read_secret_file, write_secret_file,
};
use std::path::Path;
use zeroize::Zeroizing;

/// Reads the seed of a connection identity.
///
/// # Errors
/// [`KeyFileError`], as for a consensus key; any length but 32 bytes is refused.
pub fn read_identity(
    path: &Path,
    permissions: FilePermissions,
) -> Result<Zeroizing<[u8; 32]>, KeyFileError> {
    let content = read_secret_file(path, Purpose::Identity, permissions)?;
    swept(|| parse(&content)).map_err(|problem| KeyFileError {
        origin: Origin::from(path),
        purpose: Purpose::Identity,
        format: Some(KeyFormat::Base64),
        problem,
    })
}

/// Makes a new seed; nothing is written.
///
/// # Errors
/// [`GenerateError`] if the operating system's random source fails.
pub fn generate_identity() -> Result<Zeroizing<[u8; 32]>, GenerateError> {
    random_seed()
}

/// Writes the seed, with mode 0600.
///
/// # Errors
/// [`WriteError`]; an existing file is kept unless `overwrite` says otherwise.
pub fn write_identity(
    path: &Path,
    seed: &[u8; 32],
    overwrite: Overwrite,
) -> Result<(), WriteError> {
    write_secret_file(path, base64_text::encode(seed).as_bytes(), overwrite)
}

fn parse(content: &[u8]) -> Result<Zeroizing<[u8; 32]>, Problem> {
    let bytes = decode_base64(text(content)?)?;
    let ([seed], []) = bytes.as_chunks::<32>() else {
        return Err(Problem::IdentityLength(bytes.len()));
    };
    if *seed == [0; 32] {
        return Err(Problem::Material(MaterialError::AllZero));
    }
    Ok(Zeroizing::new(*seed))
}
