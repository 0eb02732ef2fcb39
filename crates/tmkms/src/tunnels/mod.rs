//! The tunnels of a configuration: their files read, checked together, and the question which of
//! them leads to an address.
//!
//! Invariants:
//! - No address lies behind two tunnels, no two listen on one UDP port, and no tunnel has an
//!   address that this machine has already.
//! - A file that others can read is refused (see [`FilePermissions`]).

mod error;
mod running;
mod told;
mod tunnel;

use std::net::IpAddr;
use std::path::PathBuf;

use diagnostics::Located;
use keys::FilePermissions;

pub use self::error::TunnelError;
pub use self::running::{Inside, NotUp, Prepared, PreparedOne, Running, Up};
pub use self::tunnel::Tunnel;
use crate::config::{Config, Endpoint, Validator};

/// All tunnels.
pub struct Tunnels(Vec<Tunnel>);

/// Where a node is dialled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way<T> {
    /// Through this tunnel.
    Inside(T),
    /// Over this machine's own network.
    Outside,
    /// Its name is looked up outside, each time it is dialled; then its address decides.
    ByName,
}

impl Tunnels {
    /// Reads all files, and checks them together.
    ///
    /// # Errors
    /// Everything that is wrong; never empty.
    pub fn load(
        files: &[Located<PathBuf>],
        permissions: FilePermissions,
    ) -> Result<Self, Vec<TunnelError>> {
        let mut tunnels = Vec::new();
        let mut errors = Vec::new();
        for file in files {
            match Tunnel::load(file.value.clone(), Some(file.at.clone()), permissions) {
                Ok(tunnel) => tunnels.push(tunnel),
                Err(error) => errors.push(error),
            }
        }
        for tunnel in &tunnels {
            errors.extend(tunnel.addresses_of_this_machine());
        }
        for (index, tunnel) in tunnels.iter().enumerate() {
            for other in tunnels.iter().take(index) {
                errors.extend(overlap(tunnel, other));
                errors.extend(port_twice(tunnel, other));
            }
        }
        match errors.is_empty() {
            true => Ok(Self(tunnels)),
            false => Err(errors),
        }
    }

    /// All tunnels, in the order of tmkms.toml.
    pub fn iter(&self) -> std::slice::Iter<'_, Tunnel> {
        self.0.iter()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The tunnel behind which an address lies.
    ///
    /// As with a kernel's WireGuard, addresses that mean this machine or this link are never
    /// behind one, whatever AllowedIPs says.
    #[must_use]
    pub fn route(&self, address: IpAddr) -> Option<&Tunnel> {
        self.iter().find(|tunnel| is_behind(tunnel, address))
    }

    /// How a node is dialled.
    #[must_use]
    pub fn way(&self, node: &Validator) -> Way<&Tunnel> {
        let Endpoint::Tcp { addr, .. } = &node.endpoint else {
            return Way::Outside;
        };
        match addr.host.parse::<IpAddr>() {
            Ok(address) => self.route(address).map_or(Way::Outside, Way::Inside),
            Err(_) if self.is_empty() || addr.host.contains('%') => Way::Outside,
            Err(_) => Way::ByName,
        }
    }

    /// The lines of `config check`: each tunnel with what is ignored in its file, and how each
    /// node is dialled. Nothing if there is no tunnel.
    #[must_use]
    pub fn describe(&self, config: &Config) -> Vec<String> {
        let mut lines = Vec::new();
        for tunnel in self.iter() {
            lines.push(tunnel.describe());
            let file = tunnel.file.display();
            lines.extend(tunnel.ignored.iter().map(|one| format!("{file}: {one}")));
        }
        lines.extend(self.ways(config));
        lines
    }

    /// How each node is dialled, a line for each. Nothing if there is no tunnel.
    #[must_use]
    pub fn ways(&self, config: &Config) -> Vec<String> {
        let nodes = config.validators.iter().filter(|_| !self.is_empty());
        nodes
            .map(|node| format!("node {}: {}", node.endpoint, self.tell_way(node)))
            .collect()
    }

    fn tell_way(&self, node: &Validator) -> String {
        match self.way(node) {
            Way::Inside(tunnel) => {
                format!("dialled inside the tunnel of {}", tunnel.file.display())
            }
            Way::Outside => "dialled outside the tunnels".to_owned(),
            Way::ByName => {
                "its name is looked up outside the tunnels; it is dialled inside one if \
                            the address falls in its AllowedIPs. Write the address to be sure"
                    .to_owned()
            }
        }
    }
}

