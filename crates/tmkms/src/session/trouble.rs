//! What goes wrong between signer and node, told with its likely causes.
//!
//! The table is `docs/troubleshooting.md`: each line here was seen on real nodes.

use std::fmt;
use std::io::{self, ErrorKind};
use std::time::Duration;

use privval::FrameError;
use secret_connection::{HandshakeFailure, PeerId, StreamError};

/// Why there is no connection, or no longer.
#[derive(Debug)]
pub enum Trouble {
    /// The host name cannot be resolved.
    Dns(io::Error),
    /// Nothing listens at the address.
    Refused,
    /// No answer to the attempt to connect.
    ConnectTimeout(Duration),
    /// The network says that the address cannot be reached.
    Unreachable(io::Error),
    /// There is no socket file.
    NoSocket,
    /// The system does not let us.
    Denied(io::Error),
    /// The handshake failed.
    Handshake(HandshakeFailure),
    /// The node is another one than configured.
    WrongPeer {
        /// The id in tmkms.toml.
        expected: PeerId,
        /// The id that the node proved.
        found: PeerId,
    },
    /// The node closed an established connection.
    Closed,
    /// An established connection brought nothing, not even a ping.
    NoPing(Duration),
    /// A sealed frame of an established connection was refused, or is not whole.
    Record(StreamError),
    /// What arrived cannot be cut into messages.
    Frame(FrameError),
    /// Any other error of the system.
    Io(io::Error),
}

/// Every [`Trouble::kind`].
pub const KINDS: [&str; 17] = [
    "dns",
    "refused",
    "connect_timeout",
    "unreachable",
    "no_socket",
    "denied",
    "handshake_closed",
    "handshake_silent",
    "handshake_garbage",
    "handshake_cryptographic",
    "handshake_io",
    "wrong_peer",
    "closed",
    "record",
    "no_ping",
    "frame",
    "io",
];

/// How soon it is worth trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Retry {
    /// Soon: the node may start at any moment and waits about 3 s for its signer.
    Soon,
    /// Later: waiting does not mend it, somebody has to.
    Later,
}

impl Trouble {
    /// Sorts an error of a connection attempt.
    #[must_use]
    pub fn connecting(error: io::Error) -> Self {
        match error.kind() {
            ErrorKind::ConnectionRefused => Self::Refused,
            ErrorKind::NotFound => Self::NoSocket,
            ErrorKind::PermissionDenied => Self::Denied(error),
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Self::Unreachable(error),
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted => {
                Self::Handshake(HandshakeFailure::ClosedBeforeFirstByte)
            }
            _ => Self::Io(error),
        }
    }

