//! Several chains and several keys in one process, and keys of both algorithms.

use keys::{Algorithm, Overwrite, generate, show, write_secret_file};
use privval::{Canonical, ChainId, PublicKey};
use testnode::Listener;

use crate::support::{
    Asker, CHAIN, Home, PATIENCE, Rig, address, framed, later, nil_prevote, precommit, prevote,
    proposal,
};

fn on_chain(message: &Canonical, chain: &str) -> Canonical {
    let mut message = message.clone();
    let id = ChainId::new(chain).unwrap();
    match &mut message {
        Canonical::Vote(vote) => vote.chain_id = id,
        Canonical::Proposal(proposal) => proposal.chain_id = id,
    }
    message
}

#[test]
fn two_chains_with_a_key_each_are_signed_for_in_one_process() {
    let chains = ["alpha-1", "beta-1"];
    let nodes = chains.map(|_| Listener::tcp().unwrap());
    let mut home = Home::new();
    for (chain, node) in chains.iter().zip(&nodes) {
        home.add_chain(chain, "");
        home.add_node(chain, &address(node), "");
    }
    let tmkms = home.start();
    let mut keys = Vec::new();
    for (chain, node) in chains.iter().zip(&nodes) {
        let mut signer = node.accept(PATIENCE).unwrap();
        let key = signer.public_key(chain).unwrap();
        // The same heights on both: each chain has its own state.
        for message in [proposal(1, "a"), prevote(1, "a"), precommit(1, "a")] {
            signer.sign(&key, &on_chain(&message, chain), &[]).unwrap();
        }
        assert_eq!(home.state(chain), (1, 0, 2));
        keys.push(key);
    }
    assert_ne!(keys[0], keys[1]);
    tmkms.stop();
}

#[test]
fn node_of_one_chain_gets_no_signature_for_the_other() {
    let nodes = ["alpha-1", "beta-1"].map(|chain| (chain, Listener::tcp().unwrap()));
    let mut home = Home::new();
    for (chain, node) in &nodes {
        home.add_chain(chain, "");
        home.add_node(chain, &address(node), "");
    }
    let _tmkms = home.start();
    let mut alpha = nodes[0].1.accept(PATIENCE).unwrap();
    let asked = on_chain(&prevote(1, "a"), "beta-1");
    let key = alpha.public_key("alpha-1").unwrap();
    let error = alpha.sign(&key, &asked, &[]).unwrap_err().to_string();
    assert!(
        error.contains("the request is for chain beta-1, this signer signs for alpha-1 here"),
        "{error}"
    );
    assert!(alpha.public_key("beta-1").is_err());
}

/// CometBFT's key file, as `cometbft init --key-type secp256k1` writes it.
fn put_secp256k1_key(home: &Home) -> PublicKey {
    let key = generate(Algorithm::Secp256k1).unwrap();
    let public = key.public_key();
    let text = format!(
        r#"{{
  "address": "{}",
  "pub_key": {{ "type": "tendermint/PubKeySecp256k1", "value": "{}" }},
  "priv_key": {{ "type": "tendermint/PrivKeySecp256k1", "value": "{}" }}
}}"#,
        show::address_hex(&public),
        show::base64(&public),
        base64_seed(home, &key),
    );
    write_secret_file(&home.key_file(CHAIN), text.as_bytes(), Overwrite::Refuse).unwrap();
    public
}

/// The seed in base64: what the key's own file has in it.
fn base64_seed(home: &Home, key: &keys::KeyMaterial) -> String {
    let file = home.path("secrets/seed");
    keys::write_key(&file, key, Overwrite::Refuse).unwrap();
    std::fs::read_to_string(file).unwrap()
}

#[test]
fn secp256k1_key_signs_over_the_wire() {
    let node = Listener::tcp().unwrap();
    let mut home = Home::new();
    let public = put_secp256k1_key(&home);
    home.add_chain_with_key(CHAIN, "", "key_format = \"json\"");
    home.add_node(CHAIN, &address(&node), "");
    let _tmkms = home.start();
    let mut asker = Asker::new(node.accept(PATIENCE).unwrap());
    assert_eq!(asker.key, public);
    for message in [
        proposal(1, "a"),
        prevote(1, "a"),
        precommit(1, "a"),
        nil_prevote(2),
    ] {
        let first = asker.sign(&message);
        // Its signatures are deterministic too (RFC 6979).
        assert_eq!(asker.sign(&later(&message, 1)), first);
    }
    let why = asker.refused(&prevote(2, "a"));
    assert!(why.starts_with("double sign refused at 2/0/1"), "{why}");
}

#[test]
fn wrong_chain_id_leaves_the_state_alone() {
    let rig = Rig::new();
    let mut asker = rig.accept();
    asker.sign(&prevote(1, "a"));
    asker.refused_bytes(&framed(&on_chain(&prevote(9, "a"), "othernet-1")));
    assert_eq!(rig.home.state(CHAIN), (1, 0, 1));
}
