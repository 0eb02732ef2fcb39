//! What the node says of itself and of its chain, over its RPC.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use node_rpc::{Rpc, Server, text};
use privval::Version;
use serde_json::Value;

use super::finding::Finding;
use super::time::{http_date, rfc3339};

/// How long connecting and each read may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Validators that one answer has, and the answers that are asked for at most.
const PER_PAGE: usize = 100;
const MAX_PAGES: usize = 20;

/// The most of an answer to `/status`.
const MAX_STATUS: u64 = 1 << 20;

/// A difference of the clocks that an answer of a second's resolution cannot explain.
const SKEW_S: i64 = 3;

/// A difference that breaks things: tunnels refuse handshakes from the past.
const BAD_SKEW_S: i64 = 60;

/// A chain whose last block is older stands still.
const STALL_S: i64 = 60;

/// A node as its RPC shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NodeView {
    /// Where it was asked.
    pub(super) at: String,
    pub(super) chain_id: String,
    pub(super) version: String,
    pub(super) height: i64,
    pub(super) catching_up: bool,
    /// How old the last block is by the node's own clock.
    pub(super) block_age_s: Option<i64>,
    /// How far this machine's clock is ahead of the node's.
    pub(super) skew_s: Option<i64>,
    /// The address of the key that the node takes for its validator's.
    pub(super) address: String,
    /// The addresses of the chain's validators, or why they are not known.
    pub(super) validators: Result<Vec<String>, String>,
    /// The addresses that signed the last block.
    pub(super) signed: Vec<String>,
}

impl NodeView {
    /// Asks a node.
    ///
    /// # Errors
    /// Why it does not answer.
    pub(super) fn ask(address: &str) -> Result<Self, String> {
        let rpc = Rpc::new(Server::parse(address)?, PATIENCE);
        let outcome = rpc.raw("/status", MAX_STATUS)?;
        let now = seconds_since_1970();
        let status: Value =
            serde_json::from_str(outcome.result.get()).map_err(|error| error.to_string())?;
        let mut view = Self::of(&status, outcome.date.as_deref(), now);
        view.at = rpc.server().authority();
        // Before the first block only the state of the consensus has them.
        view.validators = validators(&rpc).or_else(|why| at_work(&rpc).ok_or(why));
        view.signed = rpc
            .call("/commit")
            .map(|it| signers(&it))
            .unwrap_or_default();
        Ok(view)
    }

    fn of(status: &Value, date: Option<&str>, now: i64) -> Self {
        let theirs = date.and_then(http_date);
        let block = rfc3339(text(status, "/sync_info/latest_block_time"));
        Self {
            at: String::new(),
            chain_id: text(status, "/node_info/network").to_owned(),
            version: text(status, "/node_info/version").to_owned(),
            height: text(status, "/sync_info/latest_block_height")
                .parse()
                .unwrap_or_default(),
            catching_up: status.pointer("/sync_info/catching_up") == Some(&Value::Bool(true)),
            block_age_s: block.map(|block| theirs.unwrap_or(now).saturating_sub(block)),
            skew_s: theirs.map(|theirs| now.saturating_sub(theirs)),
            address: text(status, "/validator_info/address").to_owned(),
            validators: Err(String::new()),
            signed: Vec::new(),
        }
    }

    /// Whether an address is one of the chain's validators, if that is known.
    pub(super) fn has_validator(&self, address: &str) -> Option<bool> {
        let all = self.validators.as_ref().ok()?;
        Some(all.iter().any(|one| one == address))
    }
}

fn seconds_since_1970() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
}

fn validators(rpc: &Rpc) -> Result<Vec<String>, String> {
    let mut found = Vec::new();
    for page in 1..=MAX_PAGES {
        let answer = rpc.call(&format!("/validators?per_page={PER_PAGE}&page={page}"))?;
        found.extend(addresses(&answer, "/validators", "/address"));
        let total: usize = text(&answer, "/total").parse().unwrap_or_default();
        if found.len() >= total || page.saturating_mul(PER_PAGE) >= total {
            return Ok(found);
        }
    }
    Err(format!("there are more than {}", PER_PAGE * MAX_PAGES))
}

/// The validators that the consensus counts with.
fn at_work(rpc: &Rpc) -> Option<Vec<String>> {
    let state = rpc.call("/dump_consensus_state").ok()?;
    let found = addresses(&state, "/round_state/validators/validators", "/address");
    (!found.is_empty()).then_some(found)
}

