//! The oracle: what must never happen, and what must happen when nothing is in the way.
//!
//! It sees what the world sees: requests, released signatures, and what a start finds. It knows
//! nothing of disks, and its rule is written from the specification, not from the guard.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use guard::{Knowledge, Mark};
use privval::{Canonical, ChainId, Height, Hrs};

use crate::subject::Permitted;

/// A broken promise.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// Two signatures for one height, round and step.
    #[error("two different messages were signed at {0}")]
    Conflict(Hrs),
    /// A start found less than was released.
    #[error("a signature at {released} was released, the next start found {found}")]
    Missing {
        /// What was released last.
        released: Hrs,
        /// What was found.
        found: String,
    },
    /// A start found what nobody ever asked for.
    #[error("a start found {0}, which nobody asked to sign")]
    Invented(String),
    /// A legitimate request was refused by a signer in good health.
    #[error("{asked} was refused though nothing stood against it: {why}")]
    Refused {
        /// The place asked for.
        asked: Hrs,
        /// What the signer said.
        why: String,
    },
    /// A permit for a place before an earlier permit.
    #[error("{asked} was permitted after {past}")]
    WentBack {
        /// The place asked for.
        asked: Hrs,
        /// The last place before it.
        past: Hrs,
    },
    /// A permit after a failed write or sync, without a restart.
    #[error("{0} was permitted although the disk had failed before")]
    AfterFailure(Hrs),
    /// A permit for another chain.
    #[error("a request for chain {0} was permitted")]
    OtherChain(ChainId),
    /// A permit past the bound.
    #[error("{asked} was permitted past max_height = {max}")]
    PastMaxHeight {
        /// The place asked for.
        asked: Hrs,
        /// The bound.
        max: Height,
    },
    /// A signature that the node cannot use: not over its own message.
    #[error("the bytes permitted at {0} are not those that the node will verify")]
    Unusable(Hrs),
    /// A start failed though a crash explains all that was on the disk.
    #[error("a start failed though no fault was injected: {0}")]
    DoesNotStart(String),
    /// A second process got the state of a running one.
    #[error("a second process opened the state that a first one had in use")]
    TwoProcesses,
}

/// What one process knows of the past, as the oracle follows it.
#[derive(Clone, Debug)]
pub(crate) enum Past {
    Nothing,
    /// Waiting since, and the highest height that was asked for.
    Waiting(Instant, Height),
    Floor(Hrs),
    Signed(Canonical),
}

/// What the specification says about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Signed.
    New,
    /// Signed with the first timestamp.
    Repeat,
    Refused,
}

/// How the process was when it answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Health {
    /// A write or sync of this process failed before.
    pub(crate) halted: bool,
    /// A fault struck while it answered.
    pub(crate) struck: bool,
    /// One of its files was replaced underneath.
    pub(crate) displaced: bool,
}

/// Everything that was released, and by whom.
#[derive(Debug)]
pub(crate) struct Oracle {
    chain_id: ChainId,
    /// Whatever was asked, signed elsewhere or imported: a start may find these and no others.
    asked: BTreeMap<Hrs, Vec<Canonical>>,
    released: BTreeMap<Hrs, Vec<u8>>,
    elsewhere: BTreeMap<Hrs, Vec<u8>>,
    /// The last that every start from now on must find.
    last: Option<Hrs>,
}

impl Oracle {
    pub(crate) fn new(chain_id: ChainId) -> Self {
        Self {
            chain_id,
            asked: BTreeMap::new(),
            released: BTreeMap::new(),
            elsewhere: BTreeMap::new(),
            last: None,
        }
    }

    /// Somebody asks the signer, or another signer signs.
    pub(crate) fn heard(&mut self, asked: &Canonical) {
        if asked.chain_id() == &self.chain_id {
            let there = self.asked.entry(asked.hrs()).or_default();
            there.push(asked.clone());
        }
    }

