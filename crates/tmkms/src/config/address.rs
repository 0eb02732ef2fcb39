//! The address of a node: `tcp://[peerid@]host:port` or `unix://path`.
//!
//! Invariants:
//! - A host is a name, an IPv4 or an IPv6 address, never empty; a port is never 0.
//! - Shown, an address is what tmkms shows, and parses to itself again.

use std::fmt;
use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;

use secret_connection::{PeerId, PeerIdError};

use diagnostics::quoted;

/// `sun_path` of unix(7) holds 108 bytes with the final NUL.
const MAX_SOCKET_PATH_LEN: usize = 107;

/// The longest name DNS can carry (RFC 1035, section 2.3.4).
const MAX_HOST_LEN: usize = 253;

/// Where a node listens for its signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A TCP port, spoken to through SecretConnection.
    Tcp(TcpAddress),
    /// A Unix socket, spoken to in plain.
    Unix(UnixSocket),
}

/// A TCP address. Shown as `tcp://host:port`, or `tcp://peerid@host:port`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TcpAddress {
    /// The identity that the node must prove, if one was given.
    pub peer_id: Option<PeerId>,
    /// A host name, an IPv4 address, or an IPv6 address without brackets.
    pub host: String,
    /// The port, never 0.
    pub port: u16,
}

/// A Unix socket. Shown as `unix://path`, or `unix://@name` for an abstract one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum UnixSocket {
    /// A socket in the file system.
    Path(PathBuf),
    /// A name in Linux' abstract namespace (unix(7)), without the `@`.
    Abstract(String),
}

impl Address {
    /// What identifies the place, whatever the spelling: for finding duplicates.
    pub(super) fn place(&self) -> String {
        match self {
            Self::Tcp(tcp) => format!("{}:{}", tcp.host.to_ascii_lowercase(), tcp.port),
            Self::Unix(socket) => socket.to_string(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(tcp) => tcp.fmt(f),
            Self::Unix(socket) => socket.fmt(f),
        }
    }
}

impl fmt::Display for TcpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("tcp://")?;
        if let Some(peer_id) = &self.peer_id {
            write!(f, "{peer_id}@")?;
        }
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for UnixSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(path) => write!(f, "unix://{}", path.display()),
            Self::Abstract(name) => write!(f, "unix://@{name}"),
        }
    }
}

/// Why a text is not the address of a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// There is no text.
    #[error("the address is empty")]
    Empty,
    /// A scheme other than `tcp` and `unix`.
    #[error("the scheme {} is not known", quoted(.0))]
    Scheme(String),
    /// CometBFT 0.40's `noise://`.
    #[error("`noise://` is not spoken by this signer")]
    Noise,
    /// `tcp:host` or `unix:/path`.
    #[error("`//` is missing behind the scheme")]
    Slashes,
    /// Nothing before the port.
    #[error("the host is missing")]
    NoHost,
    /// Something that is no host.
    #[error("{} is not a host name or an IP address", quoted(.0))]
    BadHost(String),
    /// An IPv6 address without brackets.
    #[error("an IPv6 address needs brackets")]
    BareIpv6,
    /// No `:port`.
    #[error("the port is missing")]
    NoPort,
    /// Something that is no port.
    #[error("{} is not a port", quoted(.0))]
    BadPort(String),
    /// Something before `@` that is no peer id.
    #[error("{0}")]
    BadPeerId(PeerIdError),
    /// A path behind the port.
    #[error("a TCP address ends with its port, but {} follows", quoted(.0))]
    Trailing(String),
    /// `unix://` alone.
    #[error("the path of the socket is missing")]
    NoPath,
    /// A path with a NUL byte.
    #[error("the path of the socket holds a NUL character")]
    BadPath,
    /// A path longer than the system takes.
    #[error("the path of the socket has {0} bytes, more than the system takes")]
    LongPath(usize),
}

