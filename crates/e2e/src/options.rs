//! The command line.

use clap::{Args, Parser, Subcommand};

/// The production path, end to end.
#[derive(Debug, Parser)]
#[command(name = "e2e", bin_name = "cargo xtask e2e")]
pub struct Options {
    /// What is played.
    #[command(subcommand)]
    pub command: Command,
}

/// What is played.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Signer and node with WireGuard and a bad network between them; needs root
    Tunnel(Tunnel),
    /// The rules of deploy/firewall against packets, with Docker and without; needs root
    Firewall(Firewall),
    /// The units of deploy/systemd under a systemd that is booted for it; needs root
    Systemd,
}

/// Which rows, and how.
#[derive(Debug, Args)]
pub struct Tunnel {
    /// Three minutes: fewer blocks, some rows, and most of them for one signer and gateway
    #[arg(long)]
    pub short: bool,
    /// Only this row; may be given several times. `--row list` shows them
    #[arg(long, value_name = "NAME")]
    pub row: Vec<String>,
    /// Only this signer and gateway, such as ours+gateway; may be given several times
    #[arg(long, value_name = "SIGNER+GATEWAY")]
    pub with: Vec<String>,
    /// Writes the table of `--row latency` to docs/benchmarks.md
    #[arg(long)]
    pub write: bool,
    /// Where the network's choices come from; without it, the clock
    #[arg(long)]
    pub seed: Option<u64>,
}

/// How much of it.
#[derive(Debug, Args)]
pub struct Firewall {
    /// Half a minute: without what another row shows too
    #[arg(long)]
    pub short: bool,
}

impl Tunnel {
    /// Whether the short form chooses, and not the developer.
    pub fn is_short(&self) -> bool {
        self.short && self.row.is_empty()
    }
}