    /// Another signer released this with the same key.
    pub(crate) fn signed_elsewhere(&mut self, signed: &Canonical) {
        self.heard(signed);
        self.elsewhere.insert(signed.hrs(), signed.sign_bytes());
    }

    /// From now on every start must find this place, or a later one.
    pub(crate) fn must_be_found(&mut self, hrs: Hrs) {
        self.last = self.last.max(Some(hrs));
    }

    /// Whether a place is one that was ever asked for.
    pub(crate) fn knows(&self, hrs: Hrs) -> bool {
        self.asked.contains_key(&hrs)
    }

    /// Whether another block than this, or nil, was ever asked for at its place.
    pub(crate) fn knows_another(&self, signed: &Canonical) -> bool {
        let there = self.asked.get(&signed.hrs());
        there.is_some_and(|there| there.iter().any(|o| o.block_id() != signed.block_id()))
    }

    /// The answer to a request.
    pub(crate) fn answered(
        &self,
        past: &mut Past,
        asked: &Canonical,
        max_height: Option<Height>,
        now: Instant,
        answer: &Result<Permitted, String>,
        health: Health,
    ) -> Result<Expected, Violation> {
        let expected = self.expected(past, asked, max_height, now);
        match answer {
            Ok(permitted) => {
                self.may_permit(past, asked, max_height, permitted, health)?;
                *past = Past::Signed(at(asked, permitted));
            }
            Err(why) => {
                let must = match expected {
                    Expected::New => !health.halted && !health.struck && !health.displaced,
                    Expected::Repeat => !health.halted,
                    Expected::Refused => false,
                };
                if must {
                    let (asked, why) = (asked.hrs(), why.clone());
                    return Err(Violation::Refused { asked, why });
                }
                if expected == Expected::Refused {
                    self.wait(past, asked, max_height, now);
                }
            }
        }
        Ok(expected)
    }

    fn may_permit(
        &self,
        past: &Past,
        asked: &Canonical,
        max_height: Option<Height>,
        permitted: &Permitted,
        health: Health,
    ) -> Result<(), Violation> {
        let hrs = asked.hrs();
        if asked.chain_id() != &self.chain_id {
            return Err(Violation::OtherChain(asked.chain_id().clone()));
        }
        if let Some(max) = max_height.filter(|max| hrs.height > *max) {
            return Err(Violation::PastMaxHeight { asked: hrs, max });
        }
        if health.halted || health.struck {
            return Err(Violation::AfterFailure(hrs));
        }
        if at(asked, permitted).sign_bytes() != permitted.sign_bytes {
            return Err(Violation::Unusable(hrs));
        }
        match past.place() {
            Some(past) if hrs < past => Err(Violation::WentBack { asked: hrs, past }),
            _ => Ok(()),
        }
    }

    /// Without any past, every height that is asked for in the first half minute is let pass.
    fn wait(&self, past: &mut Past, asked: &Canonical, max: Option<Height>, now: Instant) {
        let height = asked.hrs().height;
        let is_ours = asked.chain_id() == &self.chain_id;
        if !is_ours || max.is_some_and(|max| height > max) {
            return;
        }
        *past = match *past {
            Past::Nothing => Past::Waiting(now, height),
            Past::Waiting(since, highest) if is_waiting(since, now) => {
                Past::Waiting(since, highest.max(height))
            }
            _ => return,
        };
    }

    /// The specification: later is signed, the same but for its timestamp is repeated, all else
    /// is refused.
    fn expected(
        &self,
        past: &Past,
        asked: &Canonical,
        max_height: Option<Height>,
        now: Instant,
    ) -> Expected {
        let hrs = asked.hrs();
        let is_past_max = max_height.is_some_and(|max| hrs.height > max);
        if asked.chain_id() != &self.chain_id || is_past_max {
            return Expected::Refused;
        }
        let is_later = match past {
            Past::Nothing => hrs.height.value() == 1,
            Past::Waiting(since, highest) => !is_waiting(*since, now) && hrs.height > *highest,
            Past::Floor(floor) => hrs > *floor,
            Past::Signed(signed) => hrs > signed.hrs(),
        };
        match past {
            _ if is_later => Expected::New,
            Past::Signed(signed) if differs_by_time_at_most(signed, asked) => Expected::Repeat,
            _ => Expected::Refused,
        }
    }

