//! What the validator's machine does between the tunnel and the node: as a combination has it, as
//! the guide tried it, or without a tunnel.

use std::net::Ipv4Addr;

use crate::Outcome;
use crate::combination::GatewayKind;
use crate::forwarder::Forwarder;
use crate::world::{
    DOCKER, GATEWAY, PRIVVAL_PORT, SEKAI, TUNNEL_VALIDATOR, VALIDATOR, WIREGUARD_PORT, World,
};

/// How the node is reached on the validator's machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Site {
    /// Through the gateway of the combination.
    #[default]
    Combined,
    /// Without WireGuard: the machine passes the port on to the container.
    Bare,
    /// Without WireGuard: a program in the gateway's place passes on what it reads.
    Forwarded,
    /// In one of the guide's ways.
    Guide(Guide),
}

/// One of the guide's ways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guide {
    /// WireGuard runs in a container on the bridge, not on the machine.
    pub wireguard_in_container: bool,
    /// Where WireGuard's end sends the port of the node.
    pub dnat: Option<Ipv4Addr>,
    /// Whether it hides the signer's address behind its own.
    pub masquerade: bool,
    /// The address of the machine at which Docker publishes the node's port.
    pub published: Option<Ipv4Addr>,
    /// The node shares the machine's network.
    pub node_on_host: bool,
    /// The firewall drops the node's port.
    pub is_denied: bool,
}

impl Guide {
    /// WireGuard on the machine, and nothing else.
    pub const PLAIN: Self = Self {
        wireguard_in_container: false,
        dnat: None,
        masquerade: true,
        published: None,
        node_on_host: false,
        is_denied: false,
    };
}

impl Site {
    /// What the signer dials.
    pub fn address(self) -> String {
        let host = if self.has_tunnel() {
            TUNNEL_VALIDATOR
        } else {
            VALIDATOR
        };
        format!("tcp://{host}:{PRIVVAL_PORT}")
    }

    /// Whether the two machines speak through WireGuard.
    pub fn has_tunnel(self) -> bool {
        !matches!(self, Self::Bare | Self::Forwarded)
    }

    /// Whether the node shares the machine's network.
    pub fn has_node_on_host(self) -> bool {
        matches!(self, Self::Guide(guide) if guide.node_on_host)
    }

    /// Whether wireguard-go runs in the container of the gateway.
    pub fn has_wireguard_in_container(self) -> bool {
        matches!(self, Self::Guide(guide) if guide.wireguard_in_container)
    }

    /// Sets up the machine's rules.
    ///
    /// # Errors
    /// What the tools say.
    pub fn prepare(self, world: &World, gateway: GatewayKind) -> Outcome {
        let to_container = format!("iifname \"eth0\" udp dport {WIREGUARD_PORT} dnat to {GATEWAY}");
        let to_node = |from: &str, to: Ipv4Addr| {
            format!("iifname \"{from}\" tcp dport {PRIVVAL_PORT} dnat to {to}")
        };
        match (self, gateway) {
            (Self::Bare, _) => nat(world, &to_node("eth0", SEKAI)),
            (Self::Forwarded, _) => Ok(()),
            (Self::Combined, GatewayKind::Host) => nat(world, &to_node("wg*", SEKAI)),
            (Self::Combined, GatewayKind::Ours) => nat(world, &to_container),
            (Self::Guide(guide), _) => guide.prepare(world, &to_container, to_node),
        }
    }

    /// Publishes the node's port as docker-proxy does, once the addresses are there.
    ///
    /// # Errors
    /// When the port cannot be bound.
    pub fn publish(self, world: &World) -> Outcome<Option<Forwarder>> {
        let address = match self {
            Self::Guide(guide) => guide.published,
            Self::Forwarded => Some(VALIDATOR),
            Self::Combined | Self::Bare => None,
        };
        address
            .map(|address| Forwarder::start(&world.validator, address, SEKAI, PRIVVAL_PORT))
            .transpose()
    }
}

impl Guide {
    fn prepare(
        self,
        world: &World,
        to_container: &str,
        to_node: impl Fn(&str, Ipv4Addr) -> String,
    ) -> Outcome {
        // The bridge of Docker's default network, which the guide aims at once.
        let lines = format!(
            "link add docker0 type bridge\naddress add {DOCKER}/16 dev docker0\nlink set docker0 up"
        );
        world.validator.ip(&lines)?;
        let end = if self.wireguard_in_container {
            nat(world, to_container)?;
            world.gateway.sysctl("net/ipv4/ip_forward", "1")?;
            &world.gateway
        } else {
            &world.validator
        };
        if let Some(to) = self.dnat {
            let hidden = if self.masquerade {
                "oifname \"eth0\" masquerade"
            } else {
                ""
            };
            let hidden = if self.wireguard_in_container {
                hidden
            } else {
                HIDE
            };
            end.nft(&rules("forward", &to_node("wg*", to), hidden))?;
        }
        if self.is_denied {
            world.validator.nft(&format!(
                "table ip deny {{\n chain input {{\n  type filter hook input priority 0\n  tcp dport \
                 {PRIVVAL_PORT} drop\n }}\n}}\n"
            ))?;
        }
        Ok(())
    }
}

/// What goes to a container comes from the machine, so that the answer comes back this way.
const HIDE: &str = "oifname \"kiranet\" masquerade";

fn nat(world: &World, incoming: &str) -> Outcome {
    world.validator.nft(&rules("published", incoming, HIDE))
}

fn rules(table: &str, incoming: &str, outgoing: &str) -> String {
    format!(
        "table ip {table} {{\n chain incoming {{\n  type nat hook prerouting priority -100\n  \
         {incoming}\n }}\n chain outgoing {{\n  type nat hook postrouting priority 100\n  \
         {outgoing}\n }}\n}}\n"
    )
}
