//! Runs of the harness on made-up signers, and what came of them.

use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use harness::{CHAIN, Ground, NobodyCame, Pauses, Place, Plan, Report, Severity, Verdict, run};
use privval::{ChainId, Version};

use crate::made_up::{Defect, Key, MadeUp, Node};

/// As nodes do it, but quickly.
pub(crate) fn plan() -> Plan {
    let ground = Ground::new(ChainId::new(CHAIN).unwrap(), None, false).unwrap();
    let blink = Duration::from_millis(60);
    let mut plan = Plan::new(ground);
    plan.versions = vec![Version::V0_34, Version::V0_38, Version::V1_0];
    plan.extensions = true;
    plan.answer_timeout = Duration::from_millis(1500);
    plan.return_timeout = Duration::from_millis(2000);
    plan.first_signature_timeout = Duration::from_secs(5);
    plan.pauses = Pauses {
        half: blink,
        reader: blink,
        idle: blink,
        silence: blink,
    };
    plan
}

pub(crate) fn key() -> Key {
    Key::Ed25519(SigningKey::from_bytes(&[7; 32]))
}

/// Tries a made-up signer over a Unix socket.
pub(crate) fn tried(plan: &Plan, key: Key, defect: Defect) -> Report {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("node.sock");
    let place: Place = format!("unix://{}", path.display()).parse().unwrap();
    let (listener, _) = place.listen().unwrap();
    let _signer = MadeUp::start(Node::Unix(path), CHAIN, key, defect);
    run(plan, &listener, &mut |_| {}).unwrap()
}

/// The names of the cases that failed, each once.
pub(crate) fn failed(report: &Report, severity: Severity) -> Vec<&'static str> {
    let mut names: Vec<&str> = report
        .cases
        .iter()
        .filter(|case| case.severity == severity)
        .filter(|case| matches!(case.verdict, Verdict::Failed { .. }))
        .map(|case| case.name)
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn assert_all_passed(report: &Report) {
    let others: Vec<_> = report
        .cases
        .iter()
        .filter(|case| !matches!(case.verdict, Verdict::Passed { .. }))
        .collect();
    assert!(others.is_empty(), "{others:#?}");
    assert!(report.passed);
}

#[test]
fn signer_without_a_defect_passes_every_case() {
    let mut plan = plan();
    plan.versions = Version::ALL.to_vec();
    plan.expected_key = Some(key().public());
    let report = tried(&plan, key(), Defect::Nothing);
    assert_all_passed(&report);
    assert!(report.cases.len() > 90, "{}", report.cases.len());
    let latency = report.latency.unwrap();
    assert_eq!(latency.requests, 100);
    assert!(latency.p50_us > 0.0 && latency.p50_us <= latency.p99_us);
    assert!(latency.p99_us <= latency.max_us);
    assert!(report.heights.1 > report.heights.0 + 34);
    // Set up once, and again after each of the cases that end the connection.
    assert!(report.connections >= 6, "{}", report.connections);
}

#[test]
fn signer_with_a_secp256k1_key_passes_every_case() {
    let key = Key::Secp256k1(k256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap());
    let report = tried(&plan(), key, Defect::Nothing);
    assert_all_passed(&report);
}

#[test]
fn signer_over_tcp_passes_every_case() {
    let place: Place = "tcp://127.0.0.1:0".parse().unwrap();
    let (listener, _) = place.listen().unwrap();
    let node = Node::Tcp(listener.tcp_addr().unwrap());
    let _signer = MadeUp::start(node, CHAIN, key(), Defect::Nothing);
    // Nobody is silent here, and 1 MiB in frames takes its time on a busy machine.
    let plan = Plan {
        answer_timeout: Plan::NODE_TIMEOUT,
        ..plan()
    };
    let report = run(&plan, &listener, &mut |_| {}).unwrap();
    assert_all_passed(&report);
}

#[test]
fn report_is_told_as_json() {
    let report = tried(&plan(), key(), Defect::SignsConflicts);
    let json = serde_json::to_value(&report).unwrap();
    assert_eq!(json["chain_id"], CHAIN);
    assert_eq!(json["passed"], false);
    assert!(json["public_key"].as_str().unwrap().starts_with("ed25519 "));
    assert_eq!(json["latency"]["requests"], 100);
    let cases = json["cases"].as_array().unwrap();
    let case = cases
        .iter()
        .find(|case| case["name"] == "conflict-prevote")
        .unwrap();
    assert_eq!(case["group"], "every");
    assert_eq!(case["severity"], "must");
    assert_eq!(case["verdict"], "failed");
    let note = case["note"].as_str().unwrap();
    assert!(note.starts_with("signed a prevote for block "), "{note}");
}

#[test]
fn without_a_signer_it_is_said_that_nobody_came() {
    let (listener, _) = "tcp://127.0.0.1:0"
        .parse::<Place>()
        .unwrap()
        .listen()
        .unwrap();
    let mut plan = plan();
    plan.patience = Duration::from_millis(100);
    let begun = Instant::now();
    assert_eq!(run(&plan, &listener, &mut |_| {}), Err(NobodyCame));
    assert!(begun.elapsed() < Duration::from_secs(5));
}

#[test]
fn handshake_that_fails_is_a_case_that_fails_and_no_other_is_asked() {
    let (listener, _) = "tcp://127.0.0.1:0"
        .parse::<Place>()
        .unwrap()
        .listen()
        .unwrap();
    let address = listener.tcp_addr().unwrap();
    let mut plan = plan();
    plan.patience = Duration::from_millis(500);
    let stranger = std::thread::spawn(move || {
        use std::io::Write as _;
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(&[b'x'; 64]).unwrap();
        stream
    });
    let report = run(&plan, &listener, &mut |_| {}).unwrap();
    drop(stranger.join());
    assert_eq!(failed(&report, Severity::Must), ["handshake"]);
    assert!(!report.passed);
    assert_eq!(report.count(Severity::Must).passed, 0);
}
