//! Where the harness listens.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

use testnode::{Listener, NodeError};

/// A place to listen at, as in a node's `priv_validator_laddr`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// `tcp://IP:PORT`; the connection is a SecretConnection.
    Tcp(SocketAddr),
    /// `unix:///PATH`; the connection is in plain.
    Unix(PathBuf),
}

/// Why a text is no place to listen at.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the harness listens at tcp://IP:PORT (port 0 for a free one) or unix:///PATH, an address of \
     this machine and not a name"
)]
pub struct NotPlace;

impl FromStr for Place {
    type Err = NotPlace;

    fn from_str(text: &str) -> Result<Self, NotPlace> {
        if let Some(address) = text.strip_prefix("tcp://") {
            return address.parse().map(Self::Tcp).map_err(|_| NotPlace);
        }
        match text.strip_prefix("unix://") {
            Some(path) if path.starts_with('/') && path.len() > 1 => Ok(Self::Unix(path.into())),
            _ => Err(NotPlace),
        }
    }
}

impl Place {
    /// Begins to listen. Returns where that is: the port that was free, for port 0.
    ///
    /// # Errors
    /// What the system says, with the place and what to do.
    pub fn listen(&self) -> Result<(Listener, Self), String> {
        match self {
            Self::Tcp(address) => {
                let listener = Listener::tcp_at(*address).map_err(|e| self.told(&e))?;
                let address = listener.tcp_addr().unwrap_or(*address);
                Ok((listener, Self::Tcp(address)))
            }
            Self::Unix(path) => {
                let listener = Listener::unix(path).map_err(|e| self.told(&e))?;
                Ok((listener, self.clone()))
            }
        }
    }

    fn told(&self, error: &NodeError) -> String {
        let advice = match (self, error) {
            (Self::Unix(_), NodeError::Io(e)) if e.kind() == io::ErrorKind::AddrInUse => {
                "the file is there already: remove it, unless a node listens on it"
            }
            (Self::Tcp(_), NodeError::Io(e)) if e.kind() == io::ErrorKind::AddrInUse => {
                "something listens there, a node perhaps: take another port, or port 0"
            }
            _ => "name an address of this machine, or a path that can be written to",
        };
        let why = match error {
            NodeError::Io(error) => error.to_string(),
            other => other.to_string(),
        };
        format!("cannot listen at {self}: {why}; {advice}")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_displayed() {
        for text in [
            "tcp://127.0.0.1:26659",
            "tcp://[::1]:0",
            "unix:///run/s.sock",
        ] {
            assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
        }
        for text in [
            "127.0.0.1:26659",
            "tcp://node:1",
            "tcp://127.0.0.1",
            "unix://s",
            "unix:///",
        ] {
            assert_eq!(text.parse::<Place>(), Err(NotPlace), "{text}");
        }
    }

    #[test]
    fn place_that_is_taken_is_told_with_a_remedy() {
        let (_listener, place) = "tcp://127.0.0.1:0"
            .parse::<Place>()
            .unwrap()
            .listen()
            .unwrap();
        let text = place.listen().err().unwrap();
        assert!(
            text.starts_with(&format!("cannot listen at {place}: ")),
            "{text}"
        );
        assert!(text.ends_with("take another port, or port 0"), "{text}");
    }
}
