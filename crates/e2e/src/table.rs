//! Everything that can be played, by name.

use crate::Outcome;
use crate::approaches::{self, APPROACHES, Approach};
use crate::combination::Combination;
use crate::latency;
use crate::paced::{self, PACED, Paced};
use crate::path::Path;
use crate::play::{self, Manner};
use crate::rows::{Fault, ROWS, Row};
use crate::stage::Stage;
use crate::troubles::{self, Cause, TROUBLES, Trouble};

/// One thing to play.
#[derive(Clone, Copy, Debug)]
pub enum Entry {
    /// With blocks of the real node.
    Row(&'static Row),
    /// With questions of a stand-in.
    Paced(&'static Paced),
    /// Set up wrong.
    Trouble(&'static Trouble),
    /// In one of the guide's ways.
    Approach(&'static Approach),
    /// The table of latencies.
    Latency,
}

/// All of it, in the order of the screen.
pub fn all() -> Vec<Entry> {
    let rows = ROWS.iter().map(Entry::Row);
    let paced = PACED.iter().map(Entry::Paced);
    let troubles = TROUBLES.iter().map(Entry::Trouble);
    let approaches = APPROACHES.iter().map(Entry::Approach);
    let all = rows.chain(paced).chain(troubles).chain(approaches);
    all.chain([Entry::Latency]).collect()
}

impl Entry {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Row(row) => row.name,
            Self::Paced(paced) => paced.name,
            Self::Trouble(trouble) => trouble.name,
            Self::Approach(approach) => approach.name,
            Self::Latency => "latency",
        }
    }

    /// What happens, for people.
    pub fn what(self) -> &'static str {
        match self {
            Self::Row(row) => row.what,
            Self::Paced(paced) => paced.what,
            Self::Trouble(trouble) => trouble.what,
            Self::Approach(approach) => approach.what,
            Self::Latency => "what WireGuard adds to an answer on a good path",
        }
    }

    /// Whether the short form has it.
    pub fn is_short(self) -> bool {
        match self {
            Self::Row(row) => row.is_short,
            Self::Paced(paced) => paced.is_short,
            // Whether it is named depends on which end is faster, on a busy machine.
            Self::Trouble(trouble) => trouble.cause != Cause::ClockBack,
            Self::Approach(approach) => approach.is_short,
            Self::Latency => false,
        }
    }

    /// Whether the short form has it for every combination.
    pub fn is_basic(self) -> bool {
        matches!(self, Self::Row(row) if row.fault == Fault::None && row.setup.path == Path::GOOD)
    }

    /// Whether it is played once, whatever the signer and the gateway.
    pub fn is_single(self) -> bool {
        matches!(self, Self::Approach(_) | Self::Latency)
    }

    /// Whether there is anything in it for a combination.
    pub fn applies_to(self, combination: Combination) -> bool {
        match self {
            Self::Row(row) => row.applies_to(combination),
            Self::Trouble(_) => combination.has_own_tunnel(),
            Self::Paced(_) => true,
            Self::Approach(_) | Self::Latency => false,
        }
    }

    /// Plays it; returns its figures. `combination` is for what is not single.
    ///
    /// # Errors
    /// What was not as demanded.
    pub fn play(self, stage: &Stage, combination: Combination, manner: Manner) -> Outcome<String> {
        match self {
            Self::Row(row) => play::play(stage, combination, row, manner),
            Self::Paced(paced) => paced::play(stage, combination, paced, manner),
            Self::Trouble(trouble) => troubles::play(stage, combination, trouble, manner),
            Self::Approach(approach) => approaches::play(stage, approach, manner),
            Self::Latency => latency::play(stage, manner),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_there_once() {
        let mut names: Vec<&str> = all().iter().map(|entry| entry.name()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
        assert!(names.iter().all(|name| !name.is_empty() && *name != "list"));
    }
}
