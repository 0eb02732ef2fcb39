//! Which of two accounts of the past is to be believed: the higher one, unless they contradict
//! each other.

use std::cmp::Ordering;

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
    let believed = match a.hrs().cmp(&b.hrs()) {
        Ordering::Greater => a,
        Ordering::Less => b,
        Ordering::Equal if contradict(a, b) => {
            return Err(Contradiction {
                place: a.hrs().to_string(),
                left: describe(a),
                right: describe(b),
            });
        }
        Ordering::Equal if a.signed().is_none() => a,
        Ordering::Equal => b,
    };
    Ok(Knowledge::Mark(believed.clone()))
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

#[cfg(test)]
mod tests {
    use super::*;
    use privval::{Canonical, ChainId, Height, Hrs, Round, Step, Timestamp, Vote, VoteType};

    fn block_id(n: u8) -> BlockId {
        BlockId {
            hash: [n; 32],
            parts_total: 1,
            parts_hash: [n; 32],
        }
    }

    fn signed(block_id: Option<BlockId>, seconds: i64) -> Knowledge {
        Knowledge::Mark(Mark::Signed(Canonical::Vote(Vote {
            vote_type: VoteType::Prevote,
            height: Height::try_from(57).unwrap(),
            round: Round::default(),
            block_id,
            timestamp: Timestamp { seconds, nanos: 0 },
            chain_id: ChainId::new("testnet-1").unwrap(),
        })))
    }

    fn floor(height: i64, block_id: Option<BlockId>) -> Knowledge {
        Knowledge::Mark(Mark::Floor {
            hrs: Hrs {
                height: Height::try_from(height).unwrap(),
                round: Round::default(),
                step: Step::Prevote,
            },
            block_id,
        })
    }

    /// Both ways round.
    fn believed(left: &Knowledge, right: &Knowledge) -> Result<Knowledge, Contradiction> {
        let believed = higher(left, right);
        assert_eq!(higher(right, left).is_err(), believed.is_err());
        if let (Ok(one), Ok(other)) = (&believed, higher(right, left)) {
            assert_eq!(*one, other);
        }
        believed
    }

    #[test]
    fn higher_place_is_believed_and_any_place_rather_than_none() {
        let (low, high) = (floor(57, Some(block_id(1))), floor(58, None));
        assert_eq!(believed(&low, &high).unwrap(), high);
        assert_eq!(believed(&low, &Knowledge::Nothing).unwrap(), low);
        let nothing = believed(&Knowledge::Nothing, &Knowledge::Nothing);
        assert_eq!(nothing.unwrap(), Knowledge::Nothing);
    }

    #[test]
    fn at_one_place_the_account_without_its_message_is_believed() {
        let message = signed(Some(block_id(1)), 1);
        for lesser in [floor(57, Some(block_id(1))), floor(57, None)] {
            assert_eq!(believed(&message, &lesser).unwrap(), lesser);
        }
        assert_eq!(believed(&message, &message).unwrap(), message);
        let nil = believed(&signed(None, 1), &floor(57, None));
        assert_eq!(nil.unwrap(), floor(57, None));
    }

    #[test]
    fn two_messages_or_two_blocks_at_one_place_contradict_each_other() {
        let contradiction = |left: &str, right: &str| Contradiction {
            place: "57/0/1".to_owned(),
            left: left.to_owned(),
            right: right.to_owned(),
        };
        let [one, two] = [1, 2].map(|n| Some(block_id(n)));
        let [first, second] = ["block 0101010101", "block 0202020202"];
        for (left, right, told) in [
            (signed(one, 1), signed(two, 1), contradiction(first, second)),
            (signed(one, 1), signed(one, 2), contradiction(first, first)),
            (signed(one, 1), signed(None, 1), contradiction(first, "nil")),
            (signed(one, 1), floor(57, two), contradiction(first, second)),
            (
                signed(None, 1),
                floor(57, two),
                contradiction("nil", second),
            ),
            (floor(57, one), floor(57, two), contradiction(first, second)),
        ] {
            assert_eq!(believed(&left, &right).unwrap_err(), told);
        }
    }
}
