//! Dialling a node: resolve, connect, shake hands, each with its own bound.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use secret_connection::{HandshakeFailure, Identity, PeerId, SecretStream};

use super::connection::{Connection, Transport};
use super::node::{Address, Node};
use super::resolve::resolve;
use super::shutdown::Shutdown;
use super::trouble::Trouble;
use crate::config::{Endpoint, TcpAddress, UnixSocket};
use crate::tunnels::Running;

/// How long one address may take to answer. A node that starts waits 3 s, so an attempt that
/// lasts longer than this would miss it.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(900);

/// The same inside a tunnel, where a gateway may hold the connection back until its node listens,
/// and refuses it after 3 s.
const CONNECT_TIMEOUT_INSIDE: Duration = Duration::from_secs(4);

/// How long an established TCP connection may stay without the node's first byte.
///
/// Long on purpose: while another signer holds the node's slot, the connection waits in the
/// kernel's backlog and is served as soon as the slot is free. Dropping it and dialling again
/// would leave dead entries there, each of which costs the node up to 3 s.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);

/// How long a handshake may take once the node has begun it.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(3);

/// How often a waiting handshake looks at the clock and at the request to stop.
const TICK: Duration = Duration::from_millis(200);

/// How long the node may stay silent before the log says so.
const SILENCE_NOTICE: Duration = Duration::from_secs(3);

/// Connects to a node. `on_silence` is called once when it has accepted and said nothing for
/// [`SILENCE_NOTICE`].
pub(super) fn dial(
    node: &Node,
    shutdown: &Shutdown,
    on_silence: &mut dyn FnMut(&Trouble),
) -> Result<Connection, Trouble> {
    match &node.address {
        Address::Tcp { addr, identity } => {
            let stream = connect_tcp(addr, &node.tunnels, shutdown)?;
            let secret = shake_hands(stream, identity, shutdown, on_silence)?;
            check_peer(addr, &secret)?;
            Ok(Connection::Secret(Box::new(secret)))
        }
        Address::Unix(socket) => {
            let stream = connect_unix(socket).map_err(|e| connecting(e, CONNECT_TIMEOUT))?;
            stream
                .set_write_timeout(Some(node.timeout))
                .map_err(Trouble::Io)?;
            Ok(Connection::Plain(Box::new(stream)))
        }
    }
}

/// Connects as `dial` does and leaves again, for whoever looks whether that works; returns the
/// identity that the node showed. Without an identity of ours only a Unix socket is knocked at.
///
/// # Errors
/// [`Trouble`].
pub fn knock(
    endpoint: &Endpoint,
    identity: Option<&Identity>,
    tunnels: &Running,
) -> Result<Option<PeerId>, Trouble> {
    let shutdown = Shutdown::default();
    match (endpoint, identity) {
        (Endpoint::Tcp { addr, .. }, Some(identity)) => {
            let stream = connect_tcp(addr, tunnels, &shutdown)?;
            let secret = shake_hands(stream, identity, &shutdown, &mut |_| {})?;
            check_peer(addr, &secret)?;
            Ok(Some(secret.remote_peer_id()))
        }
        (Endpoint::Unix(socket), _) => {
            connect_unix(socket).map_err(|e| connecting(e, CONNECT_TIMEOUT))?;
            Ok(None)
        }
        (Endpoint::Tcp { .. }, None) => Err(Trouble::Io(io::ErrorKind::InvalidInput.into())),
    }
}

/// Tries one address after the other; the trouble is that of the last.
fn connect_tcp(
    addr: &TcpAddress,
    tunnels: &Running,
    shutdown: &Shutdown,
) -> Result<Box<dyn Transport>, Trouble> {
    let addresses = resolve(&addr.host, addr.port, shutdown).map_err(Trouble::Dns)?;
    let mut trouble = Trouble::Dns(io::Error::other("the name has no address"));
    for address in addresses {
        match connect(address, tunnels) {
            Ok(stream) => return Ok(stream),
            Err(e) => trouble = e,
        }
        if shutdown.is_asked() {
            break;
        }
    }
    Err(trouble)
}

