//! What happens in a tunnel, for people.

use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::key::PublicKey;

/// Something that happened in a tunnel. Its `Display` says what, with which peer, and what to do.
/// Each is told at once and then at most once a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A first session stands, or one after trouble.
    Up {
        /// With whom.
        peer: PublicKey,
        /// Where it is.
        endpoint: SocketAddr,
    },
    /// The largest packet inside the tunnel was found.
    Mtu {
        /// To whom.
        peer: PublicKey,
        /// In bytes.
        mtu: u16,
        /// Whether the path was measured; else nobody answered and this is safe everywhere.
        measured: bool,
    },
    /// The path carries less than the configured size.
    MtuTooLarge {
        /// To whom.
        peer: PublicKey,
        /// What is configured, in bytes.
        configured: u16,
        /// What was measured.
        mtu: u16,
    },
    /// Initiations stay without an answer.
    NoAnswer {
        /// Whose.
        peer: PublicKey,
        /// Where they go; `None` when nothing is known.
        endpoint: Option<SocketAddr>,
        /// For how long, in seconds.
        seconds: u64,
    },
    /// The network says that nothing listens on the peer's port.
    PortClosed {
        /// Whose.
        peer: PublicKey,
        /// Where.
        endpoint: SocketAddr,
    },
    /// The network says that it has no way to the peer.
    NoWay {
        /// To whom.
        peer: PublicKey,
        /// Where.
        endpoint: SocketAddr,
    },
    /// The name of the endpoint has no address.
    Unresolved {
        /// Whose.
        peer: PublicKey,
        /// What the resolver says.
        error: String,
    },
    /// The answer to an initiation of ours does not fit our keys.
    WrongAnswer {
        /// Whose.
        peer: PublicKey,
    },
    /// The peer begins handshake after handshake and uses none.
    NeverConfirmed {
        /// Who.
        peer: PublicKey,
        /// From where.
        from: SocketAddr,
    },
    /// An initiation that is meant for another key than ours.
    NotForOurKey {
        /// From where.
        from: SocketAddr,
        /// Our key.
        ours: PublicKey,
    },
    /// An initiation of somebody whom we don't know.
    UnknownPeer {
        /// The key it shows.
        key: PublicKey,
        /// From where.
        from: SocketAddr,
    },
    /// Authentic initiations that are older than one before.
    OldInitiations {
        /// Whose.
        peer: PublicKey,
        /// From where.
        from: SocketAddr,
    },
    /// Our own clock was set back.
    ClockSteppedBack {
        /// By how much, in seconds.
        seconds: u64,
    },
    /// The peer sent from an address that is not in its AllowedIPs.
    SourceNotAllowed {
        /// Who.
        peer: PublicKey,
        /// The address.
        source: IpAddr,
    },
    /// The peer sent to an address that is not ours.
    DestinationNotOurs {
        /// Who.
        peer: PublicKey,
        /// The address.
        destination: IpAddr,
    },
    /// Handshakes work, packets stay without an answer.
    NothingComesBack {
        /// From whom.
        peer: PublicKey,
    },
    /// Authentic datagrams come from another place.
    Moved {
        /// Whose.
        peer: PublicKey,
        /// Where it was.
        from: SocketAddr,
        /// Where it is.
        to: SocketAddr,
    },
    /// So many initiations arrive that their senders have to show first that they can be reached.
    UnderLoad {
        /// More than so many in a second.
        limit: u32,
    },
}

/// An event in words.
pub(super) struct Words {
    /// A short name, for programs.
    pub(super) kind: &'static str,
    /// What happened.
    pub(super) what: String,
    /// What it usually means and what to do; may be empty.
    pub(super) advice: String,
}

