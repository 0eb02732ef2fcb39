//! The domain's small values: chain id, height, round, step, block id, timestamp, public key.
//!
//! Each is checked when it is made, so that nothing further in has to check it again.

use std::fmt::{self, Write as _};
use std::str::FromStr;

/// The longest chain id that CometBFT accepts, in bytes (`types/genesis.go`, `MaxChainIDLen`).
const MAX_CHAIN_ID_LEN: usize = 50;

/// The name of a chain, as in its genesis file: 1 to 50 bytes of printable text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ChainId(String);

/// Why a text is not a chain id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainIdError {
    /// There is no text.
    #[error("a chain id must not be empty")]
    Empty,
    /// Longer than CometBFT allows.
    #[error("a chain id has at most 50 bytes, this one has {0}")]
    TooLong(usize),
    /// Characters that would make log lines or file names ambiguous.
    #[error("a chain id must not contain control characters, spaces or slashes")]
    BadCharacter,
}

impl ChainId {
    /// Takes a chain id.
    ///
    /// # Errors
    /// [`ChainIdError`] when it is empty, longer than 50 bytes, or holds a control character, a
    /// space or a slash (the id becomes part of a file name).
    pub fn new(id: impl Into<String>) -> Result<Self, ChainIdError> {
        let id = id.into();
        if id.is_empty() {
            return Err(ChainIdError::Empty);
        }
        if id.len() > MAX_CHAIN_ID_LEN {
            return Err(ChainIdError::TooLong(id.len()));
        }
        if id
            .chars()
            .any(|c| c.is_control() || c.is_whitespace() || c == '/')
        {
            return Err(ChainIdError::BadCharacter);
        }
        Ok(Self(id))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for ChainId {
    type Err = ChainIdError;

    fn from_str(s: &str) -> Result<Self, ChainIdError> {
        Self::new(s)
    }
}

/// A number outside the range that consensus allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {value} is negative")]
pub struct OutOfRange {
    /// Which number: "height" or "round".
    pub what: &'static str,
    /// Its value.
    pub value: i64,
}

/// A block height: 0 (before the first block) to 2⁶³−1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Height(i64);

impl Height {
    /// The first block of a chain.
    pub const FIRST: Self = Self(1);

    /// The height as the number that the wire carries; never negative.
    #[must_use]
    pub fn value(self) -> i64 {
        self.0
    }
}

impl TryFrom<i64> for Height {
    type Error = OutOfRange;

    fn try_from(value: i64) -> Result<Self, OutOfRange> {
        if value < 0 {
            return Err(OutOfRange {
                what: "height",
                value,
            });
        }
        Ok(Self(value))
    }
}

impl fmt::Display for Height {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A consensus round within a height: 0 to 2³¹−1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Round(i32);

impl Round {
    /// The round as the number that the wire carries; never negative.
    #[must_use]
    pub fn value(self) -> i32 {
        self.0
    }
}

impl TryFrom<i32> for Round {
    type Error = OutOfRange;

    fn try_from(value: i32) -> Result<Self, OutOfRange> {
        if value < 0 {
            return Err(OutOfRange {
                what: "round",
                value: value.into(),
            });
        }
        Ok(Self(value))
    }
}

impl fmt::Display for Round {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The step within a round, in the order in which a validator signs.
///
/// Numbered 0, 1, 2 as in the state files and log lines of tmkms; CometBFT's
/// `priv_validator_state.json` has 1, 2, 3 for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The proposal of a block.
    Propose = 0,
    /// The first vote.
    Prevote = 1,
    /// The second vote, the one that goes into the commit.
    Precommit = 2,
}

impl Step {
    /// The number that tmkms gives it: 0, 1 or 2.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// Height, round and step: the place of a signature in the order of all that a validator signs.
///
/// Ordered by height, then round, then step. Displayed as `51/0/2`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hrs {
    /// The height.
    pub height: Height,
    /// The round.
    pub round: Round,
    /// The step.
    pub step: Step,
}

impl fmt::Display for Hrs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.height, self.round, self.step.number())
    }
}

/// A text that is not a place as it is displayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this is no height, round and step, as in 51/0/2")]
pub struct NotHrs;

impl FromStr for Hrs {
    type Err = NotHrs;

    /// Reads what is displayed, and no other way to write the same numbers.
    fn from_str(text: &str) -> Result<Self, NotHrs> {
        let mut parts = text.splitn(3, '/');
        let mut next = || parts.next().ok_or(NotHrs);
        let height: i64 = next()?.parse().map_err(|_| NotHrs)?;
        let round: i32 = next()?.parse().map_err(|_| NotHrs)?;
        let hrs = Self {
            height: Height::try_from(height).map_err(|_| NotHrs)?,
            round: Round::try_from(round).map_err(|_| NotHrs)?,
            step: match next()? {
                "0" => Step::Propose,
                "1" => Step::Prevote,
                "2" => Step::Precommit,
                _ => return Err(NotHrs),
            },
        };
        if hrs.to_string() == text {
            return Ok(hrs);
        }
        Err(NotHrs)
    }
}

