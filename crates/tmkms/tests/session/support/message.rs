//! Votes and proposals, named by height and block.

use privval::node_side::{sign_proposal_request, sign_vote_request};
use privval::{Canonical, ChainId, Proposal, Round, Timestamp, Vote, VoteType};
use testnode::block_id;

use super::CHAIN;

/// The chain of most tests.
pub(crate) fn chain_id() -> ChainId {
    ChainId::new(CHAIN).unwrap()
}

/// A moment.
pub(crate) fn timestamp(seconds: i64) -> Timestamp {
    Timestamp {
        seconds: 1_700_000_000 + seconds,
        nanos: 5,
    }
}

/// A prevote for a block in round 0.
pub(crate) fn prevote(height: i64, block: &str) -> Canonical {
    prevote_in_round(height, 0, block)
}

/// A prevote for a block in another round.
pub(crate) fn prevote_in_round(height: i64, round: i32, block: &str) -> Canonical {
    vote(VoteType::Prevote, height, round, Some(block))
}

/// A prevote for nil.
pub(crate) fn nil_prevote(height: i64) -> Canonical {
    vote(VoteType::Prevote, height, 0, None)
}

/// A precommit for a block.
pub(crate) fn precommit(height: i64, block: &str) -> Canonical {
    vote(VoteType::Precommit, height, 0, Some(block))
}

/// A precommit for nil.
pub(crate) fn nil_precommit(height: i64) -> Canonical {
    vote(VoteType::Precommit, height, 0, None)
}

/// A proposal in round 0, without a proof of lock.
pub(crate) fn proposal(height: i64, block: &str) -> Canonical {
    proposal_with_pol_round(height, block, 0, -1)
}

/// A proposal with a proof of lock.
pub(crate) fn proposal_with_pol_round(
    height: i64,
    block: &str,
    round: i32,
    pol_round: i32,
) -> Canonical {
    Canonical::Proposal(Proposal {
        height: height.try_into().unwrap(),
        round: Round::try_from(round).unwrap(),
        pol_round,
        block_id: block_id(block),
        timestamp: timestamp(height),
        chain_id: chain_id(),
    })
}

/// The same with a later timestamp.
pub(crate) fn later(message: &Canonical, seconds: i64) -> Canonical {
    let mut message = message.clone();
    let timestamp = match &mut message {
        Canonical::Vote(vote) => &mut vote.timestamp,
        Canonical::Proposal(proposal) => &mut proposal.timestamp,
    };
    timestamp.seconds += seconds;
    message
}

/// The request for a signature of it, without an extension.
pub(crate) fn framed(message: &Canonical) -> Vec<u8> {
    match message {
        Canonical::Vote(vote) => sign_vote_request(vote, &[], false),
        Canonical::Proposal(proposal) => sign_proposal_request(proposal),
    }
}

fn vote(vote_type: VoteType, height: i64, round: i32, block: Option<&str>) -> Canonical {
    Canonical::Vote(Vote {
        vote_type,
        height: height.try_into().unwrap(),
        round: Round::try_from(round).unwrap(),
        block_id: block.map(block_id),
        timestamp: timestamp(height),
        chain_id: chain_id(),
    })
}
