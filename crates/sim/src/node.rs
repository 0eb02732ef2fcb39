//! The nodes: they go through heights, rounds and steps, ask again, overtake each other, fork and
//! lie.

use chance::Rng;
use privval::{
    BlockId, Canonical, ChainId, Height, Hrs, Proposal, Round, Step, Timestamp, Vote, VoteType,
};

/// What all nodes see: the chain as far as it has come, and the time.
#[derive(Debug)]
pub(crate) struct View {
    pub(crate) chain_id: ChainId,
    /// Where the chain is.
    pub(crate) tip: Hrs,
    /// No node goes back before this height: there the past of the key is not known to anyone.
    pub(crate) lowest: Height,
    pub(crate) now_nanos: i64,
}

/// A node that asks this signer.
#[derive(Debug)]
pub(crate) struct Node {
    place: Hrs,
    last: Option<Canonical>,
    skew_nanos: i64,
}

#[derive(Clone, Copy)]
enum Wish {
    NextStep,
    NextRound,
    NextHeight,
    /// The same again, with a new timestamp; after a lost reply or a restart of the node.
    Again,
    /// Where the chain is now; also what a second node of the validator does.
    Catch,
    /// Something else at a place where it asked before.
    Fork,
    Back,
    /// A request for another chain.
    OtherChain,
    Leap,
}

const WISHES: [(u64, Wish); 9] = [
    (50, Wish::NextStep),
    (8, Wish::NextRound),
    (12, Wish::NextHeight),
    (20, Wish::Again),
    (15, Wish::Catch),
    (12, Wish::Fork),
    (8, Wish::Back),
    (3, Wish::OtherChain),
    (1, Wish::Leap),
];

impl Node {
    pub(crate) fn new(rng: &mut Rng, view: &View) -> Self {
        Self {
            place: view.tip,
            last: None,
            skew_nanos: i64::try_from(rng.below(3_000_000_000)).unwrap_or_default(),
        }
    }

    /// The next request. Honest ones move the chain on.
    pub(crate) fn ask(&mut self, rng: &mut Rng, view: &mut View) -> Canonical {
        let wish = rng.weighted(&WISHES).unwrap_or(Wish::NextStep);
        let last = self.last.as_ref().map_or(self.place, Canonical::hrs);
        let (place, fork) = match wish {
            Wish::NextStep | Wish::OtherChain => (next_step(self.place), 0),
            Wish::NextRound => (next_round(self.place), 0),
            Wish::NextHeight => (next_height(self.place.max(view.tip), 1), 0),
            Wish::Leap => (leap(rng, view.tip), 0),
            Wish::Again => (last, 0),
            Wish::Catch => (view.tip, 0),
            Wish::Fork => (last, rng.between(1, 2)),
            Wish::Back => (before(rng, last).max(lowest(view)), rng.index(2)),
        };
        let again = self.last.clone().filter(|_| matches!(wish, Wish::Again));
        let now = self.now(rng, view);
        let asked = match again {
            Some(mut again) => {
                stamp(&mut again, now);
                again
            }
            None => message(rng, place, fork, now, chain(wish, view)),
        };
        if fork == 0 && !matches!(wish, Wish::Back | Wish::OtherChain) {
            self.place = self.place.max(place);
            view.tip = view.tip.max(place);
        }
        if !matches!(wish, Wish::OtherChain) {
            self.last = Some(asked.clone());
        }
        asked
    }

    fn now(&self, rng: &mut Rng, view: &View) -> Timestamp {
        let jitter = i64::try_from(rng.below(1_000_000)).unwrap_or_default();
        timestamp(view.now_nanos + self.skew_nanos + jitter)
    }
}

/// What another signer with the same key signs at a place.
pub(crate) fn elsewhere(rng: &mut Rng, place: Hrs, view: &View) -> Canonical {
    let fork = rng.index(3);
    message(
        rng,
        place,
        fork,
        timestamp(view.now_nanos),
        view.chain_id.clone(),
    )
}

pub(crate) fn next_step(hrs: Hrs) -> Hrs {
    let step = match hrs.step {
        Step::Propose => Step::Prevote,
        Step::Prevote => Step::Precommit,
        Step::Precommit => return next_height(hrs, 1),
    };
    Hrs { step, ..hrs }
}

