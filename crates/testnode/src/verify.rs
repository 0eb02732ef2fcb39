//! Verifying signatures as a node does.

use ed25519_dalek::{Signature as Ed25519Signature, VerifyingKey as Ed25519Key};
use k256::ecdsa::signature::Verifier as _;
use k256::ecdsa::{Signature as EcdsaSignature, VerifyingKey as EcdsaKey};
use privval::PublicKey;

/// True when `signature` is the key's over `sign_bytes`. secp256k1 signatures must have a low s,
/// as CometBFT demands (`crypto/secp256k1/secp256k1.go`).
#[must_use]
pub fn verifies(key: &PublicKey, sign_bytes: &[u8], signature: &[u8]) -> bool {
    match key {
        PublicKey::Ed25519(bytes) => ed25519(bytes, sign_bytes, signature),
        PublicKey::Secp256k1(bytes) => secp256k1(bytes, sign_bytes, signature),
    }
}

fn ed25519(key: &[u8; 32], sign_bytes: &[u8], signature: &[u8]) -> bool {
    let key = Ed25519Key::from_bytes(key);
    let signature = Ed25519Signature::from_slice(signature);
    matches!((key, signature), (Ok(k), Ok(s)) if k.verify_strict(sign_bytes, &s).is_ok())
}

fn secp256k1(key: &[u8; 33], sign_bytes: &[u8], signature: &[u8]) -> bool {
    let key = EcdsaKey::from_sec1_bytes(key);
    let signature = EcdsaSignature::from_slice(signature);
    matches!(
        (key, signature),
        (Ok(k), Ok(s)) if s.normalize_s().is_none() && k.verify(sign_bytes, &s).is_ok()
    )
}
