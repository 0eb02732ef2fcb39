//! What a caller says about a key file before it is read.

use crate::Algorithm;
use privval::PublicKey;
use std::fmt;
use std::path::{Path, PathBuf};

/// How a key file is written; `key_format` of `[[providers.softsign]]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyFormat {
    /// tmkms' own: the key's bytes in base64 on one line. tmkms' default.
    #[default]
    Base64,
    /// CometBFT's `priv_validator_key.json`.
    Json,
}

impl fmt::Display for KeyFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Base64 => "base64",
            Self::Json => "json",
        })
    }
}

/// Whether a secret file must be closed to other users of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FilePermissions {
    /// Neither group nor others may read or write it.
    #[default]
    RequirePrivate,
    /// Anybody but the owner and the group must be kept out: for credentials of the service
    /// manager, which it may open to a group.
    RequireNotWorld,
    /// Any mode: for mounts that cannot carry modes (`--allow-insecure-permissions`).
    AllowInsecure,
}

/// How to read a consensus key, and what the caller already knows of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyOptions {
    /// How it is written. It is never guessed: a file in another format is
    /// refused with a text that names that format.
    pub format: KeyFormat,
    /// The algorithm, if the caller knows. A JSON key names its own, and must
    /// name this one; a base64 key has no name and is Ed25519 if this is `None`,
    /// as in tmkms.
    pub algorithm: Option<Algorithm>,
    /// The public key, if the caller knows it. The derived one must be equal.
    pub public_key: Option<PublicKey>,
    /// What the file's mode must be.
    pub permissions: FilePermissions,
}

/// Where key bytes come from; it only shapes the texts of errors.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// Standard input.
    StandardInput,
}

impl From<&Path> for Origin {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

/// What a secret is for; it only shapes the texts of errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// The validator's consensus key.
    Consensus,
    /// The key that identifies this signer's connections (`kms-identity.key`).
    Identity,
    /// The passphrase of an encrypted key.
    Passphrase,
    /// A backup of a key.
    Backup,
    /// The keys of a tunnel, in a `wg0.conf`.
    WireGuard,
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Consensus => "key",
            Self::Identity => "identity key",
            Self::Passphrase => "passphrase",
            Self::Backup => "backup",
            Self::WireGuard => "WireGuard",
        })
    }
}
