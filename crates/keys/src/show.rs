//! The forms in which people and tools write a public key.
//!
//! Invariants
//! - Everything here is made from the public key alone.
//! - Bech32 keys carry the amino prefix that the Cosmos SDK's legacy encoding
//!   asks for, so they equal what tmkms and `sekaid` print.

use crate::Algorithm;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bech32::{Bech32, Hrp};
use privval::PublicKey;
use ripemd::Ripemd160;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The amino prefix of an Ed25519 public key, with its length byte (32).
const AMINO_ED25519: [u8; 5] = [0x16, 0x24, 0xDE, 0x64, 0x20];
/// The amino prefix of a secp256k1 public key, with its length byte (33).
const AMINO_SECP256K1: [u8; 5] = [0xEB, 0x5A, 0xE9, 0x87, 0x21];

/// A bech32 prefix that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "`{prefix}` is no bech32 prefix: it must be 1 to 83 lower-case letters or digits, as in \
     `kiravalconspub`"
)]
pub struct PrefixError {
    prefix: String,
}

/// The algorithm of a public key.
pub fn algorithm(key: &PublicKey) -> Algorithm {
    match key {
        PublicKey::Ed25519(_) => Algorithm::Ed25519,
        PublicKey::Secp256k1(_) => Algorithm::Secp256k1,
    }
}

/// Standard base64 with padding, as in `priv_validator_key.json` and genesis files.
pub fn base64(key: &PublicKey) -> String {
    STANDARD.encode(key.as_bytes())
}

/// Upper-case hexadecimal, as tmkms' key format `hex` prints it.
pub fn hex(key: &PublicKey) -> String {
    hex::encode_upper(key.as_bytes())
}

/// The 20-byte address: the head of SHA-256 for Ed25519 (`crypto/tmhash`),
/// RIPEMD-160 of SHA-256 for secp256k1 (`crypto/secp256k1`).
pub fn address(key: &PublicKey) -> [u8; 20] {
    let digest = Sha256::digest(key.as_bytes());
    match key {
        PublicKey::Ed25519(_) => {
            let mut head = [0; 20];
            for (to, from) in head.iter_mut().zip(digest) {
                *to = from;
            }
            head
        }
        PublicKey::Secp256k1(_) => Ripemd160::digest(digest).into(),
    }
}

/// The address in upper-case hexadecimal, as CometBFT prints and stores it.
pub fn address_hex(key: &PublicKey) -> String {
    hex::encode_upper(address(key))
}

/// The address in bech32, as `kiravalcons1…`.
///
/// # Errors
/// [`PrefixError`] if `prefix` is no bech32 prefix.
pub fn address_bech32(key: &PublicKey, prefix: &str) -> Result<String, PrefixError> {
    bech32_text(prefix, &address(key))
}

/// The public key in bech32 over its amino-prefixed bytes, as `kiravalconspub1…`.
///
/// # Errors
/// [`PrefixError`] if `prefix` is no bech32 prefix.
pub fn bech32(key: &PublicKey, prefix: &str) -> Result<String, PrefixError> {
    let amino = match key {
        PublicKey::Ed25519(_) => AMINO_ED25519,
        PublicKey::Secp256k1(_) => AMINO_SECP256K1,
    };
    bech32_text(prefix, &[&amino, key.as_bytes()].concat())
}

/// The JSON that the Cosmos SDK's `--pubkey` takes (protobuf's JSON of the key).
pub fn cosmos_json(key: &PublicKey) -> String {
    let package = match key {
        PublicKey::Ed25519(_) => "ed25519",
        PublicKey::Secp256k1(_) => "secp256k1",
    };
    format!(
        r#"{{"@type":"/cosmos.crypto.{package}.PubKey","key":"{}"}}"#,
        base64(key)
    )
}

fn bech32_text(prefix: &str, data: &[u8]) -> Result<String, PrefixError> {
    let refused = || PrefixError {
        prefix: prefix.to_owned(),
    };
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !prefix.chars().all(plain) {
        return Err(refused());
    }
    let hrp = Hrp::parse(prefix).map_err(|_| refused())?;
    bech32::encode::<Bech32>(hrp, data).map_err(|_| refused())
}
