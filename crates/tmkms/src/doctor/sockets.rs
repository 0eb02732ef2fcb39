//! The kernel's tables of a network namespace: sockets, addresses, interfaces.
//!
//! They tell everything about the node's port that a connection would tell, and a connection would
//! take the signer's place.

use std::fs;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// A TCP socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Socket {
    pub(super) local: SocketAddr,
    pub(super) remote: SocketAddr,
    pub(super) state: State,
    /// Bytes that were not read; of a listener, connections that were not accepted.
    pub(super) queue: u32,
    /// 0 while no process has accepted it.
    pub(super) inode: u64,
}

/// Its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// It takes connections.
    Listen,
    /// It is one.
    Established,
    /// The other end has closed it.
    CloseWait,
    /// Anything else.
    Other,
}

/// A network namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Network {
    /// Its number, where the kernel lets this user see it.
    pub(super) id: Option<u64>,
    pub(super) sockets: Vec<Socket>,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) interfaces: Vec<String>,
    /// The networks that lie behind an interface.
    pub(super) routes: Vec<Route>,
}

/// A line of the routing table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Route {
    interface: String,
    network: u32,
    mask: u32,
}

impl Network {
    /// That of a process, by its directory in /proc.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn of(process: &Path) -> io::Result<Self> {
        let table = |name: &str| fs::read_to_string(process.join("net").join(name));
        // A kernel without IPv6 has no such tables.
        let optional = |name: &str| match table(name) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(String::new()),
            other => other,
        };
        let mut sockets = parse_tcp(&table("tcp")?);
        sockets.extend(parse_tcp(&optional("tcp6")?));
        let mut addresses = parse_fib_trie(&optional("fib_trie")?);
        addresses.extend(parse_if_inet6(&optional("if_inet6")?));
        Ok(Self {
            id: namespace(process),
            sockets,
            addresses,
            interfaces: parse_dev(&optional("dev")?),
            routes: parse_route(&optional("route")?),
        })
    }

    /// Who listens on a port.
    pub(super) fn listeners(&self, port: u16) -> Vec<Socket> {
        self.on(port, State::Listen)
    }

    /// The sockets of a port in a state.
    pub(super) fn on(&self, port: u16, state: State) -> Vec<Socket> {
        let sockets = self.sockets.iter().copied();
        sockets
            .filter(|socket| socket.local.port() == port && socket.state == state)
            .collect()
    }

    /// An address that the whole internet can reach, if there is one.
    pub(super) fn public_address(&self) -> Option<IpAddr> {
        self.addresses.iter().copied().find(is_public)
    }

    /// The addresses that lie in a network behind an interface; where there is none, all but
    /// those of the loopback.
    pub(super) fn addresses_of(&self, interface: &str) -> Vec<IpAddr> {
        let of_interface = |address: &&IpAddr| {
            let IpAddr::V4(address) = address else {
                return false;
            };
            let number = u32::from(*address);
            let mut routes = self.routes.iter().filter(|it| it.interface == interface);
            routes.any(|route| route.mask != 0 && number & route.mask == route.network)
        };
        let own: Vec<IpAddr> = self
            .addresses
            .iter()
            .filter(of_interface)
            .copied()
            .collect();
        if !own.is_empty() {
            return own;
        }
        let all = self.addresses.iter().copied();
        all.filter(|address| !address.is_loopback()).collect()
    }

    /// An interface of WireGuard.
    pub(super) fn wireguard(&self) -> Option<&str> {
        let mut names = self.interfaces.iter().map(String::as_str);
        names.find(|name| name.starts_with("wg"))
    }
}

/// The number of a process' network namespace.
pub(super) fn namespace(process: &Path) -> Option<u64> {
    fs::metadata(process.join("ns/net"))
        .ok()
        .map(|found| found.ino())
}

/// Whether an address is none of those that stay inside of a network.
pub(super) fn is_public(address: &IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let is_shared = first == 100 && (64..128).contains(&second);
            let is_inner = address.is_private() || address.is_loopback() || address.is_link_local();
            !(is_shared || is_inner || address.is_multicast() || first == 0 || first >= 240)
        }
        // 2000::/3 are the global ones.
        IpAddr::V6(address) => address
            .segments()
            .first()
            .is_some_and(|first| first >> 13 == 1),
    }
}

/// `/proc/net/tcp` and `tcp6` (proc_pid_net(5)): `sl local remote st tx:rx …`, inode in the tenth
/// column.
pub(super) fn parse_tcp(text: &str) -> Vec<Socket> {
    let entry = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, remote, state, queues, _, _, _, _, inode, ..] = fields.as_slice() else {
            return None;
        };
        let state = match *state {
            "0A" => State::Listen,
            "01" => State::Established,
            "08" => State::CloseWait,
            _ => State::Other,
        };
        let (_, queue) = queues.split_once(':')?;
        Some(Socket {
            local: socket_address(local)?,
            remote: socket_address(remote)?,
            state,
            queue: u32::from_str_radix(queue, 16).ok()?,
            inode: inode.parse().ok()?,
        })
    };
    text.lines().skip(1).filter_map(entry).collect()
}

