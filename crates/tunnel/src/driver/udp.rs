//! The UDP sockets under a tunnel, one for each family, on one port.

use std::io::{self, IoSliceMut};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;

use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, SockaddrStorage, recvmsg, setsockopt, sockopt as nix_sockopt,
};
use rustix::net::sockopt::{self, Ipv4PathMtuDiscovery, Ipv6PathMtuDiscovery};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use crate::engine::Unreachable;

/// Ports tried for one that is free in both families.
const PORT_ATTEMPTS: usize = 16;

/// Why a datagram of ours did not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failure {
    pub(crate) to: SocketAddr,
    pub(crate) why: Unreachable,
}

/// Both sockets. A host has at least one of the families.
pub(crate) struct Sockets {
    v4: Option<UdpSocket>,
    v6: Option<UdpSocket>,
    port: u16,
}

impl Sockets {
    /// Binds this port, or any that is free, in both families; one family is enough where the
    /// host does not have the other.
    pub(crate) fn bind(port: Option<u16>) -> io::Result<Self> {
        if let Some(port) = port {
            return Self::bind_to(port);
        }
        let mut last = None;
        for _ in 0..PORT_ATTEMPTS {
            match Self::bind_to(0) {
                Err(e) if e.kind() == io::ErrorKind::AddrInUse => last = Some(e),
                bound => return bound,
            }
        }
        Err(last.unwrap_or_else(|| io::ErrorKind::AddrInUse.into()))
    }