    /// Sorts an error of an established connection.
    #[must_use]
    pub fn established(error: io::Error, patience: Duration) -> Self {
        if let Some(found) = StreamError::of(&error) {
            return Self::Record(*found);
        }
        match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Self::NoPing(patience),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Io(error),
        }
    }

    /// A short name, the same for all of one kind: a change of it is worth a line in the log.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        use HandshakeFailure as H;
        match self {
            Self::Dns(_) => "dns",
            Self::Refused => "refused",
            Self::ConnectTimeout(_) => "connect_timeout",
            Self::Unreachable(_) => "unreachable",
            Self::NoSocket => "no_socket",
            Self::Denied(_) => "denied",
            Self::Handshake(H::ClosedBeforeFirstByte | H::ClosedDuringHandshake { .. }) => {
                "handshake_closed"
            }
            Self::Handshake(H::Silent | H::Stalled { .. }) => "handshake_silent",
            Self::Handshake(H::Garbage(_)) => "handshake_garbage",
            Self::Handshake(H::Cryptographic(_)) => "handshake_cryptographic",
            Self::Handshake(H::Io { .. }) => "handshake_io",
            Self::WrongPeer { .. } => "wrong_peer",
            Self::Closed | Self::Record(StreamError::ClosedInFrame { .. }) => "closed",
            Self::Record(_) => "record",
            Self::NoPing(_) => "no_ping",
            Self::Frame(_) => "frame",
            Self::Io(_) => "io",
        }
    }

    /// How soon to try again.
    #[must_use]
    pub fn retry(&self) -> Retry {
        use HandshakeFailure as H;
        match self {
            Self::Denied(_)
            | Self::WrongPeer { .. }
            | Self::Frame(_)
            | Self::Handshake(H::Garbage(_) | H::Cryptographic(_)) => Retry::Later,
            _ => Retry::Soon,
        }
    }

    /// What is probably behind it, and what to do.
    #[must_use]
    pub fn advice(&self) -> &'static str {
        use HandshakeFailure as H;
        match self {
            Self::Dns(_) => {
                "is the node's container running, on the same network, and the name in addr right?"
            }
            Self::Refused => {
                "nothing listens there: the node is down or starting, or priv_validator_laddr in \
                 its config.toml is empty or 127.0.0.1, or the port is published on another address"
            }
            Self::ConnectTimeout(_) => {
                "no answer at all: the host is down, the node is frozen, the route or the tunnel is \
                 missing, or a firewall drops the packets"
            }
            Self::Unreachable(_) => {
                "there is no route: is the network or the tunnel up, and does a firewall reject it?"
            }
            Self::NoSocket => {
                "there is no such socket: the node is down, or priv_validator_laddr in its \
                 config.toml names another one"
            }
            Self::Denied(_) => "the signer's user may not open it: correct owner and mode",
            Self::Handshake(H::ClosedBeforeFirstByte | H::ClosedDuringHandshake { .. }) => {
                "something accepts and closes at once: usually Docker's proxy or a NAT in front of \
                 a node that is not listening (check that it runs and that priv_validator_laddr \
                 is 0.0.0.0:PORT in its config.toml), or a node that gave up waiting"
            }
            Self::Handshake(H::Silent | H::Stalled { .. }) => {
                "the connection stands but the node says nothing: another signer holds its only \
                 slot, the node is not reading yet, or packets over the path's MTU are lost"
            }
            Self::Handshake(H::Garbage(_)) => {
                "what listens there is not a node's priv_validator_laddr: check host and port"
            }
            Self::Handshake(H::Cryptographic(_)) => {
                "the peer cannot prove its key: something stands between signer and node"
            }
            Self::WrongPeer { .. } => {
                "a node makes a new identity at each start on tcp://, so an id in addr does not \
                 survive its restart: remove the id and protect the path instead (a private \
                 network or a tunnel)"
            }
            Self::Closed | Self::Record(StreamError::ClosedInFrame { .. }) => {
                "the node stopped or dropped this signer"
            }
            Self::Record(_) => {
                "something between signer and node alters or repeats what they say; nothing of \
                 that frame was used"
            }
            Self::NoPing(_) => {
                "a node pings every 3.3 s: it is frozen or overloaded, or the path is cut"
            }
            Self::Frame(_) => "what speaks there is not a node of a known version",
            Self::Handshake(H::Io { .. }) | Self::Io(_) => "the network failed",
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(e) => write!(f, "the host name cannot be resolved ({e})"),
            Self::Refused => f.write_str("connection refused"),
            Self::ConnectTimeout(after) => {
                write!(f, "connecting timed out after {} ms", after.as_millis())
            }
            Self::Unreachable(e) => write!(f, "unreachable ({e})"),
            Self::NoSocket => f.write_str("the socket does not exist"),
            Self::Denied(e) => write!(f, "not permitted ({e})"),
            Self::Handshake(e) => e.fmt(f),
            Self::WrongPeer { expected, found } => {
                write!(
                    f,
                    "the node's peer ID is {found}, tmkms.toml says {expected}"
                )
            }
            Self::Closed => f.write_str("the node closed the connection"),
            Self::NoPing(after) => {
                write!(
                    f,
                    "nothing arrived for {} s, not even a ping",
                    after.as_secs()
                )
            }
            Self::Record(e) => e.fmt(f),
            Self::Frame(e) => e.fmt(f),
            Self::Io(e) => e.fmt(f),
        }
    }
}
