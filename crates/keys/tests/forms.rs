//! Key bytes in every form, and what is shown and signed with them, against
//! values that CometBFT's Go code made (`data/README.md`).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic: that is how it fails"
)]

mod common;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::*;
use ed25519_dalek::hazmat::ExpandedSecretKey;
use k256::ecdsa::signature::Verifier as _;
use keys::{Algorithm, ConsensusKey, KeyMaterial, MaterialError, Provider, Softsign, show};
use privval::PublicKey;
use sha2::{Digest, Sha256, Sha512};

fn bytes(text: &str) -> Vec<u8> {
    STANDARD.decode(text).unwrap()
}

fn ed25519(bytes: &[u8], expected: Option<PublicKey>) -> Result<KeyMaterial, MaterialError> {
    KeyMaterial::from_bytes(Algorithm::Ed25519, bytes, expected)
}

fn secp256k1(bytes: &[u8]) -> Result<KeyMaterial, MaterialError> {
    KeyMaterial::from_bytes(Algorithm::Secp256k1, bytes, None)
}

fn ed25519_public() -> PublicKey {
    PublicKey::Ed25519(bytes(ED25519_PUBLIC_BASE64).try_into().unwrap())
}

/// SHA-512 of the seed, as RFC 8032 5.1.5 step 1 makes it: not clamped yet.
fn unclamped() -> Vec<u8> {
    Sha512::digest(bytes(SEED_BASE64)).to_vec()
}

/// tmkms' expanded form.
fn expanded() -> Vec<u8> {
    let mut expanded = unclamped();
    expanded[0] &= 0b1111_1000;
    expanded[31] = expanded[31] & 0b0011_1111 | 0b0100_0000;
    expanded
}

fn sign(material: &KeyMaterial, message: &[u8]) -> [u8; 64] {
    let signer = Softsign::new(ConsensusKey::from(material));
    assert_eq!(signer.public_key(), material.public_key());
    signer.sign(permit(message)).unwrap().to_bytes()
}

#[test]
fn seed_go_form_and_expanded_form_are_one_key_and_sign_as_go_does() {
    let signature = "11407567ab79671aa545518bc17d2ca1a9797fb7f00ae1bfdafa8a4385425e4f\
                     771fdf22e69537ea24b49219f31abf3002f2fc39fbb293364bf111bf5c62a802";
    for form in [bytes(SEED_BASE64), bytes(ED25519_GO_BASE64), expanded()] {
        let material = ed25519(&form, None).unwrap();
        assert_eq!(material.public_key(), ed25519_public());
        assert_eq!(hex::encode(sign(&material, b"sign me")), signature);
    }
}

#[test]
fn gos_64_bytes_become_a_seed_and_tmkms_64_bytes_stay_expanded() {
    assert!(ed25519(&bytes(ED25519_GO_BASE64), None).unwrap().has_seed());
    assert!(!ed25519(&expanded(), None).unwrap().has_seed());
}

#[test]
fn one_wrong_bit_in_gos_form_is_refused_and_not_taken_as_expanded() {
    // This seed is not clamped, so that it cannot pass as an expanded key.
    for index in [0, 31, 32, 63] {
        let mut form = bytes(ED25519_GO_BASE64);
        form[index] ^= 0b0001_0000;
        let error = ed25519(&form, None).unwrap_err();
        assert_eq!(error, MaterialError::NeitherForm, "byte {index}");
    }
    assert_eq!(
        MaterialError::NeitherForm.to_string(),
        "holds 64 bytes that are neither Go's form (the second half is not the public key of the \
         first) nor tmkms' expanded form (the scalar is not clamped as RFC 8032 5.1.5 asks)"
    );
}

#[test]
fn a_known_public_key_decides_where_the_bytes_alone_cannot() {
    assert_eq!(
        ed25519(&unclamped(), None).unwrap_err(),
        MaterialError::NeitherForm
    );
    let material = ed25519(&unclamped(), Some(ed25519_public())).unwrap();
    assert_eq!(material.public_key(), ed25519_public());

    // A clamped seed with a wrong second half looks like an expanded key.
    let mut form = expanded();
    form[40] ^= 1;
    let found = ed25519(&form, None).unwrap().public_key();
    assert_eq!(
        found,
        ed25519_public(),
        "the prefix is not in the public key"
    );
    form[5] ^= 1;
    let error = ed25519(&form, Some(ed25519_public())).unwrap_err();
    assert!(matches!(error, MaterialError::OtherKey { .. }), "{error}");
}

