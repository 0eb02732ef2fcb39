//! The rule: what may be signed, given what was signed.
//!
//! The whole table, as a pure function. It is CometBFT's own rule (`privval/file.go`,
//! `CheckHRS`, `signVote`, `signProposal`), with two additions: a mark without content refuses
//! its place, and a signer that knows nothing, or whose knowledge may be old, waits until the
//! chain has moved past every height that may have been signed elsewhere.

use std::time::{Duration, Instant};

use privval::{Canonical, Height};

use crate::mark::{Knowledge, Mark};
use crate::refusal::Refusal;

/// For how long a signer without a past only listens. A node that lags behind another node of
/// the same validator, or behind the chain, asks for heights that may have been signed long ago;
/// catching up takes it seconds, so by then the highest height asked for is the chain's.
pub const WAIT: Duration = Duration::from_secs(30);

/// What a signer without a past has heard since it began to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// When the first height was asked for.
    pub since: Instant,
    /// The highest height that was asked for.
    pub highest: Height,
}

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// New: commit it, then sign it.
    Advance,
    /// Signed before, but for the timestamp: sign this again, with the first timestamp.
    Replay(Canonical),
    /// Refuse, and remember this.
    Wait(Waiting),
    /// Refuse.
    Refuse(Refusal),
}

/// Decides on a request that came at `now`. `waiting` is what the last [`Decision::Wait`] said,
/// if there was one since the signer started.
#[must_use]
pub fn decide(
    knowledge: &Knowledge,
    waiting: Option<&Waiting>,
    asked: &Canonical,
    now: Instant,
) -> Decision {
    let height = asked.hrs().height;
    let begins_now = Waiting {
        since: now,
        highest: height,
    };
    match (waiting, knowledge) {
        (Some(waiting), _) => while_waiting(waiting, height, now),
        (None, Knowledge::Nothing) if height == Height::FIRST => Decision::Advance,
        (None, Knowledge::Nothing) => Decision::Wait(begins_now),
        (None, Knowledge::Imported(mark)) if is_past_next(mark, height) => {
            Decision::Wait(begins_now)
        }
        (None, Knowledge::Imported(mark) | Knowledge::Mark(mark)) => against_mark(mark, asked),
    }
}

/// Once the wait is over `highest` stays as it is: what is higher is signed.
fn while_waiting(waiting: &Waiting, height: Height, now: Instant) -> Decision {
    let is_over = now.saturating_duration_since(waiting.since) >= WAIT;
    if is_over && height > waiting.highest {
        return Decision::Advance;
    }
    Decision::Wait(Waiting {
        since: waiting.since,
        highest: waiting.highest.max(height),
    })
}

/// True past the height that follows the mark's: what was signed in between is not known.
fn is_past_next(mark: &Mark, height: Height) -> bool {
    height.value() > mark.hrs().height.value().saturating_add(1)
}

fn against_mark(mark: &Mark, asked: &Canonical) -> Decision {
    if asked.hrs() > mark.hrs() {
        return Decision::Advance;
    }
    if asked.hrs() < mark.hrs() {
        return Decision::Refuse(Refusal::Regression {
            mark: Box::new(mark.clone()),
            asked: asked.hrs(),
        });
    }
    match mark {
        Mark::Signed(signed) if signed.same_but_for_timestamp(asked) => {
            Decision::Replay(signed.clone())
        }
        Mark::Signed(signed) => Decision::Refuse(Refusal::Conflict {
            signed: Box::new(signed.clone()),
            asked: Box::new(asked.clone()),
        }),
        Mark::Floor { .. } => Decision::Refuse(Refusal::UnknownContent { asked: asked.hrs() }),
    }
}
