//! The protobuf messages, as the union of every version's fields.
//!
//! Sources: `proto/tendermint/privval/types.proto` (0.34 to 0.40), `proto/cometbft/privval/v1`
//! (1.0), `proto/tendermint/types/{types,canonical}.proto`. Field numbers never changed their
//! meaning between them, with two exceptions that are kept as raw bytes here: oneof 9 and 10
//! (see [`RawBytesRequest`](crate::RawBytesRequest)).

use std::fmt;
use std::str::FromStr;

/// A version of the protocol, named after the CometBFT release that it belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// CometBFT (and Tendermint) 0.34.
    V0_34,
    /// CometBFT 0.37; sekaid is one.
    V0_37,
    /// CometBFT 0.38, the first with vote extensions.
    V0_38,
    /// CometBFT 0.39.
    V0_39,
    /// CometBFT 0.40.
    V0_40,
    /// CometBFT 1.0.
    V1_0,
}

impl Version {
    /// All versions, oldest first.
    pub const ALL: [Self; 6] = [
        Self::V0_34,
        Self::V0_37,
        Self::V0_38,
        Self::V0_39,
        Self::V0_40,
        Self::V1_0,
    ];

    /// The name as configuration files have it: `v0.38`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V0_34 => "v0.34",
            Self::V0_37 => "v0.37",
            Self::V0_38 => "v0.38",
            Self::V0_39 => "v0.39",
            Self::V0_40 => "v0.40",
            Self::V1_0 => "v1.0",
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Version {
    type Err = ();

    fn from_str(s: &str) -> Result<Self, ()> {
        let wanted = s.strip_prefix('v').unwrap_or(s);
        Self::ALL
            .into_iter()
            .find(|v| v.name().strip_prefix('v') == Some(wanted))
            .ok_or(())
    }
}

/// `SignedMsgType`.
pub(crate) const PREVOTE: i32 = 1;
pub(crate) const PRECOMMIT: i32 = 2;
pub(crate) const PROPOSAL: i32 = 32;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Message {
    #[prost(oneof = "Sum", tags = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10")]
    pub(crate) sum: Option<Sum>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum Sum {
    #[prost(message, tag = "1")]
    PubKeyRequest(PubKeyRequest),
    #[prost(message, tag = "2")]
    PubKeyResponse(PubKeyResponse),
    #[prost(message, tag = "3")]
    SignVoteRequest(SignVoteRequest),
    #[prost(message, tag = "4")]
    SignedVoteResponse(SignedVoteResponse),
    #[prost(message, tag = "5")]
    SignProposalRequest(SignProposalRequest),
    #[prost(message, tag = "6")]
    SignedProposalResponse(SignedProposalResponse),
    #[prost(message, tag = "7")]
    PingRequest(Empty),
    #[prost(message, tag = "8")]
    PingResponse(Empty),
    #[prost(bytes = "vec", tag = "9")]
    RawBytesRequest(Vec<u8>),
    #[prost(message, tag = "10")]
    RawBytesResponse(RawBytesResponse),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Empty {}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RemoteSignerError {
    #[prost(int32, tag = "1")]
    pub(crate) code: i32,
    #[prost(string, tag = "2")]
    pub(crate) description: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PubKeyRequest {
    #[prost(string, tag = "1")]
    pub(crate) chain_id: String,
}

/// Field 1 is what 0.34 to 0.40 read, fields 3 and 4 are what 1.0 reads; each skips the other.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PubKeyResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) pub_key: Option<PublicKey>,
    #[prost(message, optional, tag = "2")]
    pub(crate) error: Option<RemoteSignerError>,
    #[prost(bytes = "vec", tag = "3")]
    pub(crate) pub_key_bytes: Vec<u8>,
    #[prost(string, tag = "4")]
    pub(crate) pub_key_type: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PublicKey {
    #[prost(oneof = "PublicKeySum", tags = "1, 2")]
    pub(crate) sum: Option<PublicKeySum>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(crate) enum PublicKeySum {
    #[prost(bytes = "vec", tag = "1")]
    Ed25519(Vec<u8>),
    #[prost(bytes = "vec", tag = "2")]
    Secp256k1(Vec<u8>),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SignVoteRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) vote: Option<Vote>,
    #[prost(string, tag = "2")]
    pub(crate) chain_id: String,
    /// Since 1.0.
    #[prost(bool, tag = "3")]
    pub(crate) skip_extension_signing: bool,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SignedVoteResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) vote: Option<Vote>,
    #[prost(message, optional, tag = "2")]
    pub(crate) error: Option<RemoteSignerError>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SignProposalRequest {
    #[prost(message, optional, tag = "1")]
    pub(crate) proposal: Option<Proposal>,
    #[prost(string, tag = "2")]
    pub(crate) chain_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SignedProposalResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) proposal: Option<Proposal>,
    #[prost(message, optional, tag = "2")]
    pub(crate) error: Option<RemoteSignerError>,
}

/// The same for 1.0's `SignBytesResponse` and Celestia's `SignedRawBytesResponse`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RawBytesResponse {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) signature: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    pub(crate) error: Option<RemoteSignerError>,
}

/// 1.0's `SignBytesRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SignBytesRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) value: Vec<u8>,
}

/// Celestia's `SignRawBytesRequest`.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct SignRawBytesRequest {
    #[prost(string, tag = "1")]
    pub(crate) chain_id: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) raw_bytes: Vec<u8>,
    #[prost(string, tag = "3")]
    pub(crate) unique_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Vote {
    #[prost(int32, tag = "1")]
    pub(crate) r#type: i32,
    #[prost(int64, tag = "2")]
    pub(crate) height: i64,
    #[prost(int32, tag = "3")]
    pub(crate) round: i32,
    #[prost(message, optional, tag = "4")]
    pub(crate) block_id: Option<BlockId>,
    #[prost(message, optional, tag = "5")]
    pub(crate) timestamp: Option<Timestamp>,
    #[prost(bytes = "vec", tag = "6")]
    pub(crate) validator_address: Vec<u8>,
    #[prost(int32, tag = "7")]
    pub(crate) validator_index: i32,
    #[prost(bytes = "vec", tag = "8")]
    pub(crate) signature: Vec<u8>,
    /// Since 0.38.
    #[prost(bytes = "vec", tag = "9")]
    pub(crate) extension: Vec<u8>,
    /// Since 0.38.
    #[prost(bytes = "vec", tag = "10")]
    pub(crate) extension_signature: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Proposal {
    #[prost(int32, tag = "1")]
    pub(crate) r#type: i32,
    #[prost(int64, tag = "2")]
    pub(crate) height: i64,
    #[prost(int32, tag = "3")]
    pub(crate) round: i32,
    #[prost(int32, tag = "4")]
    pub(crate) pol_round: i32,
    #[prost(message, optional, tag = "5")]
    pub(crate) block_id: Option<BlockId>,
    #[prost(message, optional, tag = "6")]
    pub(crate) timestamp: Option<Timestamp>,
    #[prost(bytes = "vec", tag = "7")]
    pub(crate) signature: Vec<u8>,
}

/// Also `CanonicalBlockID`, whose fields have the same numbers and types.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct BlockId {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) hash: Vec<u8>,
    #[prost(message, optional, tag = "2")]
    pub(crate) part_set_header: Option<PartSetHeader>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PartSetHeader {
    #[prost(uint32, tag = "1")]
    pub(crate) total: u32,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) hash: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Timestamp {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanos: i32,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CanonicalVote {
    #[prost(int32, tag = "1")]
    pub(crate) r#type: i32,
    #[prost(sfixed64, tag = "2")]
    pub(crate) height: i64,
    #[prost(sfixed64, tag = "3")]
    pub(crate) round: i64,
    #[prost(message, optional, tag = "4")]
    pub(crate) block_id: Option<BlockId>,
    #[prost(message, optional, tag = "5")]
    pub(crate) timestamp: Option<Timestamp>,
    #[prost(string, tag = "6")]
    pub(crate) chain_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CanonicalProposal {
    #[prost(int32, tag = "1")]
    pub(crate) r#type: i32,
    #[prost(sfixed64, tag = "2")]
    pub(crate) height: i64,
    #[prost(sfixed64, tag = "3")]
    pub(crate) round: i64,
    #[prost(int64, tag = "4")]
    pub(crate) pol_round: i64,
    #[prost(message, optional, tag = "5")]
    pub(crate) block_id: Option<BlockId>,
    #[prost(message, optional, tag = "6")]
    pub(crate) timestamp: Option<Timestamp>,
    #[prost(string, tag = "7")]
    pub(crate) chain_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct CanonicalVoteExtension {
    #[prost(bytes = "vec", tag = "1")]
    pub(crate) extension: Vec<u8>,
    #[prost(sfixed64, tag = "2")]
    pub(crate) height: i64,
    #[prost(sfixed64, tag = "3")]
    pub(crate) round: i64,
    #[prost(string, tag = "4")]
    pub(crate) chain_id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_is_read_with_and_without_its_v() {
        for version in Version::ALL {
            assert_eq!(version.name().parse(), Ok(version));
            assert_eq!(version.name().trim_start_matches('v').parse(), Ok(version));
        }
        assert_eq!("v0.35".parse::<Version>(), Err(()));
        assert_eq!("vv0.34".parse::<Version>(), Err(()));
    }
}
