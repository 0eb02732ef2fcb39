//! What a tunnel does, for people, as `wg show` tells it.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;

use crate::key::PublicKey;

/// A tunnel at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Our public key.
    pub public_key: PublicKey,
    /// One for each `[Peer]`, in their order.
    pub peers: Vec<PeerStatus>,
}

/// One peer at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Its public key.
    pub public_key: PublicKey,
    /// Where it was heard last, or is expected; `None` before it is known.
    pub endpoint: Option<SocketAddr>,
    /// Its addresses inside the tunnel.
    pub allowed_ips: Vec<IpNet>,
    /// How long ago the last handshake was completed; `None` without a session.
    pub last_handshake: Option<Duration>,
    /// Bytes of authentic datagrams and decrypted packets received.
    pub received_bytes: u64,
    /// Bytes of datagrams sent.
    pub sent_bytes: u64,
    /// The largest packet inside the tunnel that the path is taken to carry, in bytes.
    pub mtu: u16,
    /// Seconds between keepalives, where configured.
    pub persistent_keepalive_s: Option<u16>,
    /// What is wrong, in words, since the last that went well.
    pub trouble: Option<String>,
}
