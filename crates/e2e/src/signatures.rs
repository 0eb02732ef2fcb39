//! All signatures of a scene, from the signer's own log, and whether two contradict each other.

use std::collections::BTreeMap;

/// `Proposal 12/0`: what can be signed once.
type Place = (String, String);

/// What was signed where, with all lives of the signer together.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Signatures {
    /// How many, repeats included.
    pub count: usize,
    /// Places with more than one block.
    pub conflicts: Vec<String>,
}

impl Signatures {
    /// Reads a log of tmkms 0.15 or ours.
    pub fn read(log: &str) -> Self {
        let mut blocks: BTreeMap<Place, String> = BTreeMap::new();
        let mut found = Self::default();
        for (place, block) in log.lines().filter_map(signature) {
            found.count += 1;
            let what = format!("{} {}", place.0, place.1);
            let first = blocks.entry(place).or_insert_with(|| block.clone());
            if *first != block {
                found.conflicts.push(format!("{what}: {first} and {block}"));
            }
        }
        found
    }
}

/// `… [CHAIN@ADDR] signed Proposal:4901A1C131 at h/r/s 51/0/0 (0 ms)`.
fn signature(line: &str) -> Option<(Place, String)> {
    let (_, rest) = line.split_once("] signed ")?;
    let (what, rest) = rest.split_once(" at h/r/s ")?;
    let (kind, block) = what.split_once(':')?;
    let (place, _) = rest.split_once(" (")?;
    Some(((kind.to_owned(), place.to_owned()), block.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(what: &str, place: &str) -> String {
        format!(
            "2026-01-30T20:26:37Z INFO tmkms::session: [c@tcp://h:1] signed {what} at h/r/s {place} (0 ms)\n"
        )
    }

    #[test]
    fn a_repeat_is_no_conflict_and_another_block_is() {
        let log = [
            line("Prevote:AA", "5/0/1"),
            line("Prevote:AA", "5/0/1"),
            line("Prevote:BB", "5/1/1"),
            line("Precommit:BB", "5/0/2"),
            "INFO tmkms::session: [c@tcp://h:1] connected".to_owned(),
        ]
        .concat();
        let found = Signatures::read(&log);
        assert_eq!((found.count, found.conflicts.len()), (4, 0));
        let found = Signatures::read(&(log + &line("Prevote:CC", "5/0/1")));
        assert_eq!(found.conflicts, ["Prevote 5/0/1: AA and CC"]);
    }
}
