//! What can be wrong with a key file, and what to do about it.
//!
//! Invariants
//! - No text holds key bytes: lengths, positions, modes and public keys only.
//! - Each text says what was found, in which file, and the next step. No step
//!   deletes or overwrites a file that may be somebody's only copy of a key.

use crate::quote::quoted;
use crate::{
    AgeError, Algorithm, KeyFormat, MaterialError, Origin, PassphraseError, Purpose, show,
};
use privval::PublicKey;
use std::io;
use std::path::PathBuf;
use thiserror::Error;

/// The remedy for a damaged `priv_validator_key.json`.
const FROM_NODE: &str =
    "Take config/priv_validator_key.json from the node, or from its backup, again";

/// The remedy for another key in place of the identity; that key must stay where it is.
const IDENTITY_PATH: &str = "Check that `secret_key` names the key of the connection; `tmkms \
                             identity new FILE` makes one under a new name";

/// A secret file (or standard input) that could not be used.
#[derive(Debug, Error)]
#[error("{} {problem}. {}", self.subject(), self.remedy())]
pub struct KeyFileError {
    /// Where the bytes come from.
    pub origin: Origin,
    /// What they are for.
    pub purpose: Purpose,
    /// The format that was asked for, once the bytes were read.
    pub format: Option<KeyFormat>,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a secret file. The texts go on after "key file PATH".
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Problem {
    /// There is no file of this name; `directory` is the missing directory above it.
    #[error("does not exist{}", match .directory {
        Some(directory) => format!(" (nor does the directory {})", directory.display()),
        None => String::new(),
    })]
    Missing {
        /// The directory that is missing as well, if it is.
        directory: Option<PathBuf>,
    },
    /// A directory stands where the file should be.
    #[error("is a directory, but a file is expected")]
    Directory,
    /// A device, pipe or socket.
    #[error("is {kind}, but a regular file is expected")]
    NotRegular {
        /// What it is.
        kind: &'static str,
    },
    /// The system refuses to open it.
    #[error("cannot be read: permission denied for uid {uid}{}", match .owner {
        Some((owner, mode)) => format!(" (the file belongs to uid {owner}, mode {mode:04o})"),
        None => " (a directory above it is closed to this user)".to_owned(),
    })]
    PermissionDenied {
        /// The effective user of this process.
        uid: u32,
        /// The file's owner and mode bits, if they can be seen.
        owner: Option<(u32, u32)>,
    },
    /// Others on the machine may read or write it.
    #[error("can be {} by other users (mode {mode:04o})", access(*.mode))]
    Insecure {
        /// The file's mode bits.
        mode: u32,
    },
    /// More bytes than any key file has.
    #[error("is larger than {limit} bytes, too many to be one")]
    TooLarge {
        /// The most bytes that are read.
        limit: usize,
    },
    /// Another error of the system.
    #[error("cannot be read: {0}")]
    Io(io::Error),
    /// No bytes, or only white space.
    #[error("is empty")]
    Empty,
    /// Not text.
    #[error("has a bad encoding: {bytes} bytes of {what}, but text is expected")]
    Binary {
        /// How many bytes.
        bytes: usize,
        /// What they look like.
        what: &'static str,
    },
    /// Recognised as something else than what was asked for.
    #[error("has a bad encoding: {found}, but {expected} is expected")]
    OtherContent {
        /// What it is.
        found: Content,
        /// The format asked for.
        expected: KeyFormat,
    },
    /// Base64 text that does not decode.
    #[error("has a bad encoding: {0}")]
    BadBase64(String),
    /// JSON that is damaged or lacks a field. Serde's own text is not used: it quotes values.
    #[error("is not a CometBFT key: {0}")]
    BadJson(String),
    /// A key type that no signer of this kind supports.
    #[error("holds a key of type `{0}`, which is not supported")]
    UnsupportedType(String),
    /// Another algorithm than the caller asked for.
    #[error("holds a key for {found}, but {expected} is expected")]
    WrongAlgorithm {
        /// The algorithm the file names.
        found: Algorithm,
        /// The algorithm asked for.
        expected: Algorithm,
    },
    /// `pub_key` is not the public key of `priv_key`.
    #[error(
        "contradicts itself: pub_key is {}, but priv_key belongs to {}",
        show::base64(.written),
        show::base64(.derived)
    )]
    PublicKeyMismatch {
        /// What the file says.
        written: PublicKey,
        /// What follows from `priv_key`.
        derived: PublicKey,
    },
    /// `address` is not the address of `priv_key`.
    #[error("contradicts itself: address is {written}, but priv_key has the address {derived}")]
    AddressMismatch {
        /// What the file says, without anything that is not hexadecimal.
        written: String,
        /// What follows from `priv_key`.
        derived: String,
    },
    /// An identity of another length than a seed.
    #[error("holds {0} bytes, but 32 are expected (the seed of an Ed25519 key)")]
    IdentityLength(usize),
    /// It is encrypted, and does not open.
    #[error("{0}")]
    Age(AgeError),
    /// It is encrypted, and there is no passphrase.
    #[error("is encrypted, and {0}")]
    Passphrase(PassphraseError),
    /// The encoding is right, its bytes are no key.
    #[error("{0}")]
    Material(MaterialError),
}

