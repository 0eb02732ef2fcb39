//! The arguments of `tmkms doctor`.

use std::path::PathBuf;

use clap::{Parser, ValueHint};

use super::args::ConfigFile;

/// `tmkms doctor`.
#[derive(Debug, Parser)]
pub struct DoctorArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
    /// Print the findings as one line of JSON
    #[arg(long)]
    pub json: bool,
    /// Compare with what the node says at its RPC address: http://HOST:26657
    #[arg(long, value_name = "URL", value_parser = rpc)]
    pub rpc: Option<String>,
    /// Look at the node on this machine, by its home directory
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub node_home: Option<PathBuf>,
    /// Connect to the nodes and shake hands; only while no signer runs
    #[arg(long)]
    pub connect: bool,
}

/// Checks an address, and keeps it as it was written.
fn rpc(text: &str) -> Result<String, String> {
    node_rpc::Server::parse(text).map(|_| text.to_owned())
}
