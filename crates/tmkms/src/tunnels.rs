//! The tunnels of a configuration: their files read, checked together, and the question which of
//! them leads to an address.
//!
//! Invariants:
//! - No address lies behind two tunnels, no two listen on one UDP port, and no tunnel has an
//!   address that this machine has already.
//! - A file that others can read is refused (see [`FilePermissions`]).

use std::fmt::Write as _;
use std::net::{IpAddr, UdpSocket};
use std::path::PathBuf;
use std::str;

use diagnostics::{Located, Location, Report};
use ipnet::IpNet;
use keys::{FilePermissions, KeyFileError, Origin, Problem, Purpose, read_secret_file};
use tunnel::conf::Ignored;
use tunnel::{Conf, Spec};

use crate::config::{Config, Endpoint, Validator};

/// All tunnels.
pub struct Tunnels(Vec<Tunnel>);

/// One tunnel.
pub struct Tunnel {
    /// Its file.
    pub file: PathBuf,
    /// Where tmkms.toml names it; absent for a file that a flag names.
    pub at: Option<Location>,
    /// What it is made of.
    pub spec: Spec,
    /// What the file's owner should know.
    pub warnings: Report,
    /// Settings of the file that have no effect here.
    pub ignored: Vec<Ignored>,
}

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

/// Why a tunnel cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// Its file cannot be read.
    #[error("{}{source}", place(.at.as_ref()))]
    File {
        /// Where tmkms.toml names it.
        at: Option<Location>,
        /// What is wrong.
        source: Box<KeyFileError>,
    },
    /// Its file has mistakes.
    #[error("{0}")]
    Invalid(Box<Report>),
    /// An address lies behind two tunnels.
    #[error(
        "{network} of {} and {other} of {} overlap, so an address lies behind two tunnels. Give \
         each peer its own address in AllowedIPs, as /32 or /128",
        .file.display(), .other_file.display()
    )]
    Overlap {
        /// One of AllowedIPs.
        network: IpNet,
        /// Its file.
        file: PathBuf,
        /// One of AllowedIPs that holds it, or is held by it.
        other: IpNet,
        /// Its file.
        other_file: PathBuf,
    },
    /// Two tunnels listen on one port.
    #[error(
        "ListenPort is {port} in {} and in {}. Change one of them, or remove it where the peer is \
         dialled from here",
        .file.display(), .other_file.display()
    )]
    Port {
        /// The UDP port.
        port: u16,
        /// One of the files.
        file: PathBuf,
        /// The other.
        other_file: PathBuf,
    },
    /// This machine has the address already.
    #[error(
        "{address}, the Address in {}, is already an address of this machine. If the kernel's \
         WireGuard has it, run `wg-quick down` for its interface: a tunnel has one end here, not \
         two",
        .file.display()
    )]
    Local {
        /// The address.
        address: IpAddr,
        /// The file.
        file: PathBuf,
    },
}

impl TunnelError {
    /// The text for people, with its headings, ending in a line end.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        match self {
            Self::Invalid(report) => report.render(colour),
            other => format!("error: {other}\n"),
        }
    }
}

fn place(at: Option<&Location>) -> String {
    at.map_or_else(String::new, |at| format!("{at}: "))
}

impl Tunnel {
    /// Reads and checks the file of a tunnel.
    ///
    /// # Errors
    /// [`TunnelError::File`] and [`TunnelError::Invalid`].
    pub fn load(
        file: PathBuf,
        at: Option<Location>,
        permissions: FilePermissions,
    ) -> Result<Self, TunnelError> {
        let unreadable = |source| TunnelError::File {
            at: at.clone(),
            source: Box::new(source),
        };
        let content =
            read_secret_file(&file, Purpose::WireGuard, permissions).map_err(unreadable)?;
        let text = str::from_utf8(&content).map_err(|_| {
            unreadable(KeyFileError {
                origin: Origin::from(file.as_path()),
                purpose: Purpose::WireGuard,
                format: None,
                problem: Problem::Binary {
                    bytes: content.len(),
                    what: "something else",
                },
            })
        })?;
        let conf =
            Conf::parse(text, &file).map_err(|report| TunnelError::Invalid(Box::new(report)))?;
        Ok(Self {
            file,
            at,
            spec: conf.spec,
            warnings: conf.warnings,
            ignored: conf.ignored,
        })
    }

    fn networks(&self) -> impl Iterator<Item = IpNet> {
        let peers = self.spec.peers.iter();
        peers.flat_map(|peer| peer.allowed_ips.iter().copied())
    }

    /// In one line: the file, this end's addresses, and each peer.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut line = format!(
            "tunnel {}: {}",
            self.file.display(),
            joined(&self.spec.interface.addresses)
        );
        for peer in &self.spec.peers {
            // Writing to a string does not fail.
            let _ = write!(
                line,
                ", peer {} for {}",
                peer.public_key,
                joined(&peer.allowed_ips)
            );
            if let Some(endpoint) = &peer.endpoint {
                let _ = write!(line, " at {endpoint}");
            }
        }
        line
    }
}

fn joined(networks: &[IpNet]) -> String {
    let texts: Vec<String> = networks.iter().map(ToString::to_string).collect();
    texts.join(", ")
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
        errors.extend(addresses_of_this_machine(&tunnels));
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
        let address = address.to_canonical();
        if is_of_this_machine_or_link(address) {
            return None;
        }
        let behind = |tunnel: &&Tunnel| tunnel.networks().any(|network| network.contains(&address));
        self.iter().find(behind)
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
        if !self.is_empty() {
            let nodes = config.validators.iter();
            lines.extend(
                nodes.map(|node| format!("node {}: {}", node.endpoint, self.tell_way(node))),
            );
        }
        lines
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

fn addresses_of_this_machine(tunnels: &[Tunnel]) -> impl Iterator<Item = TunnelError> {
    tunnels.iter().flat_map(|tunnel| {
        let addresses = tunnel.spec.interface.addresses.iter().map(IpNet::addr);
        let local = addresses.filter(|address| is_local(*address));
        local.map(|address| TunnelError::Local {
            address,
            file: tunnel.file.clone(),
        })
    })
}

/// To reach itself a machine takes the address itself as the source. Connecting a UDP socket asks
/// for that source and sends nothing.
fn is_local(address: IpAddr) -> bool {
    const ANY_PORT: u16 = 9;
    let any: IpAddr = match address {
        IpAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
    };
    let source = UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect((address, ANY_PORT))?;
        socket.local_addr()
    });
    source.is_ok_and(|source| source.ip() == address)
}

#[cfg(test)]
mod tests {
    use super::*;
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

    /// 192.0.2.0/24 is nobody's (RFC 5737); 127.0.0.1 is everybody's.
    #[test]
    fn an_address_of_this_machine_is_no_address_of_a_tunnel() {
        assert!(is_local("127.0.0.1".parse().unwrap()));
        assert!(!is_local("192.0.2.77".parse().unwrap()));
        let error = TunnelError::Local {
            address: "10.200.0.2".parse().unwrap(),
            file: "wg0.conf".into(),
        };
        assert_eq!(
            error.render(false),
            "error: 10.200.0.2, the Address in wg0.conf, is already an address of this machine. If \
             the kernel's WireGuard has it, run `wg-quick down` for its interface: a tunnel has one \
             end here, not two\n"
        );
    }
}
