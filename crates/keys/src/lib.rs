//! Key material, key files, and the provider that signs.
//!
//! A key file becomes [`KeyMaterial`] ([`read_key`]), which can be shown
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

mod algorithm;
mod base64_text;
mod consensus_key;
mod file;
mod generate;
mod identity;
mod json;
mod material;
mod options;
mod problem;
mod provider;
mod quote;
mod secret_file;
pub mod show;
mod write;

pub use algorithm::Algorithm;
pub use consensus_key::ConsensusKey;
pub use file::{parse_key, read_key};
pub use generate::{GenerateError, generate};
pub use identity::{generate_identity, read_identity, write_identity};
pub use material::{KeyMaterial, MaterialError};
pub use options::{FilePermissions, KeyFormat, KeyOptions, Origin, Purpose};
pub use problem::{Content, KeyFileError, Problem};
pub use provider::{Provider, SignError, Signature, Softsign};
pub use secret_file::{read_secret_file, read_secret_stream};
pub use write::{Overwrite, WriteError, write_key, write_secret_file};
