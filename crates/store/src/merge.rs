//! Which of two accounts of the past is to be believed: the higher one, unless they contradict
//! each other.

use guard::{Knowledge, Mark};
use privval::BlockId;

/// Two accounts that name different things for one height, round and step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Contradiction {
    pub(crate) place: String,
    pub(crate) left: String,
    pub(crate) right: String,
}

/// The higher of two accounts. At the same place the one that knows less, when they differ in
/// what they know: a floor there comes from another program (ours always keeps the sign bytes),
/// which may have signed something else.
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
    let lesser = if a.signed().is_none() { a } else { b };
    Ok(Knowledge::Mark(lesser.clone()))
}

fn contradict(a: &Mark, b: &Mark) -> bool {
    match (a, b) {
        (Mark::Signed(a), Mark::Signed(b)) => a != b,
        _ => matches!((block(a), block(b)), (Some(a), Some(b)) if a != b),
    }
}

/// The block that was signed for, or nil, where this is known. A floor without a block may be a
/// vote for nil, or one that is not known.
fn block(mark: &Mark) -> Option<Option<&BlockId>> {
    match (mark.signed(), mark.block_id()) {
        (None, None) => None,
        (_, block_id) => Some(block_id),
    }
}

fn describe(mark: &Mark) -> String {
    match block(mark) {
        Some(Some(id)) => format!("block {}", id.prefix()),
        Some(None) => "nil".to_owned(),
        None => "something unknown".to_owned(),
    }
}
