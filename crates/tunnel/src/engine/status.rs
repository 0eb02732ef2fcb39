//! What a tunnel looks like from outside.

use std::net::SocketAddr;
use std::time::Duration;

use ipnet::IpNet;

use super::path::Carries;
use crate::key::PublicKey;

/// The state of a tunnel, as `wg show` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Our public key.
    pub public_key: PublicKey,
    /// The peers, in the order of the configuration.
    pub peers: Vec<PeerStatus>,
    /// Datagrams that were dropped before they could be told to be of any peer.
    pub strangers: u64,
}

/// The state of one peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerStatus {
    /// Its public key.
    pub public_key: PublicKey,
    /// Where it was heard last, or where it should be.
    pub endpoint: Option<SocketAddr>,
    /// Its addresses inside the tunnel.
    pub allowed_ips: Vec<IpNet>,
    /// How long ago a handshake was last completed.
    pub last_handshake: Option<Duration>,
    /// Bytes of datagrams from it that were authentic.
    pub received_bytes: u64,
    /// Bytes of datagrams sent to it.
    pub sent_bytes: u64,
    /// Packets that were dropped: no room while a handshake ran, or addresses that are not
    /// allowed.
    pub dropped_packets: u64,
    /// What goes on.
    pub state: PeerState,
    /// The largest packet inside the tunnel, in bytes; `None` before the path was measured.
    pub mtu: Option<u16>,
    /// What the path was measured to carry.
    pub carries: Carries,
    /// Seconds between keepalives, where configured.
    pub persistent_keepalive_s: Option<u16>,
    /// The last trouble, until it is over.
    pub trouble: Option<Trouble>,
}

/// What goes on with a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PeerState {
    /// Nothing to send, and no session.
    Idle,
    /// A handshake is under way and there is no session.
    Connecting,
    /// A session stands.
    Up,
}

/// What is wrong with a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// A short name.
    pub kind: &'static str,
    /// In words.
    pub text: String,
    /// What it usually means and what to do.
    pub advice: String,
    /// How long ago it was seen first, the same kind each time since.
    pub first: Duration,
    /// How long ago it was seen last.
    pub last: Duration,
}
