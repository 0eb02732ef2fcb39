//! The guard of one chain: the rule, the state and the store behind one `&mut`.

use std::time::Instant;

use privval::{Canonical, ChainId, Height, RawBytes};

use crate::mark::{Knowledge, Mark};
use crate::permit::{RawBytesPermit, SignPermit};
use crate::refusal::Refusal;
use crate::rules::{Decision, Waiting, decide};
use crate::store::{Store, StoreError};

/// Whether bytes that are no consensus message may be signed on a chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RawBytesPolicy {
    /// Never. An oracle that signs what it is given is one bug away from a forged vote.
    #[default]
    Off,
    /// Yes, unless they could be taken for a consensus message.
    On,
}

/// Decides what is signed on one chain, and remembers it first.
#[derive(Debug)]
pub struct Guard<S> {
    chain_id: ChainId,
    knowledge: Knowledge,
    waiting: Option<Waiting>,
    raw_bytes: RawBytesPolicy,
    store: S,
    halted: Option<StoreError>,
}

impl<S: Store> Guard<S> {
    /// Guards a chain, from what is known of its past. `knowledge` must be what `store` holds.
    pub fn new(
        chain_id: ChainId,
        knowledge: Knowledge,
        raw_bytes: RawBytesPolicy,
        store: S,
    ) -> Self {
        Self {
            chain_id,
            knowledge,
            waiting: None,
            raw_bytes,
            store,
            halted: None,
        }
    }

    /// Asks to sign a vote or a proposal. When this returns a permit, the store has it. `now` is
    /// when the request came; it matters only to a signer without a past ([`WAIT`](crate::WAIT)).
    ///
    /// # Errors
    /// [`Refusal`], and then nothing may be signed.
    pub fn permit(
        &mut self,
        asked: &Canonical,
        max_height: Option<Height>,
        now: Instant,
    ) -> Result<SignPermit, Refusal> {
        self.check_chain(asked.chain_id().as_str())?;
        self.check_running()?;
        if let Some(max) = max_height.filter(|max| asked.hrs().height > *max) {
            return Err(Refusal::PastMaxHeight {
                max,
                asked: asked.hrs().height,
            });
        }
        match decide(&self.knowledge, self.waiting.as_ref(), asked, now) {
            Decision::Advance => self.advance(asked),
            Decision::Replay(signed) => Ok(SignPermit::new(signed, true)),
            Decision::Wait(waiting) => {
                self.waiting = Some(waiting);
                Err(Refusal::NoPast {
                    height: asked.hrs().height,
                    signs_past: waiting.highest,
                })
            }
            Decision::Refuse(refusal) => Err(refusal),
        }
    }

    /// Asks to sign bytes that are no consensus message.
    ///
    /// # Errors
    /// [`Refusal`] when the chain does not allow it, or when the content, or what the signature
    /// would cover, could be taken for one.
    pub fn permit_raw_bytes(&self, raw: RawBytes) -> Result<RawBytesPermit, Refusal> {
        self.check_running()?;
        if self.raw_bytes == RawBytesPolicy::Off {
            return Err(Refusal::RawBytesOff);
        }
        if let Some(chain_id) = &raw.chain_id {
            self.check_chain(chain_id)?;
        }
        let forbidden = [&raw.content, &raw.sign_bytes];
        if forbidden
            .into_iter()
            .any(|b| Canonical::looks_like_consensus(b))
        {
            return Err(Refusal::RawBytesLookLikeConsensus);
        }
        Ok(RawBytesPermit::new(raw.sign_bytes))
    }

    /// Checks that a request is for this chain.
    ///
    /// # Errors
    /// [`Refusal::WrongChain`].
    pub fn check_chain(&self, asked: &str) -> Result<(), Refusal> {
        if asked == self.chain_id.as_str() {
            return Ok(());
        }
        Err(Refusal::WrongChain {
            ours: self.chain_id.clone(),
            asked: asked.to_owned(),
        })
    }

    /// What a signer without a past has heard since it began to wait.
    pub fn waiting(&self) -> Option<Waiting> {
        self.waiting
    }

    /// What is known of the past.
    pub fn knowledge(&self) -> &Knowledge {
        &self.knowledge
    }

    /// The store, for what it does beyond commits.
    pub fn store_mut(&mut self) -> &mut S {
        &mut self.store
    }

    /// Commits first; memory follows the disk, never the other way round.
    fn advance(&mut self, asked: &Canonical) -> Result<SignPermit, Refusal> {
        if let Err(error) = self.store.commit(asked) {
            self.halted = Some(error.clone());
            return Err(Refusal::Store(error));
        }
        self.knowledge = Knowledge::Mark(Mark::Signed(asked.clone()));
        self.waiting = None;
        Ok(SignPermit::new(asked.clone(), false))
    }

    /// After a failed write nobody knows what the disk holds (fsync clears the error it
    /// reports), so only a new start, which reads it again, may go on.
    fn check_running(&self) -> Result<(), Refusal> {
        match &self.halted {
            None => Ok(()),
            Some(error) => Err(Refusal::Halted(error.clone())),
        }
    }
}
