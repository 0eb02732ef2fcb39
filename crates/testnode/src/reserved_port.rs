//! A port that is taken and on which nothing listens yet: a node that has not started.

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with};

use crate::error::NodeError;
use crate::listener::Listener;

/// How many connections wait for the node's accept, as Go asks for at most.
const BACKLOG: i32 = 128;

/// A port of 127.0.0.1 that refuses connections, and that nobody else can take.
pub struct ReservedPort(TcpListener);

impl ReservedPort {
    /// Takes a free port.
    ///
    /// # Errors
    /// What the system says.
    pub fn new() -> Result<Self, NodeError> {
        let any = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0);
        // Not for the signer that a test starts: a port that it has inherited never refuses.
        let flags = SocketFlags::CLOEXEC;
        let socket = socket_with(AddressFamily::INET, SocketType::STREAM, flags, None);
        let socket = socket.map_err(errno)?;
        bind(&socket, &any).map_err(errno)?;
        Ok(Self(TcpListener::from(socket)))
    }

    /// The address.
    ///
    /// # Errors
    /// What the system says.
    pub fn addr(&self) -> Result<SocketAddr, NodeError> {
        Ok(self.0.local_addr()?)
    }

    /// Begins to listen.
    ///
    /// # Errors
    /// What the system says.
    pub fn listen(self) -> Result<Listener, NodeError> {
        listen(&self.0, BACKLOG).map_err(errno)?;
        Listener::from_tcp(self.0)
    }

    /// Begins to listen for so few connections that, once `1 + backlog` wait, the system drops
    /// the packets of all others: a host that does not answer.
    ///
    /// # Errors
    /// What the system says.
    pub fn listen_with_backlog(self, backlog: u8) -> Result<TcpListener, NodeError> {
        listen(&self.0, backlog.into()).map_err(errno)?;
        Ok(self.0)
    }
}

fn errno(error: rustix::io::Errno) -> NodeError {
    NodeError::Io(error.into())
}
