//! The contract of stores holds for an honest store and finds each planted fault.

#![allow(clippy::unwrap_used)] // a test may panic

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex};

use guard::contract::{Shelf, check};
use guard::{Knowledge, Mark, Store, StoreError};
use privval::{Canonical, ChainId, Height, Step, Timestamp};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    /// Something is known at first.
    Invents,
    /// Several may have it open.
    Shares,
    /// The last commit is gone at the next start.
    ForgetsTheLast,
    /// What is committed once more than its room has places for is lost.
    IsFull,
    /// Only the place comes back, not the message.
    KeepsPlacesOnly,
    /// A vote for nil comes back as none.
    LosesNil,
    /// A proposal comes back as none.
    LosesProposals,
    /// A vote for a block comes back as none.
    LosesVotesForBlocks,
    /// A proof-of-lock round below zero comes back as zero.
    LosesSigns,
    /// The height comes back in one byte.
    CutsHeights,
    /// The timestamp comes back in whole seconds.
    RoundsTime,
    /// After many starts without a commit the mark is gone.
    WearsOut,
    /// Once open, it says that it is in use for ever.
    StaysLocked,
    /// Commits fail.
    Refuses,
}

#[derive(Clone)]
struct Memory {
    fault: Fault,
    commits: Arc<Mutex<Vec<Canonical>>>,
    in_use: Arc<AtomicBool>,
    starts: Arc<AtomicU32>,
}

impl Memory {
    fn new(fault: Fault) -> Self {
        Self {
            fault,
            commits: Arc::default(),
            in_use: Arc::default(),
            starts: Arc::default(),
        }
    }

    fn known(&self) -> Knowledge {
        let commits = self.commits.lock().unwrap();
        let mut kept = commits.clone();
        if self.fault == Fault::ForgetsTheLast {
            kept.pop();
        }
        if self.fault == Fault::WearsOut && self.starts.load(Relaxed) > 30 && commits.len() == 1 {
            kept.clear();
        }
        if self.fault == Fault::LosesNil {
            kept.retain(|message| message.block_id().is_some());
        }
        if self.fault == Fault::LosesProposals {
            kept.retain(|message| matches!(message, Canonical::Vote(_)));
        }
        if self.fault == Fault::LosesVotesForBlocks {
            kept.retain(|message| match message {
                Canonical::Vote(vote) => vote.block_id.is_none(),
                Canonical::Proposal(_) => true,
            });
        }
        match kept.pop() {
            None if self.fault == Fault::Invents => Knowledge::Mark(Mark::Floor {
                hrs: first_place(),
                block_id: None,
            }),
            None => Knowledge::Nothing,
            Some(message) if self.fault == Fault::KeepsPlacesOnly => Knowledge::Mark(Mark::Floor {
                hrs: message.hrs(),
                block_id: message.block_id().copied(),
            }),
            Some(mut message) => {
                match &mut message {
                    Canonical::Vote(vote) => {
                        self.spoil(&mut vote.height, &mut vote.timestamp);
                    }
                    Canonical::Proposal(proposal) => {
                        self.spoil(&mut proposal.height, &mut proposal.timestamp);
                        if self.fault == Fault::LosesSigns {
                            proposal.pol_round = proposal.pol_round.max(0);
                        }
                    }
                }
                Knowledge::Mark(Mark::Signed(message))
            }
        }
    }
}

impl Memory {
    fn spoil(&self, height: &mut Height, timestamp: &mut Timestamp) {
        match self.fault {
            Fault::RoundsTime => timestamp.nanos = 0,
            Fault::CutsHeights => *height = (height.value() & 0xff).try_into().unwrap(),
            _ => {}
        }
    }
}

fn first_place() -> privval::Hrs {
    privval::Hrs {
        height: 1.try_into().unwrap(),
        round: 0.try_into().unwrap(),
        step: Step::Propose,
    }
}

struct Open(Memory);

impl Store for Open {
    fn commit(&mut self, signed: &Canonical) -> Result<(), StoreError> {
        let mut commits = self.0.commits.lock().unwrap();
        match self.0.fault {
            Fault::Refuses => return Err(StoreError("no".to_owned())),
            Fault::IsFull if commits.len() == 100 => {}
            _ => commits.push(signed.clone()),
        }
        Ok(())
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0
            .in_use
            .store(self.0.fault == Fault::StaysLocked, Relaxed);
    }
}

impl Shelf for Memory {
    type Store = Open;

    fn open(&self, _chain_id: &ChainId) -> Option<(Open, Knowledge)> {
        if self.in_use.swap(true, Relaxed) && self.fault != Fault::Shares {
            return None;
        }
        self.starts.fetch_add(1, Relaxed);
        Some((Open(self.clone()), self.known()))
    }
}

fn holds(fault: Fault) -> bool {
    catch_unwind(AssertUnwindSafe(|| check(|| Memory::new(fault)))).is_ok()
}

#[test]
fn honest_store_passes() {
    assert!(holds(Fault::None));
}

#[test]
fn each_fault_is_found() {
    let passed: Vec<Fault> = [
        Fault::Invents,
        Fault::Shares,
        Fault::ForgetsTheLast,
        Fault::IsFull,
        Fault::KeepsPlacesOnly,
        Fault::LosesNil,
        Fault::LosesProposals,
        Fault::LosesVotesForBlocks,
        Fault::LosesSigns,
        Fault::CutsHeights,
        Fault::RoundsTime,
        Fault::WearsOut,
        Fault::StaysLocked,
        Fault::Refuses,
    ]
    .into_iter()
    .filter(|fault| holds(*fault))
    .collect();
    assert!(passed.is_empty(), "not found: {passed:?}");
}
