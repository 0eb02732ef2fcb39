//! Four validators on five nodes. Two nodes stand for the same validator
//! (sentries that share one key) and are fed by one signer process.

use interop::{CometBft, Node, PATIENCE, Signer, SignerHome, until};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;

const CHAIN_ID: &str = "network-1";
const BLOCKS: u64 = 20;

#[test]
fn two_sentries_with_one_key_and_three_other_validators_commit_without_evidence() {
    let dir = tempfile::tempdir().unwrap();
    let mut nodes = connected_nodes(dir.path());
    let validators: BTreeSet<String> = nodes.iter().map(Node::validator_address).collect();
    assert_eq!(validators.len(), 4, "five nodes, two with the same key");
    let shared = [nodes[0].use_tcp_signer(), nodes[1].use_tcp_signer()];
    let alone = [nodes[2].use_tcp_signer()];
    let signer_a = start_signer(dir.path().join("signer-a").as_path(), &nodes[0], &shared);
    let signer_b = start_signer(dir.path().join("signer-b").as_path(), &nodes[2], &alone);
    for node in &mut nodes[..3] {
        node.take_key_away();
    }

    for node in &mut nodes {
        node.start();
    }
    let heights: Vec<u64> = nodes
        .iter_mut()
        .map(|node| node.wait_for_height(BLOCKS))
        .collect();

    let served = shared.map(|address| count_for(&signer_a, &address));
    assert!(served.iter().all(|count| *count > 0), "{served:?}");
    let last = everyone_signed(&mut nodes[3], &validators);
    for node in &nodes {
        no_evidence(node, last.min(BLOCKS));
    }
    no_evidence(&nodes[3], last);
    println!(
        "network: heights {heights:?}, no evidence; {} heights signed for the two sentries \
         ({served:?} signatures to each), {} for another validator",
        signer_a.heights().len(),
        signer_b.heights().len()
    );
    signer_a.stop();
    signer_b.stop();
}

/// Nodes 0 and 1 share a validator key, 2 to 4 have one each; all know all.
fn connected_nodes(dir: &Path) -> Vec<Node> {
    let nodes: Vec<Node> = (0..5)
        .map(|number| {
            Node::init(
                CometBft::V0_38,
                dir.join(format!("node-{number}")),
                CHAIN_ID,
            )
        })
        .collect();
    let key = "config/priv_validator_key.json";
    std::fs::copy(nodes[0].path(key), nodes[1].path(key)).unwrap();
    let genesis = nodes[0].read_json("config/genesis.json");
    let validators: Vec<Value> = nodes[1..].iter().map(genesis_validator).collect();
    let addresses: Vec<String> = nodes.iter().map(Node::peer_address).collect();
    for (number, node) in nodes.iter().enumerate() {
        node.edit_genesis(|own| {
            *own = genesis.clone();
            own["validators"] = json!(validators);
        });
        let mut others = addresses.clone();
        others.remove(number);
        node.use_peers(&others);
    }
    nodes
}

fn genesis_validator(node: &Node) -> Value {
    let key = node.read_json("config/priv_validator_key.json");
    json!({ "address": key["address"], "pub_key": key["pub_key"], "power": "10", "name": "" })
}

fn start_signer(dir: &Path, node: &Node, addresses: &[String]) -> Signer {
    let mut home = SignerHome::new(dir.to_owned());
    home.add_chain(CHAIN_ID, &node.path("config/priv_validator_key.json"));
    for address in addresses {
        home.add_node(CHAIN_ID, address, "v0.38");
    }
    home.start()
}

/// How many signatures a signer gave to the node at `address`.
fn count_for(signer: &Signer, address: &str) -> usize {
    let origin = format!("{CHAIN_ID}@{address}");
    let signed = signer.signed();
    signed.iter().filter(|line| line.origin == origin).count()
}

/// Every validator's signature appears in some commit; returns the height seen last.
fn everyone_signed(node: &mut Node, validators: &BTreeSet<String>) -> u64 {
    let mut seen = BTreeSet::new();
    let mut height = 0;
    until("all four validators sign", PATIENCE, || {
        if let Some(signers) = node.rpc.commit_signers(height + 1) {
            height += 1;
            seen.extend(signers);
        }
        (height >= BLOCKS && &seen == validators).then_some(height)
    })
}

fn no_evidence(node: &Node, last: u64) {
    for height in 1..=last {
        assert_eq!(
            node.rpc.evidence_count(height),
            Some(0),
            "evidence at height {height}"
        );
    }
}
