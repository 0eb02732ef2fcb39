//! Who must reach what, and who must not.

use super::rules::Kind;

/// Who dials.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum From {
    /// The address from which SSH is allowed.
    Admin,
    /// Any other address.
    Stranger,
    /// The signer, inside the tunnel.
    Signer,
    /// Somebody else inside the tunnel.
    Neighbour,
    /// The machine itself.
    Machine,
    /// A container on the machine.
    Container,
}

/// What is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum To {
    /// The machine's address on the internet.
    Machine,
    /// The machine's address inside the tunnel.
    Tunnel,
    /// The container's own address, by a route that leads there.
    Container,
    /// A server on the internet.
    Internet,
}

/// Over what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

/// One way: who dials what, and whether it must pass.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub(super) from: From,
    pub(super) to: To,
    pub(super) protocol: Protocol,
    pub(super) port: u16,
    pub(super) must_pass: bool,
}

/// A machine, what listens on it, and what its rules must do.
pub(super) struct Plan {
    pub(super) name: &'static str,
    /// Which of the rules.
    pub(super) machine: &'static str,
    /// What the container publishes, as `docker run -p` has it; nothing: no Docker.
    pub(super) published: &'static [&'static str],
    /// Docker gives containers IPv6 addresses; otherwise its proxy takes IPv6.
    pub(super) has_container_v6: bool,
    /// What listens on the machine itself.
    pub(super) tcp: &'static [u16],
    pub(super) udp: &'static [u16],
    pub(super) kinds: &'static [Kind],
    pub(super) rows: &'static [Row],
}

impl Plan {
    /// ufw takes seconds for each rule set, and two machines show all of its rules.
    pub(super) fn is_long_with(&self, kind: Kind) -> bool {
        kind == Kind::Ufw && self.name == "host-network"
    }
}

const fn pass(from: From, to: To, port: u16) -> Row {
    tcp(from, to, port, true)
}

const fn stop(from: From, to: To, port: u16) -> Row {
    tcp(from, to, port, false)
}

const fn tcp(from: From, to: To, port: u16, must_pass: bool) -> Row {
    Row {
        from,
        to,
        protocol: Protocol::Tcp,
        port,
        must_pass,
    }
}

const fn udp(from: From, to: To, port: u16, must_pass: bool) -> Row {
    Row {
        protocol: Protocol::Udp,
        ..tcp(from, to, port, must_pass)
    }
}

pub(super) const SSH: u16 = 22;
pub(super) const PEERS: u16 = 26_656;
pub(super) const RPC: u16 = 26_657;
pub(super) const PRIVVAL: u16 = 26_659;
pub(super) const WIREGUARD: u16 = 51_820;
/// Something on the machine that nobody thought of.
pub(super) const OTHER: u16 = 9_100;
/// What the machines dial.
pub(super) const HTTPS: u16 = 443;

/// The places, from the one with the most in the way of packets to that with the least.
pub(super) const PLACES: &[Plan] = &[
    Plan {
        name: "gateway",
        machine: "validator",
        published: &["26656:26656", "26657:26657", "51820:51820/udp"],
        has_container_v6: true,
        tcp: &[SSH, OTHER],
        udp: &[],
        kinds: &[Kind::Nft],
        rows: &[
            pass(From::Admin, To::Machine, SSH),
            stop(From::Stranger, To::Machine, SSH),
            stop(From::Stranger, To::Machine, OTHER),
            pass(From::Stranger, To::Machine, PEERS),
            stop(From::Stranger, To::Machine, RPC),
            stop(From::Admin, To::Machine, RPC),
            stop(From::Stranger, To::Container, RPC),
            udp(From::Stranger, To::Machine, WIREGUARD, true),
            pass(From::Machine, To::Internet, HTTPS),
            pass(From::Container, To::Internet, HTTPS),
            pass(From::Machine, To::Container, RPC),
        ],
    },
    Plan {
        name: "host-wireguard",
        machine: "validator",
        published: &["26656:26656", "26657:26657", "26659:26659"],
        has_container_v6: false,
        tcp: &[SSH, OTHER],
        udp: &[WIREGUARD],
        kinds: &[Kind::Nft, Kind::Ufw],
        rows: &[
            pass(From::Admin, To::Machine, SSH),
            stop(From::Stranger, To::Machine, SSH),
            stop(From::Signer, To::Tunnel, SSH),
            stop(From::Stranger, To::Machine, OTHER),
            pass(From::Stranger, To::Machine, PEERS),
            stop(From::Stranger, To::Machine, RPC),
            stop(From::Stranger, To::Container, RPC),
            stop(From::Stranger, To::Machine, PRIVVAL),
            stop(From::Stranger, To::Container, PRIVVAL),
            stop(From::Admin, To::Machine, PRIVVAL),
            stop(From::Neighbour, To::Tunnel, PRIVVAL),
            pass(From::Signer, To::Tunnel, PRIVVAL),
            stop(From::Signer, To::Tunnel, RPC),
            udp(From::Stranger, To::Machine, WIREGUARD, true),
            pass(From::Machine, To::Internet, HTTPS),
            pass(From::Container, To::Internet, HTTPS),
        ],
    },
    Plan {
        name: "host-network",
        machine: "validator",
        published: &[],
        has_container_v6: false,
        tcp: &[SSH, OTHER, PEERS, RPC, PRIVVAL],
        udp: &[WIREGUARD],
        kinds: &[Kind::Nft, Kind::Ufw],
        rows: &[
            pass(From::Admin, To::Machine, SSH),
            stop(From::Stranger, To::Machine, SSH),
            stop(From::Stranger, To::Machine, OTHER),
            pass(From::Stranger, To::Machine, PEERS),
            stop(From::Stranger, To::Machine, RPC),
            stop(From::Stranger, To::Machine, PRIVVAL),
            stop(From::Admin, To::Machine, PRIVVAL),
            stop(From::Stranger, To::Tunnel, PRIVVAL),
            stop(From::Neighbour, To::Tunnel, PRIVVAL),
            pass(From::Signer, To::Tunnel, PRIVVAL),
            stop(From::Signer, To::Tunnel, RPC),
            udp(From::Stranger, To::Machine, WIREGUARD, true),
            pass(From::Machine, To::Internet, HTTPS),
        ],
    },
    Plan {
        name: "signer",
        machine: "signer",
        published: &["26657:26657", "26659:26659"],
        has_container_v6: false,
        tcp: &[SSH, OTHER],
        udp: &[WIREGUARD],
        kinds: &[Kind::Nft, Kind::Ufw],
        rows: &[
            pass(From::Admin, To::Machine, SSH),
            stop(From::Stranger, To::Machine, SSH),
            stop(From::Stranger, To::Machine, OTHER),
            stop(From::Stranger, To::Machine, RPC),
            stop(From::Stranger, To::Container, RPC),
            stop(From::Stranger, To::Machine, PRIVVAL),
            stop(From::Admin, To::Machine, PRIVVAL),
            stop(From::Signer, To::Tunnel, PRIVVAL),
            udp(From::Stranger, To::Machine, WIREGUARD, false),
            udp(From::Machine, To::Internet, WIREGUARD, true),
            udp(From::Container, To::Internet, WIREGUARD, true),
            pass(From::Machine, To::Internet, HTTPS),
            pass(From::Container, To::Internet, HTTPS),
        ],
    },
];
