//! The configuration: `tmkms.toml`, in the form that tmkms 0.15 reads.
//!
//! ```toml
//! [[chain]]
//! id = "testnet-1"
//! key_format = { type = "bech32", account_key_prefix = "kirapub", consensus_key_prefix = "kiravalconspub" }
//! state_file = "state/testnet-1-consensus.json"
//!
//! [[providers.softsign]]
//! chain_ids = ["testnet-1"]
//! path = "secrets/priv_validator_key.json"
//!
//! [[validator]]
//! chain_id = "testnet-1"
//! addr = "tcp://sekai.local:26659"
//! secret_key = "secrets/kms-identity.key"
//! ```
//!
//! Invariants:
//! - A [`Config`] is right as a whole: every node's chain is declared and has exactly one key,
//!   every chain has a state file of its own (see [`Config::parse`]).
//! - All mistakes of a file are reported at once, in its order, each with its place and what to do.
//! - No input panics, and no message shows a key or a password.
//!
//! Two things differ from tmkms on purpose. Relative paths are meant from the directory of the
//! file, not from the working directory. Vote extensions are signed whatever `sign_extensions`
//! says, because a node of CometBFT 0.38 or later rejects a precommit without.

mod address;
mod audit;
mod chain;
mod checks;
mod file;
mod gateway;
mod hook;
mod log;
mod metrics;
mod passphrase;
mod paths;
mod provider;
pub mod schema;
mod section;
mod softsign;
mod status;
mod syntax;
mod template;
mod validator;
mod wireguard;

pub use address::{Address, AddressError, TcpAddress, UnixSocket};
pub use audit::Audit;
pub use chain::{Chain, KeyFormat, RawBytes};
pub use diagnostics::{Diagnostic, Report, Severity};
pub use diagnostics::{Located, Location};
pub use file::{FileError, MAX_LEN};
pub(crate) use gateway::network;
pub use gateway::{DEFAULT_LISTEN, DEFAULT_UPSTREAM, Forward, ForwardError, Gateway, Upstream};
pub use hook::StateHook;
pub use log::Log;
pub use softsign::{KeyEncoding, Softsign};
pub use status::StatusSocket;
pub use template::{Network, Template, UnknownNetwork};
pub use validator::{Endpoint, Validator};

use std::collections::BTreeSet;
use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use privval::ChainId;
use toml::de::DeTable;

use checks::Drafts;
use diagnostics::Span;
use section::Context;

/// A configuration that is right as a whole.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file, as it was named.
    pub file: Arc<Path>,
    /// `[[chain]]`: no id twice, no state file twice.
    pub chains: Vec<Chain>,
    /// `[[providers.softsign]]`: the consensus keys, at most one per chain.
    pub softsign: Vec<Softsign>,
    /// `[[validator]]`: at least one; each one's chain is in `chains` and has a key in `softsign`.
    pub validators: Vec<Validator>,
    /// `[status]`.
    pub status: StatusSocket,
    /// `[metrics]`: where to listen; nowhere without it.
    pub metrics: Option<Located<SocketAddr>>,
    /// `[log]`.
    pub log: Log,
    /// `[audit]`, if there is one.
    pub audit: Option<Audit>,
    /// `[wireguard]` or `[[wireguard]]`: the files of the tunnels, none twice. What they hold is
    /// read by [`Tunnels`](crate::tunnels::Tunnels).
    pub wireguard: Vec<Located<PathBuf>>,
}

/// A configuration and what the operator should know about it.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The configuration.
    pub config: Config,
    /// Warnings only; empty if there are none.
    pub warnings: Report,
}

/// A configuration that cannot be used.
///
/// Its `Display` is the whole plain text for people, with `error:` in front of each mistake; see
/// [`Error::render`] for colours.
#[derive(Debug)]
pub enum Error {
    /// The file could not be read.
    File(FileError),
    /// The file has mistakes.
    Invalid(Report),
}

impl Error {
    /// The text for people, ending in a line end. With `colour` it holds terminal escapes.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        match self {
            Self::File(error) => error.render(colour),
            Self::Invalid(report) => report.render(colour),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

impl std::error::Error for Error {}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        Self::File(error)
    }
}

impl Config {
    /// Reads and checks a configuration file.
    ///
    /// # Errors
    /// [`Error::File`] if it cannot be read as text, else as [`Config::parse`].
    pub fn load(path: impl AsRef<Path>) -> Result<Loaded, Error> {
        let path = path.as_ref();
        Self::parse(&file::read(path)?, path)
    }

    /// Checks the text of a configuration file. `path` names it in messages, and relative paths
    /// in it are taken from the directory of `path`. Touches no disk.
    ///
    /// # Errors
    /// [`Error::Invalid`] with all mistakes and warnings; [`Error::File`] if the text is empty or
    /// a private key.
    pub fn parse(text: &str, path: impl AsRef<Path>) -> Result<Loaded, Error> {
        let path = path.as_ref();
        let (drafts, warnings) = document(text, path, read)?;
        Ok(Loaded {
            config: Self::from_drafts(path.into(), drafts),
            warnings,
        })
    }

