//! `tmkms doctor`: everything between the node's request and the signature, looked at in the order
//! in which a request travels: node, port, path, tunnel, signer, key, state, disk.
//!
//! Each check turns plain data into [`Finding`]s; what gathers the data stands apart (`host`,
//! `sockets`, `processes`, and the functions called `read`, `ask` and `look`).
//!
//! Invariants:
//! - Nothing is changed, no signer is started, and no lock of a running one is touched.
//! - No connection to a node's signer port is opened, but with `--connect`, and then only while
//!   no signer runs (`connect`).
//! - What this user may not look at is a finding of its own, never silence.

mod configuration;
mod connect;
pub mod finding;
mod home;
mod host;
mod key;
mod names;
mod node;
mod path;
mod port;
mod processes;
pub mod report;
mod rules;
mod signer;
mod sockets;
mod state;
mod time;
mod tunnel;

mod disk;

use std::path::{Path, PathBuf};
use std::time::Duration;

use self::finding::Finding;
use self::home::{Listens, NodeHome};
use self::host::Host;
use self::node::{NodeView, Ours};
use self::signer::{Running, Wanted};
use self::sockets::Network;
use self::state::{Lock, Past};
use crate::config::{Chain, Config, Endpoint};
use crate::observe::client::{self, AskError};

/// What to look at.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// tmkms.toml.
    pub config: PathBuf,
    /// The RPC of a node.
    pub rpc: Option<String>,
    /// The home of a node on this machine.
    pub node_home: Option<PathBuf>,
    /// Whether to connect to the nodes.
    pub connect: bool,
}

/// What is known of each chain of tmkms.toml.
struct Signs<'a> {
    chain: &'a Chain,
    ours: Ours,
    past: Past,
}

/// Looks at everything.
#[must_use]
pub fn examine(options: &Options) -> Vec<Finding> {
    let mut findings = look(options);
    let file = options.config.to_string_lossy();
    findings
        .iter_mut()
        .for_each(|it| it.for_configuration(&file));
    findings
}

fn look(options: &Options) -> Vec<Finding> {
    let mut findings = Vec::new();
    let config = match without_configuration(options) {
        Some(finding) => {
            findings.push(finding);
            None
        }
        None => configuration::read(&options.config, &mut findings),
    };
    // Of the files, which the findings about the node need; told where the request reaches them.
    let (mut of_tunnel, mut of_keys, mut of_state) = (Vec::new(), Vec::new(), Vec::new());
    let tunnels = config
        .as_ref()
        .and_then(|config| configuration::tunnels(config, &mut of_tunnel));
    let running = config
        .as_ref()
        .map(|config| ask_signer(config, &mut of_state));
    let signs: Vec<Signs<'_>> = config.as_ref().map_or_else(Vec::new, |config| {
        let chains = config.chains.iter();
        chains
            .map(|chain| read_chain(config, chain, running.as_ref(), &mut of_keys, &mut of_state))
            .collect()
    });
    let view = look_at_node(options, &signs, &mut findings);
    let home = look_at_home(
        options,
        config.as_ref(),
        &signs,
        view.as_ref(),
        &mut findings,
    );
    if let Some(config) = &config {
        if home.is_none() {
            findings.extend(local_ports(config));
        }
        if let Some(tunnels) = &tunnels {
            findings.extend(names::look(config, tunnels));
        }
    }
    findings.extend(of_tunnel);
    let wanted = if options.connect {
        Wanted::Stopped
    } else {
        Wanted::Running
    };
    if let Some(running) = &running {
        findings.extend(signer::judge(running, wanted));
    }
    findings.extend(of_keys);
    findings.extend(of_state);
    for sign in &signs {
        let view = view
            .as_ref()
            .filter(|view| view.chain_id == sign.ours.chain_id);
        let is_validator = view.is_some_and(|view| is_validator(view, &sign.ours));
        findings.extend(view.and_then(|view| state::compare(&sign.past, view, is_validator)));
    }
    let timeout = home
        .as_ref()
        .map_or(home::DEFAULT_TIMEOUT, |home| home.timeout);
    findings.extend(config.iter().flat_map(|config| disks(config, timeout)));
    if options.connect
        && let Some(config) = &config
    {
        findings.extend(connect::all(config, tunnels));
    }
    findings
}

/// On the node's machine there need not be a tmkms.toml, unless one was named.
fn without_configuration(options: &Options) -> Option<Finding> {
    let is_usual = options.config == Path::new("tmkms.toml") && !options.config.exists();
    (is_usual && options.node_home.is_some()).then(|| {
        let found = "no tmkms.toml here, so only the node's side is looked at";
        Finding::fine("config.none", found)
    })
}

fn is_validator(view: &NodeView, ours: &Ours) -> bool {
    let address = ours.address.as_ref();
    address.is_some_and(|address| view.has_validator(address) == Some(true))
}

/// Asks the running signer, and looks who has its states.
fn ask_signer(config: &Config, findings: &mut Vec<Finding>) -> Running {
    let mut is_locked = false;
    for chain in &config.chains {
        match state::lock(&chain.state_file.value) {
            Ok(Lock::Free) => {}
            Ok(Lock::Held(pid)) => {
                is_locked = true;
                let by = match pid {
                    0 => "a process of another container".to_owned(),
                    pid => format!("process {pid}"),
                };
                let found = format!(
                    "chain {}: {by} has the state locked, so no second signer starts",
                    chain.id
                );
                findings.push(Finding::fine("state.locked", found));
            }
            Err(why) => findings.push(
                Finding::unseen(
                    "state.lock_unseen",
                    &format!("the lock of chain {}", chain.id),
                    why,
                )
                .mend("run as the user that runs the signer, or as root"),
            ),
        }
    }
    let asked = match config.status_socket() {
        Some(socket) => client::ask(&socket).map(|answer| answer.document),
        None => Err(AskError::NoSocket(PathBuf::from("off"))),
    };
    signer::running(asked, is_locked)
}

