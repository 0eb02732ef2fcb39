//! Nodes that are wrong or slow.

use interop::{CometBft, Node, PATIENCE, SignerHome};
use std::path::Path;
use std::time::Duration;

#[test]
fn another_chain_id_is_answered_with_an_error_and_logged() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, home) = node_and_signer(dir.path(), "chain-of-the-node", "chain-of-the-signer");
    let mut signer = home.start();
    node.start();

    let status = node.process().wait_for_exit(PATIENCE);
    let log = node.process().output();
    assert!(!status.success(), "{log}");
    assert!(log.contains("signerEndpoint returned error"), "{log}");
    assert!(
        !log.contains("EOF"),
        "the connection was closed instead of answered:\n{log}"
    );
    signer
        .process
        .wait_for_output("chain-of-the-node", Duration::from_secs(5));
    assert!(signer.process.is_running(), "the signer gave up");
    signer.stop();
}

#[test]
fn signing_resumes_after_the_node_was_frozen_for_twelve_seconds() {
    let dir = tempfile::tempdir().unwrap();
    let (mut node, home) = node_and_signer(dir.path(), "frozen-1", "frozen-1");
    let signer = home.start();
    node.start();
    let before = node.wait_for_height(5);
    // Longer than every timeout between the two: ping 3.3 s, read and write 5 s.
    node.process().freeze(Duration::from_secs(12));
    let after = node.wait_for_blocks(10);
    println!("frozen at height {before}, {after} a while later");
    signer.stop();
}

fn node_and_signer(dir: &Path, node_chain: &str, signer_chain: &str) -> (Node, SignerHome) {
    let mut node = Node::init(CometBft::V0_38, dir.join("node"), node_chain);
    let address = node.use_tcp_signer();
    let mut home = SignerHome::new(dir.join("signer"));
    home.add_chain(signer_chain, &node.path("config/priv_validator_key.json"));
    home.add_node(signer_chain, &address, "v0.38");
    node.take_key_away();
    (node, home)
}
