//! From the tables of `gateway.toml` to a [`Gateway`].

use std::collections::BTreeMap;
use std::path::PathBuf;

use diagnostics::{Diagnostic, Span, quoted};
use ipnet::IpNet;
use toml::Spanned;
use toml::de::DeTable;

use super::{DEFAULT_UPSTREAM, Forward, Gateway, TWO_SIGNERS, Upstream, network};
use crate::config::schema::{FORWARD, GATEWAY, STATUS};
use crate::config::section::{Context, Marked, Section, Wrong};
use crate::config::{status, wireguard};

/// What could be read of a `[[forward]]`. What it leaves out has the place of its header.
struct ForwardDraft {
    listen: Option<Marked<u16>>,
    upstream: Option<Marked<Upstream>>,
    allowed: Option<Vec<IpNet>>,
}

/// Reads the whole file.
pub(super) fn read<'a>(cx: &'a Context<'a>, tree: &'a DeTable<'a>) -> Option<Gateway> {
    let root = Section::open(cx, &GATEWAY, tree, 0..0);
    let tunnels = wireguard::read(&root);
    one_tunnel(&root, &tunnels.paths);
    let tables = root.tables("forward").into_iter();
    let drafts: Vec<ForwardDraft> = tables
        .map(|(table, header)| forward(&Section::open(cx, &FORWARD, table, header)))
        .collect();
    ports_twice(cx, &drafts);
    nodes_twice(cx, &drafts);
    let status = root.table("status", &STATUS);
    let finished: Option<Vec<_>> = drafts.into_iter().map(ForwardDraft::finish).collect();
    let mut forwards = finished?;
    if forwards.is_empty() {
        forwards.push(Forward::default());
    }
    Some(Gateway {
        wireguard: tunnels.paths.into_iter().next()?.into_inner(),
        forwards,
        status: status.as_ref().map_or_else(Default::default, status::read),
    })
}

fn one_tunnel(root: &Section<'_>, tunnels: &[Marked<PathBuf>]) {
    if root.value("wireguard").is_none() && !root.has_unknown_fields() {
        root.cx.report_absence(
            Diagnostic::error("there is no [wireguard]")
                .help("name the tunnel's file: [wireguard] with config = \"wg0.conf\""),
        );
    }
    if let [first, second, ..] = tunnels {
        root.cx.report(
            Diagnostic::error("a gateway has one tunnel")
                .at(second.span(), "a second one")
                .also(first.span(), "the first one")
                .help("write several [Peer] into one file, or run a second gateway"),
        );
    }
}

fn forward(section: &Section<'_>) -> ForwardDraft {
    let default = Forward::default();
    let listen = match section.value("listen") {
        None => Some(Spanned::new(section.header(), default.listen)),
        Some(_) => port(section),
    };
    let upstream = match section.value("upstream") {
        None => Some(Spanned::new(section.header(), default.upstream)),
        Some(_) => section.parsed("upstream", |text| {
            text.parse().map_err(|label| Wrong {
                title: "`upstream` is not the address of a node".to_owned(),
                label,
                help: format!("write it like \"{DEFAULT_UPSTREAM}\""),
            })
        }),
    };
    ForwardDraft {
        listen,
        upstream,
        allowed: allowed(section),
    }
}

fn port(section: &Section<'_>) -> Option<Marked<u16>> {
    let port = section.integer("listen", 1..=i64::from(u16::MAX))?;
    let number = u16::try_from(*port.get_ref()).ok()?;
    Some(Spanned::new(port.span(), number))
}

impl ForwardDraft {
    fn finish(self) -> Option<Forward> {
        Some(Forward {
            listen: self.listen?.into_inner(),
            upstream: self.upstream?.into_inner(),
            allowed: self.allowed,
        })
    }
}

fn allowed(section: &Section<'_>) -> Option<Vec<IpNet>> {
    let texts = section.texts("allowed")?;
    if texts.get_ref().is_empty() {
        section.cx.report(
            Diagnostic::error("nobody is allowed to connect")
                .at(texts.span(), "an empty list")
                .help("name the signers' addresses, or leave the line out to allow every peer"),
        );
    }
    let mut networks = Vec::new();
    for text in texts.get_ref() {
        match network(text.get_ref()) {
            Ok(network) => networks.push(network),
            Err(label) => section.cx.report(
                Diagnostic::error(format!("`allowed` cannot hold {}", quoted(text.get_ref())))
                    .at(text.span(), label)
                    .help("write it like: allowed = [\"10.200.0.2\"]"),
            ),
        }
    }
    Some(networks)
}

fn ports_twice(cx: &Context<'_>, drafts: &[ForwardDraft]) {
    let mut first: BTreeMap<u16, Span> = BTreeMap::new();
    for port in drafts.iter().filter_map(|draft| draft.listen.as_ref()) {
        match first.get(port.get_ref()) {
            Some(span) => cx.report(
                Diagnostic::error(format!("port {} is forwarded twice", port.get_ref()))
                    .at(port.span(), "the same port again")
                    .also(span.clone(), "first used here")
                    .help("give each [[forward]] a port of its own"),
            ),
            None => {
                first.insert(*port.get_ref(), port.span());
            }
        }
    }
}

fn nodes_twice(cx: &Context<'_>, drafts: &[ForwardDraft]) {
    let mut first: BTreeMap<&Upstream, Span> = BTreeMap::new();
    for node in drafts.iter().filter_map(|draft| draft.upstream.as_ref()) {
        match first.get(node.get_ref()) {
            Some(span) => cx.report(
                Diagnostic::error(format!("{}{TWO_SIGNERS}", node.get_ref()))
                    .at(node.span(), "the same node again")
                    .also(span.clone(), "first named here")
                    .help("keep one of the two; `allowed` may name several signers' addresses"),
            ),
            None => {
                first.insert(node.get_ref(), node.span());
            }
        }
    }
}
