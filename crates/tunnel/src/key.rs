//! The keys of WireGuard: 32 bytes, written in base64 with padding (wg(8), "CONFIGURATION FILE
//! FORMAT").

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use x25519_dalek::StaticSecret;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

/// Bytes of each key.
pub const KEY_LEN: usize = 32;

/// Why a text is not a key. It never holds the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not base64.
    #[error("a key is 44 characters of base64, the last one `=`; this is no base64")]
    NotBase64,
    /// Base64 of another length.
    #[error("a key has 32 bytes, written as 44 characters of base64; this has {0} bytes")]
    Length(usize),
}

/// The static private key of one end.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PrivateKey([u8; KEY_LEN]);

/// A secret that two ends share besides their keys.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PresharedKey([u8; KEY_LEN]);

/// The static public key of one end.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey([u8; KEY_LEN]);

impl PrivateKey {
    /// A key from these bytes. They are clamped when used (RFC 7748, section 5).
    #[must_use]
    pub fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// Reads base64.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        decode(text).map(|bytes| Self(*bytes))
    }

    /// The base64 of the secret, for a file of mode 0600.
    #[must_use]
    pub fn to_base64_secret(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0))
    }

    /// The public key.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        PublicKey(x25519_dalek::PublicKey::from(&self.to_secret()).to_bytes())
    }

    /// The key as the handshake takes it.
    #[must_use]
    pub fn to_secret(&self) -> StaticSecret {
        StaticSecret::from(self.0)
    }
}

impl PresharedKey {
    /// A key from these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// Reads base64.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        decode(text).map(|bytes| Self(*bytes))
    }

    /// The base64 of the secret, for a file of mode 0600.
    #[must_use]
    pub fn to_base64_secret(&self) -> Zeroizing<String> {
        Zeroizing::new(STANDARD.encode(self.0))
    }

    /// The bytes, for the handshake.
    #[must_use]
    pub fn secret_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }
}

impl PublicKey {
    /// A key from these bytes.
    #[must_use]
    pub fn from_bytes(bytes: [u8; KEY_LEN]) -> Self {
        Self(bytes)
    }

    /// Reads base64.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn from_base64(text: &str) -> Result<Self, KeyError> {
        decode(text).map(|bytes| Self(*bytes))
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; KEY_LEN] {
        &self.0
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

fn decode(text: &str) -> Result<Zeroizing<[u8; KEY_LEN]>, KeyError> {
    let bytes = Zeroizing::new(STANDARD.decode(text).map_err(|_| KeyError::NotBase64)?);
    let array: [u8; KEY_LEN] = bytes
        .as_slice()
        .try_into()
        .map_err(|_| KeyError::Length(bytes.len()))?;
    Ok(Zeroizing::new(array))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_key_is_that_of_rfc_7748() {
        let alice = "dwdtCnMYpX08FsFyUbJmRd9ML4frwJkqsXf7pR25LCo=";
        let public = PrivateKey::from_base64(alice).unwrap().public_key();
        assert_eq!(
            public.to_string(),
            "hSDwCYkwp1R0i33ctD73Wg2/Og0mOBr066SpjqqbTmo="
        );
    }

    #[test]
    fn wrong_lengths_and_letters_are_named_without_the_text() {
        assert_eq!(
            PublicKey::from_base64("AAAA").unwrap_err(),
            KeyError::Length(3)
        );
        assert_eq!(
            PrivateKey::from_base64("no key!").err().unwrap(),
            KeyError::NotBase64
        );
    }
}
