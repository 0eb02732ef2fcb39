//! Who can reach an address.

use std::fs;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;

use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;

/// A warning when more than this machine and a tunnel lead to an address.
pub(super) fn exposure(address: SocketAddr) -> Option<String> {
    let ip = address.ip().to_canonical();
    if ip.is_loopback() || interfaces(ip).any(|name| is_tunnel(&name)) {
        return None;
    }
    Some(format!(
        "whoever reaches {address} can read the metrics and the page: no secret is in them and \
         nothing can be changed there, but they tell where the nodes are and how this signer does. \
         Listen on 127.0.0.1 or on the address of a tunnel, or let a firewall pass Prometheus alone"
    ))
}

/// The interfaces that have an address.
fn interfaces(ip: IpAddr) -> impl Iterator<Item = String> {
    let all = getifaddrs().into_iter().flatten();
    let has = move |address: &Option<SockaddrStorage>| {
        address.as_ref().and_then(ip_of).is_some_and(|it| it == ip)
    };
    all.filter(move |interface| has(&interface.address))
        .map(|interface| interface.interface_name)
}

fn ip_of(address: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|it| IpAddr::from(it.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|it| it.ip().into()))
}

/// WireGuard of the kernel, or a tunnel of a program.
fn is_tunnel(interface: &str) -> bool {
    let directory = Path::new("/sys/class/net").join(interface);
    let is_wireguard = fs::read_to_string(directory.join("uevent"))
        .is_ok_and(|text| text.lines().any(|line| line == "DEVTYPE=wireguard"));
    is_wireguard || directory.join("tun_flags").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(address: &str) -> bool {
        exposure(address.parse().unwrap()).is_some()
    }

    #[test]
    fn loopback_is_nobody_elses_and_every_address_is_everybodys() {
        for own in [
            "127.0.0.1:1",
            "127.9.9.9:1",
            "[::1]:1",
            "[::ffff:127.0.0.1]:1",
        ] {
            assert!(!warned(own), "{own}");
        }
        for open in ["0.0.0.0:1", "[::]:1", "192.0.2.1:1", "10.200.0.2:1"] {
            assert!(warned(open), "{open}");
        }
    }

    #[test]
    fn interfaces_of_an_address_are_found() {
        let names: Vec<String> = interfaces("127.0.0.1".parse().unwrap()).collect();
        assert_eq!(names, ["lo"]);
        assert!(!is_tunnel("lo"));
    }
}