#[test]
fn an_expected_public_key_must_be_the_derived_one() {
    for form in [bytes(SEED_BASE64), bytes(ED25519_GO_BASE64), expanded()] {
        assert!(ed25519(&form, Some(ed25519_public())).is_ok());
        let error = ed25519(&form, Some(PublicKey::Ed25519([9; 32]))).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "holds the private key of {ED25519_PUBLIC_BASE64}, but the key expected is \
                 CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk="
            )
        );
    }
}

#[test]
fn a_yubihsm_export_is_read_and_its_public_key_checked() {
    let mut form = expanded();
    form[..32].reverse();
    form.extend(bytes(ED25519_PUBLIC_BASE64));
    let material = ed25519(&form, None).unwrap();
    assert_eq!(material.public_key(), ed25519_public());
    form[95] ^= 1;
    assert_eq!(
        ed25519(&form, None).unwrap_err(),
        MaterialError::ExportMismatch
    );
}

#[test]
fn other_lengths_are_refused_with_the_lengths_that_exist() {
    for length in [0, 1, 31, 33, 63, 65, 95, 97] {
        assert_eq!(
            ed25519(&vec![1; length], None).unwrap_err().to_string(),
            format!(
                "holds {length} bytes, but 32 (seed), 64 (Go's form or tmkms' expanded form) are \
                 expected"
            )
        );
    }
    for length in [0, 31, 33, 64] {
        assert_eq!(
            secp256k1(&vec![1; length]).unwrap_err().to_string(),
            format!("holds {length} bytes, but 32 are expected")
        );
    }
}

#[test]
fn zero_bytes_are_no_key() {
    for length in [32, 64] {
        assert_eq!(
            ed25519(&vec![0; length], None).unwrap_err(),
            MaterialError::AllZero
        );
    }
    assert_eq!(secp256k1(&[0; 32]).unwrap_err(), MaterialError::OutOfRange);
}

#[test]
fn a_secp256k1_scalar_must_be_below_the_group_order() {
    let order = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
    let mut scalar = hex::decode(order).unwrap();
    assert_eq!(secp256k1(&scalar).unwrap_err(), MaterialError::OutOfRange);
    scalar[31] -= 1;
    assert!(secp256k1(&scalar).is_ok());
}

#[test]
fn a_public_key_is_not_taken_for_a_seed() {
    let error = secp256k1(&bytes(SECP256K1_PUBLIC_BASE64)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "holds the secp256k1 public key, not the private key"
    );
    let error = ed25519(&bytes(ED25519_PUBLIC_BASE64), Some(ed25519_public())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "holds the Ed25519 public key, not the private key"
    );
}

#[test]
fn secp256k1_signs_300_messages_as_go_does() {
    let material = secp256k1(&bytes(SCALAR_BASE64)).unwrap();
    let signer = Softsign::new(ConsensusKey::from(&material));
    let mut lines = Sha256::new();
    for index in 0..300 {
        let permit = permit(format!("message {index}").as_bytes());
        let signature = signer.sign(permit).unwrap().to_bytes();
        lines.update(hex::encode(signature) + "\n");
    }
    // `sha256sum` of Go's signatures, one a line in hexadecimal.
    assert_eq!(
        hex::encode(lines.finalize()),
        "008b4a6c2cba06e22e5787a959c87701c2daa009662696a98a17c48946f8bcb3"
    );
}

#[test]
fn secp256k1_signatures_verify_and_have_a_low_s() {
    let material = secp256k1(&bytes(SCALAR_BASE64)).unwrap();
    let public = material.public_key();
    let verifying = k256::ecdsa::VerifyingKey::from_sec1_bytes(public.as_bytes()).unwrap();
    for index in 0..50_u8 {
        let signature = k256::ecdsa::Signature::from_slice(&sign(&material, &[index])).unwrap();
        verifying.verify(&[index], &signature).unwrap();
        assert!(signature.normalize_s().is_none(), "message {index}");
    }
}

