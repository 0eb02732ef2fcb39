//! Whole handshakes, recorded from CometBFT's own code (see
//! `interop/vectors/README.md`), replayed from either end, byte for byte.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic: that is how it fails"
)]

use secret_connection::{Handshake, HandshakeError, Identity, Opener, SEALED_FRAME_LEN, Sealer};
use serde_json::Value;

const VECTORS: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../../interop/vectors/secret_connection.json"
);

fn vectors(name: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(VECTORS).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let cases = file[name].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    cases
}

fn bytes(case: &Value, name: &str) -> Vec<u8> {
    hex::decode(case[name].as_str().unwrap()).unwrap()
}

fn key(case: &Value, name: &str) -> [u8; 32] {
    bytes(case, name).try_into().unwrap()
}

/// Plays `local` against what `remote` sent to CometBFT.
fn replay(local: &Value, remote: &Value) -> (Sealer, Opener) {
    let identity = Identity::from_seed(&key(local, "identity_seed"));
    assert_eq!(identity.public_key(), key(local, "identity_public"));
    assert_eq!(identity.peer_id().to_string(), local["peer_id"]);

    let (state, first) = Handshake::start(&identity, key(local, "ephemeral_secret"));
    assert_eq!(first.to_vec(), bytes(local, "ephemeral_message"));
    let (state, proof) = state.handle(&bytes(remote, "ephemeral_message")).unwrap();
    assert_eq!(proof, bytes(local, "auth_frame"));
    let established = state.handle(&bytes(remote, "auth_frame")).unwrap();
    assert_eq!(
        established.remote_public_key(),
        &key(remote, "identity_public")
    );
    assert_eq!(established.remote_peer_id().to_string(), remote["peer_id"]);
    established.into_records()
}

fn frames(message: &Value) -> Vec<[u8; SEALED_FRAME_LEN]> {
    let frames = message["frames"].as_array().unwrap();
    frames
        .iter()
        .map(|frame| {
            let frame = hex::decode(frame.as_str().unwrap()).unwrap();
            frame.try_into().unwrap()
        })
        .collect()
}

fn check_messages(case: &Value, name: &str, sealer: &mut Sealer, opener: &mut Opener) {
    for message in case["messages"].as_array().unwrap() {
        let (plaintext, frames) = (bytes(message, "plaintext"), frames(message));
        let mut bytes = Vec::new();
        if message["from"] != name {
            for mut frame in frames {
                bytes.extend_from_slice(opener.open(&mut frame).unwrap());
            }
            assert_eq!(bytes, plaintext);
            continue;
        }
        sealer.seal(&plaintext, &mut bytes).unwrap();
        assert_eq!(bytes.len(), frames.len() * SEALED_FRAME_LEN);
        // Go leaves old bytes in the padding, we send zeros.
        if message["zero_padding"] == true {
            assert_eq!(bytes, frames.concat());
        }
    }
}

#[test]
fn recorded_handshakes_and_frames_come_out_the_same_from_either_end() {
    let mut lower = [0, 0];
    for case in vectors("handshakes") {
        for (local, remote) in [("a", "b"), ("b", "a")] {
            let is_lower = case[local]["is_lower"].as_bool().unwrap();
            lower[usize::from(is_lower)] += 1;
            let (mut sealer, mut opener) = replay(&case[local], &case[remote]);
            check_messages(&case, local, &mut sealer, &mut opener);
        }
    }
    assert!(
        lower.iter().all(|count| *count > 0),
        "both orders: {lower:?}"
    );
}

#[test]
fn what_cometbft_refuses_as_low_order_is_refused() {
    let identity = Identity::from_seed(&[1; 32]);
    for case in vectors("low_order") {
        let (state, mut message) =
            Handshake::start(&identity, key(&case, "local_ephemeral_secret"));
        message[3..].copy_from_slice(&key(&case, "remote_ephemeral_public"));
        assert_eq!(
            state.handle(&message).err(),
            Some(HandshakeError::LowOrderPoint),
            "{}",
            case["name"]
        );
    }
}
