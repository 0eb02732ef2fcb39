//! A few chains, blocks and messages: few, so that inputs meet each other.

use privval::{
    BlockId, Canonical, ChainId, Height, Hrs, Proposal, Round, Step, Timestamp, Vote, VoteType,
};

use crate::input::Input;

/// The chain of every sample.
#[must_use]
pub fn chain() -> ChainId {
    ChainId::new("test_chain_id").expect("a chain id")
}

/// One of a few blocks, told apart by one of the three parts of its id.
#[must_use]
pub fn block(choice: u8) -> BlockId {
    BlockId {
        hash: [choice & 1; 32],
        parts_total: 1 + u32::from(choice >> 1 & 1),
        parts_hash: [choice >> 2 & 1; 32],
    }
}

/// A place of a few heights and rounds.
#[must_use]
pub fn place(choice: u8) -> Hrs {
    Hrs {
        height: Height::try_from(i64::from(choice >> 4)).expect("a height"),
        round: Round::try_from(i32::from(choice >> 2 & 3)).expect("a round"),
        step: match choice & 3 {
            0 => Step::Propose,
            1 => Step::Prevote,
            _ => Step::Precommit,
        },
    }
}

/// A message to sign, from three bytes.
pub fn message(input: &mut Input<'_>, chain_id: &ChainId) -> Canonical {
    message_at(place(input.byte()), input, chain_id)
}

/// A message to sign at a place, from two bytes.
pub fn message_at(place: Hrs, input: &mut Input<'_>, chain_id: &ChainId) -> Canonical {
    let (content, time) = (input.byte(), input.byte());
    let timestamp = Timestamp {
        seconds: i64::from(time >> 4),
        nanos: i32::from(time & 15),
    };
    let vote_type = match place.step {
        Step::Propose => {
            return Canonical::Proposal(Proposal {
                height: place.height,
                round: place.round,
                pol_round: i32::from(content >> 3 & 3) - 1,
                block_id: block(content),
                timestamp,
                chain_id: chain_id.clone(),
            });
        }
        Step::Prevote => VoteType::Prevote,
        Step::Precommit => VoteType::Precommit,
    };
    Canonical::Vote(Vote {
        vote_type,
        height: place.height,
        round: place.round,
        block_id: (content & 8 == 0).then(|| block(content)),
        timestamp,
        chain_id: chain_id.clone(),
    })
}
