use prost::Message as _;

use crate::canonical::{self, Proposal, Vote};
use crate::frame::frame;
use crate::proto::{self, Sum, Version};
use crate::request::Subject;
use crate::types::{PublicKey, Timestamp};

/// A reply as a node reads it.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The public key.
    PubKey(PublicKey),
    /// A signed vote.
    Vote(Signed),
    /// A signed proposal.
    Proposal(Signed),
    /// A signature over raw bytes.
    RawBytes(Vec<u8>),
    /// A pong.
    Pong,
    /// A refusal: code and description.
    Refused {
        /// The code.
        code: i32,
        /// The description.
        description: String,
    },
    /// Nothing that a node understands.
    Unknown,
}

/// What a node takes from a signed vote or proposal.
#[derive(Clone, Debug, PartialEq)]
pub struct Signed {
    /// The signature.
    pub signature: Vec<u8>,
    /// The timestamp that was signed.
    pub timestamp: Timestamp,
    /// The signature of the extension; empty when there is none.
    pub extension_signature: Vec<u8>,
}

/// A framed `PubKeyRequest`.
#[must_use]
pub fn pub_key_request(chain_id: &str) -> Vec<u8> {
    encode(Sum::PubKeyRequest(proto::PubKeyRequest {
        chain_id: chain_id.to_owned(),
    }))
}

/// A framed `PingRequest`.
#[must_use]
pub fn ping() -> Vec<u8> {
    encode(Sum::PingRequest(proto::Empty {}))
}

/// A framed `SignVoteRequest`.
#[must_use]
pub fn sign_vote_request(vote: &Vote, extension: &[u8], skip_extension_signing: bool) -> Vec<u8> {
    encode_vote(vote, &[], extension, skip_extension_signing)
}

/// A framed `SignVoteRequest` that names the validator, as a node's always does. Some signers
/// refuse one without.
#[must_use]
pub fn sign_vote_request_of(
    vote: &Vote,
    validator_address: &[u8; 20],
    extension: &[u8],
    skip_extension_signing: bool,
) -> Vec<u8> {
    encode_vote(vote, validator_address, extension, skip_extension_signing)
}

fn encode_vote(
    vote: &Vote,
    validator_address: &[u8],
    extension: &[u8],
    skip_extension_signing: bool,
) -> Vec<u8> {
    encode(Sum::SignVoteRequest(proto::SignVoteRequest {
        vote: Some(proto::Vote {
            r#type: canonical::vote_type_number(vote.vote_type),
            height: vote.height.value(),
            round: vote.round.value(),
            // Go writes an absent block id as an empty message, never as no message.
            block_id: Some(
                vote.block_id
                    .as_ref()
                    .map_or_else(empty_block_id, canonical::block_id_to_proto),
            ),
            timestamp: Some(canonical::timestamp_to_proto(vote.timestamp)),
            validator_address: validator_address.to_vec(),
            extension: extension.to_vec(),
            ..Default::default()
        }),
        chain_id: vote.chain_id.as_str().to_owned(),
        skip_extension_signing,
    }))
}

/// A framed `SignProposalRequest`.
#[must_use]
pub fn sign_proposal_request(proposal: &Proposal) -> Vec<u8> {
    encode(Sum::SignProposalRequest(proto::SignProposalRequest {
        proposal: Some(proto::Proposal {
            r#type: proto::PROPOSAL,
            height: proposal.height.value(),
            round: proposal.round.value(),
            pol_round: proposal.pol_round,
            block_id: Some(canonical::block_id_to_proto(&proposal.block_id)),
            timestamp: Some(canonical::timestamp_to_proto(proposal.timestamp)),
            signature: Vec::new(),
        }),
        chain_id: proposal.chain_id.as_str().to_owned(),
    }))
}

/// A framed `SignBytesRequest` of CometBFT 1.0.
#[must_use]
pub fn sign_bytes_request(value: &[u8]) -> Vec<u8> {
    let request = proto::SignBytesRequest {
        value: value.to_vec(),
    };
    encode(Sum::RawBytesRequest(request.encode_to_vec()))
}