/// What a file was recognised as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Content {
    /// CometBFT's `priv_validator_key.json`.
    #[error("this looks like CometBFT's JSON key")]
    CometKey,
    /// CometBFT's `node_key.json`: the identity of a node, not of a validator.
    #[error("this looks like a node's node_key.json, which is not the validator's key")]
    NodeKey,
    /// CometBFT's `priv_validator_state.json`.
    #[error("this looks like the node's priv_validator_state.json, which holds no key")]
    StateFile,
    /// A public key in some text form.
    #[error("this is a public key, not a private one")]
    PublicKey,
    /// Some other JSON.
    #[error("this is JSON, but not of a key")]
    OtherJson,
    /// A base64 key, where JSON was asked for.
    #[error("this looks like a base64 key")]
    Base64Key,
    /// The digits of a key in hexadecimal.
    #[error("this looks like hexadecimal")]
    Hex,
    /// A PEM or OpenSSH block.
    #[error("this looks like a PEM block")]
    Pem,
    /// A file encrypted with age.
    #[error("this is encrypted with age")]
    Encrypted,
    /// Some other text.
    #[error("this is text of another kind")]
    OtherText,
}

impl KeyFileError {
    fn subject(&self) -> String {
        match &self.origin {
            Origin::File(path) => format!("{} file {}", self.purpose, path.display()),
            Origin::StandardInput => "standard input".to_owned(),
        }
    }

    /// The path as a word of a command.
    fn word(&self) -> String {
        match &self.origin {
            Origin::File(path) => quoted(path),
            Origin::StandardInput => "KEY_FILE".to_owned(),
        }
    }

    /// What to do next, in one or two sentences.
    pub fn remedy(&self) -> String {
        let path = self.word();
        match &self.problem {
            Problem::Missing { directory } => self.remedy_missing(directory.as_ref()),
            Problem::Directory => format!(
                "Docker makes a directory where the source of a mount is missing: stop the \
                 container, run `rmdir {path}`, put the file there and start the container \
                 again"
            ),
            Problem::PermissionDenied { uid, owner } => match owner {
                Some((owner, _)) if owner == uid => format!("Run `chmod 600 {path}`"),
                Some(_) => format!("Run `chown {uid} {path}`"),
                None => format!("Run `namei -l {path}` to see which directory, and open it"),
            },
            Problem::Insecure { .. } => format!(
                "Run `chmod 600 {path}`. Where a mount cannot carry modes (Docker Desktop), use \
                 --allow-insecure-permissions"
            ),
            Problem::NotRegular { .. } | Problem::TooLarge { .. } => {
                "Check that the path names the right file".to_owned()
            }
            Problem::Io(_) => "Check the disk or mount that holds it".to_owned(),
            Problem::OtherContent { found, .. } => self.remedy_content(*found),
            Problem::IdentityLength(_) => IDENTITY_PATH.to_owned(),
            Problem::Age(error) => remedy_encrypted(error).to_owned(),
            Problem::Passphrase(_) => {
                "Nothing was opened; run it again when the passphrase can be read".to_owned()
            }
            Problem::UnsupportedType(_) => format!(
                "Supported are {} and {}",
                Algorithm::Ed25519.private_type(),
                Algorithm::Secp256k1.private_type()
            ),
            Problem::WrongAlgorithm { .. } => {
                "Use the key file of that type, or change the key type in the configuration"
                    .to_owned()
            }
            Problem::Material(MaterialError::OtherKey { .. }) => {
                "Check that this is the key file of this validator".to_owned()
            }
            Problem::BadJson(_)
            | Problem::PublicKeyMismatch { .. }
            | Problem::AddressMismatch { .. } => FROM_NODE.to_owned(),
            Problem::Empty
            | Problem::Binary { .. }
            | Problem::BadBase64(_)
            | Problem::Material(_) => self.remedy_again(),
        }
    }

