//! A running tunnel.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use ipnet::IpNet;

use crate::driver::{self, Core, Shared, Sockets};
use crate::engine::{Engine, Status};
use crate::listener::TunnelListener;
use crate::netstack::{AddressError, ConnectError, Netstack, Progress};
use crate::spec::{Endpoint, Host, Spec};
use crate::stream::{TunnelStream, ended};

/// The MTU inside when the spec names none, as wg-quick(8) sets it for a path of 1,500 bytes. What
/// a path carries less than that is found out and kept to for each peer.
const DEFAULT_MTU: u16 = 1420;

/// What is not in a wg0.conf.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What the tunnel is called in logs and as a thread; the name of its file, for example.
    pub name: String,
}

/// Why a tunnel does not start. Nothing of it is left behind.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Somebody else has the UDP port.
    #[error(
        "UDP port {0} is in use, by another WireGuard perhaps; stop that, or set another ListenPort"
    )]
    PortInUse(u16),
    /// The port cannot be had for another reason.
    #[error("UDP port {port} cannot be opened: {source}")]
    Port {
        /// The port, 0 for any.
        port: u16,
        /// What the system said.
        source: io::Error,
    },
    /// One of the tunnel's addresses is an address of this machine.
    #[error(
        "the tunnel's address {address} is already an address of this machine, on {interface}; \
         take that interface down (`wg-quick down`), or give the tunnel another Address"
    )]
    AddressInUse {
        /// The address.
        address: IpAddr,
        /// The interface that has it.
        interface: String,
    },
    /// One of the tunnel's addresses can be no host's.
    #[error("Address: {0}")]
    Address(#[from] AddressError),
    /// The system knows no way to an endpoint.
    #[error(
        "there is no route to the endpoint {endpoint}: {source}; check that the network is up and \
         that this machine has {family}"
    )]
    NoRoute {
        /// The endpoint.
        endpoint: Endpoint,
        /// The family that is needed.
        family: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The system gave no randomness, thread or descriptor.
    #[error("the tunnel cannot start: {0}")]
    System(#[source] io::Error),
}

/// A tunnel whose keys are in memory and whose port is taken, but which does nothing yet: between
/// here and [`Prepared::start`] a process can lock its memory and give up its rights.
pub struct Prepared {
    shared: Arc<Shared>,
    port: u16,
    name: String,
}

/// A tunnel with its thread. Ends with [`Tunnel::stop`] or when it is dropped; streams and
/// listeners of it report an error from then on.
pub struct Tunnel {
    shared: Arc<Shared>,
    port: u16,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Tunnel {
    /// Does all that can fail before there is a thread: all of it, or nothing.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn prepare(spec: &Spec, options: &Options) -> Result<Prepared, StartError> {
        let addresses = &spec.interface.addresses;
        check_addresses(addresses)?;
        check_routes(spec)?;
        let random = || getrandom::u64().map_err(|e| StartError::System(io::Error::other(e)));
        let mtu = spec.interface.mtu.unwrap_or(DEFAULT_MTU);
        let stack = Netstack::new(addresses, mtu, random()?, Instant::now())?;
        let engine = Engine::new(spec, random()?);
        let sockets = bind(spec.interface.listen_port)?;
        let port = sockets.port();
        let core = Core::new(engine, stack, Arc::new(sockets));
        let shared = Shared::new(core).map_err(StartError::System)?;
        Ok(Prepared {
            shared,
            port,
            name: options.name.clone(),
        })
    }

    /// Prepares a tunnel and starts it.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(spec: &Spec, options: &Options) -> Result<Self, StartError> {
        Self::prepare(spec, options)?.start()
    }

    /// Dials an address inside the tunnel.
    ///
    /// # Errors
    /// `ConnectionRefused`: the peer was reached and nobody listens there. `HostUnreachable`: a
    /// router behind the peer says so. `TimedOut`: no answer within `timeout`.
    /// `NetworkUnreachable`: no peer has the address in its AllowedIPs, or the tunnel has no
    /// address of its family.
    pub fn connect(&self, to: SocketAddr, timeout: Duration) -> io::Result<TunnelStream> {
        let begun = self.shared.with(|core, now| {
            if !core.covers(to.ip()) {
                return Err(not_covered(to.ip()));
            }
            core.stack.connect(now, to).map_err(|e| cannot_dial(to, e))
        })?;
        let stream = TunnelStream::new(Arc::clone(&self.shared), begun?, to)?;
        let deadline = Instant::now() + timeout;
        match stream.wait_open(Some(deadline))? {
            Some(Progress::Ended(end)) => Err(ended(end, to)),
            Some(_) => Ok(stream),
            None => Err(no_answer(to, timeout)),
        }
    }

    /// Listens on a port of all the tunnel's addresses, for those in `allowed`, or for anybody
    /// when it is empty. Others get no answer.
    ///
    /// # Errors
    /// `AddrInUse` when somebody listens there already.
    pub fn listen(&self, port: u16, allowed: Vec<IpNet>) -> io::Result<TunnelListener> {
        TunnelListener::new(&self.shared, port, false, allowed)
    }

    /// The same, but nobody is answered before [`TunnelListener::admit`]: who dials waits, and
    /// learns by it whether they may come in, are refused, or hear nothing.
    ///
    /// # Errors
    /// `AddrInUse` when somebody listens there already.
    pub fn listen_held(&self, port: u16, allowed: Vec<IpNet>) -> io::Result<TunnelListener> {
        TunnelListener::new(&self.shared, port, true, allowed)
    }

    /// Whether a peer has this address in its AllowedIPs.
    #[must_use]
    pub fn covers(&self, address: IpAddr) -> bool {
        let covers = self.shared.with(|core, _| core.covers(address));
        covers.unwrap_or(false)
    }

    /// How the peers are.
    ///
    /// # Errors
    /// When the tunnel has been stopped.
    pub fn status(&self) -> io::Result<Status> {
        Ok(self.shared.with(|core, now| core.status(now))?)
    }

    /// The UDP port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Resets all connections, so that the peers know, and waits for the thread's end. Does
    /// nothing the second time.
    pub fn stop(&self) {
        self.shared.stop();
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the tunnel's thread had panicked");
        }
    }
}

