//! Every key of `interop/vectors/keys.json`, which CometBFT's Go code made: read
//! from its file, shown, and signed with.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic: that is how it fails"
)]

mod common;

use common::permit;
use keys::{
    Algorithm, ConsensusKey, Content, KeyFormat, KeyMaterial, KeyOptions, MaterialError, Origin,
    Problem, Provider, Softsign, parse_key, show,
};
use serde_json::Value;

const VECTORS: &str = include_str!("../../../interop/vectors/keys.json");

fn vectors() -> Vec<Value> {
    let file: Value = serde_json::from_str(VECTORS).unwrap();
    file["keys"].as_array().unwrap().clone()
}

fn text<'a>(vector: &'a Value, field: &str) -> &'a str {
    vector[field].as_str().unwrap()
}

fn algorithm(vector: &Value) -> Algorithm {
    match text(vector, "type") {
        "ed25519" => Algorithm::Ed25519,
        "secp256k1" => Algorithm::Secp256k1,
        other => unreachable!("the vectors have a key of type {other}"),
    }
}

fn parse(content: &str, format: KeyFormat, vector: &Value) -> Result<KeyMaterial, Problem> {
    let options = KeyOptions {
        format,
        algorithm: Some(algorithm(vector)),
        ..KeyOptions::default()
    };
    parse_key(content.as_bytes(), &Origin::StandardInput, &options).map_err(|error| error.problem)
}

/// A seed of zeros is a key for Go; here it is refused, see `MaterialError::AllZero`.
fn is_zero(vector: &Value) -> bool {
    text(vector, "secret").chars().all(|digit| digit == '0')
}

#[test]
fn each_key_is_read_from_gos_json_from_gos_bytes_and_from_its_secret() {
    let mut read = 0;
    for vector in vectors().iter().filter(|vector| !is_zero(vector)) {
        let from_json = parse(
            text(vector, "priv_validator_key_json"),
            KeyFormat::Json,
            vector,
        );
        let from_bytes = parse(text(vector, "priv_key_base64"), KeyFormat::Base64, vector);
        let secret = hex::decode(text(vector, "secret")).unwrap();
        let from_secret = KeyMaterial::from_bytes(algorithm(vector), &secret, None);
        for material in [
            from_json.unwrap(),
            from_bytes.unwrap(),
            from_secret.unwrap(),
        ] {
            let public = material.public_key();
            assert_eq!(hex::encode(public.as_bytes()), text(vector, "public_key"));
            assert!(material.has_seed());
            read += 1;
        }
    }
    assert!(read >= 3 * 9, "{read}");
}

#[test]
fn a_key_of_zeros_is_refused_in_each_form() {
    let vectors = vectors();
    let zero = vectors.iter().find(|vector| is_zero(vector)).unwrap();
    let refused = parse(text(zero, "priv_key_base64"), KeyFormat::Base64, zero);
    assert!(matches!(
        refused,
        Err(Problem::Material(MaterialError::AllZero))
    ));
    let refused = parse(text(zero, "priv_validator_key_json"), KeyFormat::Json, zero);
    assert!(matches!(refused, Err(Problem::BadJson(_))));
}

#[test]
fn a_node_key_is_never_taken_for_a_validators() {
    let vectors = vectors();
    let with_node_key = vectors
        .iter()
        .filter(|vector| vector["node_key_json"].is_string());
    let mut refused = 0;
    for vector in with_node_key {
        for format in [KeyFormat::Json, KeyFormat::Base64] {
            let problem = parse(text(vector, "node_key_json"), format, vector).unwrap_err();
            assert!(matches!(
                problem,
                Problem::OtherContent {
                    found: Content::NodeKey,
                    ..
                }
            ));
            refused += 1;
        }
    }
    assert!(refused >= 2, "{refused}");
}

#[test]
fn each_key_is_shown_as_go_shows_it() {
    for vector in vectors().iter().filter(|vector| !is_zero(vector)) {
        let secret = hex::decode(text(vector, "secret")).unwrap();
        let material = KeyMaterial::from_bytes(algorithm(vector), &secret, None).unwrap();
        let key = material.public_key();
        assert_eq!(show::base64(&key), text(vector, "public_key_base64"));
        assert_eq!(show::address_hex(&key), text(vector, "address"));
        for case in vector["bech32_public_keys"].as_array().unwrap() {
            let shown = show::bech32(&key, text(case, "prefix")).unwrap();
            assert_eq!(shown, text(case, "encoded"));
        }
        for case in vector["bech32_addresses"].as_array().unwrap() {
            let shown = show::address_bech32(&key, text(case, "prefix")).unwrap();
            assert_eq!(shown, text(case, "encoded"));
        }
    }
}

#[test]
fn each_key_signs_as_go_signs() {
    let mut signed = 0;
    for vector in vectors().iter().filter(|vector| !is_zero(vector)) {
        let secret = hex::decode(text(vector, "secret")).unwrap();
        let key = ConsensusKey::from_bytes(algorithm(vector), &secret, None).unwrap();
        let signer = Softsign::new(key);
        for case in vector["signatures"].as_array().unwrap() {
            let message = hex::decode(text(case, "message")).unwrap();
            let signature = signer.sign(permit(&message)).unwrap().to_bytes();
            assert_eq!(hex::encode(signature), text(case, "signature"));
            signed += 1;
        }
    }
    assert!(signed >= 27, "{signed}");
}
