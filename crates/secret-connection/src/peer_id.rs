//! The fingerprint of a peer's public key.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;

/// The first 20 bytes of SHA-256 of an Ed25519 public key (CometBFT
/// `p2p/key.go`, `crypto/ed25519/ed25519.go`).
///
/// Shown as 40 lower-case hex digits, read in either case. Equality takes the
/// same time wherever two IDs differ.
#[derive(Clone, Copy)]
pub struct PeerId([u8; PeerId::LEN]);

impl PeerId {
    /// Length in bytes.
    pub const LEN: usize = 20;

    /// The ID of the holder of this public key.
    #[must_use]
    pub fn from_public_key(public_key: &[u8; 32]) -> Self {
        let mut id = [0; Self::LEN];
        for (to, from) in id.iter_mut().zip(Sha256::digest(public_key)) {
            *to = from;
        }
        Self(id)
    }

    /// An ID from its 20 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::LEN]) -> Self {
        Self(bytes)
    }

    /// The 20 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }
}

impl PartialEq for PeerId {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for PeerId {}

impl fmt::Display for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PeerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PeerId({self})")
    }
}

/// A text that is no peer ID.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum PeerIdError {
    /// Too short or too long.
    #[error("a peer ID is 40 hex digits, this one has {found} characters")]
    Length {
        /// How many characters there are.
        found: usize,
    },
    /// A character that is no hex digit.
    #[error("a peer ID is 40 hex digits, but character {position} is {found:?}")]
    Digit {
        /// Where it is, counted from 1.
        position: usize,
        /// The character itself.
        found: char,
    },
}

impl FromStr for PeerId {
    type Err = PeerIdError;

    /// # Errors
    /// [`PeerIdError`] unless the text is exactly 40 hex digits.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = text.chars().count();
        if found != 2 * Self::LEN {
            return Err(PeerIdError::Length { found });
        }
        let mut id = [0_u8; Self::LEN];
        for (index, digit) in text.chars().enumerate() {
            let value = hex_value(digit).ok_or(PeerIdError::Digit {
                position: index + 1,
                found: digit,
            })?;
            if let Some(byte) = id.get_mut(index / 2) {
                *byte = (*byte << 4) | value;
            }
        }
        Ok(Self(id))
    }
}

fn hex_value(digit: char) -> Option<u8> {
    digit
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::PeerId;

    const LOWER: &str = "21fe31dfa154a261626bf854046fd2271b7bed4b";

    #[test]
    fn either_case_is_read_and_lower_case_is_shown() {
        let lower: PeerId = LOWER.parse().unwrap();
        let upper: PeerId = LOWER.to_uppercase().parse().unwrap();
        assert_eq!(lower, upper);
        assert_eq!(upper.to_string(), LOWER);
        assert_eq!(format!("{lower:?}"), format!("PeerId({LOWER})"));
    }

    #[test]
    fn any_differing_bit_makes_another_peer() {
        let id: PeerId = LOWER.parse().unwrap();
        for bit in 0..8 * PeerId::LEN {
            let mut bytes = *id.as_bytes();
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_ne!(PeerId::from_bytes(bytes), id, "bit {bit}");
        }
    }

    #[test]
    fn a_wrong_length_is_named() {
        for (text, found) in [("", 0), (&LOWER[1..], 39), (&format!("{LOWER}0"), 41)] {
            let error = text.parse::<PeerId>().unwrap_err();
            assert_eq!(
                error.to_string(),
                format!("a peer ID is 40 hex digits, this one has {found} characters")
            );
        }
    }

    #[test]
    fn a_character_that_is_no_digit_is_named() {
        for bad in ['g', ' ', 'é'] {
            let text = LOWER.replacen('e', &bad.to_string(), 1);
            assert_eq!(
                text.parse::<PeerId>().unwrap_err().to_string(),
                format!("a peer ID is 40 hex digits, but character 4 is {bad:?}")
            );
        }
    }
}
