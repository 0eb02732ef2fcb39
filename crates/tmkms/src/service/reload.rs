//! tmkms.toml, read again: what can change is changed, or nothing is.
//!
//! Invariants:
//! - Everything that is new is loaded before anything that is there is touched; one mistake, and
//!   nothing has happened.
//! - A node that is in the file before and after keeps its connection.
//! - A chain that nobody is served for any more is let go, with the lock on its state.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use keys::FilePermissions;
use privval::ChainId;
use tracing::{Level, error, info, warn};

use super::metrics::Step;
use super::{Metrics, Sessions};
use crate::audit::{Audit, Entry};
use crate::config::{self, Config, Loaded, Validator};
use crate::hardening;
use crate::logs::Threshold;
use crate::session::Node;
use crate::signer::{self, Chain};
use crate::tunnels::Running;

mod reach;

pub use self::reach::Reach;

/// The target of the log's lines.
const TARGET: &str = "tmkms::reload";

/// What a reload needs to know of the start.
pub struct Reload {
    /// tmkms.toml, as it was named.
    pub path: PathBuf,
    /// How it is at the moment.
    pub config: Config,
    /// Whether key files may be readable by others.
    pub permissions: FilePermissions,
    /// What the sandbox leaves within reach.
    pub reach: Reach,
    /// The tunnels, which stay as they are.
    pub tunnels: Arc<Running>,
    /// Where signatures are recorded.
    pub audit: Audit,
    /// The listener of `[metrics]`.
    pub metrics: Metrics,
    /// The level of the log; `None` where the arguments said it.
    pub level: Option<Threshold>,
}

/// What is to be done.
#[derive(Debug, Default)]
struct Change {
    removed: Vec<String>,
    added: BTreeSet<String>,
    level: Option<Level>,
    metrics: Step,
}

impl Reload {
    /// Reads the file and applies it, or tells why not.
    pub(super) fn run(&mut self, sessions: &mut Sessions) {
        let file = self.path.display();
        info!(target: TARGET, event = "reload", "SIGHUP: reading {file} again");
        match self.prepare(sessions) {
            Ok((config, change, nodes)) => self.apply(config, change, nodes, sessions),
            Err(reasons) => {
                for reason in &reasons {
                    error!(target: TARGET, event = "reload_refused", "{reason}");
                }
                error!(
                    target: TARGET,
                    event = "reload_refused",
                    "nothing of {file} was applied, for the reasons above; the signer goes on as \
                     before"
                );
            }
        }
    }

    /// Everything that can go wrong.
    fn prepare(&self, sessions: &Sessions) -> Result<(Config, Change, Vec<Node>), Vec<String>> {
        let Loaded { config, warnings } =
            Config::load(&self.path).map_err(|e| lines(&e.render(false)))?;
        for line in lines(&warnings.render(false)) {
            warn!(target: TARGET, "{line}");
        }
        let mut reasons = fixed(&self.config, &config);
        let mut change = Change {
            level: Some(config.log.level).filter(|it| *it != self.config.log.level),
            ..Change::default()
        };
        let before = by_name(&self.config);
        let after = by_name(&config);
        for (name, node) in &after {
            match before.get(name) {
                Some(old) => reasons.extend(changed(name, old, node)),
                None => {
                    reasons.extend(self.reach.dials(name, &node.endpoint, &self.tunnels));
                    change.added.insert(name.clone());
                }
            }
        }
        let is_gone = |name: &&String| !after.contains_key(*name);
        change.removed = before.keys().filter(is_gone).cloned().collect();
        let known = chains(sessions);
        reasons.extend(self.reach.reads(&config, &known, &change.added));
        if config.metrics.is_some() && self.config.metrics.is_none() {
            reasons.extend(self.reach.listens());
        }
        if !reasons.is_empty() {
            return Err(reasons);
        }
        let loaded = signer::extend(&config, self.permissions, &known, &change.added);
        let loaded =
            loaded.map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        // Last, because it shows outside.
        let (old, new) = (self.config.metrics.as_ref(), config.metrics.as_ref());
        change.metrics = self.metrics.prepare(old, new).map_err(|why| vec![why])?;
        Ok((config, change, loaded.nodes))
    }

    fn apply(
        &mut self,
        config: Config,
        mut change: Change,
        nodes: Vec<Node>,
        sessions: &mut Sessions,
    ) {
        if !nodes.is_empty() {
            // New keys too are kept out of swap.
            hardening::after_keys();
        }
        let before: BTreeSet<ChainId> = chains(sessions).into_keys().collect();
        // First: a node that moves to another chain has one place for a signer.
        sessions.remove(&change.removed);
        for mut node in nodes {
            node.tunnels = Arc::clone(&self.tunnels);
            node.audit = self.audit.clone();
            if !before.contains(node.chain.id()) && !chains(sessions).contains_key(node.chain.id())
            {
                mark(&self.audit, &node.chain);
            }
            let name = node.to_string();
            if let Err(e) = sessions.add(node) {
                error!(target: TARGET, "[{name}] cannot be served: {e}; restart the signer");
            }
        }
        if let (Some(threshold), Some(level)) = (&self.level, change.level) {
            threshold.set(level);
        }
        let metrics = self.metrics.apply(std::mem::take(&mut change.metrics));
        self.tell(&change, &metrics, sessions);
        self.config = config;
    }

