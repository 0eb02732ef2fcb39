//! `[providers]`: where keys live. This build signs with key files; hardware is named, not used.
//!
//! Invariant: a provider of tmkms that this build lacks is never passed over in silence.

use toml::de::{DeTable, DeValue};

use super::schema::{PROVIDERS, ROOT};
use super::section::{Context, Marked, Section};
use super::softsign::{self, SoftsignDraft};
use diagnostics::{Diagnostic, Span};

/// Providers of tmkms that this build does not have: the field and its name for people.
const UNAVAILABLE: [(&str, &str); 3] = [
    ("yubihsm", "YubiHSM"),
    ("ledgertm", "Ledger"),
    ("fortanixdsm", "Fortanix DSM"),
];

/// What `[providers]` holds.
#[derive(Default)]
pub(super) struct Providers {
    pub(super) softsign: Vec<SoftsignDraft>,
    /// Chains that have a key in a provider that this build lacks, and where that is written.
    pub(super) elsewhere: Vec<(String, Span)>,
    /// Whether something about the keys could not be read: then a missing key proves nothing.
    pub(super) incomplete: bool,
}

/// Reads `[providers]`.
pub(super) fn read<'a>(root: &Section<'a>) -> Providers {
    let Some(value) = root.value("providers") else {
        return Providers {
            incomplete: root.has_unknown_fields(),
            ..Providers::default()
        };
    };
    let cx = root.cx;
    let DeValue::Table(table) = value.get_ref() else {
        cx.report(root.wrong_type("providers", value));
        return Providers {
            incomplete: true,
            ..Providers::default()
        };
    };
    let section = Section::open(cx, &PROVIDERS, table, value.span());
    let softsign: Vec<_> = section
        .tables("softsign")
        .into_iter()
        .map(|(table, header)| softsign::read(cx, table, header))
        .collect();
    let unreadable = section
        .value("softsign")
        .is_some_and(|value| !value.get_ref().is_array() && !value.get_ref().is_table());
    Providers {
        incomplete: unreadable
            || root.has_unknown_fields()
            || section.has_unknown_fields()
            || softsign.iter().any(|draft| !draft.complete),
        elsewhere: unavailable(cx, table),
        softsign,
    }
}

/// Warns once for each provider that this build lacks; returns the chains that it has keys for.
fn unavailable(cx: &Context<'_>, providers: &DeTable<'_>) -> Vec<(String, Span)> {
    let mut elsewhere = Vec::new();
    for (field, name) in UNAVAILABLE {
        let Some((key, value)) = providers.get_key_value(field) else {
            continue;
        };
        let span = first_header(value).unwrap_or_else(|| key.span());
        let mut chains = Vec::new();
        collect_chain_ids(value.get_ref(), &mut chains);
        cx.report(warning(name, &chains, span.clone()));
        elsewhere.extend(chains.into_iter().map(|chain| (chain, span.clone())));
    }
    elsewhere
}

fn warning(name: &str, chains: &[String], span: Span) -> Diagnostic {
    let mut names: Vec<&str> = chains.iter().map(String::as_str).collect();
    names.dedup();
    let whose = match names.as_slice() {
        [] => String::new(),
        names => format!(" (of {})", names.join(", ")),
    };
    Diagnostic::warning(format!("{name} keys are not available in this build"))
        .at(span, format!("the keys here{whose} are not loaded"))
        .help("sign with a key file ([[providers.softsign]]), or keep tmkms for these chains")
}

fn first_header(value: &Marked<DeValue<'_>>) -> Option<Span> {
    match value.get_ref() {
        DeValue::Array(items) => items.first().map(Marked::span),
        DeValue::Table(_) => Some(value.span()),
        _ => None,
    }
}

/// All texts in lists called `chain_ids`, however deep they are. The parser bounds the depth.
fn collect_chain_ids(value: &DeValue<'_>, found: &mut Vec<String>) {
    match value {
        DeValue::Array(items) => items
            .iter()
            .for_each(|item| collect_chain_ids(item.get_ref(), found)),
        DeValue::Table(table) => {
            for (key, value) in table {
                match value.get_ref() {
                    DeValue::Array(ids) if key.get_ref() == "chain_ids" => {
                        let texts = ids.iter().filter_map(|id| id.get_ref().as_str());
                        found.extend(texts.map(str::to_owned));
                    }
                    inner => collect_chain_ids(inner, found),
                }
            }
        }
        _ => {}
    }
}

/// The section for the whole file.
pub(super) fn root<'a>(cx: &'a Context<'a>, tree: &'a DeTable<'a>) -> Section<'a> {
    Section::open(cx, &ROOT, tree, 0..0)
}
