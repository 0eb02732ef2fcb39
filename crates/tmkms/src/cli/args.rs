//! The arguments of every command, as clap reads them. Names and flags of tmkms 0.15 are kept.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::{OsStringValueParser, TypedValueParser as _};
use clap::{ArgGroup, Parser, Subcommand, ValueEnum, ValueHint};
use keys::PassphraseSource;
use privval::ChainId;

use super::args_doctor::DoctorArgs;
use super::args_harness::HarnessArgs;
use super::args_tunnel::{GatewayArgs, WireguardCommand};
use super::permissions::Owner;
use crate::config::{Address, Network};

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
    /// Show what the running signer does, and whether it can sign
    Status(StatusArgs),
    /// Find what keeps a request from being signed, and tell what mends it
    Doctor(DoctorArgs),
    /// Give files to the user that will run the signer, and close them to others
    Permissions(PermissionsArgs),
    /// Check audit logs
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Make the keys and files of WireGuard, and show running tunnels
    #[command(subcommand)]
    Wireguard(WireguardCommand),
    /// Stand before a node: forward from a tunnel to its port for the signer
    Gateway(GatewayArgs),
    /// Show the signer at work, with a made-up node on this machine
    Demo(DemoArgs),
    /// Try a remote signer, of any make, as a node would
    Harness(HarnessArgs),
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
    #[arg(
        short = 'n',
        long = "networks",
        value_delimiter = ',',
        value_name = "NAME"
    )]
    pub networks: Vec<Network>,
    /// The chain id, where it is not the template's; without -n, of any chain
    #[arg(long, value_name = "ID")]
    pub chain_id: Option<ChainId>,
    /// The node's priv_validator_laddr, as seen from here: tcp://HOST:PORT or unix:///PATH
    #[arg(long, value_parser = addr)]
    pub addr: Option<String>,
    /// Overwrite tmkms.toml; keys and states are kept
    #[arg(long)]
    pub force: bool,
}

/// Checks an address, and keeps it as it was written.
fn addr(text: &str) -> Result<String, String> {
    text.parse::<Address>()
        .map(|_| text.to_owned())
        .map_err(|e| format!("{e}; {}", e.help()))
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
    #[arg(value_hint = ValueHint::FilePath, value_parser = OsStringValueParser::new().try_map(key_path))]
    pub file: PathBuf,
    /// Overwrite the file
    #[arg(long)]
    pub force: bool,
}

/// A secret goes to a file of its own, never into a terminal or a log.
fn key_path(text: OsString) -> Result<PathBuf, &'static str> {
    if text == "-" {
        return Err("a key is not written to standard output: name a file");
    }
    Ok(text.into())
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
    #[arg(value_hint = ValueHint::FilePath, value_parser = OsStringValueParser::new().try_map(key_path))]
    pub destination: PathBuf,
    /// The format of SOURCE
    #[arg(short = 'f', long, value_enum, default_value_t = Format::Json)]
    pub format: Format,
    /// What the node signed last, so that it is never signed again. Without it:
    /// ../data/priv_validator_state.json beside a priv_validator_key.json
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// The chain of that state; a mistake if the file says another
    #[arg(long, value_name = "ID")]
    pub chain_id: Option<ChainId>,
    /// Overwrite the file, and what was kept beside it of what was signed last
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
    #[arg(value_hint = ValueHint::FilePath, value_parser = OsStringValueParser::new().try_map(key_path))]
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
    /// Encrypt a key file with a passphrase
    Encrypt(SealArgs),
    /// Turn an encrypted key file back into one in the clear
    Decrypt(SealArgs),
    /// Write a key and what it signed last into an encrypted file, or print it as 24 words
    Backup(BackupArgs),
    /// Take a key and what it signed last out of a backup
    Restore(RestoreArgs),
    /// Put a new connection key in the place of an old one, which is kept beside it
    RotateIdentity(RotateArgs),
}