/// `0100007F:6823`: words of 32 bits as this machine has them in memory.
fn socket_address(text: &str) -> Option<SocketAddr> {
    let (address, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |at: usize| {
        let digits = address.get(at..at.saturating_add(8))?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let address: IpAddr = match address.len() {
        8 => Ipv4Addr::from(word(0)?).into(),
        32 => {
            let words = [word(0)?, word(8)?, word(16)?, word(24)?];
            let bytes: [u8; 16] = words.concat().try_into().ok()?;
            Ipv6Addr::from(bytes).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}

/// The addresses of this machine in `/proc/net/fib_trie`: a leaf, and below it `/32 host LOCAL`.
fn parse_fib_trie(text: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    let mut leaf = None;
    for line in text.lines().map(str::trim) {
        if let Some(address) = line.strip_prefix("|-- ") {
            leaf = address.parse::<IpAddr>().ok();
        } else if line == "/32 host LOCAL"
            && let Some(address) = leaf
            && !found.contains(&address)
        {
            found.push(address);
        }
    }
    found
}

/// `fe80000000000000… 02 40 20 80 eth0`.
fn parse_if_inet6(text: &str) -> Vec<IpAddr> {
    let address = |line: &str| {
        let digits = line.split_whitespace().next()?;
        let number = u128::from_str_radix(digits, 16).ok()?;
        Some(IpAddr::V6(Ipv6Addr::from(number)))
    };
    text.lines().filter_map(address).collect()
}

/// `wg0 0000C80A 00000000 0001 0 0 0 00FFFFFF …`: destination and mask as this machine has them in
/// memory.
fn parse_route(text: &str) -> Vec<Route> {
    let number = |text: &str| {
        let word = u32::from_str_radix(text, 16).ok()?;
        Some(u32::from(Ipv4Addr::from(word.to_ne_bytes())))
    };
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [interface, network, _, _, _, _, _, mask, ..] = fields.as_slice() else {
            return None;
        };
        Some(Route {
            interface: (*interface).to_owned(),
            network: number(network)?,
            mask: number(mask)?,
        })
    };
    text.lines().skip(1).filter_map(route).collect()
}

fn parse_dev(text: &str) -> Vec<String> {
    let names = text.lines().filter_map(|line| line.split_once(':'));
    names.map(|(name, _)| name.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn listener_its_queue_and_a_connection_are_seen() {
        for host in ["127.0.0.1:0", "[::1]:0"] {
            let listener = TcpListener::bind(host).unwrap();
            let address = listener.local_addr().unwrap();
            let look = || Network::of(Path::new("/proc/self")).unwrap();
            let [found] = look().listeners(address.port())[..] else {
                panic!("one listener")
            };
            assert_eq!((found.local, found.queue), (address, 0));
            let waiting = TcpStream::connect(address).unwrap();
            let network = look();
            assert_eq!(network.listeners(address.port())[0].queue, 1);
            // The kernel has made it, and nobody has accepted it.
            let [connection] = network.on(address.port(), State::Established)[..] else {
                panic!("one connection")
            };
            assert_eq!(connection.inode, 0);
            assert_eq!(connection.remote, waiting.local_addr().unwrap());
            let _served = listener.accept().unwrap();
            let network = look();
            assert_eq!(network.listeners(address.port())[0].queue, 0);
            assert_ne!(network.on(address.port(), State::Established)[0].inode, 0);
            assert!(network.addresses.contains(&"127.0.0.1".parse().unwrap()));
            assert!(network.interfaces.contains(&"lo".to_owned()));
        }
    }

    #[test]
    fn garbage_in_the_tables_is_skipped() {
        let text = "head\n\nx\n0: 1 2 0A\n0: AA:ZZ x:1 0A 0:0 0 0 0 0 5\n0: 0100007F:6823 0:0 0A z 0 0 0 0 5\n";
        assert_eq!(parse_tcp(text), []);
        assert_eq!(parse_fib_trie("|-- x\n/32 host LOCAL\n"), [] as [IpAddr; 0]);
        assert_eq!(parse_if_inet6("\nzz 1\n"), [] as [IpAddr; 0]);
    }

    #[test]
    fn local_addresses_are_told_from_networks() {
        let text = "\
Main:
  +-- 10.1.0.0/16 2 0 2
     |-- 10.1.0.0
        /16 link UNICAST
     |-- 10.1.0.3
        /32 host LOCAL
     |-- 10.1.255.255
        /32 link BROADCAST
";
        assert_eq!(
            parse_fib_trie(text),
            ["10.1.0.3".parse::<IpAddr>().unwrap()]
        );
        let text = "fe800000000000000000000000000001 02 40 20 80 eth0\n";
        assert_eq!(parse_if_inet6(text), ["fe80::1".parse::<IpAddr>().unwrap()]);
    }

    #[test]
    fn addresses_of_an_interface_are_those_in_its_networks() {
        let table = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n\
                     eth0 00000000 0100010A 0003 0 0 0 00000000 0 0 0\n\
                     wg0 0000C80A 00000000 0001 0 0 0 00FFFFFF 0 0 0\n\
                     garbage\n";
        let network = Network {
            addresses: ["127.0.0.1", "10.1.0.1", "10.200.0.1"]
                .map(|it| it.parse().unwrap())
                .to_vec(),
            routes: parse_route(table),
            ..Network::default()
        };
        assert_eq!(network.routes.len(), 2);
        let told = |name| network.addresses_of(name);
        assert_eq!(told("wg0"), ["10.200.0.1".parse::<IpAddr>().unwrap()]);
        assert_eq!(told("eth0").len(), 2);
    }

    #[test]
    fn addresses_of_the_internet_are_told_from_inner_ones() {
        for public in ["203.0.113.2", "8.8.8.8", "::ffff:8.8.8.8", "2001:db8::1"] {
            assert!(is_public(&public.parse().unwrap()), "{public}");
        }
        for inner in [
            "10.0.0.1",
            "127.0.0.1",
            "172.17.0.1",
            "192.168.0.1",
            "169.254.0.1",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "::1",
            "fe80::1",
            "fd00::1",
            "::",
            "ff02::1",
        ] {
            assert!(!is_public(&inner.parse().unwrap()), "{inner}");
        }
    }
}
