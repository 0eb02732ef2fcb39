//! What the names in tmkms.toml and in the tunnels' files lead to.

use std::io;
use std::net::{IpAddr, SocketAddr};

use tunnel::Host;

use super::finding::Finding;
use crate::config::{Config, Endpoint};
use crate::session::look_up;
use crate::tunnels::Tunnels;

/// Looks all names up, each once, and where each node lies.
pub(super) fn look(config: &Config, tunnels: &Tunnels) -> Vec<Finding> {
    let mut findings = Vec::new();
    for node in &config.validators {
        if let Endpoint::Tcp { addr, .. } = &node.endpoint {
            let addresses = match addr.host.parse::<IpAddr>() {
                Ok(address) => vec![address],
                Err(_) => named(&addr.host, look_up(&addr.host, addr.port), &mut findings),
            };
            let inside = |address: &IpAddr| tunnels.route(*address).is_some();
            if !tunnels.is_empty() && !addresses.is_empty() && !addresses.iter().any(inside) {
                findings.push(outside(&node.endpoint.to_string(), &addresses, tunnels));
            }
        }
    }
    for peer in tunnels.iter().flat_map(|tunnel| &tunnel.spec.peers) {
        if let Some(endpoint) = &peer.endpoint
            && let Host::Name(name) = &endpoint.host
        {
            let name = name.to_string();
            named(&name, look_up(&name, endpoint.port), &mut findings);
        }
    }
    findings
}

fn named(
    name: &str,
    found: io::Result<Vec<SocketAddr>>,
    findings: &mut Vec<Finding>,
) -> Vec<IpAddr> {
    let (addresses, finding) = match found {
        Ok(found) if !found.is_empty() => {
            let mut addresses: Vec<IpAddr> = found.iter().map(SocketAddr::ip).collect();
            addresses.dedup();
            let finding = Finding::fine("dns.ok", format!("{name} is {}", joined(&addresses)));
            (addresses, finding)
        }
        Ok(_) => (Vec::new(), unknown(name, "the name has no address")),
        Err(error) => (Vec::new(), unknown(name, &error.to_string())),
    };
    if !findings.contains(&finding) {
        findings.push(finding);
    }
    addresses
}

fn unknown(name: &str, why: &str) -> Finding {
    Finding::broken("dns.unknown", format!("{name} cannot be resolved: {why}"))
        .mend(format!("getent hosts {name}   (here, or in the signer's container)"))
        .mend("a container's name exists while it runs, on networks that both are part of: `docker network inspect kiranet`")
}

/// A node around its tunnel: where an address of the tunnel's own network is meant, nothing can
/// answer; elsewhere it may be meant so.
fn outside(node: &str, addresses: &[IpAddr], tunnels: &Tunnels) -> Finding {
    let nets = || {
        let specs = tunnels.iter().map(|tunnel| &tunnel.spec);
        specs.flat_map(|spec| &spec.interface.addresses)
    };
    let is_private = |address: &IpAddr| match address {
        IpAddr::V4(address) => address.is_private(),
        IpAddr::V6(address) => address.is_unique_local(),
    };
    let is_meant = addresses
        .iter()
        .any(|address| is_private(address) || nets().any(|net| net.contains(address)));
    let found = format!(
        "{node} is dialled outside the tunnels: AllowedIPs of no peer hold {}",
        joined(addresses)
    );
    let finding = if is_meant {
        Finding::broken("wireguard.node_not_covered", found)
    } else {
        Finding::warning("wireguard.node_outside", found)
    };
    finding.mend(format!(
        "AllowedIPs = {}/32   (in [Peer] of the tunnel's file; then restart the signer)",
        joined(addresses)
    ))
}

fn joined(addresses: &[IpAddr]) -> String {
    let texts: Vec<String> = addresses.iter().map(IpAddr::to_string).collect();
    texts.join(", ")
}