impl AddressError {
    /// What to write instead.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Scheme(_) | Self::Slashes | Self::Empty => {
                "write tcp://HOST:PORT or unix:///PATH, whichever the node's priv_validator_laddr has"
            }
            Self::Noise => {
                "set the node's priv_validator_laddr to tcp:// or unix://, and write the same here"
            }
            Self::NoHost | Self::BadHost(_) | Self::Trailing(_) => {
                "write it like tcp://sekai.local:26659 or tcp://10.200.0.1:26659"
            }
            Self::BareIpv6 => "write it like tcp://[2001:db8::1]:26659",
            Self::NoPort | Self::BadPort(_) => {
                "add the port of the node's priv_validator_laddr, from 1 to 65535: tcp://HOST:26659"
            }
            Self::BadPeerId(_) => {
                "leave the peer id and the @ out: a node makes itself a new identity at each start"
            }
            Self::NoPath | Self::BadPath => {
                "write it like unix:///run/node/privval.sock, or unix://@name for an abstract socket"
            }
            Self::LongPath(_) => "choose a path of at most 107 bytes, for example below /run",
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    /// Reads an address; without a scheme it is TCP, as in tmkms.
    fn from_str(text: &str) -> Result<Self, AddressError> {
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        match text.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("tcp") => tcp(rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("unix") => unix(rest),
            Some((scheme, _)) if scheme.eq_ignore_ascii_case("noise") => Err(AddressError::Noise),
            Some((scheme, _)) => Err(AddressError::Scheme(scheme.to_owned())),
            None if text.starts_with("unix:") || text.starts_with("tcp:") => {
                Err(AddressError::Slashes)
            }
            None => tcp(text),
        }
    }
}

fn tcp(text: &str) -> Result<Address, AddressError> {
    let text = text.strip_suffix('/').unwrap_or(text);
    let (peer_id, place) = match text.split_once('@') {
        Some((id, place)) => (Some(id.parse().map_err(AddressError::BadPeerId)?), place),
        None => (None, text),
    };
    if let Some((_, path)) = place.split_once('/') {
        return Err(AddressError::Trailing(format!("/{path}")));
    }
    let (host, port) = host_and_port(place)?;
    Ok(Address::Tcp(TcpAddress {
        peer_id,
        host,
        port,
    }))
}

fn host_and_port(place: &str) -> Result<(String, u16), AddressError> {
    if let Some(rest) = place.strip_prefix('[') {
        let (host, after) = rest
            .split_once(']')
            .ok_or_else(|| AddressError::BadHost(place.to_owned()))?;
        let port = after.strip_prefix(':').ok_or(AddressError::NoPort)?;
        return Ok((ipv6(host)?, self::port(port)?));
    }
    let Some((host, port)) = place.rsplit_once(':') else {
        return match place.is_empty() {
            true => Err(AddressError::NoHost),
            false => name(place).and(Err(AddressError::NoPort)),
        };
    };
    if host.contains(':') {
        return Err(AddressError::BareIpv6);
    }
    Ok((name(host)?, self::port(port)?))
}

/// An IPv6 address, with a zone if it is link-local (RFC 4007, section 11).
fn ipv6(text: &str) -> Result<String, AddressError> {
    let (address, zone) = text.split_once('%').unwrap_or((text, "lo"));
    let zone_ok = !zone.is_empty() && zone.chars().all(is_name_char);
    match address.parse::<Ipv6Addr>() {
        Ok(_) if zone_ok => Ok(text.to_owned()),
        _ => Err(AddressError::BadHost(text.to_owned())),
    }
}