    /// The chain of that id.
    #[must_use]
    pub fn chain(&self, id: &ChainId) -> Option<&Chain> {
        self.chains.iter().find(|chain| chain.id == *id)
    }

    /// The key that signs for that chain.
    #[must_use]
    pub fn key(&self, id: &ChainId) -> Option<&Softsign> {
        self.softsign.iter().find(|key| key.chain_ids.contains(id))
    }

    /// Where the status socket is, unless it is off: without `socket`, in a directory beside the
    /// first chain's state file, with its name and `.run` behind it. A directory of its own,
    /// because the signer keeps the right to remove files there.
    #[must_use]
    pub fn status_socket(&self) -> Option<PathBuf> {
        match &self.status {
            StatusSocket::Off => None,
            StatusSocket::At(path) => Some(path.clone()),
            StatusSocket::Default => {
                let mut directory = self
                    .chains
                    .first()?
                    .state_file
                    .value
                    .clone()
                    .into_os_string();
                directory.push(".run");
                Some(PathBuf::from(directory).join("status.sock"))
            }
        }
    }

    /// Called when no error was found, so every draft holds its value.
    fn from_drafts(file: Arc<Path>, drafts: Drafts) -> Self {
        let softsign = drafts.providers.softsign.into_iter();
        Self {
            file,
            chains: drafts
                .chains
                .into_iter()
                .filter_map(|draft| draft.chain)
                .collect(),
            softsign: softsign.filter_map(|draft| draft.softsign).collect(),
            validators: drafts
                .validators
                .into_iter()
                .filter_map(|draft| draft.validator)
                .collect(),
            status: drafts.status,
            metrics: drafts.metrics,
            log: drafts.log,
            audit: drafts.audit.audit,
            wireguard: drafts.wireguard.files,
        }
    }
}

/// Reads the text of a file with `read`, which reports what it finds; the report that comes back
/// has warnings only.
fn document<T>(
    text: &str,
    path: &Path,
    read: impl for<'a> FnOnce(&'a Context<'a>, &'a DeTable<'a>) -> T,
) -> Result<(T, Report), Error> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    file::check(path, text)?;
    let (tree, syntax_errors) = DeTable::parse_recoverable(text);
    let cx = Context::new(text, path, !syntax_errors.is_empty());
    let value = read(&cx, tree.get_ref());
    let found = merged(text, &syntax_errors, &cx);
    let report = Report::new(cx.file(), text, found);
    if report.count(Severity::Error) > 0 {
        return Err(Error::Invalid(report));
    }
    Ok((value, report))
}

/// Reads all tables, and checks them together if all of them could be seen.
fn read<'a>(cx: &'a Context<'a>, tree: &'a DeTable<'a>) -> Drafts {
    let root = provider::root(cx, tree);
    let chains = root.tables("chain").into_iter();
    let validators = root.tables("validator").into_iter();
    let drafts = Drafts {
        chains: chains
            .map(|(table, header)| chain::read(cx, table, header))
            .collect(),
        validators: validators
            .map(|(table, header)| validator::read(cx, table, header))
            .collect(),
        providers: provider::read(&root),
        status: root
            .table("status", &schema::STATUS)
            .map_or(StatusSocket::Default, |section| status::read(&section)),
        metrics: root
            .table("metrics", &schema::METRICS)
            .and_then(|section| metrics::read(&section)),
        log: root
            .table("log", &schema::LOG)
            .map_or_else(Log::default, |section| log::read(&section)),
        audit: root
            .table("audit", &schema::AUDIT)
            .map(|section| audit::read(&section))
            .unwrap_or_default(),
        wireguard: wireguard::read(&root),
    };
    if !cx.damaged() {
        checks::run(&root, &drafts);
    }
    drafts
}

/// All that was found; what stands on a line that is no TOML is left out, since the value that
/// the parser made up for it proves nothing.
fn merged(text: &str, syntax_errors: &[toml::de::Error], cx: &Context<'_>) -> Vec<Diagnostic> {
    let syntax_errors = syntax::first_of_each_line(syntax_errors, |offset| cx.line(offset));
    let damaged: BTreeSet<usize> = syntax_errors
        .iter()
        .map(|error| cx.line(error.span.start))
        .collect();
    let on_damaged = |span: &Span| damaged.contains(&cx.line(span.start));
    let explained = syntax_errors.iter().map(|error| error.explain(text));
    let sound = cx
        .found()
        .into_iter()
        .filter(|item| !item.span().is_some_and(on_damaged));
    explained.chain(sound).collect()
}
