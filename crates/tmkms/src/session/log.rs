//! The log lines of a session, in the words of tmkms where it has them, so that what operators
//! grep for stays.

use std::time::Duration;

use privval::{Canonical, Hrs, Request, VoteType};
use tracing::{debug, error, info, warn};

use super::answer::Outcome;
use super::node::Node;
use super::trouble::{Retry, Trouble};

/// The target of all lines, as in tmkms' own.
const TARGET: &str = "tmkms::session";

/// Tells what came of a request.
pub(super) fn outcome(node: &Node, request: &Request, outcome: &Outcome, took: Duration) {
    let (chain, address) = (node.chain.id(), &node.address);
    let ms = millis(took);
    match outcome {
        Outcome::Signed {
            canonical,
            is_replay,
            ..
        } => {
            let again = if *is_replay { ", again" } else { "" };
            let (height, round, step) = place(canonical.hrs());
            info!(
                target: TARGET,
                event = if *is_replay { "repeated" } else { "signed" },
                %chain,
                node = %address,
                kind = kind(canonical),
                height,
                round,
                step,
                ms,
                "[{node}] signed {} at h/r/s {} ({ms} ms){again}",
                what(canonical),
                canonical.hrs()
            );
        }
        Outcome::SignedRawBytes(len) => {
            info!(
                target: TARGET,
                event = "signed",
                %chain,
                node = %address,
                kind = "RawBytes",
                ms,
                "[{node}] signed {len} raw bytes ({ms} ms)"
            );
        }
        Outcome::Refused { cause, why } => refused(node, request, cause, why),
        Outcome::Served => debug!(
            target: TARGET,
            %chain,
            node = %address,
            "[{node}] answered {request:?}"
        ),
        Outcome::Unanswered => warn!(
            target: TARGET,
            event = "unanswered",
            %chain,
            node = %address,
            "[{node}] a message of an unknown kind was left unanswered; what listens there may \
             be no node, or a newer one than this signer knows"
        ),
    }
}

fn refused(node: &Node, request: &Request, cause: &'static str, why: &str) {
    let (chain, address) = (node.chain.id(), &node.address);
    let why = one_line(why);
    let count = node.chain.record().refused(cause, &why);
    let hrs = asked(request).map(|canonical| place(canonical.hrs()));
    error!(
        target: TARGET,
        event = "refused",
        %chain,
        node = %address,
        cause,
        height = hrs.map(|it| it.0),
        round = hrs.map(|it| it.1),
        step = hrs.map(|it| it.2),
        count,
        "[{node}] refused: {why} (refusal {count} of this kind since the start)"
    );
}

/// The vote or the proposal that a request is about.
pub(super) fn asked(request: &Request) -> Option<Canonical> {
    match request {
        Request::SignVote(request) => Some(request.canonical()),
        Request::SignProposal(request) => Some(request.canonical()),
        _ => None,
    }
}

fn place(hrs: Hrs) -> (i64, i32, u8) {
    (hrs.height.value(), hrs.round.value(), step(hrs))
}

fn millis(took: Duration) -> u64 {
    u64::try_from(took.as_millis()).unwrap_or(u64::MAX)
}

/// Tells that the connection stands, in tmkms' words.
pub(super) fn connected(node: &Node, tunnel: Option<&str>) {
    let (chain, address) = (node.chain.id(), &node.address);
    match tunnel {
        Some(tunnel) => info!(
            target: TARGET,
            event = "connected",
            %chain,
            node = %address,
            tunnel,
            "[{node}] connected to validator successfully, inside the tunnel {tunnel}"
        ),
        None => info!(
            target: TARGET,
            event = "connected",
            %chain,
            node = %address,
            "[{node}] connected to validator successfully"
        ),
    }
}

/// Tells that there is no connection, and why.
pub(super) fn trouble(node: &Node, trouble: &Trouble) {
    let (chain, address) = (node.chain.id(), &node.address);
    let (cause, advice) = (trouble.kind(), trouble.advice());
    match trouble.retry() {
        Retry::Soon => warn!(
            target: TARGET,
            event = "trouble",
            %chain,
            node = %address,
            cause,
            "[{node}] {trouble}: {advice}"
        ),
        Retry::Later => error!(
            target: TARGET,
            event = "trouble",
            %chain,
            node = %address,
            cause,
            "[{node}] {trouble}: {advice}"
        ),
    }
}

/// Tells that a trouble told before goes on.
pub(super) fn still(node: &Node, trouble: &Trouble, since: Duration, tries: u32) {
    let (chain, address) = (node.chain.id(), &node.address);
    warn!(
        target: TARGET,
        event = "trouble",
        %chain,
        node = %address,
        cause = trouble.kind(),
        tries,
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
pub(super) fn one_line(text: &str) -> String {
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
    let block = canonical
        .block_id()
        .map_or_else(|| "<nil>".to_owned(), privval::BlockId::prefix);
    format!("{}:{block}", kind(canonical))
}

/// The kind of a message.
pub(super) fn kind(canonical: &Canonical) -> &'static str {
    match canonical {
        Canonical::Proposal(_) => "Proposal",
        Canonical::Vote(vote) => match vote.vote_type {
            VoteType::Prevote => "Prevote",
            VoteType::Precommit => "Precommit",
        },
    }
}

/// The step as its number.
pub(super) fn step(hrs: Hrs) -> u8 {
    match hrs.step {
        privval::Step::Propose => 0,
        privval::Step::Prevote => 1,
        privval::Step::Precommit => 2,
    }
}
