//! From a configuration to a signer that is ready to run: keys read, state locked, floors
//! raised. Reports everything that is wrong, not just the first thing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use guard::{Guard, RawBytesPolicy, StoreError};
use keys::{
    ConsensusKey, FilePermissions, KeyFileError, KeyFormat, KeyMaterial, KeyOptions, Provider as _,
    Softsign, read_identity, read_key_with,
};
use privval::{ChainId, Height, Hrs, PublicKey};
use secret_connection::Identity;
use store::{FileStore, MemoryError, OpenError, Opened};
use tracing::info;

use super::chain::Chain;
use super::hook::HookError;
use super::mark::MarkError;
use super::memory::BootMemory;
use super::state;
use crate::audit::Audit;
use crate::config::{self, Config, Endpoint, KeyEncoding, Location, RawBytes};
use crate::observe::document;
use crate::observe::watch::Watch;
use crate::session::{Address, DEFAULT_TIMEOUT, Node};

/// Everything that signs: the chains and the nodes that ask.
pub struct Signer {
    /// One for each node; each holds its chain.
    pub nodes: Vec<Node>,
}

/// What prevents the start. Each text names the file, and the line of tmkms.toml that leads to
/// it.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A key cannot be used.
    #[error("{at}: {source}")]
    Key {
        /// The line of tmkms.toml.
        at: Location,
        /// What is wrong.
        source: Box<KeyFileError>,
    },
    /// The state cannot be used.
    #[error("{at}: chain {chain}: {source}")]
    State {
        /// The line of tmkms.toml.
        at: Location,
        /// The chain.
        chain: ChainId,
        /// What is wrong.
        source: Box<OpenError>,
    },
    /// The state cannot be written.
    #[error("{at}: {source}")]
    Write {
        /// The line of tmkms.toml.
        at: Location,
        /// What is wrong.
        source: StoreError,
    },
    /// The state is old, or the key in use.
    #[error("{at}: {source}")]
    Memory {
        /// The line of tmkms.toml.
        at: Location,
        /// What is wrong.
        source: Box<MemoryError>,
    },
    /// The mark beside the key cannot be used.
    #[error("{at}: the mark beside the key cannot be used: {source}")]
    Mark {
        /// The line of tmkms.toml.
        at: Location,
        /// What is wrong.
        source: MarkError,
    },
    /// The hook failed and `fail_closed` is set.
    #[error("{at}: the state_hook of chain {chain} failed: {source}")]
    Hook {
        /// The line of tmkms.toml.
        at: Location,
        /// The chain.
        chain: ChainId,
        /// What is wrong.
        source: Box<HookError>,
    },
    /// The hook told a height that cannot be meant.
    #[error(
        "{at}: the state_hook of chain {chain} told height {height}, more than 9000 past the last signature at {mark}"
    )]
    HookHeight {
        /// The line of tmkms.toml.
        at: Location,
        /// The chain.
        chain: ChainId,
        /// What it told.
        height: Height,
        /// The last signature.
        mark: Box<Hrs>,
    },
}

/// Reads every key and opens every state that the nodes of a configuration need.
///
/// # Errors
/// All [`LoadError`]s at once. What was locked is unlocked again.
pub fn load(
    config: &Config,
    permissions: FilePermissions,
    boot_memory: BootMemory,
) -> Result<Signer, Vec<LoadError>> {
    let mut loader = Loader::new(config, permissions, boot_memory);
    let chains = loader.chains();
    let nodes = loader.nodes(&chains);
    if loader.errors.is_empty() {
        return Ok(Signer { nodes });
    }
    Err(loader.errors)
}

/// Loads what a running signer does not have yet: the nodes of these names (`chain@address`), with
/// their chains as far as they are not among `known`.
///
/// # Errors
/// All [`LoadError`]s at once. What was locked is unlocked again.
pub fn extend(
    config: &Config,
    permissions: FilePermissions,
    known: &BTreeMap<ChainId, Arc<Chain>>,
    added: &BTreeSet<String>,
) -> Result<Signer, Vec<LoadError>> {
    let is_added =
        |node: &config::Validator| added.contains(&format!("{}@{}", node.chain_id, node.endpoint));
    let mut wanted = config.clone();
    wanted.validators.retain(is_added);
    let mut loader = Loader::new(&wanted, permissions, BootMemory::Kept);
    loader.known.clone_from(known);
    let chains = loader.chains();
    let nodes = loader.nodes(&chains);
    if loader.errors.is_empty() {
        return Ok(Signer { nodes });
    }
    Err(loader.errors)
}