    fn tell(&self, change: &Change, metrics: &str, sessions: &Sessions) {
        let level = match (change.level, &self.level) {
            (Some(level), Some(_)) => format!(", log level {}", level.as_str().to_lowercase()),
            (Some(_), None) => ", log level as -v says".to_owned(),
            (None, _) => String::new(),
        };
        let list = |names: Vec<&String>| match names.as_slice() {
            [] => String::new(),
            _ => format!(
                " ({})",
                names
                    .iter()
                    .map(|it| it.as_str())
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        };
        let (added, removed) = (change.added.len(), change.removed.len());
        let all = sessions.roster().nodes().len();
        info!(
            target: TARGET,
            event = "reloaded",
            added,
            removed,
            "{} is applied: {added} nodes added{}, {removed} removed{}, {} as before{level}{metrics}",
            self.path.display(),
            list(change.added.iter().collect()),
            list(change.removed.iter().collect()),
            all.saturating_sub(added),
        );
    }
}

/// Records where a chain is taken over.
pub(crate) fn mark(audit: &Audit, chain: &Chain) {
    if let (true, Ok(knowledge)) = (audit.is_on(), chain.knowledge()) {
        audit.add(Entry::Mark {
            chain: chain.id().to_string(),
            key: chain.key_hex().to_owned(),
            place: knowledge.hrs().map(Into::into),
        });
    }
}

fn chains(sessions: &Sessions) -> BTreeMap<ChainId, Arc<Chain>> {
    let chains = sessions.roster().chains();
    chains.into_iter().map(|it| (it.id().clone(), it)).collect()
}

fn by_name(config: &Config) -> BTreeMap<String, &Validator> {
    let nodes = config.validators.iter();
    nodes
        .map(|it| (format!("{}@{}", it.chain_id, it.endpoint), it))
        .collect()
}

/// The lines of a text, without those that are empty.
fn lines(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    lines.map(str::to_owned).collect()
}

/// What was changed and cannot be while the signer runs.
fn fixed(old: &Config, new: &Config) -> Vec<String> {
    let mut reasons = Vec::new();
    let mut fixed = |what: String, is_changed: bool| {
        if is_changed {
            reasons.push(format!(
                "{what} was changed, and is read at the start only: restart the signer, or change \
                 it back"
            ));
        }
    };
    fixed(
        "[status]".to_owned(),
        old.status_socket() != new.status_socket(),
    );
    fixed(
        "a field of [log] other than `level`".to_owned(),
        old.log.output != new.log.output,
    );
    let audit = |config: &Config| {
        let audit = config.audit.as_ref();
        audit.map(|it| (it.file.value.clone(), it.rotate_len))
    };
    fixed("[audit]".to_owned(), audit(old) != audit(new));
    let tunnels = |config: &Config| -> Vec<PathBuf> {
        config.wireguard.iter().map(|it| it.value.clone()).collect()
    };
    fixed("[wireguard]".to_owned(), tunnels(old) != tunnels(new));
    for (chain, before) in kept_chains(old, new) {
        let id = &chain.id;
        let mut field = |name: &str, is_changed: bool| {
            fixed(format!("`{name}` of chain {id}"), is_changed);
        };
        field(
            "state_file",
            chain.state_file.value != before.state_file.value,
        );
        field("raw_bytes", chain.raw_bytes != before.raw_bytes);
        field("key_format", chain.key_format != before.key_format);
        let key = |config: &Config| {
            config.key(id).map(|key| {
                (
                    key.path.value.clone(),
                    key.encoding,
                    key.algorithm,
                    format!("{:?}", key.passphrase),
                )
            })
        };
        fixed(format!("the key of chain {id}"), key(old) != key(new));
    }
    reasons
}

/// The chains that have a node before and after.
fn kept_chains<'c>(
    old: &'c Config,
    new: &'c Config,
) -> impl Iterator<Item = (&'c config::Chain, &'c config::Chain)> {
    let is_used =
        |config: &Config, id: &ChainId| config.validators.iter().any(|it| it.chain_id == *id);
    let chains = new.chains.iter();
    chains.filter_map(move |chain| {
        let before = old.chain(&chain.id)?;
        let is_kept = is_used(old, &chain.id) && is_used(new, &chain.id);
        is_kept.then_some((chain, before))
    })
}

/// What was changed of a node whose connection stays.
fn changed(name: &str, old: &Validator, new: &Validator) -> Vec<String> {
    let identity = |node: &Validator| match &node.endpoint {
        config::Endpoint::Tcp { secret_key, .. } => Some(secret_key.value.clone()),
        config::Endpoint::Unix(_) => None,
    };
    let fields = [
        ("secret_key", identity(old) != identity(new)),
        (
            "protocol_version",
            old.protocol_version != new.protocol_version,
        ),
        ("reconnect", old.reconnect != new.reconnect),
        ("timeout", old.timeout != new.timeout),
        ("max_height", old.max_height != new.max_height),
    ];
    let changed = fields.into_iter().filter(|(_, is_changed)| *is_changed);
    changed
        .map(|(field, _)| {
            format!(
                "[{name}] `{field}` was changed, and belongs to a connection that stands: restart \
                 the signer; or take the node out of the file, reload, and put it in again"
            )
        })
        .collect()
}
