//! Dialling from an address, with an end to patience.

use std::io::{self, Read as _, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, socket_with, sockopt};

const WORDS: &[u8] = b"is anybody there";

/// Makes a connection; the server has said something back over it.
pub(super) fn dial(from: IpAddr, to: SocketAddr, patience: Duration) -> io::Result<TcpStream> {
    let family = if to.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(family, SocketType::STREAM, flags, None)?;
    bind(&socket, &SocketAddr::new(from, 0))?;
    match connect(&socket, &to) {
        Ok(()) | Err(Errno::INPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    let limit = Timespec::try_from(patience).map_err(io::Error::other)?;
    let mut waiting = [PollFd::new(&socket, PollFlags::OUT)];
    if poll(&mut waiting, Some(&limit))? == 0 {
        return Err(io::ErrorKind::TimedOut.into());
    }
    sockopt::socket_error(&socket)??;
    let mut stream = TcpStream::from(socket);
    stream.set_nonblocking(false)?;
    talk(&mut stream, patience)?;
    Ok(stream)
}

/// Says something over a connection and hears it.
pub(super) fn talk(stream: &mut TcpStream, patience: Duration) -> io::Result<()> {
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(WORDS)?;
    let mut heard = vec![0; WORDS.len()];
    stream.read_exact(&mut heard)
}

/// Sends datagrams until one comes back; some are lost while neighbours are looked up.
pub(super) fn ask(from: IpAddr, to: SocketAddr, patience: Duration) -> io::Result<()> {
    const TRIES: u32 = 3;
    let socket = UdpSocket::bind((from, 0))?;
    socket.connect(to)?;
    socket.set_read_timeout(Some(patience / TRIES))?;
    let mut last = io::Error::from(io::ErrorKind::TimedOut);
    for _ in 0..TRIES {
        let mut heard = [0; 64];
        match socket.send(WORDS).and_then(|_| socket.recv(&mut heard)) {
            Ok(_) => return Ok(()),
            Err(error) => last = error,
        }
    }
    Err(last)
}
