//! Key files as operators have them: what is read, and the text for each mistake.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may panic: that is how it fails"
)]

mod access;
mod base64;
#[path = "../common/mod.rs"]
mod common;
mod json;
mod reading;

use keys::{FilePermissions, KeyFileError, KeyFormat, KeyMaterial, KeyOptions, Origin, parse_key};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const BASE64: KeyOptions = KeyOptions {
    format: KeyFormat::Base64,
    algorithm: None,
    public_key: None,
    permissions: FilePermissions::RequirePrivate,
};
const JSON: KeyOptions = KeyOptions {
    format: KeyFormat::Json,
    ..BASE64
};

fn parse(content: &[u8], options: &KeyOptions) -> Result<KeyMaterial, KeyFileError> {
    parse_key(content, &Origin::File(PathBuf::from("/k/v.key")), options)
}

/// The text for a file `/k/v.key`, after its name.
fn text(content: impl AsRef<[u8]>, options: &KeyOptions) -> String {
    let text = parse(content.as_ref(), options).unwrap_err().to_string();
    text.strip_prefix("key file /k/v.key ").unwrap().to_owned()
}

fn public(content: impl AsRef<[u8]>, options: &KeyOptions) -> String {
    keys::show::base64(&parse(content.as_ref(), options).unwrap().public_key())
}

fn with_mode(directory: &Path, content: impl AsRef<[u8]>, mode: u32) -> PathBuf {
    let path = directory.join("v.key");
    let _ = fs::remove_file(&path); // one of mode 0400 cannot be written again
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    path
}

const AGAIN: &str = "Move it aside with `mv -n /k/v.key /k/v.key.bad`, then import the node's key \
                     again with `tmkms softsign import priv_validator_key.json /k/v.key`";
const FROM_NODE: &str =
    "Take config/priv_validator_key.json from the node, or from its backup, again";
const IN_NODE: &str = "The validator's key is in config/priv_validator_key.json of the node; \
                       import it with `tmkms softsign import`";
