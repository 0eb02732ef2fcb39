//! Chains whose precommits carry vote extensions, for every release that has them.

use interop::{CometBft, ExtensionApp, Node, SeenCommit, SignerHome};
use serde_json::json;

const BLOCKS: u64 = 20;
const SMALL: usize = 32;
/// Nodes up to 0.39, and 1.0, read at most 10 KiB per reply: a signer that sent
/// the vote back as it came could not be understood.
const LARGE: usize = 64 * 1024;

#[test]
fn cometbft_0_38_gets_its_vote_extensions_signed() {
    extensions_are_signed(CometBft::V0_38, SMALL);
}

#[test]
fn cometbft_0_39_gets_its_vote_extensions_signed() {
    extensions_are_signed(CometBft::V0_39, SMALL);
}

#[test]
fn cometbft_0_40_gets_its_vote_extensions_signed() {
    extensions_are_signed(CometBft::V0_40, SMALL);
}

#[test]
fn cometbft_1_0_gets_its_vote_extensions_signed() {
    extensions_are_signed(CometBft::V1_0, SMALL);
}

#[test]
fn cometbft_0_38_understands_the_reply_to_a_vote_extension_of_64_kib() {
    extensions_are_signed(CometBft::V0_38, LARGE);
}

#[test]
fn cometbft_0_39_understands_the_reply_to_a_vote_extension_of_64_kib() {
    extensions_are_signed(CometBft::V0_39, LARGE);
}

#[test]
fn cometbft_0_40_understands_the_reply_to_a_vote_extension_of_64_kib() {
    extensions_are_signed(CometBft::V0_40, LARGE);
}

#[test]
fn cometbft_1_0_understands_the_reply_to_a_vote_extension_of_64_kib() {
    extensions_are_signed(CometBft::V1_0, LARGE);
}

fn extensions_are_signed(release: CometBft, size: usize) {
    let dir = tempfile::tempdir().unwrap();
    let chain_id = "extended-1";
    let app = ExtensionApp::start(dir.path(), size);
    let mut node = Node::init(release, dir.path().join("node"), chain_id);
    node.edit_genesis(|genesis| {
        // 1.0 moved the switch.
        let group = if release == CometBft::V1_0 {
            "feature"
        } else {
            "abci"
        };
        genesis["consensus_params"][group]["vote_extensions_enable_height"] = json!("1");
    });
    node.use_app(&app.address);
    let address = node.use_tcp_signer();
    let mut home = SignerHome::new(dir.path().join("signer"));
    home.add_chain(chain_id, &node.path("config/priv_validator_key.json"));
    home.add_node(chain_id, &address, &format!("v{}", release.line()));
    node.take_key_away();
    let signer = home.start();
    node.start();
    // The application sees the precommits of a height when it makes the next block.
    node.wait_for_height(BLOCKS + 1);

    let seen: Vec<SeenCommit> = app
        .seen()
        .into_iter()
        .filter(|seen| seen.next_height > 1)
        .collect();
    assert!(seen.len() >= usize::try_from(BLOCKS).unwrap(), "{seen:?}");
    let bytes = u64::try_from(size).unwrap();
    for commit in &seen {
        assert_eq!(
            (commit.extensions, commit.signatures, commit.bytes),
            (1, 1, bytes),
            "{commit:?}"
        );
    }
    println!(
        "CometBFT {}: {} vote extensions of {size} bytes signed and verified",
        release.line(),
        seen.len()
    );
    signer.stop();
}
