//! What the sandbox leaves within reach, for a reload.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keys::PassphraseSource;
use privval::ChainId;

use crate::config::{self, Config, Endpoint, UnixSocket};
use crate::sandbox::Needs;
use crate::signer::{self, Chain};
use crate::tunnels::Running;

/// What the signer can still open and dial. Whether the kernel really holds it to that does not
/// matter: the answer is the same everywhere.
pub struct Reach(Option<Needs>);

impl Reach {
    /// Everything: there is no sandbox.
    #[must_use]
    pub fn everything() -> Self {
        Self(None)
    }

    /// What a sandbox leaves.
    #[must_use]
    pub fn of(needs: Needs) -> Self {
        Self(Some(needs))
    }

    /// Adds what a reload of this configuration reads and writes: the directories of everything
    /// that it names, because editors put new files in the place of old ones.
    pub fn require(config: &Config, needs: &mut Needs) {
        needs.read.insert(place(&config.file));
        // A state that is opened says on which machine.
        needs.read.insert("/proc/sys/kernel/hostname".into());
        for key in &config.softsign {
            needs.read.insert(place(&key.path.value));
            if let PassphraseSource::File(file) = &key.passphrase {
                needs.read.insert(place(file));
            }
            if let PassphraseSource::Credential(_) = &key.passphrase {
                let directory = std::env::var_os("CREDENTIALS_DIRECTORY");
                needs.read.extend(directory.map(PathBuf::from));
            }
        }
        for node in &config.validators {
            if let Endpoint::Tcp { secret_key, .. } = &node.endpoint {
                needs.read.insert(place(&secret_key.value));
            }
        }
        for chain in &config.chains {
            needs.write.insert(place(&chain.state_file.value));
        }
        // Without it nothing listens, and nothing can.
        needs.listen |= config.metrics.is_some();
        let memories = signer::memory_directories().into_iter();
        needs.write.extend(memories.filter(|it| it.is_dir()));
    }

    /// Why a node cannot be dialled.
    pub(super) fn dials(
        &self,
        name: &str,
        endpoint: &Endpoint,
        tunnels: &Running,
    ) -> Option<String> {
        let needs = self.0.as_ref()?;
        let what = match endpoint {
            Endpoint::Unix(UnixSocket::Path(_)) => return None,
            Endpoint::Unix(UnixSocket::Abstract(_)) => {
                if needs.has_abstract_socket() {
                    return None;
                }
                "no abstract socket".to_owned()
            }
            Endpoint::Tcp { addr, .. } => {
                let address = addr.host.parse::<IpAddr>();
                if address.is_err() && !needs.names {
                    "no host name".to_owned()
                } else if address.is_ok_and(|it| tunnels.route(it).is_some())
                    || needs.connect_ports.contains(&addr.port)
                {
                    return None;
                } else {
                    format!("no port {}", addr.port)
                }
            }
        };
        Some(format!(
            "[{name}] cannot be dialled: {what} was in tmkms.toml at the start, and the sandbox \
             keeps everything else out of reach: restart the signer"
        ))
    }

    /// Why a port cannot be opened.
    pub(super) fn listens(&self) -> Option<String> {
        let needs = self.0.as_ref()?;
        (!needs.listen).then(|| {
            "[metrics] cannot be added: it was not in tmkms.toml at the start, and the sandbox then \
             keeps every port from being opened: restart the signer"
                .to_owned()
        })
    }

    /// Why what is new cannot be loaded.
    pub(super) fn reads(
        &self,
        config: &Config,
        known: &BTreeMap<ChainId, Arc<Chain>>,
        added: &BTreeSet<String>,
    ) -> Vec<String> {
        let Some(needs) = &self.0 else {
            return Vec::new();
        };
        let mut reasons = Vec::new();
        for node in &config.validators {
            if !added.contains(&format!("{}@{}", node.chain_id, node.endpoint)) {
                continue;
            }
            if let Endpoint::Tcp { secret_key, .. } = &node.endpoint {
                reasons.extend(out_of_reach(&needs.read, "read", &secret_key.value));
            }
            let chain = config.chain(&node.chain_id);
            if let Some(chain) = chain.filter(|it| !known.contains_key(&it.id)) {
                reasons.extend(new_chain(needs, config, chain));
            }
        }
        reasons.dedup();
        reasons
    }
}

fn new_chain(needs: &Needs, config: &Config, chain: &config::Chain) -> Vec<String> {
    let mut reasons = Vec::new();
    if chain.state_hook.is_some() {
        reasons.push(format!(
            "chain {} has a state_hook, and a signer that runs starts no programs: restart it, or \
             leave the hook out",
            chain.id
        ));
    }
    reasons.extend(out_of_reach(&needs.write, "write", &chain.state_file.value));
    if let Some(key) = config.key(&chain.id) {
        reasons.extend(out_of_reach(&needs.read, "read", &key.path.value));
        match &key.passphrase {
            PassphraseSource::File(file) => {
                reasons.extend(out_of_reach(&needs.read, "read", file));
            }
            PassphraseSource::Descriptor(number) => reasons.push(format!(
                "the passphrase of the key of chain {} would come from file descriptor {number}, \
                 which was there at the start only: restart the signer, or use a passphrase_file",
                chain.id
            )),
            _ => {}
        }
    }
    reasons
}

fn out_of_reach(within: &BTreeSet<PathBuf>, what: &str, path: &Path) -> Option<String> {
    let real = path
        .canonicalize()
        .unwrap_or_else(|_| place(path).join(path.file_name().unwrap_or_default()));
    if within.iter().any(|it| real.starts_with(it)) {
        return None;
    }
    Some(format!(
        "cannot {what} {}: nothing in its directory was named in tmkms.toml at the start, and the \
         sandbox keeps everything else out of reach: restart the signer, or put it beside the others",
        path.display()
    ))
}

/// The directory in which a file really is; the file itself where that would be everything.
fn place(file: &Path) -> PathBuf {
    let parent = file.parent().filter(|it| !it.as_os_str().is_empty());
    let directory = parent.unwrap_or(Path::new("."));
    let real = directory
        .canonicalize()
        .unwrap_or_else(|_| directory.to_owned());
    if real.parent().is_some() {
        real
    } else {
        file.to_owned()
    }
}