    /// A signature leaves the process.
    pub(crate) fn released(&mut self, permitted: &Permitted) -> Result<(), Violation> {
        let bytes = &permitted.sign_bytes;
        let Ok(signed) = Canonical::parse(bytes) else {
            return Err(Violation::Invented("bytes that are no vote".to_owned()));
        };
        let hrs = signed.hrs();
        let differs =
            |others: &BTreeMap<Hrs, Vec<u8>>| others.get(&hrs).is_some_and(|b| b != bytes);
        if differs(&self.released) || differs(&self.elsewhere) {
            return Err(Violation::Conflict(hrs));
        }
        self.released.insert(hrs, bytes.clone());
        self.must_be_found(hrs);
        Ok(())
    }

    /// A start found this.
    pub(crate) fn found(&self, knowledge: &Knowledge) -> Result<Past, Violation> {
        let past = Past::of(knowledge);
        if let Some(released) = self.last.filter(|last| past.place() < Some(*last)) {
            return Err(Violation::Missing {
                released,
                found: past.describe(),
            });
        }
        if self.offered(&past) {
            return Ok(past);
        }
        Err(Violation::Invented(past.describe()))
    }

    fn offered(&self, past: &Past) -> bool {
        match past {
            Past::Nothing | Past::Waiting(..) => true,
            Past::Floor(hrs) => self.knows(*hrs),
            Past::Signed(signed) => {
                let there = self.asked.get(&signed.hrs());
                there.is_some_and(|there| there.contains(signed))
            }
        }
    }
}

impl Past {
    fn of(knowledge: &Knowledge) -> Self {
        match knowledge {
            // Marks beside a key come from outside of what is simulated here.
            Knowledge::Nothing | Knowledge::Imported(_) => Self::Nothing,
            Knowledge::Mark(Mark::Floor { hrs, .. }) => Self::Floor(*hrs),
            Knowledge::Mark(Mark::Signed(signed)) => Self::Signed(signed.clone()),
        }
    }

    fn place(&self) -> Option<Hrs> {
        match self {
            Self::Nothing | Self::Waiting(..) => None,
            Self::Floor(hrs) => Some(*hrs),
            Self::Signed(signed) => Some(signed.hrs()),
        }
    }

    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Nothing => "nothing".to_owned(),
            Self::Waiting(_, height) => format!("that height {height} is let pass"),
            Self::Floor(hrs) => format!("{hrs} without its content"),
            Self::Signed(signed) => format!("{} at {:?}", signed.hrs(), signed.timestamp()),
        }
    }
}

fn is_waiting(since: Instant, now: Instant) -> bool {
    now < since + Duration::from_secs(30)
}

/// The message that the node will verify: its own, with the timestamp of the reply.
fn at(asked: &Canonical, permitted: &Permitted) -> Canonical {
    let mut message = asked.clone();
    match &mut message {
        Canonical::Vote(vote) => vote.timestamp = permitted.timestamp,
        Canonical::Proposal(proposal) => proposal.timestamp = permitted.timestamp,
    }
    message
}

fn differs_by_time_at_most(a: &Canonical, b: &Canonical) -> bool {
    match (a, b) {
        (Canonical::Vote(a), Canonical::Vote(b)) => {
            (a.vote_type, a.height, a.round) == (b.vote_type, b.height, b.round)
                && a.block_id == b.block_id
        }
        (Canonical::Proposal(a), Canonical::Proposal(b)) => {
            (a.height, a.round, a.pol_round) == (b.height, b.round, b.pol_round)
                && a.block_id == b.block_id
        }
        _ => false,
    }
}