/// The id of a block: its hash, and the hash and number of its parts. Always complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockId {
    /// SHA-256 root of the header.
    pub hash: [u8; 32],
    /// How many parts the block was cut into; at least 1.
    pub parts_total: u32,
    /// SHA-256 root of the parts.
    pub parts_hash: [u8; 32],
}

impl BlockId {
    /// The first five bytes of the hash in upper-case hexadecimal, as log lines show it.
    #[must_use]
    pub fn prefix(&self) -> String {
        let mut text = String::with_capacity(10);
        for byte in self.hash.iter().take(5) {
            // Writing into a `String` cannot fail.
            let _ = write!(text, "{byte:02X}");
        }
        text
    }
}

/// A point in time as protobuf writes it: seconds and nanoseconds since 1970 in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Timestamp {
    /// Seconds since 1970-01-01T00:00:00Z; may be negative.
    pub seconds: i64,
    /// Nanoseconds within the second, counting forward: 0 to 999,999,999.
    pub nanos: i32,
}

impl Timestamp {
    /// Go's zero time, year 1: what a node decodes when the field is absent.
    pub const GO_ZERO: Self = Self {
        seconds: -62_135_596_800,
        nanos: 0,
    };
}

/// A validator's consensus public key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PublicKey {
    /// Ed25519 (RFC 8032), 32 bytes.
    Ed25519([u8; 32]),
    /// secp256k1, the compressed point, 33 bytes.
    Secp256k1([u8; 33]),
}

impl PublicKey {
    /// The key's bytes as the wire carries them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Ed25519(bytes) => bytes,
            Self::Secp256k1(bytes) => bytes,
        }
    }

    /// CometBFT's name of the key's type: `ed25519` or `secp256k1`.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Ed25519(_) => "ed25519",
            Self::Secp256k1(_) => "secp256k1",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn place_is_read_as_it_is_displayed_and_in_no_other_way() {
        for text in ["0/0/0", "51/0/2", "9223372036854775807/2147483647/1"] {
            assert_eq!(text.parse::<Hrs>().unwrap().to_string(), text);
        }
        for text in [
            "", "51", "51/0", "51/0/3", "51/0/02", "51/0/2/", "+51/0/2", "051/0/2", "-1/0/0",
        ] {
            assert_eq!(text.parse::<Hrs>(), Err(NotHrs), "{text}");
        }
        for text in [
            "51/-1/0",
            "9223372036854775808/0/0",
            "51/2147483648/0",
            " 51/0/2",
        ] {
            assert_eq!(text.parse::<Hrs>(), Err(NotHrs), "{text}");
        }
    }

    #[test]
    fn chain_id_takes_1_to_50_bytes() {
        assert_eq!(ChainId::new(""), Err(ChainIdError::Empty));
        assert!(ChainId::new("k").is_ok());
        assert!(ChainId::new("k".repeat(50)).is_ok());
        assert_eq!(ChainId::new("k".repeat(51)), Err(ChainIdError::TooLong(51)));
    }

    #[test]
    fn chain_id_refuses_what_would_leave_its_directory_or_its_log_line() {
        for bad in ["../x", "a b", "a\nb", "a\u{1b}[0m"] {
            assert_eq!(
                ChainId::new(bad),
                Err(ChainIdError::BadCharacter),
                "{bad:?}"
            );
        }
    }

    #[test]
    fn negative_numbers_are_refused_and_zero_is_not() {
        assert!(Height::try_from(0).is_ok());
        assert_eq!(
            Height::try_from(-1).map_err(|e| e.to_string()),
            Err("height -1 is negative".to_owned())
        );
        assert!(Round::try_from(0).is_ok());
        assert!(Round::try_from(-1).is_err());
    }

    #[test]
    fn hrs_is_ordered_by_height_then_round_then_step() {
        let hrs = |h: i64, r: i32, step| Hrs {
            height: Height::try_from(h).unwrap(),
            round: Round::try_from(r).unwrap(),
            step,
        };
        assert!(hrs(2, 0, Step::Propose) > hrs(1, 9, Step::Precommit));
        assert!(hrs(1, 1, Step::Propose) > hrs(1, 0, Step::Precommit));
        assert!(hrs(1, 0, Step::Precommit) > hrs(1, 0, Step::Prevote));
        assert_eq!(hrs(51, 0, Step::Precommit).to_string(), "51/0/2");
    }
}
