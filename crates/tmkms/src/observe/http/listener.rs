//! A port that is taken, and not answered on yet.

use std::io;
use std::net::{SocketAddr, TcpListener};

use rustix::net::sockopt::{set_socket_reuseaddr, set_socket_reuseport};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with};
use tracing::warn;

use super::exposure::exposure;
use super::server::Server;

/// How many clients wait in the kernel's queue, as std has it.
const BACKLOG: i32 = 128;

/// Why there is no listener.
#[derive(Debug, thiserror::Error)]
#[error(
    "cannot listen on {address}: {source}; name another address or port, [metrics] listen = \"IP:PORT\" in tmkms.toml"
)]
pub struct ListenError {
    address: SocketAddr,
    source: io::Error,
}

/// Where clients will be answered. In a sandbox that did not ask for more, none can be made later.
#[derive(Debug)]
pub struct Listener {
    pub(super) listener: TcpListener,
    pub(super) address: SocketAddr,
}

impl Listener {
    /// Takes a port.
    ///
    /// # Errors
    /// [`ListenError`].
    pub fn bind(address: SocketAddr) -> Result<Self, ListenError> {
        Self::of(TcpListener::bind(address), address)
    }

    /// Takes a port while a server of ours listens, which may itself be what is in the way:
    /// 127.0.0.1 and 0.0.0.0 have the same ports. It goes on listening either way.
    ///
    /// # Errors
    /// [`ListenError`].
    pub fn bind_beside(address: SocketAddr, server: &Server) -> Result<Self, ListenError> {
        match TcpListener::bind(address) {
            Err(error)
                if error.kind() == io::ErrorKind::AddrInUse
                    && address.port() == server.address().port() =>
            {
                Self::of(share(address, server.listener()), address)
            }
            taken => Self::of(taken, address),
        }
    }

    fn of(listener: io::Result<TcpListener>, asked: SocketAddr) -> Result<Self, ListenError> {
        let error = |source| ListenError {
            address: asked,
            source,
        };
        let listener = listener.map_err(error)?;
        let address = listener.local_addr().map_err(error)?;
        if let Some(warning) = exposure(address) {
            warn!(target: "tmkms::metrics", "{warning}");
        }
        Ok(Self { listener, address })
    }

    /// Where it is, with the port that was found where any would do.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// The kernel lets two sockets of one user share a port if both say so. Ours say so for this
/// moment only: a second signer on the same port is to be told that it is taken.
fn share(address: SocketAddr, other: &TcpListener) -> io::Result<TcpListener> {
    set_socket_reuseport(other, true)?;
    let taken = listen_sharing(address);
    set_socket_reuseport(other, false)?;
    taken
}

fn listen_sharing(address: SocketAddr) -> io::Result<TcpListener> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    set_socket_reuseaddr(&socket, true)?;
    set_socket_reuseport(&socket, true)?;
    bind(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    set_socket_reuseport(&socket, false)?;
    Ok(socket.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server_at(address: &str) -> Server {
        let listener = Listener::bind(address.parse().unwrap()).unwrap();
        Server::start(listener, &std::sync::Arc::default()).unwrap()
    }

    #[test]
    fn port_is_free_again_once_its_server_is_dropped() {
        let server = server_at("127.0.0.1:0");
        let address = server.address();
        assert!(Listener::bind(address).is_err());
        drop(server);
        Listener::bind(address).unwrap();
    }

    #[test]
    fn port_in_use_is_told_with_what_to_do() {
        let server = server_at("127.0.0.1:0");
        let address = server.address();
        let text = Listener::bind(address).unwrap_err().to_string();
        let expected = format!(
            "cannot listen on {address}: Address already in use (os error 98); name another address \
             or port, [metrics] listen = \"IP:PORT\" in tmkms.toml"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn own_server_is_not_in_the_way_and_a_foreign_one_is() {
        let own = server_at("127.0.0.1:0");
        let port = own.address().port();
        let wide = SocketAddr::from(([0, 0, 0, 0], port));
        assert!(Listener::bind(wide).is_err());
        let moved = Listener::bind_beside(wide, &own).unwrap();
        // From now on it is as closed to others as before.
        assert!(Listener::bind(wide).is_err());
        drop(moved);
        let foreign = server_at("127.0.0.1:0");
        assert!(Listener::bind_beside(foreign.address(), &own).is_err());
        let _neighbour = TcpListener::bind(("127.0.0.2", port)).unwrap();
        assert!(Listener::bind_beside(wide, &own).is_err());
    }
}
