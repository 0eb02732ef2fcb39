//! What the running signer tells of itself: it alone may have a connection to the node, so what
//! it sees of the node is asked of it.

use super::finding::Finding;
use super::tunnel;
use crate::observe::client::AskError;
use crate::observe::document::{Chain, ChainState, Document, Node, NodeState, Trouble};

/// A frame of the node's handshake takes this much on the outside of a tunnel.
const FRAME_OUTSIDE: u16 = 1_156;

/// The largest packet inside that still fits where that frame does not.
const SMALL_MTU: u16 = 1_000;

/// KIRA makes a block every five seconds or so.
const IDLE_S: u64 = 60;

/// How recent a trouble of a connection that stands is worth a line.
const RECENT_S: u64 = 60;

/// Whether a signer runs.
#[derive(Clone, Debug)]
pub(super) enum Running {
    /// It answered.
    Yes(Box<Document>),
    /// It has the state locked, and does not tell of itself.
    Silent(String),
    /// Nobody has the state.
    No,
}

/// What is to be made of that no signer runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wanted {
    /// It should sign.
    Running,
    /// It must not run now (`--connect`).
    Stopped,
}

/// The signer's own state, beside what the locks tell.
pub(super) fn running(asked: Result<Document, AskError>, is_locked: bool) -> Running {
    match asked {
        Ok(document) => Running::Yes(Box::new(document)),
        Err(error) if is_locked => Running::Silent(error.to_string()),
        Err(AskError::Silent { path, source }) => {
            Running::Silent(format!("{} does not answer ({source})", path.display()))
        }
        Err(AskError::Denied(path)) => Running::Silent(format!(
            "{} may not be opened by this user: run as the user that runs the signer, or as root",
            path.display()
        )),
        Err(_) => Running::No,
    }
}

/// All that the signer tells.
pub(super) fn judge(running: &Running, wanted: Wanted) -> Vec<Finding> {
    match (running, wanted) {
        (Running::No, Wanted::Running) => vec![
            Finding::broken(
                "signer.not_running",
                "no signer runs on this state: a node that starts without one exits after 3 s \
                 with `endpoint connection timed out`",
            )
            .mend("tmkms start -c tmkms.toml   (before the node, and in what restarts it)"),
        ],
        (Running::No, Wanted::Stopped) => vec![Finding::fine(
            "signer.stopped",
            "no signer runs on this state, so the node may be connected to",
        )],
        (Running::Silent(why), _) => vec![
            Finding::unseen("signer.unseen", "the running signer", why).mend(
                "tmkms status -c tmkms.toml   (as the user that runs the signer, or as root)",
            ),
        ],
        (Running::Yes(document), _) => told(document),
    }
}

fn told(document: &Document) -> Vec<Finding> {
    let mut findings = vec![Finding::fine(
        "signer.running",
        format!(
            "tmkms {} runs as process {}, since {}",
            document.version, document.pid, document.started
        ),
    )];
    findings.extend(document.tunnels.iter().flat_map(tunnel::judge));
    let tunnelled = !document.tunnels.is_empty();
    findings.extend(document.nodes.iter().map(|it| node(it, tunnelled)));
    findings.extend(document.nodes.iter().filter_map(contradiction));
    findings.extend(document.chains.iter().flat_map(chain));
    findings.extend(document.chains.iter().filter_map(|it| idle(it, document)));
    findings
}

/// A node whose validator this is asks at every height. One that takes the key for another's
/// never asks, and nobody says so.
fn idle(chain: &Chain, document: &Document) -> Option<Finding> {
    let own = document.nodes.iter().filter(|node| node.chain == chain.id);
    let connected = own.filter(|node| node.state == NodeState::Connected);
    let for_s = connected.map(|node| node.for_s).max()?;
    let age_s = match &chain.last_signed {
        Some(last) => last.age_s.unwrap_or(for_s).min(for_s),
        None => for_s,
    };
    (age_s > IDLE_S).then(|| {
        Finding::warning(
            "signer.idle",
            format!(
                "chain {}: the node is connected, and asked for no signature for {age_s} s: the \
                 key may not be that of a validator, the node may be catching up, or the \
                 validator inactive",
                chain.id
            ),
        )
        .mend(
            "tmkms doctor --rpc http://NODE:26657   (compares the key with the chain's validators)",
        )
    })
}

fn node(node: &Node, tunnelled: bool) -> Finding {
    let Node {
        address,
        state,
        for_s,
        tries,
        ..
    } = node;
    if *state == NodeState::Connected {
        return connected(node);
    }
    let Some(trouble) = &node.trouble else {
        let found = format!("{address} is being dialled, for {for_s} s");
        return Finding::warning("signer.dialling", found).mend("look again in a few seconds");
    };
    let found = format!(
        "{address} is not connected for {for_s} s, {tries} tries: {}",
        trouble.text
    );
    let finding = Finding::broken(trouble_id(&trouble.kind), found).mend(trouble.advice.as_str());
    next_steps(&trouble.kind, address, tunnelled)
        .into_iter()
        .fold(finding, Finding::mend)
}

