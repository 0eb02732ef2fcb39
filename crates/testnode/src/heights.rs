//! Made-up blocks, and the messages that a validator signs for them.

use privval::{BlockId, Canonical, ChainId, Height, Proposal, Round, Timestamp, Vote, VoteType};
use sha2::{Digest, Sha256};

/// The block of a height: its hashes are those of the name.
#[must_use]
pub fn block_id(name: &str) -> BlockId {
    BlockId {
        hash: Sha256::digest(name.as_bytes()).into(),
        parts_total: 1,
        parts_hash: Sha256::digest([name.as_bytes(), b" parts"].concat()).into(),
    }
}

/// A proposal in round 0.
#[must_use]
pub fn proposal(chain_id: &ChainId, height: Height, timestamp: Timestamp) -> Canonical {
    Canonical::Proposal(Proposal {
        height,
        round: Round::default(),
        pol_round: -1,
        block_id: block_id(&height.to_string()),
        timestamp,
        chain_id: chain_id.clone(),
    })
}

/// A prevote for the height's block, in round 0.
#[must_use]
pub fn prevote(chain_id: &ChainId, height: Height, timestamp: Timestamp) -> Canonical {
    vote(chain_id, height, timestamp, VoteType::Prevote)
}

/// A precommit for the height's block, in round 0.
#[must_use]
pub fn precommit(chain_id: &ChainId, height: Height, timestamp: Timestamp) -> Canonical {
    vote(chain_id, height, timestamp, VoteType::Precommit)
}

fn vote(
    chain_id: &ChainId,
    height: Height,
    timestamp: Timestamp,
    vote_type: VoteType,
) -> Canonical {
    Canonical::Vote(Vote {
        vote_type,
        height,
        round: Round::default(),
        block_id: Some(block_id(&height.to_string())),
        timestamp,
        chain_id: chain_id.clone(),
    })
}
