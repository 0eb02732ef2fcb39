//! Which signer reaches the node through which end of the tunnel.

use std::fmt;

/// A signer and its end of the tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignerKind {
    /// Ours, with the tunnel inside: no TUN device, no privileges.
    Ours,
    /// Ours, beside wireguard-go.
    OursBesideTun,
    /// tmkms 0.15.0, beside wireguard-go.
    PeerBesideTun,
}

/// The validator's end of the tunnel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GatewayKind {
    /// `tmkms gateway` in a container of its own, without privileges.
    Ours,
    /// wireguard-go on the machine, and DNAT to the node's container.
    Host,
}

/// Both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Combination {
    /// Its name on the command line.
    pub name: &'static str,
    /// The signer's side.
    pub signer: SignerKind,
    /// The validator's side.
    pub gateway: GatewayKind,
}

/// Every combination, that which we recommend first.
pub const ALL: [Combination; 6] = [
    combination("ours+gateway", SignerKind::Ours, GatewayKind::Ours),
    combination("ours+host", SignerKind::Ours, GatewayKind::Host),
    combination(
        "ours-tun+gateway",
        SignerKind::OursBesideTun,
        GatewayKind::Ours,
    ),
    combination(
        "ours-tun+host",
        SignerKind::OursBesideTun,
        GatewayKind::Host,
    ),
    combination(
        "tmkms-0.15+gateway",
        SignerKind::PeerBesideTun,
        GatewayKind::Ours,
    ),
    combination(
        "tmkms-0.15+host",
        SignerKind::PeerBesideTun,
        GatewayKind::Host,
    ),
];

const fn combination(name: &'static str, signer: SignerKind, gateway: GatewayKind) -> Combination {
    Combination {
        name,
        signer,
        gateway,
    }
}

impl Combination {
    /// Whether any part of it needs WireGuard inside our binary.
    pub fn needs_tunnel(self) -> bool {
        self.has_own_tunnel() || self.gateway == GatewayKind::Ours
    }

    /// Whether both ends of the tunnel are ours.
    pub fn is_all_ours(self) -> bool {
        self.has_own_tunnel() && self.gateway == GatewayKind::Ours
    }

    /// Whether the signer makes the tunnel itself: what the project promises, it promises for
    /// these.
    pub fn has_own_tunnel(self) -> bool {
        self.signer == SignerKind::Ours
    }
}

impl fmt::Display for Combination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
