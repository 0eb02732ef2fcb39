//! `gateway.toml`: what `tmkms gateway` forwards, and for whom.
//!
//! ```toml
//! [wireguard]
//! config = "wg0.conf"
//!
//! [[forward]]
//! listen = 26659
//! upstream = "sekai.local:26659"
//! allowed = ["10.200.0.2"]
//! ```
//!
//! Invariants:
//! - There is a tunnel and at least one forward; no port and no node is in two of them.
//! - Nobody is allowed who is not named, be it here or by AllowedIPs.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use diagnostics::{Diagnostic, Report, Span, quoted};
use ipnet::IpNet;
use toml::Spanned;
use toml::de::DeTable;

use super::address::{Address, AddressError, TcpAddress};
use super::schema::{FORWARD, GATEWAY};
use super::section::{Context, Marked, Section, Wrong};
use super::{Error, FileError, document, file, wireguard};

/// The port of `listen` where none is given, inside the tunnel.
pub const DEFAULT_LISTEN: u16 = 26659;

/// The node of `upstream` where none is given.
pub const DEFAULT_UPSTREAM: &str = "sekai.local:26659";

/// A gateway's configuration that is right as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gateway {
    /// `config` of `[wireguard]`: the file of the tunnel.
    pub wireguard: PathBuf,
    /// `[[forward]]`: at least one.
    pub forwards: Vec<Forward>,
}

/// A port inside the tunnel, and the node behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forward {
    /// `listen`: the port on this end's addresses inside the tunnel.
    pub listen: u16,
    /// `upstream`: the node.
    pub upstream: Upstream,
    /// `allowed`: who may connect, never empty. Absent: every peer, from all of its AllowedIPs.
    pub allowed: Option<Vec<IpNet>>,
}

/// Where a node listens for its signer. Shown as `HOST:PORT`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Upstream {
    /// A host name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The port, never 0.
    pub port: u16,
}

impl Default for Forward {
    fn default() -> Self {
        Self {
            listen: DEFAULT_LISTEN,
            upstream: Upstream::default(),
            allowed: None,
        }
    }
}

impl Default for Upstream {
    /// [`DEFAULT_UPSTREAM`].
    fn default() -> Self {
        Self {
            host: "sekai.local".to_owned(),
            port: 26659,
        }
    }
}

impl fmt::Display for Upstream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl FromStr for Upstream {
    type Err = String;

    /// Reads `HOST:PORT`, with or without `tcp://`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text.parse::<Address>() {
            Ok(Address::Tcp(TcpAddress {
                peer_id: None,
                host,
                port,
            })) => Ok(Self { host, port }),
            Ok(_) => Err("expected HOST:PORT and nothing else".to_owned()),
            Err(AddressError::Scheme(_) | AddressError::Noise | AddressError::Slashes) => {
                Err("expected HOST:PORT, over TCP".to_owned())
            }
            Err(error) => Err(error.to_string()),
        }
    }
}

/// An entry of `allowed`: an address or a network, without host bits.
///
/// # Errors
/// What is wrong, in a few words.
pub(crate) fn network(text: &str) -> Result<IpNet, String> {
    let address = text.parse::<IpAddr>().map(IpNet::from);
    address
        .or_else(|_| text.parse::<IpNet>())
        .map(|network| network.trunc())
        .map_err(|_| "expected an address or a network, as 10.200.0.2 or 10.200.0.0/24".to_owned())
}

impl Gateway {
    /// Reads and checks a `gateway.toml`; the report has warnings only.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read as text, else as [`Gateway::parse`].
    pub fn load(path: &Path) -> Result<(Self, Report), Error> {
        let text = file::read(path).map_err(|error| match error {
            FileError::Missing(path) | FileError::Empty(path) => FileError::NoGateway(path),
            other => other,
        })?;
        Self::parse(&text, path)
    }

    /// Checks the text of a `gateway.toml`. Relative paths in it are taken from its directory.
    /// Touches no disk.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all mistakes and warnings; [`Error::File`] if the text is empty or
    /// a private key.
    pub fn parse(text: &str, path: &Path) -> Result<(Self, Report), Error> {
        let (gateway, warnings) = document(text, path, read)?;
        let gateway = gateway.ok_or_else(|| FileError::NoGateway(path.into()))?;
        Ok((gateway, warnings))
    }

    /// What the flags say; one forward with the defaults if they name none.
    ///
    /// # Errors
    /// What contradicts itself, as a sentence.
    pub fn of_flags(wireguard: PathBuf, mut forwards: Vec<Forward>) -> Result<Self, String> {
        if forwards.is_empty() {
            forwards.push(Forward::default());
        }
        let mut ports = BTreeMap::new();
        let mut nodes = BTreeMap::new();
        for forward in &forwards {
            if ports.insert(forward.listen, ()).is_some() {
                return Err(format!("port {} is forwarded twice", forward.listen));
            }
            if nodes.insert(&forward.upstream, ()).is_some() {
                return Err(format!("{}{TWO_SIGNERS}", forward.upstream));
            }
        }
        Ok(Self {
            wireguard,
            forwards,
        })
    }
}

const TWO_SIGNERS: &str = " stands behind two ports, but a node serves one signer connection";

/// What could be read of a `[[forward]]`. What it leaves out has the place of its header.
struct ForwardDraft {
    listen: Option<Marked<u16>>,
    upstream: Option<Marked<Upstream>>,
    allowed: Option<Vec<IpNet>>,
}

fn read<'a>(cx: &'a Context<'a>, tree: &'a DeTable<'a>) -> Option<Gateway> {
    let root = Section::open(cx, &GATEWAY, tree, 0..0);
    let tunnels = wireguard::read(&root);
    one_tunnel(&root, &tunnels.paths);
    let tables = root.tables("forward").into_iter();
    let drafts: Vec<ForwardDraft> = tables
        .map(|(table, header)| forward(&Section::open(cx, &FORWARD, table, header)))
        .collect();
    ports_twice(cx, &drafts);
    nodes_twice(cx, &drafts);
    let finished: Option<Vec<_>> = drafts.into_iter().map(ForwardDraft::finish).collect();
    let mut forwards = finished?;
    if forwards.is_empty() {
        forwards.push(Forward::default());
    }
    Some(Gateway {
        wireguard: tunnels.paths.into_iter().next()?.into_inner(),
        forwards,
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