/// A framed `SignRawBytesRequest` of Celestia.
#[must_use]
pub fn sign_raw_bytes_request(chain_id: &str, raw_bytes: &[u8], unique_id: &str) -> Vec<u8> {
    let request = proto::SignRawBytesRequest {
        chain_id: chain_id.to_owned(),
        raw_bytes: raw_bytes.to_vec(),
        unique_id: unique_id.to_owned(),
    };
    encode(Sum::RawBytesRequest(request.encode_to_vec()))
}

impl Answer {
    /// Reads one reply, without its length prefix, as nodes up to 0.40 do.
    #[must_use]
    pub fn parse(message: &[u8]) -> Self {
        Self::parse_as(Version::V0_34, message)
    }

    /// Reads one reply, without its length prefix, as a node of that version does: they differ in
    /// where the public key is.
    #[must_use]
    pub fn parse_as(version: Version, message: &[u8]) -> Self {
        let Ok(proto::Message { sum: Some(sum) }) = proto::Message::decode(message) else {
            return Self::Unknown;
        };
        match sum {
            Sum::PubKeyResponse(r) => refused(r.error).or_else(|| {
                let key = match version {
                    Version::V1_0 => typed_public_key(&r.pub_key_type, r.pub_key_bytes),
                    _ => public_key(r.pub_key),
                };
                key.map(Self::PubKey)
            }),
            Sum::SignedVoteResponse(r) => {
                refused(r.error).or_else(|| r.vote.and_then(signed_vote).map(Self::Vote))
            }
            Sum::SignedProposalResponse(r) => refused(r.error)
                .or_else(|| r.proposal.and_then(signed_proposal).map(Self::Proposal)),
            Sum::RawBytesResponse(r) => refused(r.error).or(Some(Self::RawBytes(r.signature))),
            Sum::PingResponse(_) => Some(Self::Pong),
            _ => None,
        }
        .unwrap_or(Self::Unknown)
    }
}

/// What a reply is about, even if it is a refusal: a node takes no other kind than it asked for.
#[must_use]
pub fn subject(message: &[u8]) -> Option<Subject> {
    match proto::Message::decode(message).ok()?.sum? {
        Sum::PubKeyResponse(_) => Some(Subject::PubKey),
        Sum::SignedVoteResponse(_) => Some(Subject::Vote),
        Sum::SignedProposalResponse(_) => Some(Subject::Proposal),
        Sum::RawBytesResponse(_) => Some(Subject::RawBytes),
        _ => None,
    }
}

fn encode(sum: Sum) -> Vec<u8> {
    frame(&proto::Message { sum: Some(sum) }.encode_to_vec())
}

fn empty_block_id() -> proto::BlockId {
    proto::BlockId {
        hash: Vec::new(),
        part_set_header: Some(proto::PartSetHeader::default()),
    }
}

fn refused(error: Option<proto::RemoteSignerError>) -> Option<Answer> {
    error.map(|e| Answer::Refused {
        code: e.code,
        description: e.description,
    })
}

fn public_key(key: Option<proto::PublicKey>) -> Option<PublicKey> {
    match key?.sum? {
        proto::PublicKeySum::Ed25519(bytes) => bytes.try_into().ok().map(PublicKey::Ed25519),
        proto::PublicKeySum::Secp256k1(bytes) => bytes.try_into().ok().map(PublicKey::Secp256k1),
    }
}

fn typed_public_key(type_name: &str, bytes: Vec<u8>) -> Option<PublicKey> {
    let key = match type_name {
        "ed25519" => PublicKey::Ed25519(bytes.try_into().ok()?),
        "secp256k1" => PublicKey::Secp256k1(bytes.try_into().ok()?),
        _ => return None,
    };
    Some(key)
}

fn signed_vote(vote: proto::Vote) -> Option<Signed> {
    Some(Signed {
        signature: vote.signature,
        timestamp: canonical::timestamp(vote.timestamp).ok()?,
        extension_signature: vote.extension_signature,
    })
}

fn signed_proposal(proposal: proto::Proposal) -> Option<Signed> {
    Some(Signed {
        signature: proposal.signature,
        timestamp: canonical::timestamp(proposal.timestamp).ok()?,
        extension_signature: Vec::new(),
    })
}