/// Reads every key and looks at every state, and changes and locks nothing.
///
/// # Errors
/// All [`LoadError`]s at once, else a line for each chain.
pub fn check(config: &Config, permissions: FilePermissions) -> Result<Vec<String>, Vec<LoadError>> {
    let mut loader = Loader::new(config, permissions, BootMemory::Off);
    let mut lines = Vec::new();
    for chain in &config.chains {
        let Some(key) = config.key(&chain.id) else {
            continue;
        };
        let provider = loader.key(key);
        let state = state::look(chain, key)
            .map_err(|e| loader.errors.push(e))
            .ok();
        if let (Some(provider), Some(state)) = (provider, state) {
            lines.push(format!(
                "chain {}: {}, {state}",
                chain.id,
                shown(chain, &provider.public_key())
            ));
        }
    }
    for node in &config.validators {
        if let Endpoint::Tcp { secret_key, .. } = &node.endpoint {
            loader.identity(secret_key);
        }
    }
    if loader.errors.is_empty() {
        return Ok(lines);
    }
    Err(loader.errors)
}

/// The key as `key_format` wants it, and the address by which nodes know the validator.
fn shown(chain: &config::Chain, key: &PublicKey) -> String {
    let key = described(chain, key);
    format!(
        "consensus {} key {}, address {}",
        key.algorithm, key.public_key, key.address
    )
}

fn described(chain: &config::Chain, key: &PublicKey) -> document::Key {
    let public_key = match &chain.key_format {
        config::KeyFormat::Bech32 {
            consensus_key_prefix,
            ..
        } => keys::show::bech32(key, consensus_key_prefix).unwrap_or_else(|_| keys::show::hex(key)),
        config::KeyFormat::CosmosJson => keys::show::cosmos_json(key),
        config::KeyFormat::Hex => keys::show::hex(key),
    };
    document::Key {
        algorithm: keys::show::algorithm(key).to_string(),
        public_key,
        address: keys::show::address_hex(key),
        provider: "softsign".to_owned(),
        file: document::KeyFile::Same,
    }
}

/// Reads the key of a `[[providers.softsign]]`, encrypted or not.
///
/// # Errors
/// [`KeyFileError`].
pub fn read_softsign_key(
    key: &config::Softsign,
    permissions: FilePermissions,
) -> Result<KeyMaterial, KeyFileError> {
    let options = KeyOptions {
        format: match key.encoding {
            KeyEncoding::Base64 => KeyFormat::Base64,
            KeyEncoding::Json => KeyFormat::Json,
        },
        algorithm: key.algorithm,
        public_key: None,
        permissions,
    };
    let path = &key.path.value;
    read_key_with(path, &options, &mut || {
        let what = path.display().to_string();
        key.passphrase.read(&what, permissions)
    })
}

struct Loader<'a> {
    config: &'a Config,
    permissions: FilePermissions,
    boot_memory: BootMemory,
    /// Chains that are loaded already.
    known: BTreeMap<ChainId, Arc<Chain>>,
    /// By file, so that a key for several chains is read once. `None` when it was reported.
    keys: BTreeMap<PathBuf, Option<Arc<Softsign>>>,
    /// Identities that were reported: several nodes usually share one.
    bad_identities: BTreeSet<PathBuf>,
    errors: Vec<LoadError>,
}

impl<'a> Loader<'a> {
    fn new(config: &'a Config, permissions: FilePermissions, boot_memory: BootMemory) -> Self {
        Self {
            config,
            permissions,
            boot_memory,
            known: BTreeMap::new(),
            keys: BTreeMap::new(),
            bad_identities: BTreeSet::new(),
            errors: Vec::new(),
        }
    }

