//! Canonical votes and proposals: what a consensus signature covers.
//!
//! Source: CometBFT `types/canonical.go`, `types/vote.go` (`VoteSignBytes`),
//! `types/proposal.go` (`ProposalSignBytes`), the same from 0.34 to 1.0. The sign bytes are the
//! canonical message with a uvarint length before it. Checked against bytes made by the Go code
//! (`interop/vectors`).
//!
//! Invariant: one value has one encoding. [`Canonical::parse`] takes only what
//! [`Canonical::sign_bytes`] gives, so two texts that differ are two values that differ.

use prost::Message as _;

use crate::proto;
use crate::request::Malformed;
use crate::types::{BlockId, ChainId, Height, Hrs, Round, Step, Timestamp};

/// A vote or a proposal in the form that is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Canonical {
    /// A prevote or a precommit.
    Vote(Vote),
    /// A proposal.
    Proposal(Proposal),
}

/// Which of a round's two votes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VoteType {
    /// The first vote.
    Prevote,
    /// The second vote.
    Precommit,
}

/// A vote: for a block, or for nil.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Vote {
    /// Prevote or precommit.
    pub vote_type: VoteType,
    /// The height voted on.
    pub height: Height,
    /// The round voted in.
    pub round: Round,
    /// The block voted for; `None` is a vote for nil.
    pub block_id: Option<BlockId>,
    /// When the validator voted, by the node's clock.
    pub timestamp: Timestamp,
    /// The chain.
    pub chain_id: ChainId,
}

/// A proposal of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The height proposed for.
    pub height: Height,
    /// The round proposed in.
    pub round: Round,
    /// The round of the proof of lock, −1 when there is none.
    pub pol_round: i32,
    /// The block proposed.
    pub block_id: BlockId,
    /// The block's time.
    pub timestamp: Timestamp,
    /// The chain.
    pub chain_id: ChainId,
}

/// Why bytes are not the sign bytes of a vote or a proposal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// Not protobuf, or not of this shape.
    #[error("the bytes are not a canonical vote or proposal")]
    NotCanonical,
    /// Of the right shape with a value out of range.
    #[error("{0}")]
    Malformed(#[from] Malformed),
}

impl Canonical {
    /// Height, round and step.
    #[must_use]
    pub fn hrs(&self) -> Hrs {
        match self {
            Self::Vote(vote) => vote.hrs(),
            Self::Proposal(proposal) => proposal.hrs(),
        }
    }

    /// The chain it is for.
    #[must_use]
    pub fn chain_id(&self) -> &ChainId {
        match self {
            Self::Vote(vote) => &vote.chain_id,
            Self::Proposal(proposal) => &proposal.chain_id,
        }
    }

    /// The block it is for; `None` is nil.
    #[must_use]
    pub fn block_id(&self) -> Option<&BlockId> {
        match self {
            Self::Vote(vote) => vote.block_id.as_ref(),
            Self::Proposal(proposal) => Some(&proposal.block_id),
        }
    }

    /// The time in it.
    #[must_use]
    pub fn timestamp(&self) -> Timestamp {
        match self {
            Self::Vote(vote) => vote.timestamp,
            Self::Proposal(proposal) => proposal.timestamp,
        }
    }

    /// True when nothing but the timestamps may differ: then one signature serves both.
    ///
    /// The condition of CometBFT's FilePV (`privval/file.go`,
    /// `checkVotesOnlyDifferByTimestamp`).
    #[must_use]
    pub fn same_but_for_timestamp(&self, other: &Self) -> bool {
        let mut other = other.clone();
        match &mut other {
            Self::Vote(vote) => vote.timestamp = self.timestamp(),
            Self::Proposal(proposal) => proposal.timestamp = self.timestamp(),
        }
        *self == other
    }

    /// What is signed: the canonical protobuf message after its length.
    #[must_use]
    pub fn sign_bytes(&self) -> Vec<u8> {
        match self {
            Self::Vote(vote) => vote.to_proto().encode_length_delimited_to_vec(),
            Self::Proposal(proposal) => proposal.to_proto().encode_length_delimited_to_vec(),
        }
    }

