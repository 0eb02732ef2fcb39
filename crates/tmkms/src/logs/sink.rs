//! Where rendered events go, without ever blocking for long.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::thread::sleep;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::Output;

/// As much as a pipe that has room at all takes without blocking: a page (pipe(7)).
const PIECE: usize = 4_096;

/// Where a daemon takes datagrams.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketAddress {
    /// A Unix socket.
    Unix(PathBuf),
    /// A UDP port.
    Udp(SocketAddr),
}

impl SocketAddress {
    /// Where most syslog daemons listen.
    #[must_use]
    pub fn syslog() -> Self {
        Self::Unix("/dev/log".into())
    }

    /// Where journald listens.
    #[must_use]
    pub fn journald() -> Self {
        Self::Unix("/run/systemd/journal/socket".into())
    }
}

impl fmt::Display for SocketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Udp(address) => write!(f, "udp://{address}"),
        }
    }
}

/// A text is no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected unix:///PATH or udp://IP:PORT")]
pub struct NotAnAddress;

impl FromStr for SocketAddress {
    type Err = NotAnAddress;

    fn from_str(text: &str) -> Result<Self, NotAnAddress> {
        if let Some(path) = text.strip_prefix("unix://") {
            let is_usable = !path.is_empty() && !path.contains('\0') && path.len() < 108;
            return is_usable
                .then(|| Self::Unix(path.into()))
                .ok_or(NotAnAddress);
        }
        let address = text.strip_prefix("udp://").ok_or(NotAnAddress)?;
        let address: SocketAddr = address.parse().map_err(|_| NotAnAddress)?;
        (address.port() != 0)
            .then_some(Self::Udp(address))
            .ok_or(NotAnAddress)
    }
}

/// What came of an attempt to write.
pub(super) enum Attempt {
    /// It is written.
    Done,
    /// Nobody takes it at the moment.
    NotYet,
    /// It is lost: trying again would not help.
    Lost,
}

/// Where events go.
pub(super) enum Sink {
    /// Standard output, with what is left of a line that is written in part.
    Stdout(Vec<u8>),
    Unix {
        socket: Option<UnixDatagram>,
        path: PathBuf,
    },
    Udp {
        socket: Option<UdpSocket>,
        address: SocketAddr,
    },
}

impl Sink {
    /// Opens what is open for the life of the process; a daemon that is not there is looked for
    /// with each event.
    pub(super) fn open(output: &Output) -> Self {
        let address = match output {
            Output::Stdout(_) => return Self::Stdout(Vec::new()),
            Output::Syslog { address, .. } | Output::Journald { address, .. } => address,
        };
        match address {
            SocketAddress::Unix(path) => Self::Unix {
                socket: connect_unix(path).ok(),
                path: path.clone(),
            },
            SocketAddress::Udp(address) => Self::Udp {
                socket: connect_udp(*address).ok(),
                address: *address,
            },
        }
    }

    /// Writes an event. After [`Attempt::NotYet`] it is called again with the same one.
    pub(super) fn write(&mut self, rendered: &[u8]) -> Attempt {
        match self {
            Self::Stdout(rest) => {
                if rest.is_empty() {
                    rest.extend(rendered);
                }
                write_out(rest)
            }
            Self::Unix { socket, path } => {
                let fresh = socket.is_none();
                if fresh {
                    *socket = connect_unix(path).ok();
                }
                let Some(open) = socket else {
                    return Attempt::NotYet;
                };
                match open.send(rendered) {
                    Ok(_) => Attempt::Done,
                    Err(error) if is_gone(&error) => {
                        *socket = None;
                        // Perhaps it is there again, under the same name.
                        if fresh {
                            Attempt::NotYet
                        } else {
                            self.write(rendered)
                        }
                    }
                    Err(error) => judged(&error),
                }
            }
            Self::Udp { socket, address } => {
                if socket.is_none() {
                    *socket = connect_udp(*address).ok();
                }
                let Some(open) = socket else {
                    return Attempt::NotYet;
                };
                match open.send(rendered) {
                    // What an earlier datagram met; this one is not sent yet.
                    Err(error) if error.kind() == ErrorKind::ConnectionRefused => {
                        match open.send(rendered) {
                            Ok(_) => Attempt::Done,
                            Err(error) => judged(&error),
                        }
                    }
                    Ok(_) => Attempt::Done,
                    Err(error) => judged(&error),
                }
            }
        }
    }

    /// The last event is not wanted any more.
    pub(super) fn forget(&mut self) {
        if let Self::Stdout(rest) = self {
            rest.clear();
        }
    }

