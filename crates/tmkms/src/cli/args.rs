//! The arguments of every command, as clap reads them. Names and flags of tmkms 0.15 are kept.

use std::path::PathBuf;

use clap::{Parser, Subcommand, ValueEnum};
use privval::ChainId;

/// Holds a validator's consensus key and signs for its node, never twice.
#[derive(Debug, Parser)]
#[command(name = "tmkms", version, propagate_version = true)]
pub struct Args {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a directory with a tmkms.toml and a connection key
    Init(InitArgs),
    /// Make or import keys that are kept in files
    #[command(subcommand)]
    Softsign(SoftsignCommand),
    /// Make the key that identifies this signer to nodes
    #[command(subcommand)]
    Identity(IdentityCommand),
    /// Look at keys
    #[command(subcommand)]
    Key(KeyCommand),
    /// Check tmkms.toml
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Look at, import or export what was signed last
    #[command(subcommand)]
    State(StateCommand),
    /// Sign for the nodes in tmkms.toml
    Start(StartArgs),
    /// Show the signer at work, with a made-up node on this machine
    Demo(DemoArgs),
    /// Print the version
    Version,
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write man pages
    Man {
        /// The directory to write them to
        directory: PathBuf,
    },
}

/// `tmkms init`.
#[derive(Debug, Parser)]
pub struct InitArgs {
    /// The directory to make
    pub directory: PathBuf,
    /// Networks with a template, separated by commas: kira, cosmoshub, osmosis, irishub,
    /// persistence, sentinelhub. Without it, and without --chain-id: cosmoshub
    #[arg(short = 'n', long = "networks", value_delimiter = ',')]
    pub networks: Vec<String>,
    /// The chain id, where it is not the template's
    #[arg(long)]
    pub chain_id: Option<ChainId>,
    /// The node's priv_validator_laddr, as seen from here: tcp://HOST:PORT or unix://PATH
    #[arg(long)]
    pub addr: Option<String>,
    /// Overwrite tmkms.toml and the connection key
    #[arg(long)]
    pub force: bool,
}

/// `tmkms softsign`.
#[derive(Debug, Subcommand)]
pub enum SoftsignCommand {
    /// Make a new key
    Keygen(KeygenArgs),
    /// Take over a node's key
    Import(ImportArgs),
}

/// `tmkms softsign keygen`.
#[derive(Debug, Parser)]
pub struct KeygenArgs {
    /// What the key is for
    #[arg(short = 't', long = "type", value_enum, default_value_t = KeyType::Consensus)]
    pub key_type: KeyType,
    /// The file to make
    pub file: PathBuf,
    /// Overwrite the file
    #[arg(long)]
    pub force: bool,
}

/// What a new key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyType {
    /// Signing blocks: Ed25519
    Consensus,
    /// Signing blocks on a chain with secp256k1 keys
    ConsensusSecp256k1,
    /// The connection to the node: Ed25519
    SecretConnection,
    /// An account: secp256k1 (as tmkms has it)
    Account,
}

/// `tmkms softsign import`.
#[derive(Debug, Parser)]
pub struct ImportArgs {
    /// The key: priv_validator_key.json of a node, or a base64 key; - reads standard input
    pub source: PathBuf,
    /// The file to make
    pub destination: PathBuf,
    /// The format of SOURCE
    #[arg(short = 'f', long, value_enum, default_value_t = Format::Json)]
    pub format: Format,
    /// What the node signed last, so that it is never signed again. Without it:
    /// ../data/priv_validator_state.json beside a priv_validator_key.json
    #[arg(long)]
    pub state: Option<PathBuf>,
    /// The chain of that state, where the file does not say
    #[arg(long)]
    pub chain_id: Option<ChainId>,
    /// Overwrite the file
    #[arg(long)]
    pub force: bool,
}

/// The format of a key file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// CometBFT's priv_validator_key.json
    Json,
    /// One line of base64
    #[value(alias = "raw")]
    Base64,
}

/// `tmkms identity`.
#[derive(Debug, Subcommand)]
pub enum IdentityCommand {
    /// Make a new connection key
    New(IdentityArgs),
}

/// `tmkms identity new`.
#[derive(Debug, Parser)]
pub struct IdentityArgs {
    /// The file to make
    pub file: PathBuf,
    /// Overwrite the file
    #[arg(long)]
    pub force: bool,
}

/// `tmkms key`.
#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Print a key's public key and address
    Show(ShowArgs),
}

/// `tmkms key show`.
#[derive(Debug, Parser)]
pub struct ShowArgs {
    /// The key file
    pub file: PathBuf,
    /// Its format; without it, told from its content
    #[arg(short = 'f', long, value_enum)]
    pub format: Option<Format>,
    /// The bech32 prefixes of this network
    #[arg(short = 'n', long, default_value = "kira")]
    pub network: String,
    /// The file holds a secp256k1 key (base64 keys do not say)
    #[arg(long)]
    pub secp256k1: bool,
    /// Read the file even if others on this machine may read it too
    #[arg(long)]
    pub allow_insecure_permissions: bool,
}

/// `tmkms config`.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check tmkms.toml, and the keys and states that it names
    Check(CheckArgs),
}

/// `tmkms config check`.
#[derive(Debug, Parser)]
pub struct CheckArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
    /// Accept key files that others on this machine may read (Docker Desktop's mounts)
    #[arg(long)]
    pub allow_insecure_permissions: bool,
}

/// Which configuration file.
#[derive(Debug, Parser)]
pub struct ConfigFile {
    /// The configuration file
    #[arg(
        short = 'c',
        long = "config",
        env = "TMKMS_CONFIG_FILE",
        default_value = "tmkms.toml"
    )]
    pub path: PathBuf,
}

/// `tmkms state`.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// Print what was signed last
    Show(StateArgs),
    /// Raise the last signature to that of a state file; it is never lowered
    Import(StateImportArgs),
    /// Print what was signed last as the state file of tmkms 0.15
    Export(StateArgs),
}

/// `tmkms state show`, `tmkms state export`.
#[derive(Debug, Parser)]
pub struct StateArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
    /// The chain, where tmkms.toml has several
    #[arg(long)]
    pub chain_id: Option<ChainId>,
}

/// `tmkms state import`.
#[derive(Debug, Parser)]
pub struct StateImportArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
    /// The chain, where tmkms.toml has several
    #[arg(long)]
    pub chain_id: Option<ChainId>,
    /// priv_validator_state.json of a node, or a state file of tmkms
    #[arg(required_unless_present = "height", conflicts_with = "height")]
    pub source: Option<PathBuf>,
    /// Count everything up to and including this height as signed
    #[arg(long)]
    pub height: Option<i64>,
}

/// `tmkms start`.
#[derive(Debug, Parser)]
pub struct StartArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub log: LogArgs,
    /// Accept key files that others on this machine may read (Docker Desktop's mounts)
    #[arg(long)]
    pub allow_insecure_permissions: bool,
}

/// How to log.
#[derive(Clone, Debug, Parser)]
pub struct LogArgs {
    /// Log every request too
    #[arg(short = 'v', long)]
    pub verbose: bool,
    /// The form of the log
    #[arg(long, value_enum, default_value_t = LogFormat::Text)]
    pub log_format: LogFormat,
}

/// The form of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// Lines for people, as tmkms writes them
    Text,
    /// One JSON object a line
    Json,
}

/// `tmkms demo`.
#[derive(Debug, Parser)]
pub struct DemoArgs {
    /// How many heights to sign
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    pub heights: u16,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub log: LogArgs,
}
