//! The log lines of a session, in the words of tmkms where it has them, so that what operators
//! grep for stays.

use std::time::Duration;

use privval::{Canonical, Request, VoteType};
use tracing::{debug, error, info, warn};

use super::answer::Outcome;
use super::node::Node;
use super::trouble::{Retry, Trouble};

/// The target of all lines, as in tmkms' own.
const TARGET: &str = "tmkms::session";

/// Tells what came of a request.
pub(super) fn outcome(node: &Node, request: &Request, outcome: &Outcome, took: Duration) {
    let ms = took.as_millis();
    match outcome {
        Outcome::Signed {
            canonical,
            is_replay,
            ..
        } => {
            let again = if *is_replay { ", again" } else { "" };
            info!(
                target: TARGET,
                "[{node}] signed {} at h/r/s {} ({ms} ms){again}",
                what(canonical),
                canonical.hrs()
            );
        }
        Outcome::SignedRawBytes(len) => {
            info!(target: TARGET, "[{node}] signed {len} raw bytes ({ms} ms)");
        }
        Outcome::Refused { cause, why } => {
            let why = one_line(why);
            let count = node.chain.record().refused(cause, &why);
            error!(target: TARGET, "[{node}] refused: {why} (refusal {count} of this kind since the start)");
        }
        Outcome::Served => debug!(target: TARGET, "[{node}] answered {request:?}"),
        Outcome::Unanswered => warn!(
            target: TARGET,
            "[{node}] a message of an unknown kind was left unanswered; what listens there may \
             be no node, or a newer one than this signer knows"
        ),
    }
}

/// Tells that the connection stands, in tmkms' words.
pub(super) fn connected(node: &Node, tunnel: Option<&str>) {
    match tunnel {
        Some(tunnel) => info!(
            target: TARGET,
            "[{node}] connected to validator successfully, inside the tunnel {tunnel}"
        ),
        None => info!(target: TARGET, "[{node}] connected to validator successfully"),
    }
}

/// Tells that there is no connection, and why.
pub(super) fn trouble(node: &Node, trouble: &Trouble) {
    match trouble.retry() {
        Retry::Soon => warn!(target: TARGET, "[{node}] {trouble}: {}", trouble.advice()),
        Retry::Later => error!(target: TARGET, "[{node}] {trouble}: {}", trouble.advice()),
    }
}

/// Tells that a trouble told before goes on.
pub(super) fn still(node: &Node, trouble: &Trouble, since: Duration, tries: u32) {
    warn!(
        target: TARGET,
        "[{node}] still not connected after {} s and {tries} tries: {trouble}",
        since.as_secs()
    );
}

/// Tells once that the node is of another version than configured.
pub(super) fn version(node: &Node, why: &str) {
    if let Some(version) = node.protocol_version {
        warn!(
            target: TARGET,
            "[{node}] the node does not speak {version} as protocol_version says: {why}. The \
             answers fit every version; correct the line in tmkms.toml when convenient"
        );
    }
}

/// A text with something in it that the node chose (a chain id of any length, say): neither forges
/// a line of the log, nor commands the terminal, nor fills the disk.
fn one_line(text: &str) -> String {
    const MAX_LEN: usize = 1_000;
    let mut line = String::new();
    for c in text.chars() {
        if line.len() >= MAX_LEN {
            line.push('…');
            break;
        }
        if c.is_control() {
            line.extend(c.escape_default());
        } else {
            line.push(c);
        }
    }
    line
}

/// A message as tmkms names it: `Precommit:4901A1C131`, `Prevote:<nil>`.
fn what(canonical: &Canonical) -> String {
    let kind = match canonical {
        Canonical::Proposal(_) => "Proposal",
        Canonical::Vote(vote) => match vote.vote_type {
            VoteType::Prevote => "Prevote",
            VoteType::Precommit => "Precommit",
        },
    };
    let block = canonical
        .block_id()
        .map_or_else(|| "<nil>".to_owned(), privval::BlockId::prefix);
    format!("{kind}:{block}")
}