    /// The chains that have a node; others have nothing to sign.
    fn chains(&mut self) -> BTreeMap<ChainId, Arc<Chain>> {
        let config = self.config;
        let used = |chain: &&config::Chain| {
            config
                .validators
                .iter()
                .any(|node| node.chain_id == chain.id)
        };
        config
            .chains
            .iter()
            .filter(used)
            .filter_map(|chain| {
                let known = self.known.get(&chain.id).cloned();
                let loaded = known.or_else(|| self.chain(chain).map(Arc::new));
                Some((chain.id.clone(), loaded?))
            })
            .collect()
    }

    fn chain(&mut self, chain: &config::Chain) -> Option<Chain> {
        let key = self.config.key(&chain.id)?;
        let Some(provider) = self.key(key) else {
            // Looked at only: a start that fails leaves no new files behind.
            self.errors.extend(state::look(chain, key).err());
            return None;
        };
        let public_key = provider.public_key();
        let guard = self
            .guard(chain, key, &public_key)
            .map_err(|e| self.errors.push(e))
            .ok();
        info!("[{}] {}", chain.id, shown(chain, &public_key));
        let mut guard = guard?;
        let watch = Watch::new(&key.path.value, guard.store_mut().places());
        Some(Chain::new(
            chain.id.clone(),
            provider,
            guard,
            chain.raw_bytes,
            described(chain, &public_key),
            watch,
        ))
    }

    fn key(&mut self, key: &config::Softsign) -> Option<Arc<Softsign>> {
        let path = &key.path.value;
        if let Some(known) = self.keys.get(path) {
            return known.clone();
        }
        let loaded = read_softsign_key(key, self.permissions)
            .map(|material| Arc::new(Softsign::new(ConsensusKey::from(&material))))
            .map_err(|source| {
                self.errors.push(LoadError::Key {
                    at: key.path.at.clone(),
                    source: Box::new(source),
                });
            })
            .ok();
        self.keys.insert(path.clone(), loaded.clone());
        loaded
    }

    fn guard(
        &self,
        chain: &config::Chain,
        key: &config::Softsign,
        public_key: &PublicKey,
    ) -> Result<Guard<FileStore>, LoadError> {
        let Opened {
            store, knowledge, ..
        } = state::open(chain, key, public_key, self.boot_memory)?;
        let policy = match chain.raw_bytes {
            RawBytes::Off => RawBytesPolicy::Off,
            RawBytes::CometBft1 | RawBytes::Celestia => RawBytesPolicy::On,
        };
        Ok(Guard::new(chain.id.clone(), knowledge, policy, store))
    }

    fn nodes(&mut self, chains: &BTreeMap<ChainId, Arc<Chain>>) -> Vec<Node> {
        let config = self.config;
        config
            .validators
            .iter()
            .filter_map(|node| self.node(node, chains.get(&node.chain_id)))
            .collect()
    }

    fn node(&mut self, node: &config::Validator, chain: Option<&Arc<Chain>>) -> Option<Node> {
        let address = match &node.endpoint {
            Endpoint::Unix(socket) => Address::Unix(socket.clone()),
            Endpoint::Tcp { addr, secret_key } => Address::Tcp {
                addr: addr.clone(),
                identity: self.identity(secret_key)?,
            },
        };
        Some(Node {
            address,
            chain: Arc::clone(chain?),
            timeout: node.timeout.unwrap_or(DEFAULT_TIMEOUT),
            max_height: node.max_height,
            protocol_version: node.protocol_version,
            reconnect: node.reconnect,
            tunnels: Arc::default(),
            record: Arc::default(),
            audit: Audit::default(),
        })
    }

    fn identity(&mut self, file: &config::Located<PathBuf>) -> Option<Identity> {
        match read_identity(&file.value, self.permissions) {
            Ok(seed) => Some(Identity::from_seed(&seed)),
            Err(source) => {
                if self.bad_identities.insert(file.value.clone()) {
                    self.errors.push(LoadError::Key {
                        at: file.at.clone(),
                        source: Box::new(source),
                    });
                }
                None
            }
        }
    }
}
