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
mod tests {
    use super::*;
    use crate::doctor::finding::Status;
    use serde_json::{Value, json};

    fn document(change: impl FnOnce(&mut Value)) -> Document {
        let mut value = json!({
            "format": 1, "version": "0.1.0", "pid": 7, "time": "t", "started": "s",
            "uptime_s": 5, "verdict": "ready",
            "chains": [{
                "id": "testnet-1",
                "key": {"algorithm": "ed25519", "public_key": "k", "address": "00AA", "provider": "softsign"},
                "state": "ready", "why": null,
                "last_signed": {"height": 5, "round": 0, "step": 2, "age_s": 3},
                "signatures": {"proposals": 0, "prevotes": 0, "precommits": 0, "repeated": 0, "raw_bytes": 0},
                "refusals": [], "last_refusal": null,
                "latency": {"decode": zero(), "commit": zero(), "sign": zero(), "write": zero(), "total": zero()}
            }],
            "nodes": [{
                "chain": "testnet-1", "address": "tcp://10.200.0.1:26659", "protocol_version": null,
                "contradicted": null, "state": "connected", "for_s": 500, "tries": 0, "trouble": null
            }],
            "tunnels": [{
                "name": "wg0", "public_key": "OURS=", "listen_port": null, "addresses": [],
                "mtu": 1420,
                "peers": [{
                    "public_key": "THEIRS=", "endpoint": "203.0.113.1:51820", "allowed_ips": [],
                    "handshake_age_s": 20, "rx_bytes": 5, "tx_bytes": 5, "mtu": 1280,
                    "persistent_keepalive_s": 25, "trouble": null
                }]
            }]
        });
        change(&mut value);
        serde_json::from_value(value).unwrap()
    }

    fn zero() -> Value {
        json!({"count": 0, "p50_ns": 0, "p99_ns": 0, "max_ns": 0})
    }

    fn trouble(kind: &str, last_s: u64) -> Value {
        json!({"kind": kind, "text": "what happened", "advice": "what to do", "first_s": 9, "last_s": last_s})
    }

    fn bad(change: impl FnOnce(&mut Value)) -> Vec<Finding> {
        let running = Running::Yes(Box::new(document(change)));
        let findings = judge(&running, Wanted::Running);
        findings
            .into_iter()
            .filter(|it| it.status != Status::Fine)
            .collect()
    }