    fn bind_to(port: u16) -> io::Result<Self> {
        let v4 = open(Ipv4Addr::UNSPECIFIED.into(), port)?;
        let port = match &v4 {
            Some(socket) => socket.local_addr()?.port(),
            None => port,
        };
        let v6 = open(Ipv6Addr::UNSPECIFIED.into(), port)?;
        let port = match (&v4, &v6) {
            (None, None) => return Err(io::ErrorKind::Unsupported.into()),
            (None, Some(socket)) => socket.local_addr()?.port(),
            _ => port,
        };
        Ok(Self { v4, v6, port })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Each socket that there is.
    pub(crate) fn all(&self) -> impl Iterator<Item = &UdpSocket> {
        self.v4.iter().chain(&self.v6)
    }

    /// Sends, or says why not. A full queue of the kernel is like loss on the way.
    pub(crate) fn send(&self, to: SocketAddr, datagram: &[u8]) -> Result<(), Failure> {
        let socket = if to.is_ipv4() { &self.v4 } else { &self.v6 };
        let Some(socket) = socket else {
            let why = Unreachable::NoRoute;
            return Err(Failure { to, why });
        };
        let mut sent = socket.send_to(datagram, to);
        if sent.as_ref().is_err_and(is_of_another) {
            // An error that an earlier datagram met, whose details wait in the error queue.
            sent = socket.send_to(datagram, to);
        }
        match sent {
            Ok(_) => Ok(()),
            Err(e) => match why(e.raw_os_error(), None) {
                Some(why) => Err(Failure { to, why }),
                None => Ok(()),
            },
        }
    }

    /// What the network said about datagrams that were sent (`IP_RECVERR`, ip(7)).
    pub(crate) fn failures(&self) -> Vec<Failure> {
        self.all().flat_map(error_queue).collect()
    }
}

/// A socket that never blocks; `None` when the host does not have that family.
fn open(address: IpAddr, port: u16) -> io::Result<Option<UdpSocket>> {
    let family = match address {
        IpAddr::V4(_) => AddressFamily::INET,
        IpAddr::V6(_) => AddressFamily::INET6,
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = match rustix::net::socket_with(family, SocketType::DGRAM, flags, None) {
        Ok(socket) => socket,
        Err(rustix::io::Errno::AFNOSUPPORT) => return Ok(None),
        Err(e) => return Err(e.into()),
    };
    // Never in fragments, and without the kernel's own idea of the path: the tunnel finds out
    // itself what fits, and a forged ICMP message cannot make it smaller.
    if address.is_ipv4() {
        sockopt::set_ip_mtu_discover(&socket, Ipv4PathMtuDiscovery::PROBE)?;
        setsockopt(&socket, nix_sockopt::Ipv4RecvErr, &true)?;
    } else {
        sockopt::set_ipv6_v6only(&socket, true)?;
        sockopt::set_ipv6_mtu_discover(&socket, Ipv6PathMtuDiscovery::PROBE)?;
        setsockopt(&socket, nix_sockopt::Ipv6RecvErr, &true)?;
    }
    match rustix::net::bind(&socket, &SocketAddr::new(address, port)) {
        Ok(()) => Ok(Some(UdpSocket::from(socket))),
        // IPv6 switched off: the family is there, its addresses are not.
        Err(rustix::io::Errno::ADDRNOTAVAIL) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// `send` reports what an earlier datagram met, whoever it was for.
fn is_of_another(error: &io::Error) -> bool {
    use nix::libc::{ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ENETUNREACH};
    let codes = [ECONNREFUSED, EHOSTUNREACH, EMSGSIZE, ENETUNREACH];
    error
        .raw_os_error()
        .is_some_and(|code| codes.contains(&code))
}

fn why(errno: Option<i32>, mtu: Option<u32>) -> Option<Unreachable> {
    use nix::libc::{
        EACCES, EADDRNOTAVAIL, ECONNREFUSED, EHOSTDOWN, EHOSTUNREACH, EMSGSIZE, ENETDOWN,
        ENETUNREACH, EPERM,
    };
    match errno? {
        ECONNREFUSED => Some(Unreachable::PortClosed),
        EHOSTUNREACH | EHOSTDOWN | ENETUNREACH | ENETDOWN | EADDRNOTAVAIL => {
            Some(Unreachable::NoRoute)
        }
        EACCES | EPERM => Some(Unreachable::Prohibited),
        EMSGSIZE => Some(Unreachable::TooBig(mtu.unwrap_or(0))),
        _ => None,
    }
}

fn error_queue(socket: &UdpSocket) -> Vec<Failure> {
    let mut failures = Vec::new();
    // More than the kernel keeps for one socket; so it ends even if errors come faster than this.
    for _ in 0..1024 {
        let mut datagram = [0; 64];
        let mut control = vec![0; 256];
        let mut parts = [IoSliceMut::new(&mut datagram)];
        let flags = MsgFlags::MSG_ERRQUEUE | MsgFlags::MSG_DONTWAIT;
        let fd = socket.as_raw_fd();
        let Ok(message) = recvmsg::<SockaddrStorage>(fd, &mut parts, Some(&mut control), flags)
        else {
            break;
        };
        let to = message.address.as_ref().and_then(socket_addr);
        let errors = message.cmsgs().into_iter().flatten();
        let error = errors.filter_map(|control| match control {
            ControlMessageOwned::Ipv4RecvErr(error, _)
            | ControlMessageOwned::Ipv6RecvErr(error, _) => Some(error),
            _ => None,
        });
        for error in error {
            let code = i32::try_from(error.ee_errno).ok();
            if let (Some(to), Some(why)) = (to, why(code, Some(error.ee_info))) {
                failures.push(Failure { to, why });
            }
        }
    }
    failures
}

fn socket_addr(address: &SockaddrStorage) -> Option<SocketAddr> {
    if let Some(v4) = address.as_sockaddr_in() {
        return Some(SocketAddr::new(v4.ip().into(), v4.port()));
    }
    let v6 = address.as_sockaddr_in6()?;
    Some(SocketAddr::new(v6.ip().into(), v6.port()))
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn one_port_serves_both_families() {
        let sockets = Sockets::bind(None).unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.send_to(b"x", ("127.0.0.1", sockets.port())).unwrap();
        assert!(sockets.all().count() >= 1);
        for socket in sockets.all() {
            assert_eq!(socket.local_addr().unwrap().port(), sockets.port());
        }
    }

    #[test]
    fn a_taken_port_is_an_error() {
        let first = Sockets::bind(None).unwrap();
        let error = Sockets::bind(Some(first.port())).err().unwrap();
        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_closed_port_is_told_apart_from_others() {
        let sockets = Sockets::bind(None).unwrap();
        let closed = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let open = UdpSocket::bind("127.0.0.1:0").unwrap();
        let limit = Instant::now() + Duration::from_secs(5);
        let mut failures = Vec::new();
        while failures.is_empty() && Instant::now() < limit {
            let sent = sockets.send(closed, b"x");
            assert!(sent.is_ok() || sent.is_err_and(|f| f.to == closed));
            sockets.send(open.local_addr().unwrap(), b"x").unwrap();
            failures = sockets.failures();
        }
        let why = Unreachable::PortClosed;
        assert!(!failures.is_empty());
        assert!(failures.iter().all(|f| *f == Failure { to: closed, why }));
    }

    #[test]
    fn what_is_too_long_for_the_interface_is_said_at_once() {
        let sockets = Sockets::bind(None).unwrap();
        let to: SocketAddr = "127.0.0.1:9".parse().unwrap();
        // The loopback carries 65,536 bytes, UDP at most 65,507.
        let failure = sockets.send(to, &[0; 65_508]).unwrap_err();
        assert!(matches!(failure.why, Unreachable::TooBig(_)));
    }
}
