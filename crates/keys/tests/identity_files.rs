//! The connection identity's file (`kms-identity.key`).

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic: that is how it fails"
)]

mod common;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use common::*;
use keys::{
    FilePermissions, Overwrite, WriteError, generate_identity, read_identity, write_identity,
};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

fn file(directory: &Path, content: impl AsRef<[u8]>) -> PathBuf {
    let path = directory.join("kms-identity.key");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn refusal(content: impl AsRef<[u8]>) -> (String, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), content);
    let error = read_identity(&path, FilePermissions::RequirePrivate).unwrap_err();
    let p = path.display();
    let again = format!(
        "Move it aside with `mv -n {p} {p}.bad`, then make another with `tmkms identity new {p}`"
    );
    let text = error.to_string();
    let subject = format!("identity key file {p} ");
    (text.strip_prefix(&subject).unwrap().to_owned(), again)
}

#[test]
fn a_written_identity_is_44_characters_private_and_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kms-identity.key");
    let seed = generate_identity().unwrap();
    write_identity(&path, &seed, Overwrite::Refuse).unwrap();
    assert_eq!(fs::read(&path).unwrap().len(), 44);
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    let read = read_identity(&path, FilePermissions::RequirePrivate).unwrap();
    assert_eq!(*read, *seed);

    let other = generate_identity().unwrap();
    assert_ne!(*other, *seed);
    let refused = write_identity(&path, &other, Overwrite::Refuse);
    assert!(matches!(refused, Err(WriteError::Exists { .. })));
    let kept = read_identity(&path, FilePermissions::RequirePrivate).unwrap();
    assert_eq!(*kept, *seed);
}

#[test]
fn an_identity_of_tmkms_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), format!("{SEED_BASE64}\n"));
    let seed = read_identity(&path, FilePermissions::RequirePrivate).unwrap();
    assert_eq!(STANDARD.encode(*seed), SEED_BASE64);
}

#[test]
fn a_missing_identity_says_how_to_make_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("kms identity.key");
    let error = read_identity(&path, FilePermissions::RequirePrivate).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "identity key file {p} does not exist. Make one with `tmkms identity new '{p}'`",
            p = path.display()
        )
    );
}

#[test]
fn an_identity_open_to_others_is_refused_unless_allowed() {
    let dir = tempfile::tempdir().unwrap();
    let path = file(dir.path(), SEED_BASE64);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let error = read_identity(&path, FilePermissions::RequirePrivate).unwrap_err();
    assert!(
        error.to_string().contains("(mode 0644). Run `chmod 600 /"),
        "{error}"
    );
    assert!(read_identity(&path, FilePermissions::AllowInsecure).is_ok());
}

#[test]
fn a_damaged_identity_is_moved_aside() {
    for (content, found) in [
        (
            STANDARD.encode([0; 32]),
            "holds only zero bytes, which is no key",
        ),
        (String::new(), "is empty"),
        (
            SEED_BASE64.replace('=', ""),
            "has a bad encoding: 43 characters of base64 with a wrong end (`=`): a 32-byte key has \
             44 characters and ends in one `=`",
        ),
    ] {
        let (text, again) = refusal(content);
        assert_eq!(text, format!("{found}. {again}"));
    }
}

/// It may be the consensus key, so the text must not tell people to move it.
#[test]
fn another_key_is_refused_by_name_and_left_where_it_is() {
    for (content, found) in [
        (
            ED25519_GO_BASE64.to_owned(),
            "holds 64 bytes, but 32 are expected (the seed of an Ed25519 key)",
        ),
        (
            STANDARD.encode([7; 31]),
            "holds 31 bytes, but 32 are expected (the seed of an Ed25519 key)",
        ),
        (
            ED25519_JSON.to_owned(),
            "has a bad encoding: this looks like CometBFT's JSON key, but base64 is expected",
        ),
        (
            r#"{"priv_key":{"type":"tendermint/PrivKeyEd25519","value":"AAAA"}}"#.to_owned(),
            "has a bad encoding: this looks like a node's node_key.json, which is not the \
             validator's key, but base64 is expected",
        ),
    ] {
        let (text, _) = refusal(content);
        assert_eq!(
            text,
            format!(
                "{found}. Check that `secret_key` names the key of the connection; `tmkms \
                 identity new FILE` makes one under a new name"
            )
        );
    }
}
