//! What every [`Store`] must do, as tests that any store can be put through: the file store's run
//! in `crates/store/tests/contract.rs`.
#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a check that fails ends the test"
)]

use privval::{BlockId, Canonical, ChainId, Height, Proposal, Round, Timestamp, Vote, VoteType};

use crate::mark::{Knowledge, Mark};
use crate::store::Store;

/// A place where a store is kept, which outlives the process that opens it.
pub trait Shelf {
    /// The store.
    type Store: Store;

    /// Opens it, as a start does; what is known of the past comes with it. `None` when it is in
    /// use.
    fn open(&self, chain_id: &ChainId) -> Option<(Self::Store, Knowledge)>;
}

/// Puts a store through all checks. `new` makes an empty shelf.
///
/// # Panics
/// When the store breaks the contract, with what it did.
pub fn check<S: Shelf>(new: impl Fn() -> S) {
    knows_nothing_at_first(&new());
    finds_what_was_committed_last(&new());
    finds_each_commit_of_a_long_life(&new());
    is_for_one_at_a_time(&new());
    does_not_take_an_opening_for_a_signature(&new());
}

fn knows_nothing_at_first(shelf: &impl Shelf) {
    assert_eq!(reopened(shelf), Knowledge::Nothing);
    // A start that signed nothing leaves nothing to know.
    assert_eq!(reopened(shelf), Knowledge::Nothing);
}

/// Every kind of message, bit by bit: a repeat must get the same signature.
fn finds_what_was_committed_last(shelf: &impl Shelf) {
    for message in messages(7) {
        let (mut store, _) = open(shelf);
        store.commit(&message).unwrap();
        drop(store);
        assert_eq!(reopened(shelf), Knowledge::Mark(Mark::Signed(message)));
    }
}

/// More commits than any fixed room has places for, with starts in between.
fn finds_each_commit_of_a_long_life(shelf: &impl Shelf) {
    let mut height = 1;
    for heights in (1..60).step_by(3) {
        let (mut store, _) = open(shelf);
        let mut last = None;
        for _ in 0..heights {
            for message in messages(height) {
                store.commit(&message).unwrap();
                last = Some(message);
            }
            height += 1;
        }
        drop(store);
        assert_eq!(
            Some(reopened(shelf)),
            last.map(|m| Knowledge::Mark(Mark::Signed(m)))
        );
    }
}

fn is_for_one_at_a_time(shelf: &impl Shelf) {
    let (mut store, _) = open(shelf);
    assert!(shelf.open(&chain_id()).is_none(), "two had it open");
    let [message, ..] = messages(3);
    store.commit(&message).unwrap();
    drop(store);
    assert_eq!(reopened(shelf), Knowledge::Mark(Mark::Signed(message)));
}

fn does_not_take_an_opening_for_a_signature(shelf: &impl Shelf) {
    let [message, ..] = messages(5);
    open(shelf).0.commit(&message).unwrap();
    for _ in 0..40 {
        assert_eq!(
            reopened(shelf),
            Knowledge::Mark(Mark::Signed(message.clone()))
        );
    }
}

fn open<S: Shelf>(shelf: &S) -> (S::Store, Knowledge) {
    let opened = shelf.open(&chain_id());
    opened.unwrap_or_else(|| panic!("in use although nobody has it"))
}

fn reopened(shelf: &impl Shelf) -> Knowledge {
    open(shelf).1
}

fn chain_id() -> ChainId {
    ChainId::new("contract-1").unwrap()
}

/// One round of consensus at a height, and a second round that ends with nil.
fn messages(height: i64) -> [Canonical; 5] {
    let vote = |vote_type, round, block_id| {
        Canonical::Vote(Vote {
            vote_type,
            height: at(height),
            round: Round::try_from(round).unwrap(),
            block_id,
            timestamp: time(height),
            chain_id: chain_id(),
        })
    };
    let proposal = Canonical::Proposal(Proposal {
        height: at(height),
        round: Round::default(),
        pol_round: -1,
        block_id: block(height),
        timestamp: time(height),
        chain_id: chain_id(),
    });
    [
        proposal,
        vote(VoteType::Prevote, 0, Some(block(height))),
        vote(VoteType::Precommit, 0, Some(block(height))),
        vote(VoteType::Prevote, 1, None),
        vote(VoteType::Precommit, i32::MAX, None),
    ]
}

fn at(height: i64) -> Height {
    Height::try_from(height).unwrap()
}

fn time(height: i64) -> Timestamp {
    Timestamp {
        seconds: 1_700_000_000 + height,
        nanos: 999_999_999,
    }
}

fn block(height: i64) -> BlockId {
    let byte = height.to_le_bytes()[0];
    BlockId {
        hash: [byte; 32],
        parts_total: u32::MAX,
        parts_hash: [!byte; 32],
    }
}