fn is_behind(tunnel: &Tunnel, address: IpAddr) -> bool {
    let address = address.to_canonical();
    !is_of_this_machine_or_link(address)
        && tunnel.networks().any(|network| network.contains(&address))
}

fn is_of_this_machine_or_link(address: IpAddr) -> bool {
    let link = match address {
        IpAddr::V4(address) => address.is_link_local() || address.is_broadcast(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    link || address.is_loopback() || address.is_multicast() || address.is_unspecified()
}

fn overlap(tunnel: &Tunnel, other: &Tunnel) -> Option<TunnelError> {
    let pairs = tunnel
        .networks()
        .flat_map(|network| other.networks().map(move |theirs| (network, theirs)));
    let mut both =
        pairs.filter(|(network, theirs)| network.contains(theirs) || theirs.contains(network));
    let (network, theirs) = both.next()?;
    Some(TunnelError::Overlap {
        network: theirs,
        file: other.file.clone(),
        other: network,
        other_file: tunnel.file.clone(),
    })
}

fn port_twice(tunnel: &Tunnel, other: &Tunnel) -> Option<TunnelError> {
    let port = tunnel.spec.interface.listen_port?;
    (other.spec.interface.listen_port == Some(port)).then(|| TunnelError::Port {
        port,
        file: other.file.clone(),
        other_file: tunnel.file.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::tunnel::Conf;
    use std::path::Path;

    const KEY: &str = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
    const PEER: &str = "3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08=";

    fn tunnel(file: &str, address: &str, allowed: &str) -> Tunnel {
        let text = format!(
            "[Interface]\nPrivateKey = {KEY}\nAddress = {address}\nListenPort = 51820\n\
             [Peer]\nPublicKey = {PEER}\nAllowedIPs = {allowed}\n"
        );
        let conf = Conf::parse(&text, Path::new(file)).unwrap_or_else(|e| panic!("{e}"));
        Tunnel {
            file: file.into(),
            at: None,
            spec: conf.spec,
            warnings: conf.warnings,
            ignored: conf.ignored,
        }
    }

    fn route<'t>(tunnels: &'t Tunnels, address: &str) -> Option<&'t str> {
        let tunnel = tunnels.route(address.parse().unwrap())?;
        tunnel.file.to_str()
    }

    #[test]
    fn an_address_leads_to_the_tunnel_whose_allowed_ips_hold_it() {
        let tunnels = Tunnels(vec![
            tunnel("a", "192.0.2.2", "10.200.0.1/32, 10.201.0.0/16"),
            tunnel("b", "192.0.2.2, fd00::2", "10.202.0.0/24, fd00::/64"),
        ]);
        for (address, expected) in [
            ("10.200.0.1", Some("a")),
            ("::ffff:10.200.0.1", Some("a")),
            ("10.201.255.255", Some("a")),
            ("10.202.0.0", Some("b")),
            ("fd00::1", Some("b")),
            ("10.200.0.2", None),
            ("10.202.1.0", None),
            ("fd00:0:0:1::1", None),
        ] {
            assert_eq!(route(&tunnels, address), expected, "{address}");
        }
    }

    #[test]
    fn this_machine_and_its_links_are_behind_no_tunnel() {
        let tunnels = Tunnels(vec![tunnel("a", "192.0.2.2, fd00::2", "0.0.0.0/0, ::/0")]);
        for address in [
            "127.0.0.1",
            "169.254.1.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
        ] {
            assert_eq!(route(&tunnels, address), None, "{address}");
        }
        for address in ["::1", "fe80::1", "::", "ff02::1", "::ffff:127.0.0.1"] {
            assert_eq!(route(&tunnels, address), None, "{address}");
        }
        assert_eq!(route(&tunnels, "203.0.113.7"), Some("a"));
        assert_eq!(route(&tunnels, "2001:db8::1"), Some("a"));
    }

    #[test]
    fn networks_that_share_an_address_overlap_whichever_is_larger() {
        let small = tunnel("small", "192.0.2.2", "10.200.0.1/32");
        let large = tunnel("large", "192.0.2.2", "10.100.0.0/16, 10.200.0.0/24");
        let other = tunnel("other", "192.0.2.2", "10.200.1.0/24");
        for (one, two) in [(&small, &large), (&large, &small)] {
            let text = overlap(one, two).unwrap().to_string();
            assert!(text.contains("10.200.0.1/32 of small"), "{text}");
            assert!(text.contains("10.200.0.0/24 of large"), "{text}");
        }
        assert!(overlap(&small, &other).is_none() && overlap(&other, &large).is_none());
        assert!(port_twice(&small, &large).is_some());
    }
}
