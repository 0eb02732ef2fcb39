//! A running validator gets a remote signer: its key has signed before.

use interop::{CometBft, Node, SignerHome};

const CHAIN_ID: &str = "moved-1";
const BLOCKS: u64 = 6;

#[test]
fn a_node_that_signed_by_itself_goes_on_from_the_imported_mark() {
    let dir = tempfile::tempdir().unwrap();
    let mut node = Node::init(CometBft::V0_37, dir.path().join("node"), CHAIN_ID);
    node.use_pauses();
    node.start();
    node.wait_for_height(BLOCKS);
    node.stop();
    let mark = node.read_json("data/priv_validator_state.json");
    let mark: u64 = mark["height"].as_str().unwrap().parse().unwrap();

    let address = node.use_tcp_signer();
    let mut home = SignerHome::new(dir.path().join("signer"));
    // Takes `data/priv_validator_state.json` along; there is no state file yet.
    home.add_chain(CHAIN_ID, &node.path("config/priv_validator_key.json"));
    home.add_node(CHAIN_ID, &address, "v0.37");
    let validator = node.validator_address();
    node.take_key_away();
    let signer = home.start();
    node.start();
    let reached = node.wait_for_height(mark + BLOCKS);

    let heights = signer.heights();
    // The signer does not wait a height out, and signs nothing that was signed before.
    assert_eq!(heights.first(), Some(&(mark + 1)), "mark {mark}");
    for height in 1..=reached {
        let signers = node.rpc.commit_signers(height).unwrap();
        assert_eq!(signers, std::slice::from_ref(&validator), "height {height}");
    }
    println!("signed by the node up to {mark}, by the signer up to {reached}");
    signer.stop();
}
