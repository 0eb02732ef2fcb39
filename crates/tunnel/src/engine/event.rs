//! What happened, in words for the person who reads the log.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use crate::key::PublicKey;

/// Something that a person may want to know. Each names what is likely wrong and what mends it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A handshake was completed after none, or after trouble.
    Connected {
        /// The peer.
        peer: PublicKey,
        /// Where it is.
        endpoint: SocketAddr,
        /// The largest packet inside the tunnel, in bytes.
        mtu: u16,
    },
    /// The path to a peer does not carry what it was taken to carry.
    Narrower {
        /// The peer.
        peer: PublicKey,
        /// The largest packet inside the tunnel from now on, in bytes.
        mtu: u16,
    },
    /// Authentic datagrams come from another place.
    Moved {
        /// The peer.
        peer: PublicKey,
        /// Where it was.
        from: SocketAddr,
        /// Where it is.
        to: SocketAddr,
    },
    /// Something is wrong with a peer of ours.
    Trouble {
        /// The peer.
        peer: PublicKey,
        /// What.
        trouble: Trouble,
    },
    /// A handshake with the right key for us, from a key that no `[Peer]` has.
    UnknownPeer {
        /// Its public key.
        public_key: PublicKey,
        /// Where it came from.
        from: SocketAddr,
    },
    /// A handshake message that was made for another public key than ours.
    OtherKey {
        /// Where it came from.
        from: SocketAddr,
        /// Ours.
        ours: PublicKey,
    },
    /// Handshakes come so fast that senders must prove their address first.
    UnderLoad {
        /// One of the senders.
        from: SocketAddr,
    },
    /// The machine's clock went back while we ran.
    ClockBack {
        /// How far.
        by: Duration,
    },
}

/// What is wrong with a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Handshake initiations get no answer.
    NoAnswer {
        /// Where they went.
        endpoint: SocketAddr,
        /// For how long.
        since: Duration,
        /// Our public key, which the peer must have.
        ours: PublicKey,
    },
    /// The network says that nobody listens there.
    PortClosed {
        /// Where.
        endpoint: SocketAddr,
    },
    /// The network says that there is no way.
    NoWay {
        /// Where to.
        endpoint: SocketAddr,
    },
    /// The answer to a handshake does not open.
    PresharedKey,
    /// Handshakes are begun again and again and not completed.
    NotCompleted {
        /// Where they come from.
        from: SocketAddr,
    },
    /// An authentic initiation that is not newer than the last one.
    OldTimestamp {
        /// Where it came from.
        from: SocketAddr,
    },
    /// A packet from an address that is not the peer's.
    Source {
        /// The address.
        address: IpAddr,
    },
    /// A packet for an address that is not ours.
    Destination {
        /// The address.
        address: IpAddr,
    },
    /// The handshake works and packets are sent, and none comes back.
    OneWay,
    /// The endpoint is not known.
    NoEndpoint,
    /// The name of the endpoint cannot be resolved.
    Name {
        /// The name.
        host: String,
        /// What the resolver says.
        error: String,
    },
}

impl Trouble {
    /// The same kind is not told again at once.
    pub(super) fn kind(&self) -> std::mem::Discriminant<Self> {
        std::mem::discriminant(self)
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connected {
                peer,
                endpoint,
                mtu,
            } => write!(
                f,
                "peer {peer} at {endpoint}: handshake completed, MTU {mtu} inside the tunnel"
            ),
            Self::Narrower { peer, mtu } => write!(
                f,
                "peer {peer}: the path does not carry large packets, going on with MTU {mtu} \
                 inside the tunnel; MTU = {mtu} in [Interface] sets it from the start"
            ),
            Self::Moved { peer, from, to } => write!(f, "peer {peer} moved from {from} to {to}"),
            Self::Trouble { peer, trouble } => write!(f, "peer {peer}: {trouble}"),
            Self::UnknownPeer { public_key, from } => write!(
                f,
                "{from} began a handshake with the public key {public_key}, which no [Peer] has: \
                 if it is the other end, put this key into its [Peer] here; if not, somebody else \
                 knows this end's public key"
            ),
            Self::OtherKey { from, ours } => write!(
                f,
                "{from} sent a handshake that is not for this end's public key {ours}: if it is \
                 the other end, its [Peer] must have this PublicKey"
            ),
            Self::UnderLoad { from } => write!(
                f,
                "many handshakes at once, {from} among the senders: each must prove its address \
                 now before it is answered"
            ),
            Self::ClockBack { by } => write!(
                f,
                "this machine's clock went back by {} s. This tunnel goes on; after a restart the \
                 other end would ignore it until the clock is past where it was: set the clock \
                 right (NTP)",
                by.as_secs()
            ),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer {
                endpoint,
                since,
                ours,
            } => write!(
                f,
                "no answer to handshakes from {endpoint} for {} s: is the other end running and \
                 UDP port {} open on the way, does its [Peer] have the PublicKey {ours}, and is \
                 this machine's clock right (a handshake older than the last one is ignored)?",
                since.as_secs(),
                endpoint.port()
            ),
            Self::PortClosed { endpoint } => write!(
                f,
                "nothing listens on UDP port {} of {}: start the other end, or set its ListenPort",
                endpoint.port(),
                endpoint.ip()
            ),
            Self::NoWay { endpoint } => write!(
                f,
                "the network has no way to {endpoint}, or a firewall refuses it: check the route \
                 and the Endpoint"
            ),
            Self::PresharedKey => f.write_str(
                "its answer to the handshake does not open: PresharedKey differs between the two \
                 ends",
            ),
            Self::NotCompleted { from } => write!(
                f,
                "{from} begins handshakes and never completes one: PresharedKey differs between \
                 the two ends, or the answers do not get back to it"
            ),
            Self::OldTimestamp { from } => write!(
                f,
                "{from} sent a handshake that is not newer than the last one: the clock of the \
                 other end was set back, or somebody replays an old message. Set its clock right, \
                 or restart this end to forget the last one"
            ),
            Self::Source { address } => write!(
                f,
                "dropped a packet from {address}, which is not in its AllowedIPs: add it there, \
                 or mend the Address of the other end"
            ),
            Self::Destination { address } => write!(
                f,
                "dropped a packet for {address}, which is no Address of this end"
            ),
            Self::OneWay => f.write_str(
                "the handshake works, packets are sent and none comes back: the AllowedIPs of the \
                 other end must contain this end's Address, and the other machine must let the \
                 packets pass",
            ),
            Self::NoEndpoint => f.write_str(
                "its endpoint is not known yet: it has no Endpoint here and has not been heard",
            ),
            Self::Name { host, error } => write!(
                f,
                "the name {host} of its Endpoint cannot be resolved: {error}"
            ),
        }
    }
}
