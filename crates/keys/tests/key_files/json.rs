//! Mistakes in CometBFT's JSON, and a key that is not the expected one.

use crate::common::*;
use crate::{BASE64, FROM_NODE, IN_NODE, JSON, parse, text};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use keys::{Algorithm, KeyOptions};

#[test]
fn damaged_json_says_where() {
    let cut = &ED25519_JSON[..ED25519_JSON.len() - 3];
    assert_eq!(
        text(cut, &JSON),
        format!("is not a CometBFT key: it ends too early (line 9, column 103). {FROM_NODE}")
    );
    let broken = ED25519_JSON.replacen(':', "=", 1);
    assert_eq!(
        text(broken, &JSON),
        format!(
            "is not a CometBFT key: it is not well-formed JSON (line 2, column 12). {FROM_NODE}"
        )
    );
    let other = ED25519_JSON.replace("\"pub_key\": {", "\"pub_key\": 5, \"x\": {");
    assert_eq!(
        text(other, &JSON),
        format!("is not a CometBFT key: it has other fields (line 3, column 14). {FROM_NODE}")
    );
}

#[test]
fn each_missing_field_is_named() {
    for field in ["address", "pub_key"] {
        let content = ED25519_JSON.replace(field, "x");
        assert_eq!(
            text(content, &JSON),
            format!("is not a CometBFT key: the field `{field}` is missing. {FROM_NODE}")
        );
    }
    assert_eq!(
        text("{}", &JSON),
        format!("is not a CometBFT key: the field `priv_key` is missing. {FROM_NODE}")
    );
    assert_eq!(
        text(ED25519_JSON.replace("priv_key", "x"), &JSON),
        format!(
            "has a bad encoding: this is a public key, not a private one, but json is expected. \
             {IN_NODE}"
        )
    );
}

#[test]
fn unsupported_key_types_are_refused_by_name() {
    for name in [
        "cometbft/PrivKeyBls12_381",
        "cometbft/PrivKeyMldsa65",
        "tendermint/PrivKeySr25519",
        "tendermint/PubKeyEd25519",
    ] {
        let content = ED25519_JSON.replace("tendermint/PrivKeyEd25519", name);
        assert_eq!(
            text(content, &JSON),
            format!(
                "holds a key of type `{name}`, which is not supported. Supported are \
                 tendermint/PrivKeyEd25519 and tendermint/PrivKeySecp256k1"
            )
        );
    }
}

#[test]
fn another_algorithm_than_asked_for_is_refused() {
    let options = KeyOptions {
        algorithm: Some(Algorithm::Ed25519),
        ..JSON
    };
    assert!(parse(ED25519_JSON.as_bytes(), &options).is_ok());
    assert_eq!(
        text(SECP256K1_JSON, &options),
        "holds a key for secp256k1, but Ed25519 is expected. Use the key file of that type, or \
         change the key type in the configuration"
    );
}

#[test]
fn a_public_key_that_is_not_the_private_keys_is_refused() {
    let other = STANDARD.encode([9; 32]);
    assert_eq!(
        text(ED25519_JSON.replace(ED25519_PUBLIC_BASE64, &other), &JSON),
        format!(
            "contradicts itself: pub_key is {other}, but priv_key belongs to \
             {ED25519_PUBLIC_BASE64}. {FROM_NODE}"
        )
    );
    assert_eq!(
        text(ED25519_JSON.replace(ED25519_PUBLIC_BASE64, "AAAA"), &JSON),
        format!("is not a CometBFT key: pub_key.value is no public key. {FROM_NODE}")
    );
    let content = ED25519_JSON.replace("PubKeyEd25519", "PubKeySecp256k1");
    assert_eq!(
        text(content, &JSON),
        format!(
            "is not a CometBFT key: pub_key has the type `tendermint/PubKeySecp256k1`, but \
             priv_key needs `tendermint/PubKeyEd25519`. {FROM_NODE}"
        )
    );
}

#[test]
fn an_address_that_is_not_the_private_keys_is_refused() {
    let content = ED25519_JSON.replace("E4EE", "E4EF");
    assert_eq!(
        text(content, &JSON),
        format!(
            "contradicts itself: address is E4EF026FA123A130E07278E486B441AACC962804, but \
             priv_key has the address E4EE026FA123A130E07278E486B441AACC962804. {FROM_NODE}"
        )
    );
    let content = ED25519_JSON.replace("\"E4EE", &format!("\"{SEED_BASE64}E4EE"));
    assert!(
        text(content, &JSON)
            .starts_with("contradicts itself: address is no 40 hexadecimal digits, but priv_key")
    );
}

#[test]
fn a_json_private_key_must_be_gos_64_bytes() {
    let mut bytes = STANDARD.decode(ED25519_GO_BASE64).unwrap();
    bytes[63] ^= 1;
    let changed = STANDARD.encode(&bytes);
    let written = STANDARD.encode(&bytes[32..]);
    for (value, found) in [
        (
            SEED_BASE64,
            "priv_key.value holds 32 bytes, but 64 are expected (Go's form: seed and public key)",
        ),
        (
            changed.as_str(),
            &format!(
                "priv_key.value holds the private key of {ED25519_PUBLIC_BASE64}, but the key \
                 expected is {written}"
            ),
        ),
        (
            "P7JU*",
            "in priv_key.value, `*` at position 5 of 5 is no base64",
        ),
    ] {
        let content = ED25519_JSON.replace(ED25519_GO_BASE64, value);
        assert_eq!(
            text(content, &JSON),
            format!("is not a CometBFT key: {found}. {FROM_NODE}")
        );
    }
}

#[test]
fn a_known_public_key_must_be_the_files() {
    for (content, options) in [(SEED_BASE64, BASE64), (ED25519_JSON, JSON)] {
        let options = KeyOptions {
            public_key: Some(privval::PublicKey::Ed25519([9; 32])),
            ..options
        };
        assert_eq!(
            text(content, &options),
            format!(
                "holds the private key of {ED25519_PUBLIC_BASE64}, but the key expected is \
                 CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=. Check that this is the key file of \
                 this validator"
            )
        );
    }
}
