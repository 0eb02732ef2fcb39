//! No content of a key file leads to a panic, and no text shows a key.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic: that is how it fails"
)]

mod common;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::*;
use keys::{
    Algorithm, ConsensusKey, FilePermissions, KeyFormat, KeyMaterial, KeyOptions, Origin,
    parse_key, read_identity,
};
use privval::PublicKey;
use proptest::prelude::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;

fn options() -> impl Strategy<Value = KeyOptions> {
    let format = prop_oneof![Just(KeyFormat::Base64), Just(KeyFormat::Json)];
    let algorithm = prop_oneof![
        Just(None),
        Just(Some(Algorithm::Ed25519)),
        Just(Some(Algorithm::Secp256k1))
    ];
    let public_key = prop_oneof![
        4 => Just(None),
        1 => any::<[u8; 32]>().prop_map(|bytes| Some(PublicKey::Ed25519(bytes))),
    ];
    (format, algorithm, public_key).prop_map(|(format, algorithm, public_key)| KeyOptions {
        format,
        algorithm,
        public_key,
        permissions: FilePermissions::RequirePrivate,
    })
}

/// A real key file with some bytes changed, cut out or put in.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let whole = prop_oneof![
        Just(ED25519_JSON),
        Just(SECP256K1_JSON),
        Just(SEED_BASE64),
        Just(ED25519_GO_BASE64),
    ];
    let edit = (
        any::<prop::sample::Index>(),
        0..4_usize,
        prop::collection::vec(any::<u8>(), 0..4),
    );
    (whole, prop::collection::vec(edit, 0..4)).prop_map(|(whole, edits)| {
        let mut content = whole.as_bytes().to_vec();
        for (index, cut, put) in edits {
            let start = index.index(content.len() + 1);
            let end = (start + cut).min(content.len());
            content.splice(start..end, put);
        }
        content
    })
}

fn content() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..200),
        "[ -~\n]{0,200}".prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..100).prop_map(|b| STANDARD.encode(b).into_bytes()),
        r#"\{"(address|pub_key|priv_key|@type|height)":[ -~]{0,60}\}"#.prop_map(String::into_bytes),
        damaged(),
    ]
}

/// Every run of 12 characters of the private base64 and hex texts would be 9 or 6 bytes of key; in
/// a list of numbers that many bytes take 24 characters (one of the public keys here has two bytes
/// in a row that the seed has too).
fn assert_shows_no_secret(shown: &str) {
    let seed = STANDARD.decode(SEED_BASE64).unwrap();
    let scalar = STANDARD.decode(SCALAR_BASE64).unwrap();
    for (secret, length) in [
        (SEED_BASE64.to_owned(), 12),
        (hex::encode(&seed), 12),
        (hex::encode_upper(&seed), 12),
        (hex::encode(&scalar), 12),
        (format!("{seed:?}").replace(['[', ']'], ""), 24),
    ] {
        for start in 0..secret.len() - length {
            let part = &secret[start..start + length];
            assert!(!shown.contains(part), "{part} is in: {shown}");
        }
    }
}

proptest! {
    #[test]
    fn any_content_is_a_key_or_an_error_that_shows_no_key(
        content in content(),
        options in options(),
    ) {
        match parse_key(&content, &Origin::StandardInput, &options) {
            Ok(material) => {
                let key = ConsensusKey::from(&material);
                prop_assert_eq!(key.public_key(), material.public_key());
                assert_shows_no_secret(&format!("{material:?} {key:?}"));
            }
            Err(error) => assert_shows_no_secret(&format!("{error} {error:?} {error:#?}")),
        }
    }

    #[test]
    fn any_bytes_are_a_key_or_an_error(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..130),
            prop::collection::vec(any::<u8>(), 64),
            prop::collection::vec(any::<u8>(), 96),
        ],
        secp256k1 in any::<bool>(),
    ) {
        let algorithm = if secp256k1 { Algorithm::Secp256k1 } else { Algorithm::Ed25519 };
        if let Ok(material) = KeyMaterial::from_bytes(algorithm, &bytes, None) {
            prop_assert_eq!(material.algorithm(), algorithm);
            let again = KeyMaterial::from_bytes(algorithm, &bytes, Some(material.public_key()));
            prop_assert!(again.is_ok());
        }
    }

    #[test]
    fn any_identity_content_is_a_seed_or_an_error_that_shows_no_key(content in content()) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("kms-identity.key");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        if let Err(error) = read_identity(&path, FilePermissions::RequirePrivate) {
            assert_shows_no_secret(&format!("{error} {error:?}"));
        }
    }
}

/// What the assertion above catches: it must fail on each form of the key.
#[test]
fn the_search_for_secrets_finds_them() {
    let seed = STANDARD.decode(SEED_BASE64).unwrap();
    for shown in [
        format!("x{}", &SEED_BASE64[8..24]),
        hex::encode(&seed),
        format!("{seed:?}"),
    ] {
        let found = std::panic::catch_unwind(|| assert_shows_no_secret(&shown));
        assert!(found.is_err(), "{shown}");
    }
}
