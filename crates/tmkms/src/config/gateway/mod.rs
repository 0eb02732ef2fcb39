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

mod read;

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use diagnostics::Report;
use ipnet::IpNet;
use tunnel::Spec;

use super::address::{Address, AddressError, TcpAddress};
use super::status::StatusSocket;
use super::{Error, FileError, document, file};

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
    /// `[status]`: where the running gateway tells what it does.
    pub status: StatusSocket,
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

/// A [`Forward`] that does not go with its tunnel.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ForwardError {
    /// Somebody is allowed who cannot come.
    #[error(
        "{0} is allowed, but no peer of the tunnel has it in its AllowedIPs, so nobody can come from \
         there. Correct `allowed`, or the AllowedIPs of the peer"
    )]
    Nobody(IpNet),
    /// The node would be the gateway.
    #[error(
        "the node {0} is the gateway itself: that is its own address inside the tunnel. Name the \
         node as this machine or this container reaches it, for example {DEFAULT_UPSTREAM}"
    )]
    Itself(Upstream),
}

impl Forward {
    /// Who may connect through this tunnel: `allowed`, or the AllowedIPs of every peer.
    ///
    /// # Errors
    /// [`ForwardError`].
    pub fn allowed_by(&self, spec: &Spec) -> Result<Vec<IpNet>, ForwardError> {
        let own = |address: IpAddr| {
            spec.interface
                .addresses
                .iter()
                .any(|net| net.addr() == address)
        };
        if self.upstream.host.parse().is_ok_and(own) {
            return Err(ForwardError::Itself(self.upstream.clone()));
        }
        let peers = || spec.peers.iter().flat_map(|peer| &peer.allowed_ips);
        let Some(allowed) = &self.allowed else {
            return Ok(peers().copied().collect());
        };
        let of_a_peer = |network: &IpNet| peers().any(|theirs| theirs.contains(network));
        match allowed.iter().find(|network| !of_a_peer(network)) {
            Some(network) => Err(ForwardError::Nobody(*network)),
            None => Ok(allowed.clone()),
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
        let (gateway, warnings) = document(text, path, read::read)?;
        let gateway = gateway.ok_or_else(|| FileError::NoGateway(path.into()))?;
        Ok((gateway, warnings))
    }

    /// Where the status socket is, unless it is off: without `socket`, in a directory beside the
    /// tunnel's file, with its name and `.run` behind it.
    #[must_use]
    pub fn status_socket(&self) -> Option<PathBuf> {
        match &self.status {
            StatusSocket::Off => None,
            StatusSocket::At(path) => Some(path.clone()),
            StatusSocket::Default => {
                let mut directory = self.wireguard.clone().into_os_string();
                directory.push(".run");
                Some(PathBuf::from(directory).join("status.sock"))
            }
        }
    }

    /// What the flags say; one forward with the defaults if they name none.
    ///
    /// # Errors
    /// What contradicts itself, as a sentence.
    pub fn of_flags(wireguard: PathBuf, mut forwards: Vec<Forward>) -> Result<Self, String> {
        if forwards.is_empty() {
            forwards.push(Forward::default());
        }
        let mut ports = BTreeSet::new();
        let mut nodes = BTreeSet::new();
        for forward in &forwards {
            if !ports.insert(forward.listen) {
                return Err(format!("port {} is forwarded twice", forward.listen));
            }
            if !nodes.insert(&forward.upstream) {
                return Err(format!("{}{TWO_SIGNERS}", forward.upstream));
            }
        }
        Ok(Self {
            wireguard,
            forwards,
            status: StatusSocket::default(),
        })
    }
}

const TWO_SIGNERS: &str = " stands behind two ports, but a node serves one signer connection";