    fn ids(change: impl FnOnce(&mut Value)) -> Vec<&'static str> {
        bad(change).iter().map(|finding| finding.id).collect()
    }

    #[test]
    fn signer_that_signs_has_nothing_to_mend() {
        assert_eq!(ids(|_| {}), [""; 0]);
    }

    #[test]
    fn every_trouble_of_a_connection_has_an_id_its_advice_and_a_next_step() {
        for (kind, id, step) in [
            ("refused", "signer.node_refused", "--node-home"),
            (
                "handshake_closed",
                "signer.node_accepts_and_closes",
                "--node-home",
            ),
            ("handshake_silent", "signer.node_silent", "MTU = 1000"),
            (
                "connect_timeout",
                "signer.node_no_answer",
                "ip route get 10.200.0.1",
            ),
            (
                "unreachable",
                "signer.node_unreachable",
                "ip route get 10.200.0.1",
            ),
            (
                "wrong_peer",
                "signer.node_peer_id",
                "addr = \"tcp://10.200.0.1:26659\"",
            ),
            (
                "handshake_garbage",
                "signer.node_is_none",
                "priv_validator_laddr",
            ),
            ("no_ping", "signer.node_frozen", "--node-home"),
            ("dns", "signer.node_dns", "what to do"),
            ("something new", "signer.node_trouble", "what to do"),
        ] {
            let found = bad(|value| {
                let node = &mut value["nodes"][0];
                node["state"] = json!("waiting");
                node["address"] =
                    json!("tcp://f88883b673fc69d7869cab098de3bafc2ff76eb8@10.200.0.1:26659");
                node["trouble"] = trouble(kind, 1);
            });
            let [finding] = found.as_slice() else {
                panic!("{kind}: {found:?}")
            };
            assert_eq!(finding.id, id);
            assert_eq!(finding.remedy[0], "what to do");
            assert!(
                finding.remedy.iter().any(|it| it.contains(step)),
                "{finding:?}"
            );
        }
    }

    #[test]
    fn connection_that_breaks_again_and_again_is_told() {
        let young = |value: &mut Value| {
            value["nodes"][0]["for_s"] = json!(2);
            value["nodes"][0]["trouble"] = trouble("closed", 3);
        };
        assert_eq!(ids(young), ["signer.connection_new"]);
        let mended = |value: &mut Value| value["nodes"][0]["trouble"] = trouble("closed", 501);
        assert_eq!(ids(mended), [""; 0]);
        let started = |value: &mut Value| {
            value["nodes"][0]["for_s"] = json!(2);
            value["nodes"][0]["trouble"] = trouble("refused", 3);
        };
        assert_eq!(ids(started), [""; 0]);
    }

    #[test]
    fn signer_that_has_only_begun_is_told() {
        let begun = |value: &mut Value| value["nodes"][0]["state"] = json!("dialling");
        assert_eq!(ids(begun), ["signer.dialling"]);
    }

    #[test]
    fn version_that_the_node_contradicts_is_told() {
        let contradicted = |value: &mut Value| {
            value["nodes"][0]["protocol_version"] = json!("v0.34");
            value["nodes"][0]["contradicted"] = json!("it sends vote extensions");
        };
        let found = bad(contradicted);
        assert_eq!(found[0].id, "signer.version_contradicted");
        assert_eq!(found[0].remedy, ["remove protocol_version from tmkms.toml"]);
        assert!(found[0].found.contains("not v0.34"), "{}", found[0].found);
    }

    #[test]
    fn chain_that_does_not_sign_says_why() {
        let waiting = |value: &mut Value| {
            value["chains"][0]["state"] = json!("waiting");
            value["chains"][0]["why"] = json!("no state");
        };
        assert_eq!(ids(waiting), ["signer.waiting"]);
        let stopped = |value: &mut Value| value["chains"][0]["state"] = json!("stopped");
        assert_eq!(ids(stopped), ["signer.stopped_signing"]);
        let refusal =
            |cause: &str, age_s: u64| json!({"cause": cause, "text": "t", "age_s": age_s});
        let recent =
            |value: &mut Value| value["chains"][0]["last_refusal"] = refusal("conflict", 5);
        assert_eq!(ids(recent), ["signer.refuses"]);
        let old = |value: &mut Value| value["chains"][0]["last_refusal"] = refusal("conflict", 500);
        assert_eq!(ids(old), [""; 0]);
        let chain =
            |value: &mut Value| value["chains"][0]["last_refusal"] = refusal("wrong_chain", 500);
        assert_eq!(ids(chain), ["signer.wrong_chain"]);
    }

    #[test]
    fn node_that_never_asks_is_told_after_a_minute() {
        let quiet = |for_s: u64| {
            move |value: &mut Value| {
                value["chains"][0]["last_signed"] = json!(null);
                value["nodes"][0]["for_s"] = json!(for_s);
            }
        };
        assert_eq!(ids(quiet(60)), [""; 0]);
        assert_eq!(ids(quiet(61)), ["signer.idle"]);
        let stopped = |value: &mut Value| value["chains"][0]["last_signed"]["age_s"] = json!(61);
        assert_eq!(ids(stopped), ["signer.idle"]);
        // Before this start, and connected just now.
        let restarted = |value: &mut Value| {
            value["chains"][0]["last_signed"]["age_s"] = json!(null);
            value["nodes"][0]["for_s"] = json!(5);
        };
        assert_eq!(ids(restarted), [""; 0]);
    }

    #[test]
    fn signer_that_is_not_there_is_broken_unless_it_must_not_be() {
        let no = Running::No;
        assert_eq!(judge(&no, Wanted::Running)[0].id, "signer.not_running");
        assert_eq!(judge(&no, Wanted::Stopped)[0].id, "signer.stopped");
        let silent = running(Err(AskError::NoSocket("s".into())), true);
        assert_eq!(judge(&silent, Wanted::Running)[0].id, "signer.unseen");
        let gone = running(Err(AskError::NoSocket("s".into())), false);
        assert!(matches!(gone, Running::No));
        let denied = running(Err(AskError::Denied("s".into())), false);
        assert!(matches!(denied, Running::Silent(_)));
    }
}