    fn remedy_missing(&self, directory: Option<&PathBuf>) -> String {
        let path = self.word();
        let first = match directory {
            Some(directory) => format!("Run `mkdir -p {}`. ", quoted(directory)),
            None => String::new(),
        };
        match self.purpose {
            Purpose::Consensus => format!(
                "{first}Import the node's key with `tmkms softsign import \
                 priv_validator_key.json {path}`, or make one for a new validator with `tmkms \
                 softsign keygen {path}`"
            ),
            Purpose::Identity => format!("{first}Make one with `tmkms identity new {path}`"),
            Purpose::Backup => "Name the file that `tmkms key backup` made".to_owned(),
            Purpose::WireGuard => format!(
                "{first}Make it, and the other machine's, with `tmkms wireguard pair --endpoint \
                 HOST`"
            ),
            Purpose::Passphrase => {
                format!("{first}Put the passphrase into it, and run `chmod 600 {path}`")
            }
        }
    }

    fn remedy_content(&self, found: Content) -> String {
        let path = self.word();
        match (self.purpose, found) {
            (Purpose::Identity, Content::Encrypted) => format!(
                "The key of the connection is read in the clear only: run `tmkms key decrypt \
                 {path}`"
            ),
            (Purpose::Identity, _) => IDENTITY_PATH.to_owned(),
            (_, Content::CometKey) => format!(
                "Run `tmkms softsign import {path} DST` and set `path` to DST, or set key_format \
                 = \"json\""
            ),
            (_, Content::Base64Key) => {
                "Set key_format = \"base64\" (for `softsign import`: --format base64)".to_owned()
            }
            (_, Content::Hex) => format!(
                "Convert it with `(umask 077; xxd -r -p {path} | base64 -w0 > DST)` and set `path` \
                 to DST"
            ),
            (_, Content::Encrypted) => {
                format!("Encrypted keys are not read here: run `tmkms key decrypt {path}` first")
            }
            (_, _) => {
                "The validator's key is in config/priv_validator_key.json of the node; import it \
                 with `tmkms softsign import`"
                    .to_owned()
            }
        }
    }

    /// The damaged file is moved aside, not overwritten: it may be the only copy.
    fn remedy_again(&self) -> String {
        let path = self.word();
        match (&self.origin, self.purpose) {
            (Origin::StandardInput, _) => {
                "Check the command that writes to standard input".to_owned()
            }
            (_, Purpose::Passphrase) => "Write the passphrase into its first line".to_owned(),
            (_, Purpose::Backup) => "Name the file that `tmkms key backup` made".to_owned(),
            (_, Purpose::WireGuard) => {
                "Write it as plain text in UTF-8, or make a new pair with `tmkms wireguard pair`"
                    .to_owned()
            }
            _ if self.format == Some(KeyFormat::Json) => FROM_NODE.to_owned(),
            (_, Purpose::Consensus) => format!(
                "Move it aside with `mv -n {path} {}`, then import the node's key again with \
                 `tmkms softsign import priv_validator_key.json {path}`",
                self.aside()
            ),
            (_, Purpose::Identity) => format!(
                "Move it aside with `mv -n {path} {}`, then make another with `tmkms identity new \
                 {path}`",
                self.aside()
            ),
        }
    }

    fn aside(&self) -> String {
        match &self.origin {
            Origin::File(path) => {
                let mut aside = path.clone().into_os_string();
                aside.push(".bad");
                quoted(&PathBuf::from(aside))
            }
            Origin::StandardInput => "KEY_FILE.bad".to_owned(),
        }
    }
}

fn remedy_encrypted(error: &AgeError) -> &'static str {
    match error {
        AgeError::WrongPassphrase => {
            "Check the passphrase: it is the first line of where it is read from, with its spaces"
        }
        AgeError::OtherRecipient | AgeError::TooMuchWork { .. } => {
            "Open it with `age -d` on a machine that is offline, then run `tmkms key encrypt` on it"
        }
        AgeError::NoMemory { .. } => "Give the process more memory while it starts",
        _ => "Put it back from a copy, or restore the key with `tmkms key restore`",
    }
}

/// What the mode gives to group and others.
fn access(mode: u32) -> &'static str {
    match (mode & 0o044 != 0, mode & 0o022 != 0) {
        (true, true) => "read and written",
        (false, true) => "written",
        _ => "read",
    }
}