/// RFC 8032 section 7.1, tests 1 to 3.
#[test]
fn ed25519_signs_the_messages_of_rfc_8032() {
    let cases = [
        (
            "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155\
             5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da\
             085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac\
             18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ];
    for (seed, message, signature) in cases {
        let material = ed25519(&hex::decode(seed).unwrap(), None).unwrap();
        let made = sign(&material, &hex::decode(message).unwrap());
        assert_eq!(hex::encode(made), signature);
    }
}

#[test]
fn the_ed25519_key_is_shown_as_go_shows_it() {
    let key = ed25519_public();
    assert_eq!(show::algorithm(&key), Algorithm::Ed25519);
    assert_eq!(show::base64(&key), ED25519_PUBLIC_BASE64);
    assert_eq!(
        show::hex(&key),
        "592BA4FF432CE996676C746FFFA7DEC026B0EF51C418A33BB6B002E000888DB3"
    );
    assert_eq!(
        show::address_hex(&key),
        "E4EE026FA123A130E07278E486B441AACC962804"
    );
    assert_eq!(
        show::bech32(&key, "kiravalconspub").unwrap(),
        "kiravalconspub1zcjduepqty46fl6r9n5evemvw3hllf77cqntpm63csv2xwakkqpwqqyg3kesdn3p7m"
    );
    assert_eq!(
        show::address_bech32(&key, "kiravalcons").unwrap(),
        "kiravalcons1unhqymapywsnpcrj0rjgddzp4txfv2qyvaxanr"
    );
    assert_eq!(
        show::cosmos_json(&key),
        format!(r#"{{"@type":"/cosmos.crypto.ed25519.PubKey","key":"{ED25519_PUBLIC_BASE64}"}}"#)
    );
}

#[test]
fn the_secp256k1_key_is_shown_as_go_shows_it() {
    let key = secp256k1(&bytes(SCALAR_BASE64)).unwrap().public_key();
    assert_eq!(show::algorithm(&key), Algorithm::Secp256k1);
    assert_eq!(show::base64(&key), SECP256K1_PUBLIC_BASE64);
    assert_eq!(
        show::address_hex(&key),
        "B94524F022D4CF8DAC504DBD2BBBB72D3FE65B30"
    );
    assert_eq!(
        show::bech32(&key, "kiravalconspub").unwrap(),
        "kiravalconspub1addwnpepq2337atcsrhwck4mtk82zdzdcqdhsym272hvkp94ferw0v6kqcpevn6dtqz"
    );
    assert_eq!(
        show::address_bech32(&key, "kiravalcons").unwrap(),
        "kiravalcons1h9zjfupz6n8cmtzsfk7jhwah95l7vkesf4r4j8"
    );
    assert_eq!(
        show::cosmos_json(&key),
        format!(
            r#"{{"@type":"/cosmos.crypto.secp256k1.PubKey","key":"{SECP256K1_PUBLIC_BASE64}"}}"#
        )
    );
}

#[test]
fn a_prefix_that_is_none_is_refused() {
    let key = ed25519_public();
    for prefix in ["", "Kira", "kira pub", "kira1é", &"k".repeat(84)] {
        let error = show::bech32(&key, prefix).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "`{prefix}` is no bech32 prefix: it must be 1 to 83 lower-case letters or digits, \
                 as in `kiravalconspub`"
            )
        );
    }
    assert!(show::bech32(&key, &"k".repeat(83)).is_ok());
}

#[test]
fn debug_of_keys_shows_the_public_key_only() {
    let material = ed25519(&bytes(SEED_BASE64), None).unwrap();
    assert_eq!(
        format!("{material:?}"),
        format!("KeyMaterial {{ public_key: \"{ED25519_PUBLIC_BASE64}\", .. }}")
    );
    let key = ConsensusKey::from(&material);
    let shown = format!("ConsensusKey {{ public_key: \"{ED25519_PUBLIC_BASE64}\", .. }}");
    assert_eq!(format!("{key:?}"), shown);
    assert_eq!(
        format!("{:?}", Softsign::new(key)),
        format!("Softsign {{ key: {shown} }}")
    );
}

/// The vectors above would also pass if both sides shared a mistake in clamping.
#[test]
fn the_expanded_form_of_these_tests_is_the_one_of_the_curve_crate() {
    let seed: [u8; 32] = bytes(SEED_BASE64).try_into().unwrap();
    let from_seed = ExpandedSecretKey::from(&seed);
    let from_form = ExpandedSecretKey::from_slice(&expanded()).unwrap();
    assert!(from_seed == from_form);
}