    /// Waits until another attempt may be worth it, but no longer than this.
    pub(super) fn wait(&self, patience: Duration) {
        let patience = patience.min(Duration::from_millis(50));
        let waited = match self {
            Self::Stdout(_) => is_writable(io::stdout().as_fd(), patience),
            Self::Unix {
                socket: Some(socket),
                ..
            } => is_writable(socket.as_fd(), patience),
            Self::Udp {
                socket: Some(socket),
                ..
            } => is_writable(socket.as_fd(), patience),
            Self::Unix { .. } | Self::Udp { .. } => Err(ErrorKind::NotConnected.into()),
        };
        if waited.is_err() {
            sleep(patience);
        }
    }
}

/// Writes as much as there is room for.
fn write_out(rest: &mut Vec<u8>) -> Attempt {
    let stdout = io::stdout();
    while !rest.is_empty() {
        match is_writable(stdout.as_fd(), Duration::ZERO) {
            Ok(true) => {}
            Ok(false) => return Attempt::NotYet,
            Err(_) => return lost(rest),
        }
        let piece = rest.get(..PIECE.min(rest.len())).unwrap_or_default();
        match rustix::io::write(stdout.as_fd(), piece) {
            Ok(count) => {
                rest.drain(..count.min(rest.len()));
            }
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => return Attempt::NotYet,
            Err(_) => return lost(rest),
        }
    }
    Attempt::Done
}

fn lost(rest: &mut Vec<u8>) -> Attempt {
    rest.clear();
    Attempt::Lost
}

fn is_writable(fd: BorrowedFd<'_>, patience: Duration) -> io::Result<bool> {
    let mut fds = [PollFd::from_borrowed_fd(fd, PollFlags::OUT)];
    let patience = Timespec::try_from(patience).unwrap_or_default();
    match poll(&mut fds, Some(&patience)) {
        Ok(count) => Ok(count > 0),
        Err(rustix::io::Errno::INTR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn connect_unix(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    Ok(socket)
}

fn connect_udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match address.ip() {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.set_nonblocking(true)?;
    socket.connect(address)?;
    Ok(socket)
}

/// The daemon that the socket was connected to is gone.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset | ErrorKind::NotConnected
    )
}

fn judged(error: &io::Error) -> Attempt {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::Interrupted => Attempt::NotYet,
        // The receiver's queue has no room (unix(7)).
        _ if error.raw_os_error() == Some(rustix::io::Errno::NOBUFS.raw_os_error()) => {
            Attempt::NotYet
        }
        _ => Attempt::Lost,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_paths_and_numbers_and_nothing_that_has_to_be_looked_up() {
        for (text, shown) in [
            ("unix:///dev/log", "unix:///dev/log"),
            ("udp://10.1.0.2:514", "udp://10.1.0.2:514"),
            ("udp://[fd00::1]:514", "udp://[fd00::1]:514"),
        ] {
            let address: SocketAddress = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
        }
        for text in [
            "",
            "/dev/log",
            "unix://",
            "udp://syslog-ng:514",
            "udp://10.1.0.2",
            "udp://10.1.0.2:0",
            "tcp://10.1.0.2:514",
        ] {
            assert_eq!(text.parse::<SocketAddress>(), Err(NotAnAddress), "{text}");
        }
    }

    #[test]
    fn daemon_that_starts_again_is_found_again() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("log");
        let output = Output::Syslog {
            address: SocketAddress::Unix(path.clone()),
            facility: super::super::Facility::default(),
            tag: "tmkms".to_owned(),
        };
        let mut sink = Sink::open(&output);
        assert!(matches!(sink.write(b"none"), Attempt::NotYet));
        for _ in 0..2 {
            let daemon = UnixDatagram::bind(&path).unwrap();
            assert!(matches!(sink.write(b"line"), Attempt::Done));
            let mut bytes = [0; 16];
            let len = daemon.recv(&mut bytes).unwrap();
            assert_eq!(&bytes[..len], b"line");
            drop(daemon);
            std::fs::remove_file(&path).unwrap();
        }
        assert!(matches!(sink.write(b"none"), Attempt::NotYet));
    }

    #[test]
    fn daemon_that_does_not_read_is_waited_for() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("log");
        let daemon = UnixDatagram::bind(&path).unwrap();
        let output = Output::Journald {
            address: SocketAddress::Unix(path),
            tag: "tmkms".to_owned(),
        };
        let mut sink = Sink::open(&output);
        let full = (0..10_000).find(|_| !matches!(sink.write(b"line"), Attempt::Done));
        assert!(full.is_some());
        sink.wait(Duration::from_millis(1));
        daemon.recv(&mut [0; 16]).unwrap();
        assert!(matches!(sink.write(b"line"), Attempt::Done));
    }
}
