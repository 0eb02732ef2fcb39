//! What a tunnel is made of: the content of a wg0.conf, checked.

use std::fmt;
use std::net::IpAddr;
use std::num::NonZeroU16;

use ipnet::IpNet;

use crate::key::{PresharedKey, PrivateKey, PublicKey};

/// One tunnel: our end and its peers.
pub struct Spec {
    /// Our end.
    pub interface: Interface,
    /// The peers. No two have the same public key or overlapping AllowedIPs of equal length.
    pub peers: Vec<Peer>,
}

/// Our end of a tunnel, the `[Interface]` section.
pub struct Interface {
    /// Our static key.
    pub private_key: PrivateKey,
    /// Our addresses inside the tunnel, with the length of their network.
    pub addresses: Vec<IpNet>,
    /// The UDP port to listen on; any free one when absent.
    pub listen_port: Option<u16>,
    /// The largest packet inside the tunnel in bytes; probed when absent.
    pub mtu: Option<u16>,
}

/// Another end, a `[Peer]` section.
pub struct Peer {
    /// Its static key, which is its name too.
    pub public_key: PublicKey,
    /// The secret that both ends mix in, against quantum computers.
    pub preshared_key: Option<PresharedKey>,
    /// The addresses that this peer may send from and is sent to.
    pub allowed_ips: Vec<IpNet>,
    /// Where it is; learnt from its packets when absent.
    pub endpoint: Option<Endpoint>,
    /// Seconds between packets that only keep a NAT's mapping alive; none when absent.
    pub persistent_keepalive_s: Option<NonZeroU16>,
}

/// Where a peer is reached over UDP.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Address or name.
    pub host: Host,
    /// UDP port.
    pub port: u16,
}

/// An address, or a name that is resolved when it is needed, and again after failures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Host {
    /// An address.
    Address(IpAddr),
    /// A DNS name.
    Name(String),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.host {
            Host::Address(IpAddr::V6(address)) => write!(f, "[{address}]:{}", self.port),
            Host::Address(IpAddr::V4(address)) => write!(f, "{address}:{}", self.port),
            Host::Name(name) => write!(f, "{name}:{}", self.port),
        }
    }
}
