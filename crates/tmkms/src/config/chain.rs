//! `[[chain]]`: a chain to sign for.
//!
//! Invariants:
//! - The id is a valid chain id, and every chain has a state file (a default if none is given).
//! - A bech32 key format has both its prefixes.

use std::path::PathBuf;

use privval::ChainId;
use toml::Spanned;
use toml::de::DeTable;

use super::hook::{self, StateHook};
use super::paths;
use super::schema::{CHAIN, KEY_FORMAT};
use super::section::{Context, Marked, Section, Wrong, example};
use diagnostics::{Diagnostic, Span};
use diagnostics::{Located, Location};

/// A chain to sign for.
#[derive(Clone, Debug)]
pub struct Chain {
    /// `id`: the chain id, as in the node's genesis.json.
    pub id: ChainId,
    /// `key_format`: how the public key is shown.
    pub key_format: KeyFormat,
    /// `state_file`: where the last signed height, round and step are kept. Default:
    /// `<id>_priv_validator_state.json` beside the configuration file.
    pub state_file: Located<PathBuf>,
    /// `state_hook`: a command that tells the chain's height at start.
    pub state_hook: Option<StateHook>,
    /// `raw_bytes`: whether the node may ask for signatures of bytes that are no vote or
    /// proposal. Ours, not tmkms'. Default: off.
    pub raw_bytes: RawBytes,
    /// Where the chain is declared.
    pub at: Location,
}

/// How public keys are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFormat {
    /// Bech32 with a prefix for each kind of key.
    Bech32 {
        /// Prefix of account keys, for example `kirapub`.
        account_key_prefix: String,
        /// Prefix of consensus keys, for example `kiravalconspub`.
        consensus_key_prefix: String,
    },
    /// The JSON that Cosmos SDK commands take as `--pubkey`.
    CosmosJson,
    /// Hexadecimal.
    Hex,
}

/// Whether and how requests for signatures of raw bytes are understood. Message 9 means one
/// thing in CometBFT 1.0 and another in Celestia's fork, with the same bytes on the wire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RawBytes {
    /// Such requests are refused.
    #[default]
    Off,
    /// `SignBytes` of CometBFT 1.0 (`cometbft/privval/v1/types.proto`).
    CometBft1,
    /// `SignRawBytes` of Celestia's CometBFT.
    Celestia,
}

/// What could be read of a `[[chain]]`, for the checks over the whole file.
pub(super) struct ChainDraft {
    pub(super) id: Option<Marked<ChainId>>,
    pub(super) state_file: Option<Marked<PathBuf>>,
    pub(super) chain: Option<Chain>,
}

/// Reads one `[[chain]]`.
pub(super) fn read<'a>(cx: &'a Context<'a>, table: &'a DeTable<'a>, header: Span) -> ChainDraft {
    let section = Section::open(cx, &CHAIN, table, header);
    let id = chain_id(&section, "id");
    let key_format = key_format(&section);
    warn_of_unsigned_extensions(&section);
    let state_hook = section
        .table("state_hook", &super::schema::STATE_HOOK)
        .and_then(|table| hook::read(&table));
    let raw_bytes = section.choice(
        "raw_bytes",
        &[
            ("off", RawBytes::Off),
            ("cometbft-1.0", RawBytes::CometBft1),
            ("celestia", RawBytes::Celestia),
        ],
    );
    let state_file = state_file(&section, id.as_ref());
    let chain = id.as_ref().zip(key_format).zip(state_file.as_ref());
    let chain = chain.map(|((id, key_format), state_file)| Chain {
        id: id.get_ref().clone(),
        key_format,
        state_file: cx.located(state_file),
        state_hook,
        raw_bytes: raw_bytes.map(Spanned::into_inner).unwrap_or_default(),
        at: cx.locate(&id.span()),
    });
    ChainDraft {
        id,
        state_file,
        chain,
    }
}

/// A required chain id.
pub(super) fn chain_id(section: &Section<'_>, name: &'static str) -> Option<Marked<ChainId>> {
    if !section.require(name) {
        return None;
    }
    section.parsed(name, |text| parse_id(name, text))
}

