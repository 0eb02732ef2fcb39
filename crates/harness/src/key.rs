//! Public keys as people write them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use privval::PublicKey;

/// Why a text is no public key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no public key: it takes the base64 or hexadecimal form of 32 bytes (Ed25519) or 33 \
     bytes (secp256k1), as `tmkms key show` prints it"
)]
pub struct NotPublicKey;

/// Reads a public key in base64 or hexadecimal; its length says of which kind it is.
///
/// # Errors
/// [`NotPublicKey`].
pub fn parse_public_key(text: &str) -> Result<PublicKey, NotPublicKey> {
    let hexadecimal = hex::decode(text).ok().and_then(of_bytes);
    let key = hexadecimal.or_else(|| STANDARD.decode(text).ok().and_then(of_bytes));
    key.ok_or(NotPublicKey)
}

fn of_bytes(bytes: Vec<u8>) -> Option<PublicKey> {
    match bytes.len() {
        32 => bytes.try_into().ok().map(PublicKey::Ed25519),
        33 => bytes.try_into().ok().map(PublicKey::Secp256k1),
        _ => None,
    }
}

/// The key in base64, after its kind.
pub(crate) fn told(key: &PublicKey) -> String {
    format!("{} {}", key.type_name(), STANDARD.encode(key.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_is_read_in_both_forms_and_kinds() {
        let ed25519 = PublicKey::Ed25519([7; 32]);
        let secp256k1 = PublicKey::Secp256k1([2; 33]);
        for key in [ed25519, secp256k1] {
            let bytes = key.as_bytes();
            assert_eq!(parse_public_key(&hex::encode(bytes)), Ok(key));
            assert_eq!(parse_public_key(&hex::encode_upper(bytes)), Ok(key));
            assert_eq!(parse_public_key(&STANDARD.encode(bytes)), Ok(key));
        }
        for text in ["", "kiravalconspub1", "00", &STANDARD.encode([1; 20])] {
            assert_eq!(parse_public_key(text), Err(NotPublicKey), "{text}");
        }
    }
}
