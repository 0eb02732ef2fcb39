//! Checks over the whole file: what each table says is fine, but not together.
//!
//! Invariants of a configuration that passes:
//! - There is a node to sign for; each node's chain is declared and has exactly one key.
//! - No chain is declared twice, no two chains share a state file, and no state file is at the
//!   same time a key, an identity or the configuration.
//!
//! Where a table could not be read, checks that rest on its absence are left out, so that one
//! mistake isn't reported twice.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use privval::ChainId;

use super::audit::AuditDraft;
use super::chain::ChainDraft;
use super::log::Log;
use super::paths::normalised;
use super::provider::Providers;
use super::section::{Context, Marked, Section};
use super::status::StatusSocket;
use super::validator::ValidatorDraft;
use super::wireguard::WireguardDraft;
use diagnostics::closest;
use diagnostics::{Diagnostic, Located, Span};

/// All that was read.
pub(super) struct Drafts {
    pub(super) chains: Vec<ChainDraft>,
    pub(super) providers: Providers,
    pub(super) validators: Vec<ValidatorDraft>,
    pub(super) status: StatusSocket,
    pub(super) metrics: Option<Located<SocketAddr>>,
    pub(super) log: Log,
    pub(super) audit: AuditDraft,
    pub(super) wireguard: WireguardDraft,
}

/// Runs all checks.
pub(super) fn run(root: &Section<'_>, drafts: &Drafts) {
    let check = Check {
        cx: root.cx,
        drafts,
        chains: first_of_each(drafts.chains.iter().filter_map(|chain| chain.id.as_ref())),
        keys: first_of_each(
            drafts
                .providers
                .softsign
                .iter()
                .flat_map(|key| &key.chain_ids),
        ),
    };
    check.something_to_do(root);
    check.duplicate_chains();
    check.undeclared_chains(root);
    check.two_keys();
    check.chains_without_key();
    check.idle_chains();
    check.shared_state_files();
    check.state_files_that_are_something_else();
    check.shared_identity();
    check.addresses();
}

type Places<'d> = BTreeMap<&'d ChainId, Span>;

/// Where each chain id is written first.
fn first_of_each<'d>(ids: impl Iterator<Item = &'d Marked<ChainId>>) -> Places<'d> {
    let mut first = Places::new();
    for id in ids {
        first.entry(id.get_ref()).or_insert_with(|| id.span());
    }
    first
}

struct Check<'d, 'a> {
    cx: &'a Context<'a>,
    drafts: &'d Drafts,
    /// Declared chains.
    chains: Places<'d>,
    /// Chains with a key.
    keys: Places<'d>,
}

impl Check<'_, '_> {
    fn something_to_do(&self, root: &Section<'_>) {
        if root.has_unknown_fields() {
            return;
        }
        if root.value("chain").is_none_or(is_empty_list) {
            self.cx.report(
                Diagnostic::error("there is no [[chain]]")
                    .help("declare the chain to sign for: [[chain]] with `id` and `key_format`"),
            );
        }
        if root.value("validator").is_none_or(is_empty_list) {
            self.cx.report(
                Diagnostic::error("there is no [[validator]], so there is nothing to sign for")
                    .help("name the node: [[validator]] with `chain_id`, `addr` and `secret_key`"),
            );
        }
    }

    fn duplicate_chains(&self) {
        let ids = self
            .drafts
            .chains
            .iter()
            .filter_map(|chain| chain.id.as_ref());
        for id in ids {
            if let Some(first) = self.earlier(&self.chains, id) {
                self.cx.report(
                    Diagnostic::error(format!("chain `{}` is declared twice", id.get_ref()))
                        .at(id.span(), "declared again here")
                        .also(first, "first declared here")
                        .help("keep one [[chain]] for it; several nodes need several [[validator]] only"),
                );
            }
        }
    }

    /// Where the same id stands first, unless this is that place.
    fn earlier(&self, places: &Places<'_>, id: &Marked<ChainId>) -> Option<Span> {
        let first = places.get(id.get_ref())?;
        (*first != id.span()).then(|| first.clone())
    }

