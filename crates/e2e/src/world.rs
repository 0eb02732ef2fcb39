//! Two machines, a container, and what is between them.
//!
//! ```text
//! signer 198.51.100.2 ── .1 internet 203.0.113.1 ── .2 validator ── 10.1.0.1 kiranet 10.1.0.0/16
//!        10.200.0.2            relay                10.200.0.1      ├─ sekai   10.1.0.3
//!                                                                   └─ gateway 10.1.0.21
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::Outcome;
use crate::namespace::Namespace;

/// The signer's machine.
pub const SIGNER: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 2);
/// The internet as the signer's machine sees it: its router, and where the relay takes datagrams.
pub const FRONT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
/// Where the relay takes datagrams after the validator's address has changed.
pub const OTHER_FRONT: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 3);
/// The signer's machine and the relay over IPv6.
pub const SIGNER_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xe2e, 0, 0, 0, 0, 0, 2);
/// Where the relay takes datagrams over IPv6.
pub const FRONT_V6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0xe2e, 0, 0, 0, 0, 0, 1);
/// The internet as the validator's machine sees it.
pub const BACK: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 1);
/// The validator's machine.
pub const VALIDATOR: Ipv4Addr = Ipv4Addr::new(203, 0, 113, 2);
/// The validator's machine as its containers see it.
pub const BRIDGE: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 1);
/// The container with the node.
pub const SEKAI: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 3);
/// The container with the gateway.
pub const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 1, 0, 21);
/// The machine on Docker's default network.
pub const DOCKER: Ipv4Addr = Ipv4Addr::new(172, 17, 0, 1);
/// The signer inside the tunnel.
pub const TUNNEL_SIGNER: Ipv4Addr = Ipv4Addr::new(10, 200, 0, 2);
/// The validator inside the tunnel.
pub const TUNNEL_VALIDATOR: Ipv4Addr = Ipv4Addr::new(10, 200, 0, 1);
/// WireGuard's port.
pub const WIREGUARD_PORT: u16 = 51_820;
/// Where the node waits for its signer.
pub const PRIVVAL_PORT: u16 = 26_659;
/// What the signer calls the validator's machine.
pub const VALIDATOR_NAME: &str = "validator.example";

/// The machines and containers. All of it is gone when this is dropped.
#[derive(Debug)]
pub struct World {
    /// The signer's machine.
    pub signer: Namespace,
    /// What is between the machines.
    pub internet: Namespace,
    /// The validator's machine.
    pub validator: Namespace,
    /// The container with the node.
    pub sekai: Namespace,
    /// The container with the gateway.
    pub gateway: Namespace,
}

impl World {
    /// Makes and wires everything.
    ///
    /// # Errors
    /// When the system refuses something: the whole needs root.
    pub fn create() -> Outcome<Self> {
        let world = Self {
            signer: Namespace::create("signer")?,
            internet: Namespace::create("internet")?,
            validator: Namespace::create("validator")?,
            sekai: Namespace::create("sekai")?,
            gateway: Namespace::create("gateway")?,
        };
        world.wire_machines()?;
        world.wire_containers()?;
        world.name_validator(FRONT.into())?;
        Ok(world)
    }

    /// Both machines reach each other, through the relay or past it.
    fn wire_machines(&self) -> Outcome {
        self.signer.wire("eth0", &self.internet, "signer")?;
        self.validator.wire("eth0", &self.internet, "validator")?;
        self.signer.ip(&format!(
            "address add {SIGNER}/24 dev eth0\nroute add default via {FRONT}\n\
             address add {SIGNER_V6}/64 dev eth0 nodad"
        ))?;
        self.validator.ip(&format!(
            "address add {VALIDATOR}/24 dev eth0\nroute add default via {BACK}"
        ))?;
        self.internet.ip(&format!(
            "address add {FRONT}/24 dev signer\naddress add {OTHER_FRONT}/24 dev signer\n\
             address add {BACK}/24 dev validator\naddress add {FRONT_V6}/64 dev signer nodad"
        ))?;
        self.internet.sysctl("net/ipv4/ip_forward", "1")
    }

    /// A bridge on the validator's machine with a container for each part, as Docker makes it.
    fn wire_containers(&self) -> Outcome {
        let validator = &self.validator;
        validator.ip("link add kiranet type bridge\nlink set kiranet up")?;
        validator.ip(&format!("address add {BRIDGE}/16 dev kiranet"))?;
        validator.sysctl("net/ipv4/ip_forward", "1")?;
        for (container, name, address) in [
            (&self.sekai, "sekai", SEKAI),
            (&self.gateway, "gateway", GATEWAY),
        ] {
            container.wire("eth0", validator, name)?;
            validator.ip(&format!("link set {name} master kiranet"))?;
            container.ip(&format!(
                "address add {address}/16 dev eth0\nroute add default via {BRIDGE}"
            ))?;
        }
        self.gateway.hosts(&format!("{SEKAI} sekai.local"))
    }

    /// What the validator's name means to the signer from now on.
    ///
    /// # Errors
    /// When the hosts file cannot be written.
    pub fn name_validator(&self, address: IpAddr) -> Outcome {
        self.signer.hosts(&format!("{address} {VALIDATOR_NAME}"))
    }
}

/// The endpoint at an address of the relay.
pub fn front(address: impl Into<IpAddr>) -> SocketAddr {
    SocketAddr::new(address.into(), WIREGUARD_PORT)
}
