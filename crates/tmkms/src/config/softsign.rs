//! `[[providers.softsign]]`: a consensus key in a file.
//!
//! Invariant: every key names at least one chain, and each chain once.

use std::path::PathBuf;

use keys::{Algorithm, PassphraseSource};
use privval::ChainId;
use toml::Spanned;
use toml::de::DeTable;

use super::chain::parse_id;
use super::passphrase;
use super::paths;
use super::schema::SOFTSIGN;
use super::section::{Context, Marked, Section, example};
use diagnostics::{Diagnostic, Span};
use diagnostics::{Located, Location};

/// A consensus key in a file.
#[derive(Clone, Debug)]
pub struct Softsign {
    /// `chain_ids`: the chains it signs for; at least one, none twice.
    pub chain_ids: Vec<ChainId>,
    /// `path`: the key file.
    pub path: Located<PathBuf>,
    /// `key_format`: what the file holds. Default: base64.
    pub encoding: KeyEncoding,
    /// `algorithm`: the kind of key, ours, not tmkms'. A JSON key names its own; a base64 key is
    /// Ed25519 unless this says otherwise.
    pub algorithm: Option<Algorithm>,
    /// `passphrase_file`, `passphrase_fd` or `passphrase_credential`, ours: where the passphrase
    /// of an encrypted key is. Default: a person at the terminal.
    pub passphrase: PassphraseSource,
    /// Where its table begins.
    pub at: Location,
}

/// What a key file holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyEncoding {
    /// The private key in base64, as `tmkms softsign import` and `keygen` write it.
    #[default]
    Base64,
    /// CometBFT's `priv_validator_key.json`.
    Json,
}

/// `key_type`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum KeyType {
    Consensus,
    Account,
}

/// What could be read of a `[[providers.softsign]]`, for the checks over the whole file.
pub(super) struct SoftsignDraft {
    /// The chains it signs for; empty for an account key.
    pub(super) chain_ids: Vec<Marked<ChainId>>,
    /// Whether `chain_ids` and `key_type` could all be read.
    pub(super) complete: bool,
    pub(super) path: Option<Marked<PathBuf>>,
    pub(super) passphrase_file: Option<Marked<PathBuf>>,
    pub(super) softsign: Option<Softsign>,
}

/// Reads one `[[providers.softsign]]`.
pub(super) fn read<'a>(cx: &'a Context<'a>, table: &'a DeTable<'a>, header: Span) -> SoftsignDraft {
    let section = Section::open(cx, &SOFTSIGN, table, header);
    let chain_ids = chain_ids(&section);
    let key_type = key_type(&section);
    let path = section
        .require("path")
        .then(|| paths::path(&section, "path"))
        .flatten();
    let encoding = section.choice(
        "key_format",
        &[("base64", KeyEncoding::Base64), ("json", KeyEncoding::Json)],
    );
    let algorithm = section.choice(
        "algorithm",
        &[
            ("ed25519", Algorithm::Ed25519),
            ("secp256k1", Algorithm::Secp256k1),
        ],
    );
    let passphrase = passphrase::read(&section);
    if key_type == Some(KeyType::Account) {
        return SoftsignDraft {
            chain_ids: Vec::new(),
            complete: true,
            path: None,
            passphrase_file: None,
            softsign: None,
        };
    }
    let softsign = chain_ids
        .as_ref()
        .zip(path.as_ref())
        .map(|(ids, path)| Softsign {
            chain_ids: ids.iter().map(|id| id.get_ref().clone()).collect(),
            path: cx.located(path),
            encoding: encoding.map(Spanned::into_inner).unwrap_or_default(),
            algorithm: algorithm.map(Spanned::into_inner),
            passphrase: passphrase.source.clone(),
            at: cx.locate(&section.header()),
        });
    SoftsignDraft {
        complete: chain_ids.is_some() && key_type.is_some(),
        chain_ids: chain_ids.unwrap_or_default(),
        path,
        passphrase_file: passphrase.file,
        softsign,
    }
}

/// The kind of key; `None` if it could not be read.
fn key_type(section: &Section<'_>) -> Option<KeyType> {
    if section.value("key_type").is_none() {
        return Some(KeyType::Consensus);
    }
    let kind = section.choice(
        "key_type",
        &[
            ("consensus", KeyType::Consensus),
            ("account", KeyType::Account),
        ],
    )?;
    if *kind.get_ref() == KeyType::Account {
        section.cx.report(
            Diagnostic::warning("this account key is not loaded")
                .at(kind.span(), "only consensus keys sign here")
                .help("remove this [[providers.softsign]], or keep it: it has no effect"),
        );
    }
    Some(kind.into_inner())
}

/// The chains; `None` if any of them could not be read, or there is none.
fn chain_ids(section: &Section<'_>) -> Option<Vec<Marked<ChainId>>> {
    if !section.require("chain_ids") {
        return None;
    }
    let written = section.texts("chain_ids")?;
    let elements = section.value("chain_ids")?.get_ref().as_array()?.len();
    if elements == 0 {
        section.cx.report(
            Diagnostic::error("`chain_ids` is empty")
                .at(written.span(), "expected at least one chain id")
                .help(format!("for example: {}", example(&SOFTSIGN, "chain_ids"))),
        );
        return None;
    }
    let ids: Vec<_> = written
        .get_ref()
        .iter()
        .filter_map(|text| parse_one(section, text))
        .collect();
    (ids.len() == elements).then_some(ids)
}

fn parse_one(section: &Section<'_>, text: &Marked<&str>) -> Option<Marked<ChainId>> {
    match parse_id("chain_ids", text.get_ref()) {
        Ok(id) => Some(Spanned::new(text.span(), id)),
        Err(wrong) => {
            section.cx.report(wrong.into_diagnostic(text.span()));
            None
        }
    }
}