fn read_chain<'a>(
    config: &'a Config,
    chain: &'a Chain,
    running: Option<&Running>,
    of_keys: &mut Vec<Finding>,
    of_state: &mut Vec<Finding>,
) -> Signs<'a> {
    let key = config.key(&chain.id);
    let public = key.and_then(|key| key::consensus(key, of_keys));
    let own = config
        .validators
        .iter()
        .filter(|node| node.chain_id == chain.id);
    let protocol = own
        .clone()
        .filter_map(|node| node.protocol_version)
        .collect();
    own.for_each(|node| key::identity(node, of_keys));
    let address = public.map(|key| keys::show::address_hex(&key)).or_else(|| {
        // An encrypted key is known to whoever has opened it.
        let Some(Running::Yes(document)) = running else {
            return None;
        };
        let mut chains = document.chains.iter();
        let found = chains.find(|told| told.id == chain.id.as_str())?;
        Some(found.key.address.clone()).filter(|address| !address.is_empty())
    });
    Signs {
        chain,
        ours: Ours {
            chain_id: chain.id.to_string(),
            address,
            protocol,
        },
        past: state::read(chain, key, of_state),
    }
}

fn look_at_node(
    options: &Options,
    signs: &[Signs<'_>],
    findings: &mut Vec<Finding>,
) -> Option<NodeView> {
    let address = options.rpc.as_deref()?;
    match NodeView::ask(address) {
        Ok(view) => {
            let ours: Vec<Ours> = signs.iter().map(|sign| sign.ours.clone()).collect();
            findings.extend(node::judge(&view, &ours));
            Some(view)
        }
        Err(why) => {
            findings.push(node::silent(address, &why));
            None
        }
    }
}

fn look_at_home(
    options: &Options,
    config: Option<&Config>,
    signs: &[Signs<'_>],
    view: Option<&NodeView>,
    findings: &mut Vec<Finding>,
) -> Option<NodeHome> {
    let directory = options.node_home.as_deref()?;
    let home = NodeHome::read(directory, findings)?;
    let ids: Vec<String> = signs
        .iter()
        .map(|sign| sign.ours.chain_id.clone())
        .collect();
    let addresses: Vec<String> = signs
        .iter()
        .filter_map(|sign| sign.ours.address.clone())
        .collect();
    let signer_is_here = config.is_some_and(dials_loopback);
    findings.extend(home::judge_chain(&home, &ids));
    findings.push(home::judge_address(&home, signer_is_here));
    findings.extend(home::judge_key(&home, &addresses, view));
    let chain_id = home::chain_id(&home);
    let same = signs
        .iter()
        .find(|sign| Some(sign.chain.id.as_str()) == chain_id.as_deref());
    findings.extend(same.and_then(|sign| home::judge_state(&home, &sign.past)));
    if let Listens::Tcp { port, .. } = home.listens {
        findings.extend(node_side(&home, port));
    }
    Some(home)
}

/// The node's machine.
fn node_side(home: &NodeHome, port: u16) -> Vec<Finding> {
    let host = match Host::look(&home.directory) {
        Ok(host) => host,
        Err(error) => {
            return vec![
                Finding::unseen("port.unseen", "the sockets of this machine", error)
                    .mend("mount /proc, or look with `ss -tlnp` on the node's machine"),
            ];
        }
    };
    let mut findings = port::judge(&port::PortView {
        port,
        node: &host.node,
        network: &host.network,
        is_container: host.is_container,
        home: &home.directory.to_string_lossy(),
    });
    findings.extend(path::judge(&host.path(port)));
    findings
}

fn dials_loopback(config: &Config) -> bool {
    let mut hosts = config
        .validators
        .iter()
        .filter_map(|node| loopback(&node.endpoint));
    hosts.next().is_some()
}

/// The port, where a node is dialled on this very machine.
fn loopback(endpoint: &Endpoint) -> Option<u16> {
    let Endpoint::Tcp { addr, .. } = endpoint else {
        return None;
    };
    let address = addr.host.parse::<std::net::IpAddr>();
    let is_loopback = addr.host == "localhost" || address.is_ok_and(|it| it.is_loopback());
    is_loopback.then_some(addr.port)
}

/// The ports of nodes beside the signer.
fn local_ports(config: &Config) -> Vec<Finding> {
    let nodes = config.validators.iter();
    let ports: Vec<(String, u16)> = nodes
        .filter_map(|node| Some((node.endpoint.to_string(), loopback(&node.endpoint)?)))
        .collect();
    if ports.is_empty() {
        return Vec::new();
    }
    match Network::of(Path::new("/proc/self")) {
        Ok(network) => {
            let judged = ports.iter();
            judged
                .flat_map(|(address, port)| port::judge_local(address, *port, &network))
                .collect()
        }
        Err(error) => vec![
            Finding::unseen("port.unseen", "the sockets of this machine", error)
                .mend("mount /proc, or look with `ss -tlnp`"),
        ],
    }
}

/// The directories of all states, each once.
fn disks(config: &Config, timeout: Duration) -> Vec<Finding> {
    let mut directories: Vec<&Path> = Vec::new();
    for chain in &config.chains {
        let parent = chain.state_file.value.parent();
        let directory = parent.filter(|path| !path.as_os_str().is_empty());
        let directory = directory.unwrap_or(Path::new("."));
        // A missing one was told with the state.
        if directory.is_dir() && !directories.contains(&directory) {
            directories.push(directory);
        }
    }
    let all = directories.into_iter();
    all.flat_map(|directory| disk::look(directory, timeout))
        .collect()
}
