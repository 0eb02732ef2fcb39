//! The connection to the node.

use std::io;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use rustix::net::sockopt;

use super::Forward;

/// How long the node's machine may take to answer. It is near.
const CONNECT_TIMEOUT: Duration = Duration::from_millis(1000);

/// How long the node may read nothing before the session is given up.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// Whether a forward makes sense.
pub(super) fn check(forward: &Forward) -> io::Result<()> {
    let invalid = |text| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
    let Forward { port, upstream, .. } = forward;
    let parts = upstream.rsplit_once(':');
    let good = parts.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
    if !good {
        return invalid(format!(
            "the upstream of port {port} is `{upstream}`; write it as host:port, sekai.local:26659 \
             for example"
        ));
    }
    if forward.allowed.is_empty() {
        return invalid(format!(
            "port {port} allows nobody; name the signers' addresses inside the tunnel"
        ));
    }
    Ok(())
}

/// Tries each address of the node; the error is that of the last.
pub(super) fn dial(upstream: &str) -> io::Result<TcpStream> {
    let mut error = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
    for address in upstream.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_TIMEOUT) {
            Ok(stream) => {
                tune(&stream)?;
                return Ok(stream);
            }
            Err(e) => error = e,
        }
    }
    Err(error)
}

/// Sends at once, and notices a dead path within about 10 s.
fn tune(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, Duration::from_secs(4))?;
    sockopt::set_tcp_keepintvl(stream, Duration::from_secs(2))?;
    sockopt::set_tcp_keepcnt(stream, 3)?;
    sockopt::set_tcp_user_timeout(stream, 10_000)?;
    Ok(())
}

/// Lets the next close of the connection be a reset. In the node's backlog a closed connection is
/// served like a live one, which takes 3 s; one that was reset fails at the first read.
pub(super) fn reset_when_closed(stream: &TcpStream) {
    if let Err(e) = sockopt::set_socket_linger(stream, Some(Duration::ZERO)) {
        tracing::debug!("SO_LINGER: {e}");
    }
}
