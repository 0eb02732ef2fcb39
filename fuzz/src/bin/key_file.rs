//! Key files: any content is a key or an error, in every format and algorithm, and no text shows
//! a key.
//!
//! First byte: format, algorithm, what the caller expects, and whether it is a consensus key or a
//! connection's identity.
//!
//! Longest input: 640 bytes.
#![no_main]

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::os::fd::AsRawFd as _;
use std::path::PathBuf;
use std::sync::{LazyLock, Mutex};

use keys::{
    Algorithm, ConsensusKey, FilePermissions, KeyFormat, KeyMaterial, KeyOptions, Origin,
    parse_key, read_identity, show,
};
use libfuzzer_sys::fuzz_target;
use privval::PublicKey;
use rustix::fs::{MemfdFlags, memfd_create};
use serde_json::Value;

/// Pieces of the private keys in the corpus, as they could show: in base64, in hexadecimal, and
/// as a list of numbers.
static PIECES: LazyLock<Vec<String>> = LazyLock::new(|| {
    // The two keys differ in their last bit.
    let base64 = "P7JUzpNg/MZOWtCjX7G2hLlo5076qzNqL8ecO9o92k";
    let hexadecimal = "3fb254ce9360fcc64e5ad0a35fb1b684b968e74efaab336a2fc79c3bda3dda4c";
    let upper = hexadecimal.to_uppercase();
    let texts = [base64, hexadecimal, &upper];
    let text_pieces = texts
        .iter()
        .flat_map(|text| text.as_bytes().windows(12).map(String::from_utf8_lossy));
    let bytes = hex::decode(hexadecimal).expect("hexadecimal");
    let lists = bytes
        .windows(6)
        .map(|piece| format!("{piece:?}").replace(['[', ']'], ""));
    text_pieces.map(String::from).chain(lists).collect()
});

fuzz_target!(|bytes: &[u8]| {
    let Some((choice, content)) = bytes.split_first() else {
        return;
    };
    if choice & 0b1110_0000 == 0b1000_0000 {
        identity(content);
    } else {
        consensus_key(content, &options(*choice));
    }
});

fn options(choice: u8) -> KeyOptions {
    KeyOptions {
        format: match choice & 1 {
            0 => KeyFormat::Base64,
            _ => KeyFormat::Json,
        },
        algorithm: match choice >> 1 & 3 {
            0 => None,
            1 => Some(Algorithm::Ed25519),
            _ => Some(Algorithm::Secp256k1),
        },
        public_key: match choice >> 3 & 3 {
            0 | 1 => None,
            2 => Some(PublicKey::Ed25519([9; 32])),
            _ => Some(PublicKey::Secp256k1([2; 33])),
        },
        permissions: FilePermissions::RequirePrivate,
    }
}

fn consensus_key(content: &[u8], options: &KeyOptions) {
    match parse_key(content, &Origin::StandardInput, options) {
        Ok(material) => is_the_key_asked_for(content, options, &material),
        Err(error) => {
            // A JSON file's error may repeat the name of a type, and a name can be anything.
            if options.format == KeyFormat::Base64 {
                shows_no_secret(&format!("{error} {error:?} {error:#?}"));
            }
            let harmful = |c: char| c.is_control() && c != '\n';
            assert!(!error.to_string().contains(harmful), "{error:?}");
        }
    }
}

fn is_the_key_asked_for(content: &[u8], options: &KeyOptions, material: &KeyMaterial) {
    let key = ConsensusKey::from(material);
    let public_key = material.public_key();
    assert_eq!(key.public_key(), public_key);
    assert!(
        options
            .public_key
            .is_none_or(|expected| expected == public_key)
    );
    assert!(
        options
            .algorithm
            .is_none_or(|asked| asked == material.algorithm())
    );
    assert_eq!(show::algorithm(&public_key), material.algorithm());
    if options.format == KeyFormat::Json {
        says_the_same(content, &public_key);
    }
    shows_no_secret(&format!("{material:?} {key:?}"));
    let known = KeyOptions {
        public_key: Some(public_key),
        ..*options
    };
    let again = parse_key(content, &Origin::StandardInput, &known);
    assert_eq!(again.map(|m| m.public_key()).ok(), Some(public_key));
}

/// Public key and address that stand beside a private key are its own.
fn says_the_same(content: &[u8], public_key: &PublicKey) {
    let begin = content.iter().position(|byte| *byte == b'{');
    let json = &content[begin.expect("JSON that was read")..];
    let json: Value = serde_json::from_slice(json).expect("JSON that was read");
    let written = json["pub_key"]["value"].as_str().expect("a public key");
    assert_eq!(written, show::base64(public_key));
    let address = json["address"].as_str().expect("an address");
    assert_eq!(address.to_uppercase(), show::address_hex(public_key));
}

/// A file that is never on a disk, since identities are read from files only.
static FILE: LazyLock<Mutex<File>> = LazyLock::new(|| {
    let file = memfd_create("identity", MemfdFlags::CLOEXEC).expect("a file in memory");
    Mutex::new(file.into())
});

fn identity(content: &[u8]) {
    let mut file = FILE.lock().expect("one thread");
    file.set_len(0).and_then(|()| file.rewind()).expect("empty");
    file.write_all(content).expect("written");
    let path = PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()));
    match read_identity(&path, FilePermissions::AllowInsecure) {
        Ok(seed) => assert_ne!(*seed, [0; 32]),
        Err(error) => shows_no_secret(&format!("{error} {error:?}")),
    }
}

fn shows_no_secret(shown: &str) {
    for piece in &*PIECES {
        assert!(!shown.contains(piece), "{piece} is in: {shown}");
    }
}
