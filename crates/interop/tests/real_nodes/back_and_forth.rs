//! From tmkms 0.15 to ours and back, with the same tmkms.toml, keys and state.

use interop::{CometBft, Node, SignerHome, peer_tmkms, tmkms};
use serde_json::Value;

const CHAIN_ID: &str = "exchange-1";
const BLOCKS: u64 = 8;

#[test]
fn tmkms_0_15_and_ours_take_turns_on_the_same_files() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = Node::init(CometBft::V0_37, dir.path().join("node"), CHAIN_ID);
    let address = node.use_tcp_signer();
    // What tmkms leaves when it is killed in the middle of a request is a mark alone: it is not
    // signed again, and a chain of one validator stands still.
    node.use_pauses();
    let mut home = SignerHome::new(dir.path().join("signer"));
    home.add_chain_with(
        &peer_tmkms(),
        CHAIN_ID,
        &node.path("config/priv_validator_key.json"),
    );
    home.add_node(CHAIN_ID, &address, "v0.34");
    let validator = node.validator_address();
    node.take_key_away();

    let theirs = home.start_with(&peer_tmkms());
    node.start();
    let mut height = node.wait_for_height(BLOCKS);
    let mut reached = vec![height];
    theirs.kill();
    assert!(state_height(&home) >= height);

    for ours in [true, false] {
        let binary = if ours { tmkms() } else { peer_tmkms() };
        let signer = home.start_with(&binary);
        height = node.wait_for_blocks(BLOCKS);
        reached.push(height);
        if ours {
            signer.stop();
        } else {
            signer.kill();
        }
        assert!(state_height(&home) >= height, "ours: {ours}");
    }

    for height in 1..=height {
        let signers = node.rpc.commit_signers(height).unwrap();
        assert_eq!(signers, std::slice::from_ref(&validator), "height {height}");
    }
    println!("tmkms 0.15, ours, tmkms 0.15: heights {reached:?}");
}

/// The height in the state file, which both write in tmkms' format.
fn state_height(home: &SignerHome) -> u64 {
    let path = home.path(&format!("state/{CHAIN_ID}-consensus.json"));
    let state: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    state["height"].as_str().unwrap().parse().unwrap()
}
