//! Encrypted key files: reading them like any other, and turning a file into one and back.
//!
//! Invariants
//! - A file is replaced only by one that was read back from the disk and opened to the same bytes
//!   with the same passphrase. Until then the old one stays what it is.
//! - Whether a file is encrypted is told by its content.

use crate::age::{AgeError, is_encrypted, seal, unseal};
use crate::quote::quoted;
use crate::stack::swept;
use crate::write::replace_checked;
use crate::{
    Algorithm, FilePermissions, KeyFileError, KeyFormat, KeyMaterial, KeyOptions, Origin,
    Passphrase, PassphraseError, Problem, Purpose, WriteError, parse_key, read_secret_file,
};
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use thiserror::Error;
use zeroize::Zeroizing;

/// Where the passphrase comes from when a file turns out to be encrypted.
pub type Ask<'a> = &'a mut dyn FnMut() -> Result<Passphrase, PassphraseError>;

/// Reads a consensus key file, encrypted or not. `ask` is called for an encrypted one only.
///
/// # Errors
/// [`KeyFileError`]: as [`crate::read_key`], or the passphrase is missing or wrong, or the
/// encrypted file damaged.
pub fn read_key_with(
    path: &Path,
    options: &KeyOptions,
    ask: Ask<'_>,
) -> Result<KeyMaterial, KeyFileError> {
    let content = read_secret_file(path, Purpose::Consensus, options.permissions)?;
    parse_key_with(&content, &Origin::from(path), options, false, ask)
}

/// Understands the content of a key file, encrypted or not. With `guess` the format is told from
/// the content once it is in the clear, whatever the options say.
///
/// # Errors
/// [`KeyFileError`], as [`read_key_with`].
pub fn parse_key_with(
    content: &[u8],
    origin: &Origin,
    options: &KeyOptions,
    guess: bool,
    ask: Ask<'_>,
) -> Result<KeyMaterial, KeyFileError> {
    if !is_encrypted(content) {
        return parse_key(content, origin, options);
    }
    let clear = unsealed(content, ask).map_err(|problem| KeyFileError {
        origin: origin.clone(),
        purpose: Purpose::Consensus,
        format: Some(options.format),
        problem,
    })?;
    let format = if guess {
        likely_format(&clear)
    } else {
        options.format
    };
    parse_key(&clear, origin, &KeyOptions { format, ..*options })
}

fn unsealed(content: &[u8], ask: Ask<'_>) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let passphrase = swept(ask).map_err(Problem::Passphrase)?;
    unseal(content, &passphrase).map_err(Problem::Age)
}

/// The format that content is read as when nobody says: no base64 begins with a brace.
#[must_use]
pub fn likely_format(content: &[u8]) -> KeyFormat {
    let text = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    if text.trim_ascii_start().starts_with(b"{") {
        KeyFormat::Json
    } else {
        KeyFormat::Base64
    }
}

/// Why a file was not encrypted or decrypted. It is what it was before.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ReplaceError {
    /// It cannot be read, or holds no key.
    #[error(transparent)]
    Read(#[from] KeyFileError),
    /// The passphrase is missing.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// It cannot be encrypted.
    #[error("key file {} {error}", .path.display())]
    Seal {
        /// The file.
        path: PathBuf,
        /// Why.
        error: AgeError,
    },
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// It is encrypted already.
    #[error(
        "key file {} is encrypted already and was left as it is. For another passphrase run `tmkms \
         key decrypt {}` first", .0.display(), quoted(.0)
    )]
    AlreadyEncrypted(PathBuf),
    /// It is not encrypted.
    #[error("key file {} is not encrypted, and was left as it is", .0.display())]
    NotEncrypted(PathBuf),
    /// What was written could not be read back the same.
    #[error(
        "key file {} was left as it is: what was written for it was not the same when it was read \
         back. Check the disk", .0.display()
    )]
    ReadBack(PathBuf),
}

/// What became of the file that was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Replaced {
    /// Other names on this filesystem that still lead to the old content (hard links).
    pub other_names: u64,
}

/// Encrypts a key file in place. A symbolic link is followed: its target is what holds the key.
///
/// # Errors
/// [`ReplaceError`].
pub fn encrypt_file(
    path: &Path,
    permissions: FilePermissions,
    ask: Ask<'_>,
) -> Result<Replaced, ReplaceError> {
    let content = read_secret_file(path, Purpose::Consensus, permissions)?;
    if is_encrypted(&content) {
        return Err(ReplaceError::AlreadyEncrypted(path.to_owned()));
    }
    check_is_key(&content, path)?;
    let passphrase = swept(ask)?;
    let sealed = seal(&content, &passphrase).map_err(|error| ReplaceError::Seal {
        path: path.to_owned(),
        error,
    })?;
    replace(path, sealed.as_bytes(), |read| {
        unseal(read, &passphrase).is_ok_and(|opened| *opened == *content)
    })
}

/// Turns an encrypted key file back into one in the clear, byte for byte.
///
/// # Errors
/// [`ReplaceError`].
pub fn decrypt_file(
    path: &Path,
    permissions: FilePermissions,
    ask: Ask<'_>,
) -> Result<Replaced, ReplaceError> {
    let content = read_secret_file(path, Purpose::Consensus, permissions)?;
    if !is_encrypted(&content) {
        return Err(ReplaceError::NotEncrypted(path.to_owned()));
    }
    let clear = unsealed(&content, ask).map_err(|problem| KeyFileError {
        origin: Origin::from(path),
        purpose: Purpose::Consensus,
        format: None,
        problem,
    })?;
    replace(path, &clear, |read| *read == **clear)
}

/// Of either algorithm: a base64 file does not say which, and either is kept as it stands.
fn check_is_key(content: &[u8], path: &Path) -> Result<(), KeyFileError> {
    let options = KeyOptions {
        format: likely_format(content),
        ..KeyOptions::default()
    };
    let secp256k1 = KeyOptions {
        algorithm: Some(Algorithm::Secp256k1),
        ..options
    };
    let origin = Origin::from(path);
    parse_key(content, &origin, &secp256k1)
        .or_else(|_| parse_key(content, &origin, &options))
        .map(|_| ())
}

fn replace(
    path: &Path,
    content: &[u8],
    check: impl FnOnce(&[u8]) -> bool,
) -> Result<Replaced, ReplaceError> {
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let old = OpenOptions::new().write(true).open(&target);
    if !replace_checked(&target, content, check)? {
        return Err(ReplaceError::ReadBack(path.to_owned()));
    }
    let other_names = old.and_then(|old| wipe(&old)).unwrap_or_default();
    Ok(Replaced { other_names })
}

/// Overwrites a file that no name leads to any more, which is all that can be done from here:
/// where its blocks lay before (a disk that moves them, a snapshot) is out of reach.
fn wipe(mut old: &File) -> io::Result<u64> {
    let metadata = old.metadata()?;
    if metadata.nlink() == 0 {
        let length = usize::try_from(metadata.len()).unwrap_or_default();
        old.write_all(&vec![0; length])?;
        old.sync_all()?;
    }
    Ok(metadata.nlink())
}