/// Whose signatures for the block are in its commit.
fn signers(commit: &Value) -> Vec<String> {
    // BLOCK_ID_FLAG_COMMIT
    const SIGNED: i64 = 2;
    let list = commit.pointer("/signed_header/commit/signatures");
    let entries = list.and_then(Value::as_array).into_iter().flatten();
    let signed = entries
        .filter(|entry| entry.pointer("/block_id_flag").and_then(Value::as_i64) == Some(SIGNED));
    signed
        .map(|entry| text(entry, "/validator_address").to_owned())
        .collect()
}

fn addresses(answer: &Value, list: &str, pointer: &str) -> Vec<String> {
    let entries = answer.pointer(list).and_then(Value::as_array);
    let entries = entries.into_iter().flatten();
    entries
        .map(|entry| text(entry, pointer).to_owned())
        .collect()
}

/// A chain of tmkms.toml, as far as the node has to do with it.
#[derive(Clone, Debug, Default)]
pub(super) struct Ours {
    /// The chain's id.
    pub(super) chain_id: String,
    /// The address of its key, if the key could be read.
    pub(super) address: Option<String>,
    /// What `protocol_version` of its nodes says.
    pub(super) protocol: Vec<Version>,
}

/// Compares the node with tmkms.toml, of which `chains` is empty on a machine without one.
pub(super) fn judge(view: &NodeView, chains: &[Ours]) -> Vec<Finding> {
    let mut findings = vec![progress(view)];
    findings.extend(clock(view));
    let ids: Vec<&str> = chains.iter().map(|chain| chain.chain_id.as_str()).collect();
    match chains.iter().find(|chain| chain.chain_id == view.chain_id) {
        Some(chain) => {
            let found = format!("the node's chain is {}, as in tmkms.toml", view.chain_id);
            findings.push(Finding::fine("node.chain_id_same", found));
            findings.push(version(view, &chain.protocol));
            findings.extend(validator(view, chain.address.as_deref()));
        }
        None if chains.is_empty() => findings.push(version(view, &[])),
        None => {
            let found = format!(
                "the node's chain is {}, tmkms.toml has {}: the node's requests are refused, and \
                 a node that starts exits",
                view.chain_id,
                ids.join(", ")
            );
            findings.push(
                Finding::broken("node.chain_id_differs", found)
                    .mend(format!(
                        "if the node is right: write {:?} for `id`, `chain_ids` and `chain_id` in \
                         tmkms.toml, with a state_file of its own",
                        view.chain_id
                    ))
                    .mend("if it is the wrong node: correct `addr`, or --rpc"),
            );
        }
    }
    findings
}

fn progress(view: &NodeView) -> Finding {
    let at = &view.at;
    let head = format!("the node at {at} is at height {}", view.height);
    if view.catching_up {
        return Finding::warning(
            "node.catching_up",
            format!("{head} and still catching up: it asks for no signature before it is done"),
        )
        .mend("wait, and look again");
    }
    match view
        .block_age_s
        .filter(|age| *age > STALL_S && view.height > 0)
    {
        Some(age) => Finding::warning(
            "node.stands_still",
            format!(
                "{head}, and its last block is {age} s old: the chain stands still, or the node \
                 has no peers"
            ),
        )
        .mend("look at the node's log, and at /net_info of its RPC")
        .mend("a chain with this validator alone waits for this signer: see the findings below"),
        None => Finding::fine("node.answers", head),
    }
}

/// The finding about the clocks; nothing where the server does not tell its time.
pub(super) fn clock(view: &NodeView) -> Option<Finding> {
    let skew = view.skew_s?;
    let direction = if skew > 0 { "ahead of" } else { "behind" };
    let seconds = skew.saturating_abs();
    let found = format!("this machine's clock is {seconds} s {direction} the node's");
    if seconds < SKEW_S {
        let found = "this machine's clock and the node's show the same time";
        return Some(Finding::fine("clock.same", found));
    }
    let finding = if seconds >= BAD_SKEW_S {
        let found = format!(
            "{found}: WireGuard refuses a handshake that is older than the last, so a clock that \
             was set back keeps the tunnel closed"
        );
        Finding::broken("clock.wrong", found)
    } else {
        Finding::warning("clock.off", found)
    };
    Some(finding.mend("timedatectl set-ntp true   (on the machine whose clock is wrong)"))
}

