//! The address of a validator, which every vote of a node names.

use privval::PublicKey;
use ripemd::Ripemd160;
use sha2::{Digest as _, Sha256};

/// The 20 bytes by which a chain knows a validator: the head of SHA-256 of an Ed25519 key
/// (CometBFT `crypto/tmhash`), RIPEMD-160 of SHA-256 of a secp256k1 key (`crypto/secp256k1`).
///
/// Not that of the signer's own crates: who asks should notice a mistake there.
#[must_use]
pub fn validator_address(key: &PublicKey) -> [u8; 20] {
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