/// `tmkms key show`.
#[derive(Debug, Parser)]
pub struct ShowArgs {
    /// The key file; - reads standard input
    pub file: PathBuf,
    /// Its format; without it, told from its content
    #[arg(short = 'f', long, value_enum)]
    pub format: Option<Format>,
    /// The bech32 prefixes of this network
    #[arg(
        short = 'n',
        long,
        default_value = "kira",
        value_name = "NAME",
        value_parser = known_network
    )]
    pub network: Network,
    /// The file holds a secp256k1 key (base64 keys do not say)
    #[arg(long)]
    pub secp256k1: bool,
    /// Read the file even if others on this machine may read it too
    #[arg(long)]
    pub allow_insecure_permissions: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub passphrase: PassphraseArgs,
}

/// Where a passphrase is; without, a person is asked.
#[derive(Clone, Debug, Parser)]
pub struct PassphraseArgs {
    /// The passphrase is the first line of this file; without it, it is asked for
    #[arg(long, value_name = "FILE", conflicts_with = "passphrase_fd")]
    pub passphrase_file: Option<PathBuf>,
    /// The passphrase is the first line of what this file descriptor gives
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..1024))]
    pub passphrase_fd: Option<u16>,
}

impl PassphraseArgs {
    /// The place that is meant.
    #[must_use]
    pub fn source(&self) -> PassphraseSource {
        match (&self.passphrase_file, self.passphrase_fd) {
            (Some(file), _) => PassphraseSource::File(file.clone()),
            (None, Some(number)) => PassphraseSource::Descriptor(number),
            (None, None) => PassphraseSource::Prompt,
        }
    }
}

/// `tmkms key encrypt`, `tmkms key decrypt`.
#[derive(Debug, Parser)]
pub struct SealArgs {
    /// The key file
    pub file: PathBuf,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub passphrase: PassphraseArgs,
    /// Read the file even if others on this machine may read it too
    #[arg(long)]
    pub allow_insecure_permissions: bool,
}

/// `tmkms key backup`.
#[derive(Debug, Parser)]
#[command(group(ArgGroup::new("form").required(true).args(["file", "words"])))]
pub struct BackupArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
    /// The chain whose key is meant, where tmkms.toml has several
    #[arg(long, value_name = "ID")]
    pub chain_id: Option<ChainId>,
    /// The file to make: encrypted text that can be printed
    #[arg(value_hint = ValueHint::FilePath, value_parser = OsStringValueParser::new().try_map(key_path))]
    pub file: Option<PathBuf>,
    /// Print 24 words that are not encrypted, for an Ed25519 key
    #[arg(long, conflicts_with_all = ["passphrase_file", "passphrase_fd", "force"])]
    pub words: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub passphrase: PassphraseArgs,
    /// Overwrite the file
    #[arg(long)]
    pub force: bool,
    /// Accept key files that others on this machine may read (Docker Desktop's mounts)
    #[arg(long)]
    pub allow_insecure_permissions: bool,
}

/// `tmkms key restore`.
#[derive(Debug, Parser)]
#[command(group(ArgGroup::new("form").required(true).args(["file", "words"])))]
pub struct RestoreArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
    /// The chain whose key is meant, where tmkms.toml has several
    #[arg(long, value_name = "ID")]
    pub chain_id: Option<ChainId>,
    /// The backup
    pub file: Option<PathBuf>,
    /// Read the 24 words, and the lines that begin with `mark`, from standard input
    #[arg(long, conflicts_with_all = ["passphrase_file", "passphrase_fd"])]
    pub words: bool,
    /// The public key that it must be, in base64 or hexadecimal
    #[arg(long, value_name = "KEY")]
    pub public_key: Option<String>,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub passphrase: PassphraseArgs,
    /// Overwrite the key file; a mark is never lowered
    #[arg(long)]
    pub force: bool,
}

