//! Listening for a signer, as a node with `priv_validator_laddr` does.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr as UnixAddr, UnixListener};
use std::path::Path;
use std::time::{Duration, Instant};

use secret_connection::{Identity, PeerId};

use crate::error::NodeError;
use crate::raw_stream::RawStream;
use crate::signer::Signer;

/// Waits for signers.
pub struct Listener {
    socket: Socket,
    identity: Identity,
}

enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

impl Listener {
    /// Listens on a free port of 127.0.0.1. The identity is fresh, as a node's is.
    ///
    /// # Errors
    /// What the system says.
    pub fn tcp() -> Result<Self, NodeError> {
        Self::from_tcp(TcpListener::bind("127.0.0.1:0")?)
    }

    /// Listens where another listener was before, as a node that starts again.
    ///
    /// # Errors
    /// What the system says.
    pub fn tcp_at(address: SocketAddr) -> Result<Self, NodeError> {
        Self::from_tcp(TcpListener::bind(address)?)
    }

    /// Takes a socket that listens already.
    ///
    /// # Errors
    /// What the system says.
    pub fn from_tcp(listener: TcpListener) -> Result<Self, NodeError> {
        listener.set_nonblocking(true)?;
        Self::new(Socket::Tcp(listener))
    }

    /// Listens on a Unix socket, in plain.
    ///
    /// # Errors
    /// What the system says.
    pub fn unix(path: &Path) -> Result<Self, NodeError> {
        Self::from_unix(UnixListener::bind(path)?)
    }

    /// Listens on a name in Linux' abstract namespace (unix(7)), in plain.
    ///
    /// # Errors
    /// What the system says.
    pub fn unix_abstract(name: &str) -> Result<Self, NodeError> {
        let address = UnixAddr::from_abstract_name(name)?;
        Self::from_unix(UnixListener::bind_addr(&address)?)
    }

    /// Takes a Unix socket that listens already.
    ///
    /// # Errors
    /// What the system says.
    pub fn from_unix(listener: UnixListener) -> Result<Self, NodeError> {
        listener.set_nonblocking(true)?;
        Self::new(Socket::Unix(listener))
    }

    fn new(socket: Socket) -> Result<Self, NodeError> {
        Ok(Self {
            socket,
            identity: Identity::from_seed(&random()?),
        })
    }

    /// The address, on TCP.
    #[must_use]
    pub fn tcp_addr(&self) -> Option<SocketAddr> {
        match &self.socket {
            Socket::Tcp(listener) => listener.local_addr().ok(),
            Socket::Unix(_) => None,
        }
    }

    /// The identity that this node proves.
    #[must_use]
    pub fn peer_id(&self) -> PeerId {
        self.identity.peer_id()
    }

    /// Takes the next connection as it is, without a handshake: for tests of bad nodes.
    ///
    /// # Errors
    /// [`NodeError::NoSigner`] after `patience`, else what the system says.
    pub fn accept_raw(&self, patience: Duration) -> Result<RawStream, NodeError> {
        let deadline = Instant::now() + patience;
        loop {
            match self.try_accept() {
                Ok(stream) => {
                    stream.tune()?;
                    return Ok(stream);
                }
                Err(e) if e.kind() != io::ErrorKind::WouldBlock => return Err(e.into()),
                Err(_) if Instant::now() >= deadline => {
                    return Err(NodeError::NoSigner(patience));
                }
                Err(_) => std::thread::sleep(Duration::from_millis(2)),
            }
        }
    }

    fn try_accept(&self) -> io::Result<RawStream> {
        match &self.socket {
            Socket::Tcp(listener) => listener.accept().map(|(s, _)| RawStream::Tcp(s)),
            Socket::Unix(listener) => listener.accept().map(|(s, _)| RawStream::Unix(s)),
        }
    }

    /// Takes the next signer.
    ///
    /// # Errors
    /// [`NodeError`] when none comes within `patience` or its handshake fails.
    pub fn accept(&self, patience: Duration) -> Result<Signer, NodeError> {
        self.accept_through(patience, |stream| stream)
    }

    /// As [`accept`](Self::accept), with something between the socket and all that is said on it.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    pub fn accept_through<T: Read + Write + Send + 'static>(
        &self,
        patience: Duration,
        between: impl FnOnce(RawStream) -> T,
    ) -> Result<Signer, NodeError> {
        let stream = self.accept_raw(patience)?;
        let is_plain = matches!(stream, RawStream::Unix(_));
        let stream = between(stream);
        if is_plain {
            return Ok(Signer::plain(stream));
        }
        Signer::secret(stream, &self.identity, random()?)
    }
}

fn random() -> Result<[u8; 32], NodeError> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| NodeError::Io(io::Error::other(e)))?;
    Ok(bytes)
}
