//! The command line: the flags and defaults of the original, and what is new.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::restart::Policy;

/// Sets up KIRA's node, supervises it, and hands its consensus key over to a remote signer.
#[derive(Debug, Parser)]
#[command(name = "scaller", version)]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a node's files: keys, genesis, configuration
    Init(InitArgs),
    /// Make an account key in the node's keyring
    KeysAdd(KeysAddArgs),
    /// Give an account coins in the genesis
    AddGenesisAccount(AccountArgs),
    /// Make this node's consensus key the validator of the genesis
    GentxClaim(ClaimArgs),
    /// Run sekaid, supervised; inside a container that waits, let its main process run it
    Start(StartArgs),
    /// Make a node of a network that exists, and start it; the mnemonic of its account comes from
    /// standard input
    Join(JoinArgs),
    /// Show how the node is, and what is around it
    Status(StatusArgs),
    /// End the sekaid that `start` handed over to `wait`; the container stays
    Stop(HomeArgs),
    /// Wait for commands, as a container's main process, and run sekaid once `start` asks for it
    Wait(HomeArgs),
    /// Hand the consensus key over to a remote signer, or take it back
    #[command(subcommand)]
    RemoteSigner(RemoteSigner),
    /// Print the versions of scaller and of sekaid
    Version,
}

/// `remote-signer`.
#[derive(Debug, Subcommand)]
pub(crate) enum RemoteSigner {
    /// Take the key and its state out of the node as a bundle, and have the node wait for a signer
    Enable(EnableArgs),
    /// Put the key back, with what was signed since, and have the node sign by itself
    Disable(DisableArgs),
}

/// `remote-signer enable`.
#[derive(Debug, Parser)]
pub(crate) struct EnableArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// Where the node waits for its signer: priv_validator_laddr
    #[arg(long, value_name = "ADDRESS", default_value = SIGNER_ADDRESS)]
    pub(crate) listen: String,
    /// The directory to put the bundle in; without it signer-bundle in the node's home
    #[arg(long, value_name = "DIR")]
    pub(crate) bundle: Option<PathBuf>,
    /// The address of the key (hexadecimal): nothing is done if the node has another
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) address: Option<String>,
}

/// `remote-signer disable`.
#[derive(Debug, Parser)]
pub(crate) struct DisableArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// The bundle that `enable` made; without it where `enable` put it
    #[arg(long, value_name = "DIR")]
    pub(crate) bundle: Option<PathBuf>,
    /// What the signer has signed last: the output of `tmkms state export`
    #[arg(long, value_name = "FILE")]
    pub(crate) state: Option<PathBuf>,
    /// Without the signer's state: a height that the chain has passed since the signer stopped
    #[arg(long, value_name = "N", conflicts_with = "state")]
    pub(crate) height: Option<i64>,
    /// Say that the signer is stopped and has the key no more
    #[arg(long)]
    pub(crate) signer_stopped: bool,
}

/// Where the node waits for its signer unless told otherwise.
pub(crate) const SIGNER_ADDRESS: &str = "tcp://0.0.0.0:26659";

/// The node's directory.
#[derive(Clone, Debug, Parser)]
pub(crate) struct HomeArgs {
    /// The node's home directory
    #[arg(long, value_name = "DIR", default_value = "/sekai")]
    pub(crate) home: PathBuf,
}

/// `init`.
#[derive(Debug, Parser)]
pub(crate) struct InitArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// The chain
    #[arg(long, value_name = "ID", default_value = "testnet-1")]
    pub(crate) chain_id: String,
    /// The node's name among its peers
    #[arg(long, value_name = "NAME", default_value = "Genesis")]
    pub(crate) moniker: String,
}

/// Which key of which keyring.
#[derive(Debug, Parser)]
pub(crate) struct KeyArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// The key's name
    #[arg(long, default_value = "genesis")]
    pub(crate) name: String,
    /// Where the keyring keeps its keys: test (unencrypted), file, os
    #[arg(long, value_name = "BACKEND", default_value = "test")]
    pub(crate) keyring_backend: String,
}

/// `keys-add`.
#[derive(Debug, Parser)]
pub(crate) struct KeysAddArgs {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// Read the mnemonic from standard input instead of making a new one
    #[arg(long)]
    pub(crate) recover: bool,
    /// Show no mnemonic: the key then exists in the keyring only
    #[arg(long, conflicts_with_all = ["recover", "mnemonic_fd"])]
    pub(crate) no_backup: bool,
    /// Write the mnemonic to this open file descriptor (a pipe) instead of showing it
    #[arg(long, value_name = "FD", conflicts_with = "recover")]
    pub(crate) mnemonic_fd: Option<u32>,
}

/// `add-genesis-account`.
#[derive(Debug, Parser)]
pub(crate) struct AccountArgs {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// What it has at the start
    #[arg(long, default_value = "300000000000000ukex")]
    pub(crate) coins: String,
}

/// `gentx-claim`.
#[derive(Debug, Parser)]
pub(crate) struct ClaimArgs {
    #[command(flatten)]
    pub(crate) key: KeyArgs,
    /// The validator's name
    #[arg(long, value_name = "NAME", default_value = "Genesis Validator")]
    pub(crate) moniker: String,
}

/// `start`.
#[derive(Debug, Parser)]
pub(crate) struct StartArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// Run sekaid again when it fails: this many times in a row, or `always`, then also when it
    /// ends without a failure. Waiting for a signer does not count
    #[arg(long, value_name = "N|always", default_value = "0")]
    pub(crate) restart: Policy,
}

/// `join`.
#[derive(Debug, Parser)]
pub(crate) struct JoinArgs {
    /// The RPC of a node of the network: HOST:PORT, or http://HOST:PORT
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) rpc_node: String,
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// The node's name among its peers
    #[arg(long, value_name = "NAME", default_value = "node")]
    pub(crate) moniker: String,
    /// The chain; a mistake if the network is another. Without it: whatever the network is
    #[arg(long, value_name = "ID", default_value = "", hide_default_value = true)]
    pub(crate) chain_id: String,
    /// Begin from a snapshot of the network instead of its first block
    #[arg(long)]
    pub(crate) statesync: bool,
    /// Which states are kept
    #[arg(long, value_name = "MODE", default_value = "default",
        value_parser = ["default", "nothing", "everything", "custom"])]
    pub(crate) prune: String,
    /// More settings for config.toml and app.toml: a file with lines as "config.p2p.pex" = false
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Start the node afterwards
    #[arg(long, value_name = "BOOL", default_value_t = true, default_missing_value = "true",
        num_args = 0..=1, require_equals = true, action = clap::ArgAction::Set)]
    pub(crate) start: bool,
    /// How many blocks there are between two snapshots of the network
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub(crate) snapshot_interval: i64,
    /// Have the node wait for a remote signer, with its own key taken out; no mnemonic is read
    #[arg(long)]
    pub(crate) remote_signer: bool,
}

/// `status`.
#[derive(Debug, Parser)]
pub(crate) struct StatusArgs {
    #[command(flatten)]
    pub(crate) home: HomeArgs,
    /// The node's RPC
    #[arg(long, value_name = "ADDRESS", default_value = "http://localhost:26657")]
    pub(crate) rpc: String,
    /// Interx; empty to leave it out
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "http://proxy.local:8080"
    )]
    pub(crate) interx: String,
}