pub(super) fn parse_id(name: &str, text: &str) -> Result<ChainId, Wrong> {
    ChainId::new(text).map_err(|error| Wrong {
        title: format!("`{name}` is not a chain id"),
        label: error.to_string(),
        help: "copy it from \"chain_id\" in the node's genesis.json".to_owned(),
    })
}

fn state_file(section: &Section<'_>, id: Option<&Marked<ChainId>>) -> Option<Marked<PathBuf>> {
    if section.value("state_file").is_some() {
        return paths::path(section, "state_file");
    }
    let id = id?;
    let name = format!("{}_priv_validator_state.json", id.get_ref());
    let path = section.cx.resolve(&PathBuf::from(name));
    Some(Spanned::new(id.span(), path))
}

fn warn_of_unsigned_extensions(section: &Section<'_>) {
    let Some(sign) = section.boolean("sign_extensions") else {
        return;
    };
    if !sign.get_ref() {
        section.cx.report(
            Diagnostic::warning("vote extensions are signed all the same")
                .at(sign.span(), "`false` has no effect")
                .note("a node of CometBFT 0.38 or later rejects a precommit whose extension is not signed")
                .help("remove the line"),
        );
    }
}

fn key_format(section: &Section<'_>) -> Option<KeyFormat> {
    if !section.require("key_format") {
        return None;
    }
    let table = section.table("key_format", &KEY_FORMAT)?;
    if !table.require("type") {
        return None;
    }
    let kind = table.choice(
        "type",
        &[
            ("bech32", None),
            ("cosmos-json", Some(&KeyFormat::CosmosJson)),
            ("hex", Some(&KeyFormat::Hex)),
        ],
    )?;
    match kind.get_ref() {
        None => bech32(&table),
        Some(format) => {
            warn_of_unused_prefixes(&table);
            Some((*format).clone())
        }
    }
}

fn bech32(table: &Section<'_>) -> Option<KeyFormat> {
    let account = prefix(table, "account_key_prefix");
    let consensus = prefix(table, "consensus_key_prefix");
    Some(KeyFormat::Bech32 {
        account_key_prefix: account?,
        consensus_key_prefix: consensus?,
    })
}

fn prefix(table: &Section<'_>, name: &'static str) -> Option<String> {
    if !table.require(name) {
        return None;
    }
    let prefix = table.parsed(name, |text| {
        is_bech32_prefix(text)
            .then(|| text.to_owned())
            .ok_or_else(|| Wrong {
                title: format!("`{name}` is not a bech32 prefix"),
                label: "expected 1 to 83 characters from `!` to `~`, none of them a capital"
                    .to_owned(),
                help: format!("for example: {}", example(&KEY_FORMAT, name)),
            })
    });
    prefix.map(Spanned::into_inner)
}

/// The human-readable part of BIP-173, in the lower case that encoders write.
fn is_bech32_prefix(text: &str) -> bool {
    let valid = |b: u8| (33..=126).contains(&b) && !b.is_ascii_uppercase();
    (1..=83).contains(&text.len()) && text.bytes().all(valid)
}

fn warn_of_unused_prefixes(table: &Section<'_>) {
    for name in ["account_key_prefix", "consensus_key_prefix"] {
        if let Some(span) = table.key_span(name) {
            table.cx.report(
                Diagnostic::warning(format!("`{name}` has no meaning for this type"))
                    .at(span, "only type \"bech32\" has prefixes")
                    .help("remove it, or write type = \"bech32\""),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bech32_prefix_is_checked_at_its_limits() {
        assert!(is_bech32_prefix("k"));
        assert!(is_bech32_prefix(&"k".repeat(83)));
        assert!(is_bech32_prefix("!~1"));
        for bad in ["", &"k".repeat(84), "Kira", "ki ra", "kirä", "a\u{7f}"] {
            assert!(!is_bech32_prefix(bad), "{bad:?}");
        }
    }
}
