//! Which of two accounts of the past is to be believed: the higher one, unless they contradict
//! each other.

use guard::{Knowledge, Mark};

/// Two accounts that name different things for one height, round and step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contradiction {
    pub(crate) place: String,
    pub(crate) left: String,
    pub(crate) right: String,
}

/// The higher of two accounts; at the same place the one that knows more.
pub(crate) fn higher(left: &Knowledge, right: &Knowledge) -> Result<Knowledge, Contradiction> {
    let (Knowledge::Mark(a), Knowledge::Mark(b)) = (left, right) else {
        return Ok(match left {
            Knowledge::Mark(_) => left.clone(),
            _ => right.clone(),
        });
    };
    if a.hrs() != b.hrs() {
        let higher = if a.hrs() > b.hrs() { a } else { b };
        return Ok(Knowledge::Mark(higher.clone()));
    }
    if contradict(a, b) {
        return Err(Contradiction {
            place: a.hrs().to_string(),
            left: describe(a),
            right: describe(b),
        });
    }
    let fuller = if a.signed().is_some() { a } else { b };
    Ok(Knowledge::Mark(fuller.clone()))
}

fn contradict(a: &Mark, b: &Mark) -> bool {
    match (a, b) {
        (Mark::Signed(a), Mark::Signed(b)) => a != b,
        // A floor without a block may be a vote for nil or one that is not known.
        _ => matches!((a.block_id(), b.block_id()), (Some(a), Some(b)) if a != b),
    }
}

fn describe(mark: &Mark) -> String {
    match (mark.block_id(), mark.signed()) {
        (Some(id), _) => format!("block {}", id.prefix()),
        (None, Some(_)) => "nil".to_owned(),
        (None, None) => "something unknown".to_owned(),
    }
}
