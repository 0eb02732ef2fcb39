//! What the node says of itself, beside tmkms.toml.

use super::{Diagnosis, RpcServer, Says, address, closed_port, kms};
use crate::home::Home;

fn with_kms() -> (Home, String) {
    let home = Home::new();
    kms(&home, &format!("tcp://127.0.0.1:{}", closed_port()));
    let address = address(&home);
    (home, address)
}

fn ask(home: &Home, says: Says) -> Diagnosis {
    let node = RpcServer::start(says);
    Diagnosis::of(home, &["--rpc", &node.url])
}

const OTHER: &str = "00000000000000000000000000000000000000AA";

#[test]
fn node_of_the_right_chain_with_this_validator_is_fine() {
    let (home, address) = with_kms();
    let found = ask(&home, Says::validator(&address));
    for id in [
        "node.answers",
        "clock.same",
        "node.chain_id_same",
        "node.version_known",
        "node.is_validator",
    ] {
        assert!(found.find(id).is_some(), "{id} in {found:?}");
    }
}

#[test]
fn chain_id_that_differs_from_the_nodes_is_told() {
    let (home, address) = with_kms();
    let says = Says {
        chain: "testnet-9".to_owned(),
        ..Says::validator(&address)
    };
    ask(&home, says)
        .has(
            "node.chain_id_differs",
            "broken",
            "\"testnet-9\" for `id`, `chain_ids` and `chain_id`",
        )
        .tells(
            "node.chain_id_differs",
            "the node's chain is testnet-9, tmkms.toml has testnet-1",
        );
}

/// The silent one: the signer is connected, and nobody says anything.
#[test]
fn wrong_key_is_told_by_the_validator_set() {
    let (home, address) = with_kms();
    let says = Says {
        validators: vec![OTHER.to_owned()],
        ..Says::validator(&address)
    };
    ask(&home, says)
        .has("node.not_validator", "broken", "tmkms softsign import")
        .tells("node.not_validator", "This node is not a validator");
}

#[test]
fn node_that_uses_another_key_is_told() {
    let (home, address) = with_kms();
    let says = Says {
        address: OTHER.to_owned(),
        validators: vec![address.clone(), OTHER.to_owned()],
        ..Says::validator(&address)
    };
    ask(&home, says)
        .has("node.other_key", "broken", "--node-home")
        .tells("node.other_key", "and that one is a validator of the chain");
}

#[test]
fn block_without_this_validators_signature_is_told() {
    let (home, address) = with_kms();
    let says = Says {
        signed: vec![OTHER.to_owned()],
        ..Says::validator(&address)
    };
    ask(&home, says).has("node.missed", "warning", "tmkms status");
}

#[test]
fn clock_of_an_hour_ago_is_told() {
    let (home, address) = with_kms();
    for (ahead_s, id, status) in [
        (-3600, "clock.wrong", "broken"),
        (20, "clock.off", "warning"),
    ] {
        let says = Says {
            ahead_s,
            ..Says::validator(&address)
        };
        ask(&home, says).has(id, status, "timedatectl set-ntp true");
    }
}

#[test]
fn version_other_than_configured_is_told_and_harmless() {
    let (home, address) = with_kms();
    home.must("sed -i 's/^reconnect.*/&\\nprotocol_version = \"v0.38\"/' kms/tmkms.toml");
    home.must("grep -c protocol_version kms/tmkms.toml");
    ask(&home, Says::validator(&address))
        .has("node.version_differs", "warning", "remove protocol_version")
        .tells("node.version_differs", "it signs all the same");
    let says = Says {
        version: "2.0.0".to_owned(),
        ..Says::validator(&address)
    };
    ask(&home, says).has("node.version_unknown", "warning", "newer tmkms");
}

#[test]
fn rpc_that_does_not_answer_is_told() {
    let (home, _) = with_kms();
    let url = format!("http://127.0.0.1:{}", closed_port());
    Diagnosis::of(&home, &["--rpc", &url]).has("node.rpc_silent", "broken", "[rpc]");
}

#[test]
fn node_that_catches_up_or_stands_still_is_told() {
    let (home, address) = with_kms();
    home.must("tmkms state import -c kms/tmkms.toml --height 100");
    let old = Says {
        height: 50,
        block_age_s: 90,
        ..Says::validator(&address)
    };
    ask(&home, old.clone())
        .has("node.stands_still", "warning", "/net_info of its RPC")
        .has("state.ahead_of_node", "broken", "docs/guide.md");
    let syncing = Says {
        catching_up: true,
        ..old
    };
    ask(&home, syncing)
        .has("node.catching_up", "warning", "look again")
        .has("state.ahead_of_syncing_node", "warning", "has caught up")
        .lacks("node.stands_still");
}

#[test]
fn key_or_validators_that_cannot_be_seen_are_told() {
    let (home, address) = with_kms();
    let silent = Says {
        broken: "/validators",
        ..Says::validator(&address)
    };
    ask(&home, silent).has("node.set_unseen", "warning", "another node with --rpc");
    home.must("rm kms/secrets/priv_validator_key.json");
    ask(&home, Says::validator(&address)).has("node.key_unseen", "warning", "about the key");
}

#[test]
fn mark_is_compared_with_the_nodes_height() {
    let (home, address) = with_kms();
    let at = |height| {
        ask(
            &home,
            Says {
                height,
                ..Says::validator(&address)
            },
        )
    };
    at(50).has("state.no_past", "warning", "tmkms state import");
    home.must("tmkms state import -c kms/tmkms.toml --height 100");
    at(50)
        .has("state.ahead_of_node", "broken", "docs/guide.md")
        .tells(
            "state.ahead_of_node",
            "signed up to height 100, but the node is at 50",
        );
    at(100).tells("state.fits_node", "height 100");
    at(111).has("state.behind_node", "broken", "tmkms status");
}
