//! One tunnel: its file read and checked.

use std::fmt::Write as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::path::PathBuf;
use std::str;

use diagnostics::{Location, Report};
use ipnet::IpNet;
use keys::{FilePermissions, KeyFileError, Origin, Problem, Purpose, read_secret_file};
use tunnel::conf::Ignored;
use tunnel::{Conf, Spec};

use super::error::TunnelError;

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

    /// As [`Tunnel::load`], and checks it against this machine: for a tunnel that is the only one.
    ///
    /// # Errors
    /// Everything that is wrong; never empty.
    pub fn load_alone(
        file: PathBuf,
        at: Option<Location>,
        permissions: FilePermissions,
    ) -> Result<Self, Vec<TunnelError>> {
        let tunnel = Self::load(file, at, permissions).map_err(|error| vec![error])?;
        let errors: Vec<TunnelError> = tunnel.addresses_of_this_machine().collect();
        match errors.is_empty() {
            true => Ok(tunnel),
            false => Err(errors),
        }
    }

    /// The addresses of the tunnel that this machine has already.
    pub(super) fn addresses_of_this_machine(&self) -> impl Iterator<Item = TunnelError> {
        let addresses = self.spec.interface.addresses.iter().map(IpNet::addr);
        let local = addresses.filter(|address| is_local(*address));
        local.map(|address| TunnelError::Local {
            address,
            file: self.file.clone(),
        })
    }

    /// The AllowedIPs of all peers.
    pub(super) fn networks(&self) -> impl Iterator<Item = IpNet> {
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

/// To reach itself a machine takes the address itself as the source. Connecting a UDP socket asks
/// for that source and sends nothing.
fn is_local(address: IpAddr) -> bool {
    const ANY_PORT: u16 = 9;
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
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