/// An address behind a tunnel is never dialled outside of it.
fn connect(address: SocketAddr, tunnels: &Running) -> Result<Box<dyn Transport>, Trouble> {
    if let Some(tunnel) = tunnels.route(address.ip()) {
        let stream = tunnel.connect(address, CONNECT_TIMEOUT_INSIDE);
        let stream = stream.map_err(|e| connecting(e, CONNECT_TIMEOUT_INSIDE))?;
        return Ok(Box::new(stream));
    }
    match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
        Ok(stream) => {
            tune(&stream).map_err(Trouble::Io)?;
            Ok(Box::new(stream))
        }
        // On TCP it is no file's owner that forbids it, but a firewall or a route.
        Err(e) if e.kind() == io::ErrorKind::PermissionDenied => Err(Trouble::Unreachable(e)),
        Err(e) => Err(connecting(e, CONNECT_TIMEOUT)),
    }
}

fn connecting(error: io::Error, after: Duration) -> Trouble {
    match error.kind() {
        // `WouldBlock` is how a Unix socket says it.
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Trouble::ConnectTimeout(after),
        _ => Trouble::connecting(error),
    }
}

/// Sends at once, and notices a dead path within about 10 s even while nothing is sent.
fn tune(stream: &TcpStream) -> io::Result<()> {
    use rustix::net::sockopt;
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, Duration::from_secs(4))?;
    sockopt::set_tcp_keepintvl(stream, Duration::from_secs(2))?;
    sockopt::set_tcp_keepcnt(stream, 3)?;
    sockopt::set_tcp_user_timeout(stream, 10_000)?;
    // A write blocks only when the node has stopped reading for as long as a full send buffer
    // takes; the user timeout above covers a dead path.
    stream.set_write_timeout(Some(Duration::from_secs(10)))
}

/// Bounded too: when a frozen node's queue is full, connecting blocks until there is room
/// (unix(7)), and the standard library has no timeout for it.
fn connect_unix(socket: &UnixSocket) -> io::Result<UnixStream> {
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
    use rustix::net::{connect, socket_with, sockopt};
    let address = match socket {
        UnixSocket::Path(path) => SocketAddrUnix::new(path)?,
        UnixSocket::Abstract(name) => SocketAddrUnix::new_abstract_name(name.as_bytes())?,
    };
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)?;
    sockopt::set_socket_timeout(&socket, sockopt::Timeout::Send, Some(CONNECT_TIMEOUT))?;
    connect(&socket, &address)?;
    Ok(UnixStream::from(socket))
}

fn shake_hands(
    stream: Box<dyn Transport>,
    identity: &Identity,
    shutdown: &Shutdown,
    on_silence: &mut dyn FnMut(&Trouble),
) -> Result<SecretStream<Box<dyn Transport>>, Trouble> {
    let mut ephemeral = [0; 32];
    getrandom::fill(&mut ephemeral).map_err(|e| Trouble::Io(io::Error::other(e)))?;
    stream.set_read_timeout(TICK).map_err(Trouble::Io)?;
    let _interrupt = shutdown.register(stream.interrupter().map_err(Trouble::Io)?);
    let mut patience = Patience::new();
    SecretStream::connect_while(stream, identity, ephemeral, |_, received| {
        !shutdown.is_asked() && patience.lasts(received, on_silence)
    })
    .map_err(Trouble::Handshake)
}

/// Two clocks: one until the node's first byte, one from there.
struct Patience {
    started: Instant,
    begun: Option<Instant>,
    noticed: bool,
}

impl Patience {
    fn new() -> Self {
        Self {
            started: Instant::now(),
            begun: None,
            noticed: false,
        }
    }

    fn lasts(&mut self, received: usize, on_silence: &mut dyn FnMut(&Trouble)) -> bool {
        if received > 0 {
            self.begun.get_or_insert_with(Instant::now);
        }
        if let Some(begun) = self.begun {
            return begun.elapsed() < HANDSHAKE_TIMEOUT;
        }
        if !self.noticed && self.started.elapsed() >= SILENCE_NOTICE {
            self.noticed = true;
            on_silence(&Trouble::Handshake(HandshakeFailure::Silent));
        }
        self.started.elapsed() < SILENCE_LIMIT
    }
}

fn check_peer(addr: &TcpAddress, stream: &SecretStream<Box<dyn Transport>>) -> Result<(), Trouble> {
    let found = stream.remote_peer_id();
    match &addr.peer_id {
        Some(expected) if *expected != found => Err(Trouble::WrongPeer {
            expected: *expected,
            found,
        }),
        _ => Ok(()),
    }
}