    fn undeclared_chains(&self, root: &Section<'_>) {
        let all_read = self.drafts.chains.iter().all(|chain| chain.id.is_some());
        let none_there = root.value("chain").is_none_or(is_empty_list);
        if !all_read || none_there || self.drafts.chains.is_empty() {
            return;
        }
        let nodes = self
            .drafts
            .validators
            .iter()
            .filter_map(|node| node.chain_id.as_ref());
        for id in nodes {
            self.declared_or("a node", id);
        }
        let keys = self
            .drafts
            .providers
            .softsign
            .iter()
            .flat_map(|key| &key.chain_ids);
        for id in keys {
            self.declared_or("a key", id);
        }
    }

    fn declared_or(&self, what: &str, id: &Marked<ChainId>) {
        if self.chains.contains_key(id.get_ref()) {
            return;
        }
        let names = self.chains.keys().map(|id| id.as_str());
        let help = match closest(id.get_ref().as_str(), names) {
            Some(name) => format!("did you mean \"{name}\"?"),
            None => format!("add a [[chain]] with id = \"{}\"", id.get_ref()),
        };
        self.cx.report(
            Diagnostic::error(format!(
                "{what} is for chain `{}`, which is not declared",
                id.get_ref()
            ))
            .at(id.span(), "there is no [[chain]] with this id")
            .help(help),
        );
    }

    fn two_keys(&self) {
        let ids = self
            .drafts
            .providers
            .softsign
            .iter()
            .flat_map(|key| &key.chain_ids);
        for id in ids {
            if let Some(first) = self.earlier(&self.keys, id) {
                self.cx.report(
                    Diagnostic::error(format!("chain `{}` has two keys", id.get_ref()))
                        .at(id.span(), "a second key for it")
                        .also(first, "the first key for it")
                        .note("a validator signs with one consensus key")
                        .help("take the chain id out of one of the two `chain_ids`"),
                );
            }
        }
    }

    fn chains_without_key(&self) {
        if self.drafts.providers.incomplete {
            return;
        }
        let mut seen = Vec::new();
        for node in &self.drafts.validators {
            let Some(id) = &node.chain_id else { continue };
            let declared = self.chains.contains_key(id.get_ref());
            let keyed = self.keys.contains_key(id.get_ref());
            if declared && !keyed && !seen.contains(&id.get_ref()) {
                seen.push(id.get_ref());
                self.report_missing_key(id);
            }
        }
    }

    fn report_missing_key(&self, id: &Marked<ChainId>) {
        let name = id.get_ref();
        let mut diagnostic = Diagnostic::error(format!("chain `{name}` has a node but no key"))
            .at(id.span(), "nothing can be signed for this node");
        let elsewhere = &self.drafts.providers.elsewhere;
        if let Some((_, span)) = elsewhere.iter().find(|(chain, _)| chain == name.as_str()) {
            diagnostic = diagnostic.also(
                span.clone(),
                "its key is here, and this build cannot use it",
            );
        }
        self.cx.report(diagnostic.help(format!(
            "add [[providers.softsign]] with chain_ids = [\"{name}\"] and the `path` of the key"
        )));
    }

    fn idle_chains(&self) {
        let nodes = self.drafts.validators.iter().map(|node| &node.chain_id);
        let known: Option<Vec<_>> = nodes.map(|id| id.as_ref().map(Marked::get_ref)).collect();
        let declared = |served: &Vec<&ChainId>| {
            !served.is_empty() && served.iter().all(|id| self.chains.contains_key(id))
        };
        let Some(served) = known.filter(declared) else {
            return;
        };
        for (id, span) in &self.chains {
            if !served.contains(id) {
                self.cx.report(
                    Diagnostic::warning(format!("nothing is signed for chain `{id}`"))
                        .at(span.clone(), "it has no [[validator]]")
                        .help("add a [[validator]] for it, or remove it"),
                );
            }
        }
    }

    fn shared_state_files(&self) {
        let mut first: BTreeMap<PathBuf, (&ChainId, Span)> = BTreeMap::new();
        for chain in &self.drafts.chains {
            let Some((id, file)) = chain.id.as_ref().zip(chain.state_file.as_ref()) else {
                continue;
            };
            let path = normalised(file.get_ref());
            match first.get(&path) {
                Some((other, span)) if *other != id.get_ref() => {
                    let title =
                        format!("chains `{other}` and `{}` share a state file", id.get_ref());
                    self.cx.report(
                        Diagnostic::error(title)
                            .at(file.span(), "the same file again")
                            .also(span.clone(), "first used here")
                            .note("each would overwrite what the other signed last, and could sign twice")
                            .help("give each chain a `state_file` of its own"),
                    );
                }
                Some(_) => {}
                None => {
                    first.insert(path, (id.get_ref(), file.span()));
                }
            }
        }
    }

