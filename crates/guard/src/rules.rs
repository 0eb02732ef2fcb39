//! The rule: what may be signed, given what was signed.
//!
//! The whole table, as a pure function. It is CometBFT's own rule (`privval/file.go`,
//! `CheckHRS`, `signVote`, `signProposal`), with two additions: a mark without content refuses
//! its place, and a signer that knows nothing, or whose knowledge may be old, lets the first
//! height pass.

use privval::{Canonical, Height};

use crate::mark::{Knowledge, Mark};
use crate::refusal::Refusal;

/// What to do with a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// New: commit it, then sign it.
    Advance,
    /// Signed before, but for the timestamp: sign this again, with the first timestamp.
    Replay(Canonical),
    /// Remember that this height has begun, and refuse it.
    Hold(Height),
    /// Refuse.
    Refuse(Refusal),
}

/// Decides on a request.
#[must_use]
pub fn decide(knowledge: &Knowledge, asked: &Canonical) -> Decision {
    let height = asked.hrs().height;
    match knowledge {
        Knowledge::Nothing if height == Height::FIRST => Decision::Advance,
        Knowledge::Nothing => Decision::Hold(height),
        Knowledge::Holding(held) if height > *held => Decision::Advance,
        Knowledge::Holding(held) => Decision::Refuse(Refusal::Held { height: *held }),
        Knowledge::Imported(mark) if is_past_next(mark, height) => Decision::Hold(height),
        Knowledge::Imported(mark) | Knowledge::Mark(mark) => against_mark(mark, asked),
    }
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
