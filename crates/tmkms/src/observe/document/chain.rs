//! What is told of a chain.

use serde::{Deserialize, Serialize};

/// A chain.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Its id.
    pub id: String,
    /// Its key.
    pub key: Key,
    /// Whether it signs.
    pub state: ChainState,
    /// Why it does not sign, in words.
    pub why: Option<String>,
    /// Why its state could not be written now, before anybody asks.
    #[serde(default)]
    pub state_trouble: Option<String>,
    /// What was signed last.
    pub last_signed: Option<LastSigned>,
    /// How many signatures were given.
    pub signatures: Signatures,
    /// How many requests were refused, by cause.
    pub refusals: Vec<Refusals>,
    /// The last refusal.
    pub last_refusal: Option<LastRefusal>,
    /// How long votes and proposals took, repeated ones left out.
    pub latency: Latency,
    /// The last heights.
    #[serde(default)]
    pub heights: Heights,
}

impl Chain {
    /// Whether it would sign what the guard allows.
    #[must_use]
    pub fn can_sign(&self) -> bool {
        self.state == ChainState::Ready && self.state_trouble.is_none()
    }
}

/// Whether a chain signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChainState {
    /// It signs what the guard allows.
    #[default]
    Ready,
    /// It has no past and lets heights pass.
    Waiting,
    /// It signs nothing until a restart.
    Stopped,
}

/// A consensus key; all of it is public.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// `ed25519` or `secp256k1`.
    pub algorithm: String,
    /// As `key_format` wants it.
    pub public_key: String,
    /// The address by which nodes know the validator, in hexadecimal.
    pub address: String,
    /// Who holds the key: `softsign`.
    pub provider: String,
    /// What is at the place of the file that it was read from.
    #[serde(default)]
    pub file: KeyFile,
}

/// A key file, as seen from outside: it is never read again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyFile {
    /// The one that was read, unchanged.
    #[default]
    Same,
    /// Another one, or it was written to.
    Changed,
    /// Nothing.
    Gone,
}

/// The last place that was signed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastSigned {
    /// The height.
    pub height: i64,
    /// The round.
    pub round: i32,
    /// The step: 0 proposal, 1 prevote, 2 precommit.
    pub step: u8,
    /// How long ago; `None` where it was before this process started.
    pub age_s: Option<u64>,
    /// When that was, in milliseconds since 1970.
    #[serde(default)]
    pub unix_ms: Option<u64>,
}

/// The last heights up to the highest at which something was signed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heights {
    /// The height of the last mark; 0 where there are none.
    pub newest: i64,
    /// One character for each height, the highest last, 100 at most and none from before the
    /// start: `S` for a signed precommit, `p` for less than that, `.` for nothing.
    pub marks: String,
    /// How many heights went by without a precommit since the start, below the last but one.
    pub missed: u64,
}

/// How many signatures were given since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signatures {
    /// Of proposals, each counted once.
    pub proposals: u64,
    /// Of prevotes, each counted once.
    pub prevotes: u64,
    /// Of precommits, each counted once.
    pub precommits: u64,
    /// The same once more, because a node asked again.
    pub repeated: u64,
    /// Of raw bytes.
    pub raw_bytes: u64,
}

/// Refusals of one kind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusals {
    /// The kind.
    pub cause: String,
    /// How many.
    pub count: u64,
}

/// A refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastRefusal {
    /// Its kind.
    pub cause: String,
    /// In words. What the node sent may be in it, without control characters.
    pub text: String,
    /// How long ago.
    pub age_s: u64,
}

/// How long each stage took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Reading the request.
    pub decode: Percentiles,
    /// Judging it and making the mark durable, the wait for another node's request included.
    pub commit: Percentiles,
    /// Of `commit`, the wait for the disk: one fdatasync(2).
    #[serde(default)]
    pub sync: Percentiles,
    /// Signing.
    pub sign: Percentiles,
    /// Writing the answer to the connection.
    pub write: Percentiles,
    /// From the whole request to the written answer.
    pub total: Percentiles,
}

/// Percentiles, rounded up by a sixteenth at most.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Percentiles {
    /// Of how many.
    pub count: u64,
    /// The median, in nanoseconds.
    pub p50_ns: u64,
    /// What 99 of 100 stay at or below.
    pub p99_ns: u64,
    /// The longest, exactly.
    pub max_ns: u64,
    /// All of them together.
    #[serde(default)]
    pub sum_ns: u64,
    /// How many there were of which length, without the lengths of which there was none.
    #[serde(default)]
    pub buckets: Vec<Bucket>,
}

/// Durations of about one length: longer than half of `le_ns`, and at most that.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// The longest that is counted here: 2ⁿ − 1 nanoseconds.
    pub le_ns: u64,
    /// How many.
    pub count: u64,
}
