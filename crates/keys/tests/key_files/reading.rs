//! What is read: every form of a key, and where it may come from.

use crate::common::*;
use crate::{BASE64, JSON, parse, public, with_mode};
use keys::{
    Algorithm, KeyOptions, Origin, Overwrite, Purpose, parse_key, read_key, read_secret_stream,
    write_key,
};
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn a_base64_key_is_read_with_the_line_ends_that_editors_leave() {
    for content in [
        SEED_BASE64.to_owned(),
        format!("{SEED_BASE64}\n"),
        format!("{SEED_BASE64}\r\n"),
        format!(" \t{SEED_BASE64} \n\n"),
        format!("\u{feff}{SEED_BASE64}\r\n"),
        ED25519_GO_BASE64.to_owned(),
    ] {
        assert_eq!(public(content, &BASE64), ED25519_PUBLIC_BASE64);
    }
}

#[test]
fn a_base64_secp256k1_key_is_read_when_asked_for() {
    let options = KeyOptions {
        algorithm: Some(Algorithm::Secp256k1),
        ..BASE64
    };
    assert_eq!(public(SCALAR_BASE64, &options), SECP256K1_PUBLIC_BASE64);
}

#[test]
fn comets_json_is_read_for_both_algorithms() {
    assert_eq!(public(ED25519_JSON, &JSON), ED25519_PUBLIC_BASE64);
    assert_eq!(public(SECP256K1_JSON, &JSON), SECP256K1_PUBLIC_BASE64);
    let lower = ED25519_JSON.replace("E4EE026FA123A130E0", "e4ee026fa123a130e0");
    assert_eq!(public(lower, &JSON), ED25519_PUBLIC_BASE64);
}

#[test]
fn an_imported_key_is_written_as_tmkms_writes_it_and_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("v.key");
    for (json, written, algorithm) in [
        (ED25519_JSON, SEED_BASE64, Algorithm::Ed25519),
        (SECP256K1_JSON, SCALAR_BASE64, Algorithm::Secp256k1),
    ] {
        let material = parse(json.as_bytes(), &JSON).unwrap();
        write_key(&path, &material, Overwrite::Force).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), written);
        let options = KeyOptions {
            algorithm: Some(algorithm),
            public_key: Some(material.public_key()),
            ..BASE64
        };
        read_key(&path, &options).unwrap();
    }
}

#[test]
fn a_symbolic_link_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let link = dir.path().join("link");
    symlink(with_mode(dir.path(), SEED_BASE64, 0o600), &link).unwrap();
    assert!(read_key(&link, &BASE64).is_ok());
}

#[test]
fn standard_input_gets_the_same_checks_and_its_own_words() {
    let content = read_secret_stream(&mut SEED_BASE64.as_bytes(), Purpose::Consensus).unwrap();
    assert!(parse_key(&content, &Origin::StandardInput, &BASE64).is_ok());
    let error = parse_key(b"", &Origin::StandardInput, &BASE64).unwrap_err();
    assert_eq!(
        error.to_string(),
        "standard input is empty. Check the command that writes to standard input"
    );
}