/// `tmkms key rotate-identity`.
#[derive(Debug, Parser)]
pub struct RotateArgs {
    /// The connection key, as `secret_key` in tmkms.toml names it
    pub file: PathBuf,
    /// Overwrite an older FILE.old
    #[arg(long)]
    pub force: bool,
    /// Read the file even if others on this machine may read it too
    #[arg(long)]
    pub allow_insecure_permissions: bool,
}

/// As for `init`, which however can do without a name.
fn known_network(name: &str) -> Result<Network, String> {
    name.parse().map_err(|_| {
        let names = Network::ALL.map(Network::name).join(", ");
        format!("its prefixes are not known; those of {names} are")
    })
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
        value_name = "FILE",
        env = "TMKMS_CONFIG_FILE",
        default_value = "tmkms.toml",
        value_hint = ValueHint::FilePath,
        value_parser = OsStringValueParser::new().try_map(config_path)
    )]
    pub path: PathBuf,
}

/// Compose files pass variables on that nobody set: such a name is empty.
fn config_path(text: OsString) -> Result<PathBuf, &'static str> {
    if text.is_empty() {
        return Err(
            "the name is empty: give `-c FILE`, or give TMKMS_CONFIG_FILE a value, or unset it",
        );
    }
    Ok(text.into())
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
    #[arg(long, value_name = "ID")]
    pub chain_id: Option<ChainId>,
}

/// `tmkms state import`.
#[derive(Debug, Parser)]
#[command(group(ArgGroup::new("mark").required(true).args(["source", "height"])))]
pub struct StateImportArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
    /// The chain, where tmkms.toml has several
    #[arg(long, value_name = "ID")]
    pub chain_id: Option<ChainId>,
    /// priv_validator_state.json of a node, or a state file of tmkms
    pub source: Option<PathBuf>,
    /// Count everything up to and including this height as signed
    #[arg(
        long,
        allow_negative_numbers = true,
        value_parser = clap::value_parser!(i64).range(1..)
    )]
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
    /// Leave the process all rights of its user, should the sandbox be in the way of signing
    #[arg(long)]
    pub no_sandbox: bool,
    /// Keep the files that a reload on SIGHUP would read out of the signer's reach
    #[arg(long)]
    pub no_reload: bool,
}

/// `tmkms status`.
#[derive(Debug, Parser)]
pub struct StatusArgs {
    #[command(flatten)]
    #[allow(missing_docs)]
    pub config: ConfigFile,
    /// Print the whole status as one line of JSON
    #[arg(long, conflicts_with = "watch")]
    pub json: bool,
    /// Show it on the whole terminal, anew each second, until q is typed
    #[arg(long)]
    pub watch: bool,
}

/// `tmkms permissions`.
#[derive(Debug, Parser)]
pub struct PermissionsArgs {
    /// Files, and directories with all that is in them
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Whom to give them to, by number
    #[arg(long, value_name = "UID[:GID]")]
    pub user: Owner,
}

/// `tmkms audit`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Find what was changed in an audit log since it was written
    Verify(VerifyArgs),
}

/// `tmkms audit verify`.
#[derive(Debug, Parser)]
pub struct VerifyArgs {
    /// All files of one audit log, in any order
    #[arg(required = true, value_hint = ValueHint::FilePath)]
    pub files: Vec<PathBuf>,
    /// The number of the first file, where those before it are kept elsewhere
    #[arg(long, value_name = "NUMBER", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    pub first: u64,
    /// A file with the head; without, the one beside the last file
    #[arg(long, value_name = "FILE")]
    pub head: Option<PathBuf>,
}

/// How to log.
#[derive(Clone, Debug, Parser)]
pub struct LogArgs {
    /// Log every request too
    #[arg(short = 'v', long)]
    pub verbose: bool,
    /// The form of the log
    #[arg(long, value_enum)]
    pub log_format: Option<LogFormat>,
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
    /// Put WireGuard and a gateway between the signer and the node, all in this process
    #[arg(long)]
    pub tunnel: bool,
    #[command(flatten)]
    #[allow(missing_docs)]
    pub log: LogArgs,
}
