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
        ("denied", "signer.node_denied", "what to do"),
        (
            "handshake_cryptographic",
            "signer.node_falsified",
            "what to do",
        ),
        ("record", "signer.node_falsified", "what to do"),
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
    let refusal = |cause: &str, age_s: u64| json!({"cause": cause, "text": "t", "age_s": age_s});
    let recent = |value: &mut Value| value["chains"][0]["last_refusal"] = refusal("conflict", 5);
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