    fn state_files_that_are_something_else(&self) {
        let mut others: BTreeMap<PathBuf, (&str, Option<Span>)> = BTreeMap::new();
        others.insert(
            normalised(&self.cx.file()),
            ("this configuration file", None),
        );
        for node in &self.drafts.validators {
            if let Some(path) = &node.secret_key {
                let what = ("a connection identity", Some(path.span()));
                others.insert(normalised(path.get_ref()), what);
            }
        }
        for key in &self.drafts.providers.softsign {
            if let Some(path) = &key.path {
                others.insert(normalised(path.get_ref()), ("a key", Some(path.span())));
            }
            if let Some(path) = &key.passphrase_file {
                let what = ("a passphrase", Some(path.span()));
                others.insert(normalised(path.get_ref()), what);
            }
        }
        for path in &self.drafts.wireguard.paths {
            others.insert(normalised(path.get_ref()), ("a tunnel", Some(path.span())));
        }
        if let Some(path) = &self.drafts.audit.file {
            self.audit_file_that_is_something_else(path, &others);
            let what = ("the audit log", Some(path.span()));
            others.insert(normalised(path.get_ref()), what);
        }
        for chain in &self.drafts.chains {
            let Some(file) = &chain.state_file else {
                continue;
            };
            let Some((what, span)) = others.get(&normalised(file.get_ref())) else {
                continue;
            };
            let diagnostic = Diagnostic::error(format!("this state file is {what}"))
                .at(file.span(), "signing would overwrite it")
                .help("name a file of its own, for example state/CHAIN-consensus.json");
            self.cx.report(match span {
                Some(span) => diagnostic.also(span.clone(), "named here too"),
                None => diagnostic,
            });
        }
    }

    fn audit_file_that_is_something_else(
        &self,
        path: &Marked<PathBuf>,
        others: &BTreeMap<PathBuf, (&str, Option<Span>)>,
    ) {
        let Some((what, span)) = others.get(&normalised(path.get_ref())) else {
            return;
        };
        let diagnostic = Diagnostic::error(format!("this audit log is {what}"))
            .at(path.span(), "records would be added to it")
            .help("name a file of its own, for example audit/audit.log");
        self.cx.report(match span {
            Some(span) => diagnostic.also(span.clone(), "named here too"),
            None => diagnostic,
        });
    }

    fn shared_identity(&self) {
        for node in &self.drafts.validators {
            let Some(identity) = &node.secret_key else {
                continue;
            };
            let path = normalised(identity.get_ref());
            let mut keys = self
                .drafts
                .providers
                .softsign
                .iter()
                .filter_map(|key| key.path.as_ref());
            if let Some(key) = keys.find(|key| normalised(key.get_ref()) == path) {
                self.cx.report(
                    Diagnostic::warning(
                        "the validator's key is also the identity of the connection",
                    )
                    .at(identity.span(), "this file would sign handshakes too")
                    .also(key.span(), "the consensus key")
                    .help("make an identity of its own: tmkms identity new FILE"),
                );
            }
        }
    }

    fn addresses(&self) {
        let mut first: BTreeMap<String, (&ChainId, Span)> = BTreeMap::new();
        for node in &self.drafts.validators {
            let Some((id, addr)) = node.chain_id.as_ref().zip(node.addr.as_ref()) else {
                continue;
            };
            let place = addr.get_ref().place();
            match first.get(&place) {
                Some((other, span)) => {
                    let same_chain = *other == id.get_ref();
                    self.cx.report(
                        address_twice(same_chain)
                            .at(addr.span(), "the same address again")
                            .also(span.clone(), "first used here"),
                    );
                }
                None => {
                    first.insert(place, (id.get_ref(), addr.span()));
                }
            }
        }
    }
}

fn address_twice(same_chain: bool) -> Diagnostic {
    if same_chain {
        Diagnostic::error("this node is named twice")
            .note("a node serves one signer connection; the second would wait for ever")
            .help("keep one [[validator]] for it")
    } else {
        Diagnostic::warning("one address stands for nodes of two chains")
            .note("a node belongs to one chain; it will refuse requests for the other")
            .help("give each node's own address")
    }
}

fn is_empty_list(value: &Marked<toml::de::DeValue<'_>>) -> bool {
    value
        .get_ref()
        .as_array()
        .is_some_and(|list| list.is_empty())
}
