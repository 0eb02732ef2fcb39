//! `--connect`: a real connection and handshake, as the signer makes one, and what the tunnels on
//! the way then tell of themselves.
//!
//! Invariant: only while the state of every chain of that node is locked here, so that no signer
//! can run or start meanwhile: the node serves one connection.

use std::fs::{File, TryLockError};
use std::time::{Duration, Instant};

use keys::{FilePermissions, read_identity};
use secret_connection::Identity;
use store::ring_path;

use super::{finding::Finding, tunnel};
use crate::config::{Chain, Config, Endpoint, Validator};
use crate::observe::document::Tunnel;
use crate::session::{Trouble, knock};
use crate::tunnels::{Prepared, Running, Tunnels, Up};

/// How long the measuring of a path takes: three rounds of 300 ms, and an answer.
const MEASURING: Duration = Duration::from_millis(1_500);

/// Connects to each node, one after the other.
pub(super) fn all(config: &Config, tunnels: Option<Tunnels>) -> Vec<Finding> {
    let mut locks = Vec::new();
    for chain in &config.chains {
        match lock(chain) {
            Ok(lock) => locks.extend(lock),
            Err(finding) => return vec![finding],
        }
    }
    let up = |tunnels: Tunnels| tunnels.prepare().and_then(Prepared::start);
    let tunnels = match tunnels.map(up) {
        None => return Vec::new(),
        Some(Err(error)) => {
            return vec![
                Finding::broken("connect.tunnel", error.to_string())
                    .mend("see the findings about the tunnel's file"),
            ];
        }
        Some(Ok(running)) => running,
    };
    let nodes = config.validators.iter();
    let knocked: Vec<Finding> = nodes.map(|node| one(node, &tunnels)).collect();
    let mut findings: Vec<Finding> = measured(&tunnels).iter().flat_map(tunnel::judge).collect();
    findings.extend(knocked);
    drop(locks);
    findings
}

/// The tunnels with the peers that were needed, once their paths are measured.
fn measured(tunnels: &Running) -> Vec<Tunnel> {
    let deadline = Instant::now() + MEASURING;
    loop {
        let mut told: Vec<Tunnel> = tunnels.iter().map(Up::told).collect();
        for tunnel in &mut told {
            tunnel.peers.retain(|peer| peer.tx_bytes > 0);
        }
        let mut peers = told.iter().flat_map(|it| &it.peers);
        let is_measured = peers.all(|it| it.handshake_age_s.is_none() || it.path_mtu.is_some());
        if is_measured || Instant::now() >= deadline {
            return told;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// The lock that a signer would need; `None` where there is no state yet.
fn lock(chain: &Chain) -> Result<Option<File>, Finding> {
    let path = ring_path(&chain.state_file.value);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(
                Finding::unseen("connect.unsure", "whether a signer runs", error)
                    .mend("run as the user that runs the signer, or as root"),
            );
        }
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(Finding::warning(
            "connect.signer_runs",
            format!(
                "not connected, because a signer runs on the state of chain {}: the node serves \
                 one connection, and a second costs it up to 3 s",
                chain.id
            ),
        )
        .mend("leave --connect out: the running signer is asked for what it sees")),
        Err(TryLockError::Error(error)) => {
            Err(
                Finding::unseen("connect.unsure", "whether a signer runs", error)
                    .mend("keep the state on a local file system, where locks hold"),
            )
        }
    }
}

fn one(node: &Validator, tunnels: &Running) -> Finding {
    let address = node.endpoint.to_string();
    let identity = match &node.endpoint {
        Endpoint::Unix(_) => None,
        Endpoint::Tcp { secret_key, .. } => {
            match read_identity(&secret_key.value, FilePermissions::RequirePrivate) {
                Ok(seed) => Some(Identity::from_seed(&seed)),
                Err(error) => {
                    return Finding::unseen("connect.no_identity", &address, error.problem)
                        .mend("see the finding about the identity");
                }
            }
        }
    };
    let start = Instant::now();
    match knock(&node.endpoint, identity.as_ref(), tunnels) {
        Ok(peer) => {
            let peer = peer.map_or_else(String::new, |id| {
                format!(", its identity of this start is {id}")
            });
            let took = start.elapsed().as_millis();
            let found =
                format!("{address} took the connection and the handshake in {took} ms{peer}");
            Finding::fine("connect.ok", found)
        }
        Err(trouble) => refused(&address, &trouble),
    }
}

fn refused(address: &str, trouble: &Trouble) -> Finding {
    Finding::broken("connect.fails", format!("{address}: {trouble}"))
        .mend(trouble.advice())
        .mend("tmkms doctor --node-home DIR   (on the node's machine)")
}
