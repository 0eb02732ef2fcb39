//! Why a tunnel cannot be used, in words for the person who set it up.

use std::net::IpAddr;
use std::path::PathBuf;

use diagnostics::{Location, Report};
use ipnet::IpNet;
use keys::KeyFileError;

/// Why a tunnel cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TunnelError {
    /// Its file cannot be read.
    #[error("{}{source}", place(.at.as_ref()))]
    File {
        /// Where tmkms.toml names it.
        at: Option<Location>,
        /// What is wrong.
        source: Box<KeyFileError>,
    },
    /// Its file has mistakes.
    #[error("{0}")]
    Invalid(Box<Report>),
    /// An address lies behind two tunnels.
    #[error(
        "{network} of {} and {other} of {} overlap, so an address lies behind two tunnels. Give \
         each peer its own address in AllowedIPs, as /32 or /128",
        .file.display(), .other_file.display()
    )]
    Overlap {
        /// One of AllowedIPs.
        network: IpNet,
        /// Its file.
        file: PathBuf,
        /// One of AllowedIPs that holds it, or is held by it.
        other: IpNet,
        /// Its file.
        other_file: PathBuf,
    },
    /// Two tunnels listen on one port.
    #[error(
        "ListenPort is {port} in {} and in {}. Change one of them, or remove it where the peer is \
         dialled from here",
        .file.display(), .other_file.display()
    )]
    Port {
        /// The UDP port.
        port: u16,
        /// One of the files.
        file: PathBuf,
        /// The other.
        other_file: PathBuf,
    },
    /// This machine has the address already.
    #[error(
        "{address}, the Address in {}, is already an address of this machine. If the kernel's \
         WireGuard has it, run `wg-quick down` for its interface: a tunnel has one end here, not \
         two",
        .file.display()
    )]
    Local {
        /// The address.
        address: IpAddr,
        /// The file.
        file: PathBuf,
    },
}

impl TunnelError {
    /// The text for people, with its headings, ending in a line end.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        match self {
            Self::Invalid(report) => report.render(colour),
            other => format!("error: {other}\n"),
        }
    }
}

fn place(at: Option<&Location>) -> String {
    at.map_or_else(String::new, |at| format!("{at}: "))
}
