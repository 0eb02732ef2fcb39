//! The keys of WireGuard: 32 bytes, written in base64 with padding (wg(8), "CONFIGURATION FILE
//! FORMAT").

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use subtle::ConstantTimeEq as _;
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

/// What both secrets have in common.
macro_rules! secret {
    ($name:ident) => {
        impl $name {
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
        }
    };
}

secret!(PrivateKey);
secret!(PresharedKey);

impl PrivateKey {
    /// A new key, clamped (RFC 7748, section 5) as wg(8) writes it. Keys that are read are clamped
    /// when they are used.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        let mut key = Self(*random()?);
        let [first, .., last] = &mut key.0;
        *first &= 0b1111_1000;
        *last = *last & 0b0111_1111 | 0b0100_0000;
        Ok(key)
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

    /// Whether all bytes are zero, as the kernel shows an interface without a key.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.has_bytes(&[0; KEY_LEN])
    }

    /// Whether the secret has these bytes, compared in constant time.
    #[must_use]
    pub fn has_bytes(&self, bytes: &[u8; KEY_LEN]) -> bool {
        self.0.ct_eq(bytes).into()
    }
}

impl PresharedKey {
    /// A new key.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn generate() -> Result<Self, getrandom::Error> {
        random().map(|bytes| Self(*bytes))
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

    /// Whether it is one of the few points with which everybody agrees on zero (RFC 7748,
    /// section 6.1). No private key has such a public key.
    #[must_use]
    pub fn is_weak(&self) -> bool {
        let any = StaticSecret::from([1; KEY_LEN]);
        let agreed = any.diffie_hellman(&x25519_dalek::PublicKey::from(self.0));
        !agreed.was_contributory()
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

fn random() -> Result<Zeroizing<[u8; KEY_LEN]>, getrandom::Error> {
    let mut bytes = Zeroizing::new([0; KEY_LEN]);
    getrandom::fill(&mut *bytes)?;
    Ok(bytes)
}

/// Into a buffer that is wiped, also when the text is no key.
fn decode(text: &str) -> Result<Zeroizing<[u8; KEY_LEN]>, KeyError> {
    let mut buffer = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
    let length = STANDARD
        .decode_slice(text, &mut buffer)
        .map_err(|_| KeyError::NotBase64)?;
    let bytes = buffer.get(..length).unwrap_or_default();
    let array = bytes.try_into().map_err(|_| KeyError::Length(length))?;
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

    #[test]
    fn new_keys_are_clamped_and_differ() {
        let (one, other) = (
            PrivateKey::generate().unwrap(),
            PrivateKey::generate().unwrap(),
        );
        assert!(!one.has_bytes(&other.0));
        for key in [one, other] {
            assert_eq!(key.0[0] & 0b111, 0);
            assert_eq!(key.0[31] & 0b1100_0000, 0b0100_0000);
            assert!(!key.is_zero() && !key.public_key().is_weak());
            let text = key.to_base64_secret();
            assert!(PrivateKey::from_base64(&text).unwrap().has_bytes(&key.0));
        }
    }

    #[test]
    fn keys_that_agree_on_zero_are_known() {
        let one: [u8; KEY_LEN] = std::array::from_fn(|i| u8::from(i == 0));
        assert!(PublicKey::from_bytes([0; KEY_LEN]).is_weak());
        assert!(PublicKey::from_bytes(one).is_weak());
    }
}