fn connected(node: &Node) -> Finding {
    let Node { address, for_s, .. } = node;
    let breaks = |trouble: &&Trouble| {
        // What comes before a node listens is no sign of a bad connection.
        let is_of_a_start = [
            "dns",
            "refused",
            "connect_timeout",
            "no_socket",
            "handshake_closed",
        ];
        trouble.last_s < RECENT_S && !is_of_a_start.contains(&trouble.kind.as_str())
    };
    match node.trouble.as_ref().filter(breaks) {
        Some(trouble) if *for_s < RECENT_S => Finding::warning(
            "signer.connection_new",
            format!(
                "{address} is connected for {for_s} s; before: {}",
                trouble.text
            ),
        )
        .mend("look again in a minute: a connection that keeps breaking costs votes"),
        _ => Finding::fine(
            "signer.connected",
            format!("{address} is connected for {for_s} s"),
        ),
    }
}

/// The id of a trouble, by the short name that the signer gives it.
fn trouble_id(kind: &str) -> &'static str {
    match kind {
        "dns" => "signer.node_dns",
        "refused" => "signer.node_refused",
        "connect_timeout" => "signer.node_no_answer",
        "unreachable" => "signer.node_unreachable",
        "no_socket" => "signer.node_no_socket",
        "denied" => "signer.node_denied",
        "handshake_closed" => "signer.node_accepts_and_closes",
        "handshake_silent" => "signer.node_silent",
        "handshake_garbage" => "signer.node_is_none",
        "handshake_cryptographic" | "record" => "signer.node_falsified",
        "wrong_peer" => "signer.node_peer_id",
        "closed" => "signer.node_closed",
        "no_ping" => "signer.node_frozen",
        _ => "signer.node_trouble",
    }
}

/// What to run next, where the signer's own words say less.
fn next_steps(kind: &str, address: &str, tunnelled: bool) -> Vec<String> {
    let on_node = "tmkms doctor --node-home DIR   (on the node's machine)".to_owned();
    let own = |text: &str| text.to_owned();
    match kind {
        "refused" | "handshake_closed" | "no_ping" | "closed" | "no_socket" => vec![
            on_node,
            own("scaller start --restart always   (so that a node which gave up comes back)"),
        ],
        "handshake_silent" if tunnelled => vec![
            on_node,
            format!(
                "MTU = {SMALL_MTU}   (in [Interface] of the signer's wg0.conf, if a frame of \
                 {FRAME_OUTSIDE} bytes does not get through)"
            ),
        ],
        "handshake_silent" => vec![
            on_node,
            own("stop what else connects to the port: a second signer, a probe, a health check"),
        ],
        "connect_timeout" | "unreachable" => vec![
            format!("ip route get {}   (where packets go)", host(address)),
            on_node,
        ],
        "wrong_peer" => vec![format!(
            "addr = \"{}\"   (in tmkms.toml)",
            without_id(address)
        )],
        "handshake_garbage" => vec![own(
            "grep ^priv_validator_laddr NODE_HOME/config/config.toml",
        )],
        _ => Vec::new(),
    }
}

fn without_id(address: &str) -> String {
    match address.split_once("://") {
        Some((scheme, rest)) => {
            let rest = rest.split_once('@').map_or(rest, |(_, rest)| rest);
            format!("{scheme}://{rest}")
        }
        None => address.to_owned(),
    }
}

fn host(address: &str) -> String {
    let plain = without_id(address);
    let rest = plain
        .split_once("://")
        .map_or(plain.as_str(), |(_, rest)| rest);
    let host = rest.rsplit_once(':').map_or(rest, |(host, _)| host);
    host.trim_matches(['[', ']']).to_owned()
}

fn contradiction(node: &Node) -> Option<Finding> {
    let why = node.contradicted.as_ref()?;
    let version = node.protocol_version.as_deref().unwrap_or_default();
    let found = format!(
        "{} is not {version}, as protocol_version says: {why}",
        node.address
    );
    Some(
        Finding::warning("signer.version_contradicted", found)
            .mend("remove protocol_version from tmkms.toml"),
    )
}

fn chain(chain: &Chain) -> Vec<Finding> {
    let mut findings = Vec::new();
    let id = &chain.id;
    let why = chain.why.as_deref().unwrap_or("it does not say why");
    match chain.state {
        ChainState::Ready => {}
        ChainState::Waiting => findings.push(
            Finding::warning(
                "signer.waiting",
                format!("chain {id} has no past and lets heights pass: {why}"),
            )
            .mend("tmkms state import -c tmkms.toml STATE   (if a state or a backup exists; stop the signer first)"),
        ),
        ChainState::Stopped => findings.push(
            Finding::broken("signer.stopped_signing", format!("chain {id} signs nothing: {why}"))
                .mend("mend the disk or the mount of the state, then restart the signer"),
        ),
    }
    if let Some(refusal) = &chain.last_refusal
        && refusal.cause == "wrong_chain"
    {
        findings.push(
            Finding::broken(
                "signer.wrong_chain",
                format!("refused {} s ago: {}", refusal.age_s, refusal.text),
            )
            .mend("grep chain_id NODE_HOME/config/genesis.json   (and write it in tmkms.toml for `id`, `chain_ids` and `chain_id`)"),
        );
    } else if let Some(refusal) = &chain.last_refusal
        && refusal.age_s < RECENT_S
    {
        findings.push(
            Finding::warning(
                "signer.refuses",
                format!("refused {} s ago: {}", refusal.age_s, refusal.text),
            )
            .mend("docs/troubleshooting.md, \"Refused requests\": what each refusal means"),
        );
    }
    findings
}

#[cfg(test)]
mod tests;
