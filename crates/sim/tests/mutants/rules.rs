//! Guards with one flaw in the rule, the order or the lock.

use std::time::Instant;

use guard::{Decision, Knowledge, Mark, Store, Waiting, decide};
use privval::{Canonical, ChainId, Height};
use sim::{Permitted, Process, SimDisk, SimHome, StartError, Started, Subject, open};
use store::FileStore;

/// What may be wrong with a guard; by default nothing is.
pub(crate) trait Rule: 'static {
    const CHECKS_CHAIN: bool = true;
    const CHECKS_MAX_HEIGHT: bool = true;
    const HALTS: bool = true;
    const MEMORY_FIRST: bool = false;
    const COMMIT: Commit = Commit::First;

    fn decide(past: Past<'_>, asked: &Canonical) -> Decision {
        past.decide(asked)
    }
}

/// What the guard goes by.
#[derive(Clone, Copy)]
pub(crate) struct Past<'a> {
    knowledge: &'a Knowledge,
    waiting: Option<&'a Waiting>,
    now: Instant,
}

impl Past<'_> {
    fn decide(self, asked: &Canonical) -> Decision {
        decide(self.knowledge, self.waiting, asked, self.now)
    }
}

pub(crate) enum Commit {
    First,
    Never,
    /// When the next request comes.
    Later,
}

/// A signer with such a guard.
pub(crate) struct Loose<R>(R);

pub(crate) struct LooseGuard<R> {
    rule: std::marker::PhantomData<R>,
    chain_id: ChainId,
    knowledge: Knowledge,
    waiting: Option<Waiting>,
    store: FileStore<SimDisk>,
    halted: bool,
    uncommitted: Option<Canonical>,
}

impl<R: Rule> Subject for Loose<R> {
    type Process = LooseGuard<R>;

    fn start(
        home: SimHome,
        chain_id: &ChainId,
        floor: Option<&Mark>,
    ) -> Result<Started<Self::Process>, StartError> {
        let opened = open(home, chain_id, floor)?;
        Ok(Started {
            knowledge: opened.knowledge.clone(),
            process: LooseGuard {
                rule: std::marker::PhantomData,
                chain_id: chain_id.clone(),
                knowledge: opened.knowledge,
                waiting: None,
                store: opened.store,
                halted: false,
                uncommitted: None,
            },
        })
    }
}

impl<R: Rule> Process for LooseGuard<R> {
    type Ticket = ();

    fn arrive(&mut self, _: &Canonical, _: Instant) -> Self::Ticket {}

    fn permit(
        &mut self,
        (): Self::Ticket,
        asked: &Canonical,
        max_height: Option<Height>,
        now: Instant,
    ) -> Result<Permitted, String> {
        if let Some(late) = self.uncommitted.take() {
            self.store.commit(&late).map_err(|e| e.to_string())?;
        }
        self.check(asked, max_height)?;
        match R::decide(self.past(now), asked) {
            Decision::Advance => self.advance(asked),
            other => self.answer(other),
        }
    }
}

impl<R: Rule> LooseGuard<R> {
    fn past(&self, now: Instant) -> Past<'_> {
        Past {
            knowledge: &self.knowledge,
            waiting: self.waiting.as_ref(),
            now,
        }
    }

    fn check(&self, asked: &Canonical, max_height: Option<Height>) -> Result<(), String> {
        let is_past = max_height.is_some_and(|max| asked.hrs().height > max);
        if R::CHECKS_MAX_HEIGHT && is_past {
            return Err("past max_height".to_owned());
        }
        if R::CHECKS_CHAIN && asked.chain_id() != &self.chain_id {
            return Err("another chain".to_owned());
        }
        if R::HALTS && self.halted {
            return Err("halted".to_owned());
        }
        Ok(())
    }

    fn advance(&mut self, asked: &Canonical) -> Result<Permitted, String> {
        let after = Knowledge::Mark(Mark::Signed(asked.clone()));
        if R::MEMORY_FIRST {
            self.knowledge = after.clone();
        }
        let result = match R::COMMIT {
            Commit::First => self.store.commit(asked),
            Commit::Never => Ok(()),
            Commit::Later => {
                self.uncommitted = Some(asked.clone());
                Ok(())
            }
        };
        if let Err(error) = result {
            self.halted = true;
            return Err(error.to_string());
        }
        self.knowledge = after;
        self.waiting = None;
        Ok(permitted(asked))
    }

    fn answer(&mut self, decision: Decision) -> Result<Permitted, String> {
        match decision {
            Decision::Replay(signed) => Ok(permitted(&signed)),
            Decision::Wait(waiting) => {
                self.waiting = Some(waiting);
                Err("no past".to_owned())
            }
            _ => Err("refused".to_owned()),
        }
    }
}

fn permitted(signed: &Canonical) -> Permitted {
    Permitted {
        sign_bytes: signed.sign_bytes(),
        timestamp: signed.timestamp(),
    }
}

/// A signer that decides when a request arrives, and commits when its turn comes.
pub(crate) struct Unlocked;