/// A host name or an IPv4 address. Underscores are no part of RFC 1123 but of container names.
fn name(text: &str) -> Result<String, AddressError> {
    match text {
        "" => Err(AddressError::NoHost),
        _ if text.len() <= MAX_HOST_LEN && text.chars().all(is_name_char) => Ok(text.to_owned()),
        _ => Err(AddressError::BadHost(text.to_owned())),
    }
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

fn port(text: &str) -> Result<u16, AddressError> {
    let digits = !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
    match text.parse::<u16>() {
        _ if text.is_empty() => Err(AddressError::NoPort),
        Ok(port) if digits && port > 0 => Ok(port),
        _ => Err(AddressError::BadPort(text.to_owned())),
    }
}

fn unix(text: &str) -> Result<Address, AddressError> {
    if text.contains('\0') {
        return Err(AddressError::BadPath);
    }
    match text.strip_prefix('@') {
        Some("") => Err(AddressError::NoPath),
        Some(name) => {
            socket_len(name.len()).map(|()| Address::Unix(UnixSocket::Abstract(name.to_owned())))
        }
        None if text.is_empty() => Err(AddressError::NoPath),
        None => Ok(Address::Unix(UnixSocket::Path(PathBuf::from(text)))),
    }
}

/// Whether a socket path of that many bytes fits; a relative path is checked once it is resolved.
pub(super) fn socket_len(len: usize) -> Result<(), AddressError> {
    match len {
        0..=MAX_SOCKET_PATH_LEN => Ok(()),
        _ => Err(AddressError::LongPath(len)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "f88883b673fc69d7869cab098de3bafc2ff76eb8";

    fn shown(text: &str) -> Result<String, AddressError> {
        text.parse::<Address>().map(|address| address.to_string())
    }

    #[test]
    fn every_form_is_read_and_shown_like_tmkms() {
        for (text, expected) in [
            ("tcp://sekai.local:26659", "tcp://sekai.local:26659"),
            ("TCP://sekai.local:26659/", "tcp://sekai.local:26659"),
            ("10.200.0.1:1", "tcp://10.200.0.1:1"),
            ("sekin_sekai_1:65535", "tcp://sekin_sekai_1:65535"),
            ("tcp://[::1]:26659", "tcp://[::1]:26659"),
            ("[fe80::1%eth0]:26659", "tcp://[fe80::1%eth0]:26659"),
            ("unix:///run/a b.sock", "unix:///run/a b.sock"),
            ("unix://node.sock", "unix://node.sock"),
            ("unix://@node", "unix://@node"),
        ] {
            assert_eq!(shown(text).as_deref(), Ok(expected), "{text}");
        }
        let with_id = format!("tcp://{ID}@h:1");
        assert_eq!(shown(&with_id).as_deref(), Ok(with_id.as_str()));
    }

    #[test]
    fn every_mistake_has_its_own_words() {
        for (text, error) in [
            ("", "the address is empty"),
            ("http://h:1", "the scheme `http` is not known"),
            ("noise://h:1", "`noise://` is not spoken by this signer"),
            ("tcp:/h:1", "`//` is missing behind the scheme"),
            ("unix:/run/x", "`//` is missing behind the scheme"),
            ("tcp://", "the host is missing"),
            ("tcp://:26659", "the host is missing"),
            ("tcp://h", "the port is missing"),
            ("tcp://h:", "the port is missing"),
            ("tcp://[::1]", "the port is missing"),
            ("tcp://h:0", "`0` is not a port"),
            ("tcp://h:65536", "`65536` is not a port"),
            ("tcp://h:+1", "`+1` is not a port"),
            ("tcp://::1:26659", "an IPv6 address needs brackets"),
            ("tcp://[::g]:1", "`::g` is not a host name or an IP address"),
            (
                "tcp://[::1:1",
                "`[::1:1` is not a host name or an IP address",
            ),
            (
                "tcp://[::1%]:1",
                "`::1%` is not a host name or an IP address",
            ),
            ("tcp://a b:1", "`a b` is not a host name or an IP address"),
            (
                "tcp://h:1/x",
                "a TCP address ends with its port, but `/x` follows",
            ),
            (
                "tcp://abc@h:1",
                "a peer ID is 40 hex digits, this one has 3 characters",
            ),
            (
                "tcp://@h:1",
                "a peer ID is 40 hex digits, this one has 0 characters",
            ),
            ("unix://", "the path of the socket is missing"),
            ("unix://@", "the path of the socket is missing"),
            (
                "unix:///a\0b",
                "the path of the socket holds a NUL character",
            ),
        ] {
            let found = shown(text).map_err(|e| e.to_string());
            assert_eq!(found, Err(error.to_owned()), "{text}");
        }
        let not_hex = format!("tcp://{}@h:1", "g".repeat(40));
        assert!(matches!(shown(&not_hex), Err(AddressError::BadPeerId(_))));
    }

    #[test]
    fn lengths_are_checked_at_their_limits() {
        let host = |n: usize| shown(&format!("tcp://{}:1", "h".repeat(n)));
        assert!(host(MAX_HOST_LEN).is_ok());
        assert!(host(MAX_HOST_LEN + 1).is_err());
        let name = |n: usize| shown(&format!("unix://@{}", "n".repeat(n)));
        assert!(name(MAX_SOCKET_PATH_LEN).is_ok());
        assert_eq!(name(108), Err(AddressError::LongPath(108)));
    }

    #[test]
    fn a_place_ignores_case_and_peer_id() {
        let a: Address = format!("tcp://{ID}@Host:1").parse().unwrap();
        let b: Address = "host:1".parse().unwrap();
        assert_eq!(a.place(), b.place());
    }
}