impl Prepared {
    /// Starts the thread.
    ///
    /// # Errors
    /// [`StartError::System`].
    pub fn start(self) -> Result<Tunnel, StartError> {
        let thread =
            driver::spawn(Arc::clone(&self.shared), &self.name).map_err(StartError::System)?;
        Ok(Tunnel {
            shared: self.shared,
            port: self.port,
            thread: Mutex::new(Some(thread)),
        })
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.stop();
    }
}

fn bind(port: Option<u16>) -> Result<Sockets, StartError> {
    Sockets::bind(port).map_err(|source| match (source.kind(), port) {
        (io::ErrorKind::AddrInUse, Some(port)) => StartError::PortInUse(port),
        _ => StartError::Port {
            port: port.unwrap_or(0),
            source,
        },
    })
}

/// Two owners of one address would each see half of the packets.
fn check_addresses(addresses: &[IpNet]) -> Result<(), StartError> {
    let interfaces = nix::ifaddrs::getifaddrs().map_err(|e| StartError::System(e.into()))?;
    for interface in interfaces {
        let Some(address) = interface.address.as_ref().and_then(ip_of) else {
            continue;
        };
        if addresses.iter().any(|net| net.addr() == address) {
            return Err(StartError::AddressInUse {
                address,
                interface: interface.interface_name,
            });
        }
    }
    Ok(())
}

fn ip_of(address: &nix::sys::socket::SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| v4.ip().into());
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| v6.ip().into()))
}

/// Names are looked up later, again and again; an address that cannot be reached now is a mistake
/// in the file or of the machine.
fn check_routes(spec: &Spec) -> Result<(), StartError> {
    for endpoint in spec.peers.iter().filter_map(|peer| peer.endpoint.as_ref()) {
        let Host::Address(address) = endpoint.host else {
            continue;
        };
        let (any, family) = match address {
            IpAddr::V4(_) => ("0.0.0.0:0", "IPv4"),
            IpAddr::V6(_) => ("[::]:0", "IPv6"),
        };
        // Connecting a UDP socket sends nothing; it asks the routing table.
        let found = UdpSocket::bind(any).and_then(|s| s.connect((address, endpoint.port)));
        found.map_err(|source| StartError::NoRoute {
            endpoint: endpoint.clone(),
            family,
            source,
        })?;
    }
    Ok(())
}

fn not_covered(address: IpAddr) -> io::Error {
    let text = format!("no peer of the tunnel has {address} in its AllowedIPs");
    io::Error::new(io::ErrorKind::NetworkUnreachable, text)
}

fn cannot_dial(to: SocketAddr, error: ConnectError) -> io::Error {
    match error {
        ConnectError::NoRoute => {
            let family = if to.is_ipv4() { "IPv4" } else { "IPv6" };
            let text = format!(
                "{to} cannot be dialled inside the tunnel: it is the tunnel's own address, or the \
                 tunnel has no {family} address"
            );
            io::Error::new(io::ErrorKind::NetworkUnreachable, text)
        }
        ConnectError::TooMany => {
            io::Error::other("the tunnel has as many connections as it can have")
        }
    }
}

fn no_answer(to: SocketAddr, timeout: Duration) -> io::Error {
    let text = format!(
        "no answer from {to} inside the tunnel within {:.1} s",
        timeout.as_secs_f64()
    );
    io::Error::new(io::ErrorKind::TimedOut, text)
}
