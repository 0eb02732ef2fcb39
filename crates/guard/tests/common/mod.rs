//! Short ways to write votes, proposals and stores.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::panic)] // each test file uses a part; a test may panic

use std::sync::{Arc, Mutex};

use guard::{Store, StoreError};
use privval::{
    BlockId, Canonical, ChainId, Height, Hrs, Proposal, Round, Step, Timestamp, Vote, VoteType,
};

pub fn chain() -> ChainId {
    ChainId::new("testnet-1").unwrap()
}

pub fn block(n: u8) -> BlockId {
    BlockId {
        hash: [n; 32],
        parts_total: 1,
        parts_hash: [n; 32],
    }
}

pub fn at(height: i64, round: i32, step: Step) -> Hrs {
    Hrs {
        height: Height::try_from(height).unwrap(),
        round: Round::try_from(round).unwrap(),
        step,
    }
}

pub fn vote(hrs: Hrs, block_id: Option<BlockId>, seconds: i64) -> Canonical {
    Canonical::Vote(Vote {
        vote_type: match hrs.step {
            Step::Prevote => VoteType::Prevote,
            Step::Precommit => VoteType::Precommit,
            Step::Propose => panic!("a vote has no step propose"),
        },
        height: hrs.height,
        round: hrs.round,
        block_id,
        timestamp: Timestamp { seconds, nanos: 0 },
        chain_id: chain(),
    })
}

pub fn proposal(height: i64, round: i32, pol_round: i32, block_id: BlockId) -> Canonical {
    Canonical::Proposal(Proposal {
        height: Height::try_from(height).unwrap(),
        round: Round::try_from(round).unwrap(),
        pol_round,
        block_id,
        timestamp: Timestamp {
            seconds: 1,
            nanos: 0,
        },
        chain_id: chain(),
    })
}

/// A store in memory whose next commit can be made to fail. Clones share what they hold.
#[derive(Clone, Default)]
pub struct MemoryStore {
    pub commits: Arc<Mutex<Vec<Canonical>>>,
    pub broken: Arc<Mutex<bool>>,
}

impl Store for MemoryStore {
    fn commit(&mut self, signed: &Canonical) -> Result<(), StoreError> {
        if *self.broken.lock().unwrap() {
            return Err(StoreError("no space left on device".to_owned()));
        }
        self.commits.lock().unwrap().push(signed.clone());
        Ok(())
    }
}
