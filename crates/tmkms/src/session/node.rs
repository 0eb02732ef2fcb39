//! A node to sign for, ready to be dialled: its address, its chain, its limits.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use privval::{Height, Version};
use secret_connection::Identity;

use crate::audit::Audit;
use crate::config::{TcpAddress, UnixSocket};
use crate::observe::link::NodeRecord;
use crate::signer::Chain;
use crate::tunnels::Running;

/// How long a node may be silent, unless configured. It pings every 3.3 s.
pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

/// A node. Displayed as in the log lines of tmkms: `chain@address`.
pub struct Node {
    /// Where it listens.
    pub address: Address,
    /// The chain it belongs to.
    pub chain: Arc<Chain>,
    /// How long it may be silent before the connection counts as dead.
    pub timeout: Duration,
    /// The last height to sign for it.
    pub max_height: Option<Height>,
    /// What the operator believes it speaks.
    pub protocol_version: Option<Version>,
    /// Dial again when the connection ends.
    pub reconnect: bool,
    /// The tunnels that it may be behind.
    pub tunnels: Arc<Running>,
    /// What became of the connection.
    pub record: Arc<NodeRecord>,
    /// Takes a record of each signature and each refusal.
    pub audit: Audit,
}

/// Where a node listens, and what is needed there.
pub enum Address {
    /// TCP, with the identity that the signer shows.
    Tcp {
        /// Host and port.
        addr: TcpAddress,
        /// The signer's identity.
        identity: Identity,
    },
    /// A Unix socket, in plain.
    Unix(UnixSocket),
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.chain.id(), self.address)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { addr, .. } => addr.fmt(f),
            Self::Unix(socket) => socket.fmt(f),
        }
    }
}
