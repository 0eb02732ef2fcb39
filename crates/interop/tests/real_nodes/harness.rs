//! tm-signer-harness, the last official acceptance test of remote signers. It
//! plays the node: it listens, asks for a public key, a proposal at height 100
//! and votes at height 101, and checks all of them.

use interop::{CometBft, Node, Process, SignerHome, free_port, signer_harness};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const CHAIN_ID: &str = "harness-1";

#[test]
fn a_fresh_state_passes_and_a_regression_is_answered_with_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let node = Node::init(CometBft::V0_34, dir.path().join("node"), CHAIN_ID);
    let address = format!("tcp://127.0.0.1:{}", free_port());
    let mut home = SignerHome::new(dir.path().join("signer"));
    home.add_chain(CHAIN_ID, &node.path("config/priv_validator_key.json"));
    home.add_node(CHAIN_ID, &address, "v0.34");
    // The harness begins at height 100, which a signer without a past would hold.
    home.count_as_signed(1);
    let signer = home.start();

    let (code, output) = run_harness(&node.path("."), &address, &dir.path().join("first.log"));
    assert_eq!(code, Some(0), "{output}");

    // Height 100 again, after height 101 has been signed.
    let (code, output) = run_harness(&node.path("."), &address, &dir.path().join("second.log"));
    assert_ne!(code, Some(0), "{output}");
    assert!(output.contains("signerEndpoint returned error"), "{output}");
    assert!(
        !output.contains("EOF"),
        "the connection was closed instead of answered:\n{output}"
    );
    println!("tm-signer-harness: passed, then refused with an answer");
    signer.stop();
}

fn run_harness(home: &Path, address: &str, log: &Path) -> (Option<i32>, String) {
    let mut command = Command::new(signer_harness());
    command
        .args([
            "run",
            "-addr",
            address,
            "-accept-retries",
            "100000",
            "-tmhome",
        ])
        .arg(home);
    let mut harness = Process::start("tm-signer-harness", &mut command, log);
    let status = harness.wait_for_exit(Duration::from_secs(60));
    // It says every 10 ms that it waits for the signer.
    let lines = harness.output();
    let telling = lines
        .lines()
        .filter(|line| !line.contains("SignerListener") && !line.contains("Attempting"));
    (status.code(), telling.collect::<Vec<_>>().join("\n"))
}
