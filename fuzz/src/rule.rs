//! The rule of `docs/double-sign.md`, written a second time and without the guard's code.
//!
//! When the rule changes, this file is the only one under `fuzz` that changes with it.

use guard::Mark;
use privval::{Canonical, Height, Hrs};

/// What a signer can go by.
#[derive(Debug, Default)]
pub struct Past {
    /// What its own state says.
    pub mark: Option<Mark>,
    /// What stands beside the key, for a signer without a state.
    pub imported: Option<Mark>,
    /// When it began to listen, in seconds, and the highest height it has heard of since.
    pub waiting: Option<(u64, Height)>,
}

/// What is due to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// A new signature.
    New,
    /// The signature that was given before.
    Repeat,
    /// A refusal, and all up to this height is let pass.
    Wait(Height),
    /// A refusal.
    Refusal,
}

/// How long a signer without a past listens, in seconds.
pub const WAIT_S: u64 = 30;

impl Past {
    /// What is due to a request that comes so many seconds after the start of the world.
    #[must_use]
    pub fn due(&self, asked: &Canonical, now_s: u64) -> Due {
        let height = asked.hrs().height;
        match (self.believed(height), self.waiting) {
            (Some(mark), _) if is_repeat(asked, mark) => Due::Repeat,
            (Some(mark), _) if is_later(asked.hrs(), mark.hrs()) => Due::New,
            (Some(_), _) => Due::Refusal,
            (None, None) if height.value() == 1 && self.imported.is_none() => Due::New,
            (None, None) => Due::Wait(height),
            (None, Some((since_s, highest))) if now_s - since_s < WAIT_S => {
                Due::Wait(if height > highest { height } else { highest })
            }
            (None, Some((_, highest))) if height.value() > highest.value() => Due::New,
            (None, Some(_)) => Due::Refusal,
        }
    }

    /// The mark of the state, or the one beside the key where it is not too old.
    #[must_use]
    pub fn believed(&self, height: Height) -> Option<&Mark> {
        let near = |mark: &&Mark| height.value() <= mark.hrs().height.value() + 1;
        match self.waiting {
            None => self.mark.as_ref().or(self.imported.as_ref().filter(near)),
            Some(_) => self.mark.as_ref(),
        }
    }
}

fn is_later(asked: Hrs, mark: Hrs) -> bool {
    let key = |hrs: Hrs| (hrs.height.value(), hrs.round.value(), hrs.step.number());
    key(asked) > key(mark)
}

/// The same but for the time.
fn is_repeat(asked: &Canonical, mark: &Mark) -> bool {
    let Some(signed) = mark.signed() else {
        return false;
    };
    let mut asked = asked.clone();
    match &mut asked {
        Canonical::Vote(vote) => vote.timestamp = signed.timestamp(),
        Canonical::Proposal(proposal) => proposal.timestamp = signed.timestamp(),
    }
    asked.sign_bytes() == signed.sign_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::input::Input;
    use crate::samples;

    /// A message of one of a few places, with one of a few contents.
    fn message(place: u8, content: u8, time: u8) -> Canonical {
        let bytes = [place, content, time];
        samples::message(&mut Input::new(&bytes), &samples::chain())
    }

    #[test]
    fn a_mark_lets_pass_what_is_later_and_the_same_again() {
        let past = Past {
            mark: Some(Mark::Signed(message(0x21, 0, 7))),
            ..Past::default()
        };
        let due = [
            (0x22, 0, Due::New),
            (0x24, 0, Due::New),
            (0x30, 0, Due::New),
            (0x21, 0, Due::Repeat),
            (0x21, 1, Due::Refusal),
            (0x20, 0, Due::Refusal),
            (0x12, 0, Due::Refusal),
        ];
        for (place, content, expected) in due {
            assert_eq!(
                past.due(&message(place, content, 9), 0),
                expected,
                "{place}"
            );
        }
    }

    #[test]
    fn without_a_mark_the_first_height_is_signed_and_others_wait_half_a_minute() {
        let height = |n| Height::try_from(n).unwrap();
        let mut past = Past::default();
        assert_eq!(past.due(&message(0x10, 0, 7), 3), Due::New);
        assert_eq!(past.due(&message(0x20, 0, 7), 3), Due::Wait(height(2)));
        past.waiting = Some((3, height(2)));
        assert_eq!(past.due(&message(0x30, 0, 7), 32), Due::Wait(height(3)));
        assert_eq!(past.due(&message(0x10, 0, 7), 32), Due::Wait(height(2)));
        assert_eq!(past.due(&message(0x30, 0, 7), 33), Due::New);
        assert_eq!(past.due(&message(0x22, 0, 7), 33), Due::Refusal);
    }

    #[test]
    fn a_mark_beside_the_key_counts_up_to_the_next_height() {
        let height = |n| Height::try_from(n).unwrap();
        let mut past = Past {
            imported: Some(Mark::Signed(message(0x21, 0, 7))),
            ..Past::default()
        };
        assert_eq!(past.due(&message(0x21, 0, 9), 0), Due::Repeat);
        assert_eq!(past.due(&message(0x20, 0, 9), 0), Due::Refusal);
        assert_eq!(past.due(&message(0x30, 0, 9), 0), Due::New);
        assert_eq!(past.due(&message(0x40, 0, 9), 0), Due::Wait(height(4)));
        past.waiting = Some((0, height(4)));
        assert_eq!(past.due(&message(0x30, 0, 9), 0), Due::Wait(height(4)));
        assert_eq!(past.due(&message(0x40, 0, 9), 30), Due::Refusal);
        assert_eq!(past.due(&message(0x50, 0, 9), 30), Due::New);
    }
}