pub(crate) struct UnlockedGuard(LooseGuard<NoFlaw>);

impl Subject for Unlocked {
    type Process = UnlockedGuard;

    fn start(
        home: SimHome,
        chain_id: &ChainId,
        floor: Option<&Mark>,
    ) -> Result<Started<Self::Process>, StartError> {
        let started = Loose::<NoFlaw>::start(home, chain_id, floor)?;
        Ok(Started {
            process: UnlockedGuard(started.process),
            knowledge: started.knowledge,
        })
    }
}

impl Process for UnlockedGuard {
    type Ticket = Decision;

    fn arrive(&mut self, asked: &Canonical, now: Instant) -> Self::Ticket {
        self.0.past(now).decide(asked)
    }

    fn permit(
        &mut self,
        decision: Self::Ticket,
        asked: &Canonical,
        max_height: Option<Height>,
        _: Instant,
    ) -> Result<Permitted, String> {
        self.0.check(asked, max_height)?;
        match decision {
            Decision::Advance => self.0.advance(asked),
            other => self.0.answer(other),
        }
    }
}

pub(crate) struct NoFlaw;
impl Rule for NoFlaw {}

pub(crate) struct EarlierIsSigned;
impl Rule for EarlierIsSigned {
    fn decide(past: Past<'_>, asked: &Canonical) -> Decision {
        match past.decide(asked) {
            Decision::Refuse(guard::Refusal::Regression { .. }) => Decision::Advance,
            other => other,
        }
    }
}

pub(crate) struct ConflictIsSigned;
impl Rule for ConflictIsSigned {
    fn decide(past: Past<'_>, asked: &Canonical) -> Decision {
        match past.decide(asked) {
            Decision::Refuse(guard::Refusal::Conflict { .. }) => Decision::Advance,
            other => other,
        }
    }
}

pub(crate) struct NewTimestamp;
impl Rule for NewTimestamp {
    fn decide(past: Past<'_>, asked: &Canonical) -> Decision {
        match past.decide(asked) {
            Decision::Replay(_) => Decision::Replay(asked.clone()),
            other => other,
        }
    }
}

pub(crate) struct PolRoundIgnored;
impl Rule for PolRoundIgnored {
    fn decide(past: Past<'_>, asked: &Canonical) -> Decision {
        if let (Knowledge::Mark(Mark::Signed(signed)), Canonical::Proposal(_)) =
            (past.knowledge, asked)
            && signed.hrs() == asked.hrs()
            && signed.block_id() == asked.block_id()
        {
            return Decision::Replay(signed.clone());
        }
        past.decide(asked)
    }
}

pub(crate) struct FloorIsSigned;
impl Rule for FloorIsSigned {
    fn decide(past: Past<'_>, asked: &Canonical) -> Decision {
        match past.decide(asked) {
            Decision::Refuse(guard::Refusal::UnknownContent { .. }) => Decision::Advance,
            other => other,
        }
    }
}

pub(crate) struct NothingHeld;
impl Rule for NothingHeld {
    fn decide(past: Past<'_>, asked: &Canonical) -> Decision {
        match past.decide(asked) {
            Decision::Wait(_) => Decision::Advance,
            other => other,
        }
    }
}

pub(crate) struct RepeatIsRefused;
impl Rule for RepeatIsRefused {
    fn decide(past: Past<'_>, asked: &Canonical) -> Decision {
        match past.decide(asked) {
            Decision::Replay(_) => {
                Decision::Refuse(guard::Refusal::UnknownContent { asked: asked.hrs() })
            }
            other => other,
        }
    }
}

/// As tmkms 0.15 does it: one block a round.
pub(crate) struct BlockIsKept;
impl Rule for BlockIsKept {
    fn decide(past: Past<'_>, asked: &Canonical) -> Decision {
        if let Knowledge::Mark(Mark::Signed(signed)) = past.knowledge
            && (signed.hrs().height, signed.hrs().round) == (asked.hrs().height, asked.hrs().round)
            && signed.block_id() != asked.block_id()
        {
            return Decision::Refuse(guard::Refusal::UnknownContent { asked: asked.hrs() });
        }
        past.decide(asked)
    }
}

pub(crate) struct MemoryFirst;
impl Rule for MemoryFirst {
    const MEMORY_FIRST: bool = true;
    const HALTS: bool = false;
}

pub(crate) struct NoHalt;
impl Rule for NoHalt {
    const HALTS: bool = false;
}

pub(crate) struct NoCommit;
impl Rule for NoCommit {
    const COMMIT: Commit = Commit::Never;
}

pub(crate) struct CommitLater;
impl Rule for CommitLater {
    const COMMIT: Commit = Commit::Later;
}

pub(crate) struct AnyChain;
impl Rule for AnyChain {
    const CHECKS_CHAIN: bool = false;
}

pub(crate) struct NoMaxHeight;
impl Rule for NoMaxHeight {
    const CHECKS_MAX_HEIGHT: bool = false;
}
