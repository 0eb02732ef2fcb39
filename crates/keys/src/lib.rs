//! Key material, key files, and the provider that signs.
//!
//! A key file becomes [`KeyMaterial`] ([`read_key`], or [`read_key_with`] where it may be
//! encrypted), which can be shown
//! ([`show`]), written again ([`write_key`]) or made into a [`ConsensusKey`]; a
//! [`Softsign`] provider signs with it, and signs permits of the guard only.
//!
//! Invariants
//! - This crate never compares heights: whether something may be signed is the
//!   guard's affair, and a [`guard::Permit`] is its answer.
//! - Secrets are zeroized on drop, have no `Clone`, and appear in no error, log or
//!   `Debug` text.
//! - Nothing is overwritten unless the caller says [`Overwrite::Force`].
//! - No content of a file leads to a panic.

mod age;
mod algorithm;
mod backup;
mod base64_text;
mod consensus_key;
mod encrypted;
mod file;
mod generate;
mod identity;
mod json;
mod material;
mod options;
mod owner;
mod passphrase;
mod problem;
mod provider;
mod quote;
mod secret_file;
pub mod show;
mod stack;
mod terminal;
mod write;

pub use age::{AgeError, is_encrypted};
pub use algorithm::Algorithm;
pub use backup::{Backup, BackupChain, BackupError, check_code, from_words, words};
pub use consensus_key::ConsensusKey;
pub use encrypted::{
    Ask, ReplaceError, Replaced, decrypt_file, encrypt_file, likely_format, parse_key_with,
    read_key_with,
};
pub use file::{parse_key, read_key};
pub use generate::{GenerateError, generate};
pub use identity::{generate_identity, read_identity, write_identity};
pub use material::{KeyMaterial, MaterialError};
pub use options::{FilePermissions, KeyFormat, KeyOptions, Origin, Purpose};
pub use owner::give_to_owner;
pub use passphrase::{
    MAX_PASSPHRASE, Passphrase, PassphraseError, PassphraseProblem, PassphraseSource,
};
pub use problem::{Content, KeyFileError, Problem};
pub use provider::{Provider, SignError, Signature, Softsign};
pub use secret_file::{read_secret_file, read_secret_stream};
pub use write::{Overwrite, WriteError, write_key, write_secret_file};
