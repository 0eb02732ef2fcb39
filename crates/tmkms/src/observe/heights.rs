//! The last heights, and at which of them something was signed.
//!
//! Invariant: its size is fixed, however many heights there are and however far they lie apart.

use privval::{Hrs, Step};

use super::document;

/// How many are remembered.
const LEN: usize = 100;

const NOTHING: u8 = 0;
const SOMETHING: u8 = 1;
const PRECOMMIT: u8 = 2;

/// What was signed at the last heights since the start.
#[derive(Debug)]
pub(super) struct Heights {
    /// At `height % LEN`.
    marks: [u8; LEN],
    /// The first height and the highest, once there is one.
    range: Option<(i64, i64)>,
    missed: u64,
}

impl Default for Heights {
    fn default() -> Self {
        Self {
            marks: [NOTHING; LEN],
            range: None,
            missed: 0,
        }
    }
}

impl Heights {
    /// Something was signed at a place.
    pub(super) fn signed(&mut self, hrs: Hrs) {
        let height = hrs.height.value();
        match self.range {
            None => self.range = Some((height, height)),
            Some((first, newest)) if height > newest => {
                self.pass(first, newest, height);
                self.range = Some((first, height));
            }
            Some(_) => {}
        }
        if self.is_remembered(height) {
            let mark = match hrs.step {
                Step::Precommit => PRECOMMIT,
                Step::Propose | Step::Prevote => SOMETHING,
            };
            if let Some(known) = self.mark_mut(height) {
                *known = mark.max(*known);
            }
        }
    }

    /// Goes on to a higher height. What is missing is counted one height late: of two nodes' last
    /// precommit and next prevote, the latter may be recorded first.
    fn pass(&mut self, first: i64, newest: i64, height: i64) {
        let counted_to = newest.saturating_sub(2);
        let count_to = height.saturating_sub(2);
        for at in counted_to.saturating_add(1).max(first)..=count_to.min(newest) {
            let is_missed = self.mark(at) != PRECOMMIT;
            self.missed = self.missed.saturating_add(u64::from(is_missed));
        }
        let beyond = count_to.saturating_sub(newest).max(0);
        self.missed = self.missed.saturating_add(beyond.unsigned_abs());
        let len = i64::try_from(LEN).unwrap_or(i64::MAX);
        for at in newest.saturating_add(1).max(height.saturating_sub(len - 1))..=height {
            if let Some(mark) = self.mark_mut(at) {
                *mark = NOTHING;
            }
        }
    }

    /// All of it.
    pub(super) fn document(&self) -> document::Heights {
        let Some((first, newest)) = self.range else {
            return document::Heights::default();
        };
        let len = i64::try_from(LEN).unwrap_or(i64::MAX);
        let from = newest.saturating_sub(len - 1).max(first);
        let marks = (from..=newest).map(|height| match self.mark(height) {
            PRECOMMIT => 'S',
            SOMETHING => 'p',
            _ => '.',
        });
        document::Heights {
            newest,
            marks: marks.collect(),
            missed: self.missed,
        }
    }

    fn is_remembered(&self, height: i64) -> bool {
        let len = i64::try_from(LEN).unwrap_or(i64::MAX);
        self.range
            .is_some_and(|(first, newest)| height >= first && height > newest.saturating_sub(len))
    }

    fn mark(&self, height: i64) -> u8 {
        let found = slot(height).and_then(|slot| self.marks.get(slot));
        found.copied().unwrap_or(NOTHING)
    }

    fn mark_mut(&mut self, height: i64) -> Option<&mut u8> {
        self.marks.get_mut(slot(height)?)
    }
}

fn slot(height: i64) -> Option<usize> {
    let height = usize::try_from(height).ok()?;
    Some(height % LEN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use privval::{Height, Round};

    fn at(height: i64, step: Step) -> Hrs {
        Hrs {
            height: Height::try_from(height).unwrap(),
            round: Round::default(),
            step,
        }
    }

    fn after(places: &[(i64, Step)]) -> document::Heights {
        let mut heights = Heights::default();
        for (height, step) in places {
            heights.signed(at(*height, *step));
        }
        heights.document()
    }

    #[test]
    fn nothing_is_told_before_the_first_signature() {
        assert_eq!(after(&[]), document::Heights::default());
    }

    #[test]
    fn precommit_is_signed_less_is_partial_and_nothing_is_missed() {
        use Step::{Precommit, Prevote, Propose};
        let told = after(&[
            (50, Prevote),
            (50, Precommit),
            (51, Propose),
            (53, Precommit),
            (54, Prevote),
        ]);
        assert_eq!((told.newest, told.marks.as_str()), (54, "Sp.Sp"));
        // 51 and 52; 54 may still get its precommit.
        assert_eq!(told.missed, 2);
    }

    #[test]
    fn height_is_missed_only_when_the_next_but_one_is_signed() {
        use Step::{Precommit, Prevote};
        let late = [(1, Prevote), (2, Prevote), (1, Precommit), (2, Precommit)];
        assert_eq!(after(&late).missed, 0);
        assert_eq!(after(&[(1, Prevote), (2, Precommit)]).missed, 0);
        let gone = [(1, Prevote), (2, Precommit), (3, Precommit)];
        assert_eq!(after(&gone).missed, 1);
    }

    #[test]
    fn only_the_last_hundred_are_remembered_and_all_that_are_missed_counted() {
        let mut places: Vec<_> = (1..=250).map(|height| (height, Step::Precommit)).collect();
        let told = after(&places);
        assert_eq!((told.newest, told.marks), (250, "S".repeat(100)));
        places.push((i64::MAX, Step::Precommit));
        let told = after(&places);
        assert_eq!(told.marks, ".".repeat(99) + "S");
        assert_eq!(told.missed, (i64::MAX - 2 - 250).unsigned_abs());
        places.push((249, Step::Precommit));
        assert_eq!(after(&places).marks, told.marks);
    }

    #[test]
    fn gap_of_any_length_leaves_no_old_mark_behind() {
        for gap in [1, 2, 50, 98, 99, 100, 101, 199, 200, 1_000] {
            let mut places: Vec<_> = (1..=150).map(|height| (height, Step::Precommit)).collect();
            places.push((150 + gap, Step::Precommit));
            let told = after(&places);
            let missing = told.marks.matches('.').count();
            assert_eq!(missing, usize::try_from(gap - 1).unwrap().min(99), "{gap}");
            // The height before the last one may still get its precommit.
            assert_eq!(told.missed, (gap - 2).max(0).unsigned_abs(), "{gap}");
        }
    }
}
