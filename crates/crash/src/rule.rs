//! What a healthy signer must answer: the rule written a second time, on its own.
//!
//! Invariant: nothing of `guard` is used here, so a mistake in the guard shows as a difference.

use privval::{Canonical, Height};

/// The answer that a request must get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A signature over exactly this.
    SignatureOver(Box<Canonical>),
    /// A refusal.
    Refusal,
}

/// What must come of `asked` when `mark` is the last that was committed; `None` is a chain
/// without a past.
#[must_use]
pub fn expected(mark: Option<&Canonical>, asked: &Canonical) -> Expected {
    let Some(mark) = mark else {
        return if asked.hrs().height == Height::FIRST {
            Expected::SignatureOver(Box::new(asked.clone()))
        } else {
            Expected::Refusal
        };
    };
    if asked.hrs() > mark.hrs() {
        return Expected::SignatureOver(Box::new(asked.clone()));
    }
    let mut at_the_same_time = asked.clone();
    match &mut at_the_same_time {
        Canonical::Vote(vote) => vote.timestamp = mark.timestamp(),
        Canonical::Proposal(proposal) => proposal.timestamp = mark.timestamp(),
    }
    if at_the_same_time.sign_bytes() == mark.sign_bytes() {
        return Expected::SignatureOver(Box::new(mark.clone()));
    }
    Expected::Refusal
}

#[cfg(test)]
mod tests {
    use super::*;
    use privval::{ChainId, Timestamp};
    use testnode::{precommit, prevote};

    fn at(height: i64, seconds: i64) -> Canonical {
        let chain = ChainId::new("crash-1").unwrap();
        let time = Timestamp { seconds, nanos: 0 };
        prevote(&chain, Height::try_from(height).unwrap(), time)
    }

    fn signature_over(canonical: Canonical) -> Expected {
        Expected::SignatureOver(Box::new(canonical))
    }

    #[test]
    fn later_is_signed_same_is_repeated_and_the_rest_refused() {
        let mark = at(5, 1);
        let later = at(6, 2);
        assert_eq!(expected(Some(&mark), &later), signature_over(later));
        assert_eq!(expected(Some(&mark), &mark), signature_over(mark.clone()));
        assert_eq!(
            expected(Some(&mark), &at(5, 9)),
            signature_over(mark.clone())
        );
        assert_eq!(expected(Some(&mark), &at(4, 1)), Expected::Refusal);
        let mut other_block = mark.clone();
        if let Canonical::Vote(vote) = &mut other_block {
            vote.block_id = None;
        }
        assert_eq!(expected(Some(&mark), &other_block), Expected::Refusal);
    }

    #[test]
    fn chain_without_a_past_signs_only_its_first_height() {
        let first = at(1, 1);
        assert_eq!(expected(None, &first), signature_over(first));
        assert_eq!(expected(None, &at(2, 1)), Expected::Refusal);
    }

    #[test]
    fn later_step_of_the_same_round_is_signed() {
        let chain = ChainId::new("crash-1").unwrap();
        let later = precommit(&chain, Height::FIRST, Timestamp::GO_ZERO);
        assert_eq!(
            expected(Some(&at(1, 1)), &later),
            signature_over(later.clone())
        );
    }
}
