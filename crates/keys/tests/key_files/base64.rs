//! Mistakes in a base64 key, and other things in its place.

use crate::common::*;
use crate::{AGAIN, BASE64, FROM_NODE, IN_NODE, JSON, text};
use base64::{Engine as _, engine::general_purpose::STANDARD};

#[test]
fn an_empty_file_is_called_empty() {
    for content in ["", "\n", " \r\n\t", "\u{feff}"] {
        assert_eq!(text(content, &BASE64), format!("is empty. {AGAIN}"));
        assert_eq!(text(content, &JSON), format!("is empty. {FROM_NODE}"));
    }
}

#[test]
fn binary_content_is_a_bad_encoding() {
    let seed = STANDARD.decode(SEED_BASE64).unwrap();
    assert_eq!(
        text(&seed, &BASE64),
        format!("has a bad encoding: 32 bytes of binary data, but text is expected. {AGAIN}")
    );
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(SEED_BASE64.bytes().flat_map(|byte| [byte, 0]))
        .collect();
    assert_eq!(
        text(utf16, &BASE64),
        format!(
            "has a bad encoding: 90 bytes of UTF-16 text (PowerShell writes it), but text is \
             expected. {AGAIN}"
        )
    );
}

#[test]
fn bad_base64_says_where() {
    for (content, found) in [
        (
            SEED_BASE64.replacen('/', "-", 1),
            "`-` (URL-safe base64?) at position 9 of 44 is no base64",
        ),
        (
            SEED_BASE64.replacen('U', "\n", 1),
            "a line break at position 4 of 44 is no base64",
        ),
        (
            SEED_BASE64.replacen('U', " ", 1),
            "a space at position 4 of 44 is no base64",
        ),
        (
            SEED_BASE64.replacen('U', "\"", 1),
            "`\"` at position 4 of 44 is no base64",
        ),
        (
            SEED_BASE64.replacen('U', "é", 1),
            "the byte 0xc3 at position 4 of 45 is no base64",
        ),
        (
            format!("{SEED_BASE64}{SEED_BASE64}"),
            "`=` (more than one key?) at position 44 of 88 is no base64",
        ),
        (
            SEED_BASE64.trim_end_matches('=').to_owned(),
            "43 characters of base64 with a wrong end (`=`): a 32-byte key has 44 characters and \
             ends in one `=`",
        ),
        (
            SEED_BASE64.replace("kw=", "kx="),
            "base64 of 44 characters, but the last of them (position 43) cannot end it: it may be \
             cut off or changed",
        ),
    ] {
        assert_eq!(
            text(content, &BASE64),
            format!("has a bad encoding: {found}. {AGAIN}")
        );
    }
}

#[test]
fn a_wrong_length_says_both_lengths() {
    assert_eq!(
        text(STANDARD.encode([7; 31]), &BASE64),
        format!(
            "holds 31 bytes, but 32 (seed), 64 (Go's form or tmkms' expanded form) are expected. \
             {AGAIN}"
        )
    );
}

#[test]
fn comets_json_where_base64_is_asked_for_names_both_ways_out() {
    for json in [ED25519_JSON, SECP256K1_JSON] {
        assert_eq!(
            text(json, &BASE64),
            "has a bad encoding: this looks like CometBFT's JSON key, but base64 is expected. Run \
             `tmkms softsign import /k/v.key DST` and set `path` to DST, or set key_format = \
             \"json\""
        );
    }
}

#[test]
fn base64_where_json_is_asked_for_names_the_setting() {
    for key in [SEED_BASE64, ED25519_GO_BASE64] {
        assert_eq!(
            text(key, &JSON),
            "has a bad encoding: this looks like a base64 key, but json is expected. Set \
             key_format = \"base64\" (for `softsign import`: --format base64)"
        );
    }
}

#[test]
fn other_things_are_called_by_their_names() {
    let seed = hex::encode(STANDARD.decode(SEED_BASE64).unwrap());
    let hex_remedy = "Convert it with `(umask 077; xxd -r -p /k/v.key | base64 -w0 > DST)` and set \
                      `path` to DST";
    let bech32 =
        "kiravalconspub1zcjduepqty46fl6r9n5evemvw3hllf77cqntpm63csv2xwakkqpwqqyg3kesdn3p7m";
    let node_key = r#"{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"AAAA"}}"#;
    let state = r#"{"height":"5","round":0,"step":3}"#;
    let sdk = r#"{"@type":"/cosmos.crypto.ed25519.PubKey","key":"AAAA"}"#;
    let amino = r#"{"type":"tendermint/PubKeyEd25519","value":"AAAA"}"#;
    for (content, found, remedy) in [
        (seed.as_str(), "this looks like hexadecimal", hex_remedy),
        (
            "-----BEGIN PRIVATE KEY-----\nAAAA",
            "this looks like a PEM block",
            IN_NODE,
        ),
        (
            "age-encryption.org/v1\n-> scrypt",
            "this is encrypted with age",
            "Encrypted keys are not read here: run `tmkms key decrypt /k/v.key` first",
        ),
        (
            "-----BEGIN AGE ENCRYPTED FILE-----",
            "this is encrypted with age",
            "Encrypted keys are not read here: run `tmkms key decrypt /k/v.key` first",
        ),
        (bech32, "this is a public key, not a private one", IN_NODE),
        (sdk, "this is a public key, not a private one", IN_NODE),
        (amino, "this is a public key, not a private one", IN_NODE),
        (
            node_key,
            "this looks like a node's node_key.json, which is not the validator's key",
            IN_NODE,
        ),
        (
            state,
            "this looks like the node's priv_validator_state.json, which holds no key",
            IN_NODE,
        ),
    ] {
        for options in [BASE64, JSON] {
            assert_eq!(
                text(content, &options),
                format!(
                    "has a bad encoding: {found}, but {} is expected. {remedy}",
                    options.format
                )
            );
        }
    }
    assert_eq!(
        text("[1, 2]", &BASE64),
        format!(
            "has a bad encoding: this is JSON, but not of a key, but base64 is expected. {IN_NODE}"
        )
    );
    assert_eq!(
        text("hello", &JSON),
        format!(
            "has a bad encoding: this is text of another kind, but json is expected. {IN_NODE}"
        )
    );
}
