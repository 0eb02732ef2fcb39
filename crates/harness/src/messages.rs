//! The proposals and votes that are asked for.

use std::time::{SystemTime, UNIX_EPOCH};

use privval::{Canonical, ChainId, Height, Proposal, Round, Timestamp, Vote, VoteType};
use testnode::block_id;

/// A place to sign at: a height of a chain, and a round.
#[derive(Clone, Debug)]
pub(crate) struct Spot {
    pub(crate) chain_id: ChainId,
    pub(crate) height: Height,
    pub(crate) round: Round,
}

impl Spot {
    /// A proposal of a named block, with the round of its proof of lock, −1 for none.
    pub(crate) fn proposal(&self, block: &str, pol_round: i32) -> Canonical {
        Canonical::Proposal(Proposal {
            height: self.height,
            round: self.round,
            pol_round,
            block_id: block_id(block),
            timestamp: now(),
            chain_id: self.chain_id.clone(),
        })
    }

    /// A prevote for a named block.
    pub(crate) fn prevote(&self, block: &str) -> Canonical {
        self.vote(VoteType::Prevote, Some(block))
    }

    /// A prevote for nil.
    pub(crate) fn nil_prevote(&self) -> Canonical {
        self.vote(VoteType::Prevote, None)
    }

    /// A precommit for a named block.
    pub(crate) fn precommit(&self, block: &str) -> Canonical {
        self.vote(VoteType::Precommit, Some(block))
    }

    /// A precommit for nil.
    pub(crate) fn nil_precommit(&self) -> Canonical {
        self.vote(VoteType::Precommit, None)
    }

    /// The same height in another round.
    pub(crate) fn in_round(&self, round: i32) -> Self {
        Self {
            round: Round::try_from(round).unwrap_or_default(),
            ..self.clone()
        }
    }

    /// The same place on another chain.
    pub(crate) fn on(&self, chain_id: &ChainId) -> Self {
        Self {
            chain_id: chain_id.clone(),
            ..self.clone()
        }
    }

    fn vote(&self, vote_type: VoteType, block: Option<&str>) -> Canonical {
        Canonical::Vote(Vote {
            vote_type,
            height: self.height,
            round: self.round,
            block_id: block.map(block_id),
            timestamp: now(),
            chain_id: self.chain_id.clone(),
        })
    }
}

/// The same, asked for so many milliseconds later.
pub(crate) fn later(message: &Canonical, ms: i64) -> Canonical {
    let before = message.timestamp();
    let nanos = i64::from(before.nanos) + ms * 1_000_000;
    let timestamp = Timestamp {
        seconds: before.seconds + nanos.div_euclid(1_000_000_000),
        nanos: i32::try_from(nanos.rem_euclid(1_000_000_000)).unwrap_or_default(),
    };
    at_time(message, timestamp)
}

/// The same with another timestamp.
pub(crate) fn at_time(message: &Canonical, timestamp: Timestamp) -> Canonical {
    let mut message = message.clone();
    match &mut message {
        Canonical::Vote(vote) => vote.timestamp = timestamp,
        Canonical::Proposal(proposal) => proposal.timestamp = timestamp,
    }
    message
}

/// What it is, in words: `a prevote for nil`.
pub(crate) fn told(message: &Canonical) -> String {
    let name = match message {
        Canonical::Proposal(_) => "a proposal of",
        Canonical::Vote(vote) if vote.vote_type == VoteType::Prevote => "a prevote for",
        Canonical::Vote(_) => "a precommit for",
    };
    let block = message
        .block_id()
        .map(|id| format!("block {}", id.prefix()));
    format!("{name} {}", block.as_deref().unwrap_or("nil"))
}

fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let since = since.unwrap_or_default();
    Timestamp {
        seconds: i64::try_from(since.as_secs()).unwrap_or_default(),
        nanos: i32::try_from(since.subsec_nanos()).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_carries_over_into_the_seconds() {
        let spot = Spot {
            chain_id: ChainId::new("tmkms-harness-1").unwrap(),
            height: Height::FIRST,
            round: Round::default(),
        };
        let timestamp = Timestamp {
            seconds: 5,
            nanos: 999_000_000,
        };
        let vote = at_time(&spot.nil_prevote(), timestamp);
        let found = later(&vote, 1001).timestamp();
        assert_eq!((found.seconds, found.nanos), (7, 0));
        assert_eq!(told(&vote), "a prevote for nil");
    }
}