    /// Reads sign bytes back.
    ///
    /// # Errors
    /// [`CanonicalError`] unless the bytes are exactly what [`Self::sign_bytes`] gives for some
    /// value: a longer encoding, an unknown field or a trailing byte is refused.
    pub fn parse(sign_bytes: &[u8]) -> Result<Self, CanonicalError> {
        let parsed = match parse_vote(sign_bytes) {
            Ok(vote) => Self::Vote(vote),
            Err(_) => Self::Proposal(parse_proposal(sign_bytes)?),
        };
        if parsed.sign_bytes() != sign_bytes {
            return Err(CanonicalError::NotCanonical);
        }
        Ok(parsed)
    }

    /// True when a signature over `bytes` might pass for one over a vote, a proposal or a vote
    /// extension, on this chain or another.
    ///
    /// Wider than [`Self::parse`] on purpose: it guards the signing of raw bytes, where a false
    /// alarm costs nothing and a miss would be a forged vote.
    #[must_use]
    pub fn looks_like_consensus(bytes: &[u8]) -> bool {
        let known = |t| matches!(t, proto::PREVOTE | proto::PRECOMMIT | proto::PROPOSAL);
        let vote = proto::CanonicalVote::decode_length_delimited(bytes)
            .is_ok_and(|v| known(v.r#type) || v.height != 0);
        let proposal = proto::CanonicalProposal::decode_length_delimited(bytes)
            .is_ok_and(|p| known(p.r#type) || p.height != 0);
        let extension = proto::CanonicalVoteExtension::decode_length_delimited(bytes)
            .is_ok_and(|e| e.height != 0);
        vote || proposal || extension
    }
}

impl Vote {
    /// Height, round and step.
    #[must_use]
    pub fn hrs(&self) -> Hrs {
        Hrs {
            height: self.height,
            round: self.round,
            step: match self.vote_type {
                VoteType::Prevote => Step::Prevote,
                VoteType::Precommit => Step::Precommit,
            },
        }
    }

    /// True for a precommit for a block, the only vote that carries an extension.
    #[must_use]
    pub fn may_be_extended(&self) -> bool {
        self.vote_type == VoteType::Precommit && self.block_id.is_some()
    }

    fn to_proto(&self) -> proto::CanonicalVote {
        proto::CanonicalVote {
            r#type: vote_type_number(self.vote_type),
            height: self.height.value(),
            round: self.round.value().into(),
            block_id: self.block_id.as_ref().map(block_id_to_proto),
            timestamp: Some(timestamp_to_proto(self.timestamp)),
            chain_id: self.chain_id.as_str().to_owned(),
        }
    }
}

impl Proposal {
    /// Height, round and step.
    #[must_use]
    pub fn hrs(&self) -> Hrs {
        Hrs {
            height: self.height,
            round: self.round,
            step: Step::Propose,
        }
    }

    fn to_proto(&self) -> proto::CanonicalProposal {
        proto::CanonicalProposal {
            r#type: proto::PROPOSAL,
            height: self.height.value(),
            round: self.round.value().into(),
            pol_round: self.pol_round.into(),
            block_id: Some(block_id_to_proto(&self.block_id)),
            timestamp: Some(timestamp_to_proto(self.timestamp)),
            chain_id: self.chain_id.as_str().to_owned(),
        }
    }
}

/// The sign bytes of a vote extension (CometBFT `types/vote.go`, `VoteExtensionSignBytes`, since
/// 0.38). They cannot be taken for a vote's: field 1 is bytes here and a number there.
#[must_use]
pub fn extension_sign_bytes(
    chain_id: &ChainId,
    height: Height,
    round: Round,
    extension: &[u8],
) -> Vec<u8> {
    proto::CanonicalVoteExtension {
        extension: extension.to_vec(),
        height: height.value(),
        round: round.value().into(),
        chain_id: chain_id.as_str().to_owned(),
    }
    .encode_length_delimited_to_vec()
}

fn parse_vote(sign_bytes: &[u8]) -> Result<Vote, CanonicalError> {
    let vote = proto::CanonicalVote::decode_length_delimited(sign_bytes)
        .map_err(|_| CanonicalError::NotCanonical)?;
    Ok(Vote {
        vote_type: vote_type(vote.r#type)?,
        height: height(vote.height)?,
        round: round_from_i64(vote.round)?,
        block_id: block_id(vote.block_id.as_ref())?,
        timestamp: timestamp(vote.timestamp)?,
        chain_id: chain_id(&vote.chain_id)?,
    })
}

fn parse_proposal(sign_bytes: &[u8]) -> Result<Proposal, CanonicalError> {
    let proposal = proto::CanonicalProposal::decode_length_delimited(sign_bytes)
        .map_err(|_| CanonicalError::NotCanonical)?;
    if proposal.r#type != proto::PROPOSAL {
        return Err(CanonicalError::NotCanonical);
    }
    Ok(Proposal {
        height: height(proposal.height)?,
        round: round_from_i64(proposal.round)?,
        pol_round: pol_round(
            i32::try_from(proposal.pol_round).map_err(|_| CanonicalError::NotCanonical)?,
        )?,
        block_id: block_id(proposal.block_id.as_ref())?.ok_or(Malformed::ProposalWithoutBlock)?,
        timestamp: timestamp(proposal.timestamp)?,
        chain_id: chain_id(&proposal.chain_id)?,
    })
}

pub(crate) fn vote_type(number: i32) -> Result<VoteType, Malformed> {
    match number {
        proto::PREVOTE => Ok(VoteType::Prevote),
        proto::PRECOMMIT => Ok(VoteType::Precommit),
        other => Err(Malformed::VoteType(other)),
    }
}

pub(crate) fn vote_type_number(vote_type: VoteType) -> i32 {
    match vote_type {
        VoteType::Prevote => proto::PREVOTE,
        VoteType::Precommit => proto::PRECOMMIT,
    }
}

pub(crate) fn height(value: i64) -> Result<Height, Malformed> {
    Ok(Height::try_from(value)?)
}

pub(crate) fn round(value: i32) -> Result<Round, Malformed> {
    Ok(Round::try_from(value)?)
}

fn round_from_i64(value: i64) -> Result<Round, CanonicalError> {
    let value = i32::try_from(value).map_err(|_| CanonicalError::NotCanonical)?;
    Ok(round(value)?)
}

pub(crate) fn pol_round(value: i32) -> Result<i32, Malformed> {
    if value < -1 {
        return Err(Malformed::PolRound(value));
    }
    Ok(value)
}

pub(crate) fn chain_id(text: &str) -> Result<ChainId, Malformed> {
    Ok(ChainId::new(text)?)
}

/// A block id is complete or absent (CometBFT `types/vote.go`, `ValidateBasic`); Go writes an
/// absent one as an empty message.
pub(crate) fn block_id(block_id: Option<&proto::BlockId>) -> Result<Option<BlockId>, Malformed> {
    let Some(block_id) = block_id else {
        return Ok(None);
    };
    let no_parts = proto::PartSetHeader::default();
    let parts = block_id.part_set_header.as_ref().unwrap_or(&no_parts);
    if block_id.hash.is_empty() && parts.total == 0 && parts.hash.is_empty() {
        return Ok(None);
    }
    let (Ok(hash), Ok(parts_hash)) = (
        <[u8; 32]>::try_from(block_id.hash.as_slice()),
        <[u8; 32]>::try_from(parts.hash.as_slice()),
    ) else {
        return Err(Malformed::IncompleteBlockId);
    };
    if parts.total == 0 {
        return Err(Malformed::IncompleteBlockId);
    }
    Ok(Some(BlockId {
        hash,
        parts_total: parts.total,
        parts_hash,
    }))
}

pub(crate) fn block_id_to_proto(block_id: &BlockId) -> proto::BlockId {
    proto::BlockId {
        hash: block_id.hash.to_vec(),
        part_set_header: Some(proto::PartSetHeader {
            total: block_id.parts_total,
            hash: block_id.parts_hash.to_vec(),
        }),
    }
}

/// An absent timestamp is Go's zero time, because Go's decoder leaves the field as it was.
pub(crate) fn timestamp(timestamp: Option<proto::Timestamp>) -> Result<Timestamp, Malformed> {
    /// The last second of year 9999, protobuf's bound (`google/protobuf/timestamp.proto`).
    const MAX_SECONDS: i64 = 253_402_300_799;
    let Some(proto::Timestamp { seconds, nanos }) = timestamp else {
        return Ok(Timestamp::GO_ZERO);
    };
    let seconds_fit = (Timestamp::GO_ZERO.seconds..=MAX_SECONDS).contains(&seconds);
    if !seconds_fit || !(0..=999_999_999).contains(&nanos) {
        return Err(Malformed::Timestamp { seconds, nanos });
    }
    Ok(Timestamp { seconds, nanos })
}

pub(crate) fn timestamp_to_proto(timestamp: Timestamp) -> proto::Timestamp {
    proto::Timestamp {
        seconds: timestamp.seconds,
        nanos: timestamp.nanos,
    }
}