pub(crate) fn next_height(hrs: Hrs, by: usize) -> Hrs {
    let by = i64::try_from(by).unwrap_or_default();
    Hrs {
        height: height(hrs.height.value().saturating_add(by)),
        round: Round::default(),
        step: Step::Propose,
    }
}

/// Far ahead, rarely so far that the numbers get long.
fn leap(rng: &mut Rng, tip: Hrs) -> Hrs {
    let by = if rng.one_in(8) { 1 << 40 } else { 5000 };
    next_height(tip, rng.between(2, by))
}

fn next_round(hrs: Hrs) -> Hrs {
    Hrs {
        height: hrs.height,
        round: Round::try_from(hrs.round.value().saturating_add(1)).unwrap_or_default(),
        step: Step::Propose,
    }
}

fn before(rng: &mut Rng, hrs: Hrs) -> Hrs {
    let height_before = height(hrs.height.value().saturating_sub(1).max(1));
    match rng.below(3) {
        0 => Hrs {
            height: height_before,
            ..hrs
        },
        1 => Hrs {
            round: Round::try_from(hrs.round.value() - 1).unwrap_or_default(),
            step: Step::Precommit,
            ..hrs
        },
        _ => Hrs {
            step: Step::Propose,
            ..hrs
        },
    }
}

fn lowest(view: &View) -> Hrs {
    Hrs {
        height: view.lowest,
        round: Round::default(),
        step: Step::Propose,
    }
}

pub(crate) fn height(value: i64) -> Height {
    Height::try_from(value).unwrap_or_default()
}

fn chain(wish: Wish, view: &View) -> ChainId {
    match wish {
        Wish::OtherChain => ChainId::new("another-1").unwrap_or_else(|_| view.chain_id.clone()),
        _ => view.chain_id.clone(),
    }
}

fn message(
    rng: &mut Rng,
    at: Hrs,
    fork: usize,
    timestamp: Timestamp,
    chain_id: ChainId,
) -> Canonical {
    let is_nil = rng.one_in(if fork == 0 { 6 } else { 2 });
    let block_id = block(at, fork);
    let vote_type = match at.step {
        Step::Prevote => VoteType::Prevote,
        Step::Precommit => VoteType::Precommit,
        Step::Propose => {
            return Canonical::Proposal(Proposal {
                height: at.height,
                round: at.round,
                pol_round: at.round.value() - 1 - i32::from(is_nil && at.round.value() > 0),
                block_id,
                timestamp,
                chain_id,
            });
        }
    };
    Canonical::Vote(Vote {
        vote_type,
        height: at.height,
        round: at.round,
        block_id: (!is_nil).then_some(block_id),
        timestamp,
        chain_id,
    })
}

/// The block of a height and round; each fork has another one.
fn block(at: Hrs, fork: usize) -> BlockId {
    let of = (at.height.value(), at.round.value(), fork);
    let seed =
        of.0.wrapping_mul(31)
            .wrapping_add(of.1.into())
            .unsigned_abs();
    let mut rng = Rng::new(
        seed.wrapping_mul(31)
            .wrapping_add(u64::try_from(of.2).unwrap_or(0)),
    );
    BlockId {
        hash: hash(&mut rng),
        parts_total: 1 + u32::from(rng.one_in(2)),
        parts_hash: hash(&mut rng),
    }
}

fn hash(rng: &mut Rng) -> [u8; 32] {
    let mut hash = [0; 32];
    for chunk in hash.chunks_exact_mut(8) {
        chunk.copy_from_slice(&rng.bits().to_le_bytes());
    }
    hash
}

fn stamp(message: &mut Canonical, timestamp: Timestamp) {
    match message {
        Canonical::Vote(vote) => vote.timestamp = timestamp,
        Canonical::Proposal(proposal) => proposal.timestamp = timestamp,
    }
}

fn timestamp(nanos: i64) -> Timestamp {
    const SECOND: i64 = 1_000_000_000;
    Timestamp {
        seconds: 1_700_000_000 + nanos.div_euclid(SECOND),
        nanos: i32::try_from(nanos.rem_euclid(SECOND)).unwrap_or_default(),
    }
}