impl Event {
    /// Whether something is wrong.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        !matches!(
            self,
            Self::Up { .. } | Self::Mtu { .. } | Self::Moved { .. }
        )
    }

    pub(super) fn words(&self) -> Words {
        let (kind, what) = self.what();
        Words {
            kind,
            what,
            advice: self.advice(),
        }
    }

    fn what(&self) -> (&'static str, String) {
        match self {
            Self::Up { peer, endpoint } => {
                ("up", format!("peer {peer} is connected, at {endpoint}"))
            }
            Self::Moved { peer, from, to } => (
                "moved",
                format!("peer {peer} is at {to} now, no more at {from}"),
            ),
            Self::Mtu {
                peer,
                mtu,
                measured: true,
            } => (
                "mtu",
                format!("the path to peer {peer} carries an MTU of {mtu}, as measured"),
            ),
            Self::Mtu { peer, mtu, .. } => (
                "mtu",
                format!("using an MTU of {mtu} to peer {peer}, which every path carries"),
            ),
            Self::MtuTooLarge {
                peer,
                configured,
                mtu,
            } => (
                "mtu_too_large",
                format!(
                    "the path to peer {peer} carries an MTU of {mtu} only, as measured, and MTU = \
                     {configured} is configured"
                ),
            ),
            Self::NoAnswer {
                peer,
                endpoint: None,
                seconds,
            } => (
                "no_answer",
                format!("packets for peer {peer} wait since {seconds} s"),
            ),
            Self::NoAnswer {
                peer,
                endpoint: Some(endpoint),
                seconds,
            } => (
                "no_answer",
                format!("no answer from peer {peer} at {endpoint} for {seconds} s"),
            ),
            Self::PortClosed { peer, endpoint } => (
                "port_closed",
                format!("nothing listens on UDP {endpoint}, where peer {peer} should be"),
            ),
            Self::NoWay { peer, endpoint } => (
                "no_way",
                format!("the network has no way to {endpoint}, where peer {peer} should be"),
            ),
            Self::Unresolved { peer, error } => (
                "dns",
                format!("the Endpoint of peer {peer} has no address ({error})"),
            ),
            Self::WrongAnswer { peer } => (
                "preshared_key",
                format!("peer {peer} answers, but its answer does not fit our keys"),
            ),
            Self::NeverConfirmed { peer, from } => (
                "unconfirmed",
                format!("peer {peer} at {from} begins handshake after handshake and uses none"),
            ),
            Self::NotForOurKey { from, .. } => (
                "other_key",
                format!("{from} sends handshakes for another key"),
            ),
            Self::UnknownPeer { key, from } => (
                "unknown_peer",
                format!("{from} begins a handshake as {key}, which is no peer here"),
            ),
            Self::OldInitiations { peer, from } => (
                "old_handshake",
                format!("peer {peer} at {from} sends handshakes that are older than its last one"),
            ),
            Self::ClockSteppedBack { seconds } => (
                "clock",
                format!("this machine's clock was set back by {seconds} s"),
            ),
            Self::SourceNotAllowed { peer, source } => (
                "source",
                format!(
                    "dropped a packet of peer {peer} from {source}, which is not in its AllowedIPs"
                ),
            ),
            Self::DestinationNotOurs { peer, destination } => (
                "destination",
                format!(
                    "dropped a packet of peer {peer} to {destination}, which is not an Address of \
                     this end"
                ),
            ),
            Self::NothingComesBack { peer } => (
                "one_way",
                format!("peer {peer} makes handshakes but answers no packet"),
            ),
            Self::UnderLoad { limit } => (
                "flood",
                format!("more than {limit} handshake initiations in a second"),
            ),
        }
    }

    fn advice(&self) -> String {
        let advice = match self {
            Self::Up { .. } | Self::Moved { .. } | Self::Mtu { measured: true, .. } => "",
            Self::Mtu { .. } => {
                "it answers no echo requests, so the path cannot be measured; let ICMP through \
                 inside the tunnel, or set MTU"
            }
            Self::MtuTooLarge { .. } => {
                "larger packets are lost, and connections hang: set MTU to that, or take the line \
                 out, and what is measured is kept to"
            }
            Self::NoAnswer { endpoint: None, .. } => {
                "it has no Endpoint and has not come to us yet; start it, or configure its Endpoint"
            }
            Self::NoAnswer { .. } => {
                "is WireGuard running there and UDP let through; is its PublicKey right here, and \
                 ours there; was this machine's clock set back (a peer ignores handshakes older \
                 than the last)?"
            }
            Self::PortClosed { .. } => "start WireGuard there, or correct the port in Endpoint",
            Self::NoWay { .. } => "check Endpoint, this machine's routes and the firewalls",
            Self::Unresolved { .. } => {
                "correct it, or the name server; it is asked again while it is needed"
            }
            Self::WrongAnswer { .. } => "most likely PresharedKey differs between the two ends",
            Self::NeverConfirmed { .. } => {
                "PresharedKey differs between the two ends, or our answers do not reach it"
            }
            Self::NotForOurKey { ours, .. } => {
                return format!("if that is a peer, its PublicKey for this end should be {ours}");
            }
            Self::UnknownPeer { .. } => "add it as [Peer], or correct the PrivateKey over there",
            Self::OldInitiations { .. } => {
                "its clock was set back, or somebody repeats old datagrams; set its clock right"
            }
            Self::ClockSteppedBack { .. } => {
                "the tunnel goes on, but after a restart peers may ignore us until the clock has \
                 caught up"
            }
            Self::SourceNotAllowed { .. } => "add it there, or correct Address over there",
            Self::DestinationNotOurs { .. } => "correct AllowedIPs or the target over there",
            Self::NothingComesBack { .. } => {
                "check that its AllowedIPs for us contain our Address, that ours contain its \
                 Address, and its firewall"
            }
            Self::UnderLoad { .. } => "senders now have to prove their address first (cookies)",
        };
        advice.to_owned()
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Words { what, advice, .. } = self.words();
        if advice.is_empty() {
            f.write_str(&what)
        } else {
            write!(f, "{what}: {advice}")
        }
    }
}