fn version(view: &NodeView, configured: &[Version]) -> Finding {
    let number = view.version.trim_start_matches('v');
    let is = |version: &Version| {
        let line = version.name().trim_start_matches('v');
        let rest = number.strip_prefix(line);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    if !Version::ALL.iter().any(is) {
        let found = format!(
            "the node has CometBFT {}, with which this signer was never tested",
            view.version
        );
        return Finding::warning("node.version_unknown", found)
            .mend("look for a newer tmkms, and try it on a test network first");
    }
    match configured.iter().find(|version| !is(version)) {
        Some(other) => Finding::warning(
            "node.version_differs",
            format!(
                "the node has CometBFT {}, protocol_version says {}: it signs all the same, since \
                 one way of answering serves all versions",
                view.version,
                other.name()
            ),
        )
        .mend("remove protocol_version from tmkms.toml"),
        None => Finding::fine(
            "node.version_known",
            format!("the node has CometBFT {}", view.version),
        ),
    }
}

fn validator(view: &NodeView, ours: Option<&str>) -> Vec<Finding> {
    let Some(ours) = ours else {
        let found = "whether the chain's validators have the key";
        return vec![
            Finding::unseen("node.key_unseen", found, "the key was not read")
                .mend("see the finding about the key"),
        ];
    };
    let mut findings = Vec::new();
    match view.has_validator(ours) {
        Some(true) => findings.push(in_set(view, ours)),
        Some(false) => findings.push(not_in_set(view, ours)),
        None => {
            let why = view.validators.as_ref().err().map_or("", String::as_str);
            findings.push(
                Finding::unseen("node.set_unseen", "the chain's validators", why)
                    .mend("give the RPC of another node with --rpc"),
            );
        }
    }
    if !view.address.is_empty() && view.address != ours {
        findings.push(other_key(view, ours));
    }
    findings
}

fn in_set(view: &NodeView, ours: &str) -> Finding {
    let signed = view.signed.iter().any(|address| address == ours);
    if signed || view.signed.is_empty() {
        let found = format!("{ours} is a validator of the chain");
        return Finding::fine("node.is_validator", found);
    }
    Finding::warning(
        "node.missed",
        format!("{ours} is a validator of the chain, and the last block has no signature of it"),
    )
    .mend("tmkms status -c tmkms.toml   (what was signed last, and why not since)")
}

fn not_in_set(view: &NodeView, ours: &str) -> Finding {
    Finding::broken(
        "node.not_validator",
        format!(
            "the key's address {ours} is not among the chain's validators at height {}: it signs \
             nothing, and no side says so but the node, with `This node is not a validator`",
            view.height
        ),
    )
    .mend(
        "the wrong key? compare `tmkms key show FILE` with `sekaid query customstaking validator \
         --moniker MONIKER`, and import the right one with `tmkms softsign import`",
    )
    .mend("never claimed, or a decoy was: claim the seat with `--pubkey` of `tmkms key show FILE`")
    .mend("inactive or jailed? `sekaid query customslashing signing-infos`, then activate it")
}

fn other_key(view: &NodeView, ours: &str) -> Finding {
    let theirs = &view.address;
    let standing = match view.has_validator(theirs) {
        Some(true) => " and that one is a validator of the chain",
        _ => "",
    };
    Finding::broken(
        "node.other_key",
        format!(
            "the node takes {theirs} for its validator's key{standing}, and this signer holds \
             {ours}: it signs with its own key file, or for another signer, or it was started \
             before this signer had this key"
        ),
    )
    .mend("tmkms doctor --node-home DIR   (on the node's machine: is priv_validator_laddr set?)")
    .mend("restart the node: it asks for the key at its start only")
}

/// The RPC does not answer.
pub(super) fn silent(address: &str, why: &str) -> Finding {
    Finding::broken(
        "node.rpc_silent",
        format!("the node's RPC at {address} cannot be asked: {why}"),
    )
    .mend("is the node running, and is this the `laddr` of [rpc] in its config.toml?")
    .mend("tmkms doctor --node-home DIR   (on the node's machine)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Status;
    use serde_json::json;

    const US: &str = "B60771A863DD6C09082164E095301977DC3CC9F9";
    const OTHER: &str = "00000000000000000000000000000000000000AA";

    fn view() -> NodeView {
        NodeView {
            at: "127.0.0.1:26657".to_owned(),
            chain_id: "testnet-1".to_owned(),
            version: "0.37.2".to_owned(),
            height: 57,
            catching_up: false,
            block_age_s: Some(3),
            skew_s: Some(0),
            address: US.to_owned(),
            validators: Ok(vec![OTHER.to_owned(), US.to_owned()]),
            signed: vec![US.to_owned()],
        }
    }

    fn ours() -> Ours {
        Ours {
            chain_id: "testnet-1".to_owned(),
            address: Some(US.to_owned()),
            protocol: vec![Version::V0_37],
        }
    }

    fn ids(view: &NodeView, chain: Ours) -> Vec<&'static str> {
        let findings = judge(view, &[chain]);
        let bad = findings.iter().filter(|it| it.status != Status::Fine);
        bad.map(|finding| finding.id).collect()
    }

    #[test]
    fn a_node_as_it_should_be() {
        let findings = judge(&view(), &[ours()]);
        assert!(
            findings.iter().all(|it| it.status == Status::Fine),
            "{findings:?}"
        );
        let ids: Vec<_> = findings.iter().map(|it| it.id).collect();
        let expected = [
            "node.answers",
            "clock.same",
            "node.chain_id_same",
            "node.version_known",
            "node.is_validator",
        ];
        assert_eq!(ids, expected);
    }

    #[test]
    fn clocks_are_told_apart_at_3_and_at_60_seconds() {
        for (skew_s, id) in [
            (-2, "clock.same"),
            (2, "clock.same"),
            (3, "clock.off"),
            (-59, "clock.off"),
            (-60, "clock.wrong"),
            (3600, "clock.wrong"),
        ] {
            let view = NodeView {
                skew_s: Some(skew_s),
                ..view()
            };
            assert_eq!(clock(&view).unwrap().id, id, "{skew_s}");
        }
        let view = NodeView {
            skew_s: None,
            ..view()
        };
        assert_eq!(clock(&view), None);
    }

    #[test]
    fn another_version_is_told_and_does_no_harm() {
        let told = |version: &str, configured| {
            let view = NodeView {
                version: version.to_owned(),
                ..view()
            };
            super::version(&view, configured).id
        };
        assert_eq!(told("0.37.2", &[Version::V0_37]), "node.version_known");
        assert_eq!(told("0.37.2", &[]), "node.version_known");
        assert_eq!(told("0.37.2", &[Version::V0_38]), "node.version_differs");
        assert_eq!(told("v1.0.1", &[Version::V1_0]), "node.version_known");
        assert_eq!(told("0.400.1", &[]), "node.version_unknown");
        assert_eq!(told("2.0.0", &[]), "node.version_unknown");
    }

    #[test]
    fn chain_stands_still_or_catches_up() {
        let old = NodeView {
            block_age_s: Some(61),
            ..view()
        };
        assert_eq!(ids(&old, ours()), ["node.stands_still"]);
        let catching_up = NodeView {
            catching_up: true,
            ..old
        };
        assert_eq!(ids(&catching_up, ours()), ["node.catching_up"]);
    }

    #[test]
    fn key_is_compared_with_the_chain_and_with_what_the_node_uses() {
        let missed = NodeView {
            signed: vec![OTHER.to_owned()],
            ..view()
        };
        assert_eq!(ids(&missed, ours()), ["node.missed"]);
        let other = NodeView {
            address: OTHER.to_owned(),
            ..view()
        };
        assert_eq!(ids(&other, ours()), ["node.other_key"]);
        let unknown = NodeView {
            validators: Err("HTTP 500".to_owned()),
            ..view()
        };
        assert_eq!(ids(&unknown, ours()), ["node.set_unseen"]);
        let unread = Ours {
            address: None,
            ..ours()
        };
        assert_eq!(ids(&view(), unread), ["node.key_unseen"]);
    }

    #[test]
    fn answer_without_what_was_expected_is_taken_as_far_as_it_goes() {
        let view = NodeView::of(&json!({"node_info": {"network": 7}}), None, 0);
        assert_eq!((view.chain_id.as_str(), view.height), ("", 0));
        assert_eq!((view.block_age_s, view.skew_s), (None, None));
        assert_eq!(signers(&json!({"signed_header": []})), [""; 0]);
    }

    #[test]
    fn signatures_for_nothing_do_not_count() {
        let commit = json!({"signed_header": {"commit": {"signatures": [
            {"block_id_flag": 1, "validator_address": ""},
            {"block_id_flag": 3, "validator_address": OTHER},
            {"block_id_flag": 2, "validator_address": US},
        ]}}});
        assert_eq!(signers(&commit), [US]);
    }
}
