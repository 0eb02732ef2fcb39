//! What was signed last, in the node's form and in that of the signer.

use std::fmt::{self, Display};
use std::fs;
use std::io;
use std::path::Path;

use guard::Knowledge;
use serde::{Deserialize, Serialize};
use store::Document;

use crate::failure::Failure;
use crate::files;

/// A place in the chain. Steps count from 1 as in CometBFT: propose, prevote, precommit; 0 for
/// nothing signed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Place {
    pub(super) height: i64,
    pub(super) round: i32,
    pub(super) step: u8,
}

/// What was signed last, and the text of the node's file that says so.
#[derive(Clone, Debug)]
pub(super) struct Mark {
    pub(super) place: Place,
    text: Vec<u8>,
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.height == 0 {
            f.write_str("nothing")
        } else if self.round == i32::MAX {
            write!(f, "the end of height {}", self.height)
        } else {
            let step = self.step.saturating_sub(1);
            write!(f, "h/r/s {}/{}/{step}", self.height, self.round)
        }
    }
}

impl Mark {
    /// The mark of a place that is known without what was signed there: the node refuses that
    /// place and goes on from the next.
    pub(super) fn at(place: Place) -> Self {
        // CometBFT has the height in quotes and the round without.
        let text = format!(
            "{{\n  \"height\": \"{}\",\n  \"round\": {},\n  \"step\": {}\n}}",
            place.height, place.round, place.step
        );
        Self {
            place,
            text: text.into_bytes(),
        }
    }

    /// A height that counts as signed with all its rounds.
    pub(super) fn whole_height(height: i64) -> Self {
        Self::at(Place {
            height,
            round: i32::MAX,
            step: 3,
        })
    }

    /// Reads `priv_validator_state.json` of a node, or a state file of tmkms.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        Self::read_if_there(path)?.ok_or_else(|| {
            Failure::new(format!(
                "{} is missing: it says what was signed last",
                path.display()
            ))
        })
    }

    /// The same; `None` if there is no file.
    pub(super) fn read_if_there(path: &Path) -> Result<Option<Self>, Failure> {
        let bytes = match fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file("read", path, &error)),
        };
        let document = Document::parse(&bytes).map_err(|problem| {
            Failure::new(format!(
                "{} does not say what was signed last: {problem}. Expected \
                 priv_validator_state.json of a node, or what `tmkms state export` prints",
                path.display()
            ))
        })?;
        let Knowledge::Mark(mark) = &document.knowledge else {
            return Ok(Some(Self::at(Place::default())));
        };
        let hrs = mark.hrs();
        let place = Place {
            height: hrs.height.value(),
            round: hrs.round.value(),
            step: hrs.step.number().saturating_add(1),
        };
        if document.is_cometbft {
            // It has the signature too, which the node can give again.
            return Ok(Some(Self { place, text: bytes }));
        }
        Ok(Some(Self::at(place)))
    }

    /// Whether nothing was signed.
    pub(super) fn is_zero(&self) -> bool {
        self.place.height == 0
    }

    /// The higher one; of two at one place the first, because it may say more.
    pub(super) fn or_higher(self, other: Self) -> Self {
        if other.place > self.place {
            other
        } else {
            self
        }
    }

    /// Writes it as the node's file.
    pub(super) fn write(&self, path: &Path) -> Result<(), Failure> {
        files::replace(path, &self.text, files::SECRET)
            .map_err(|e| Failure::file("write", path, &e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        fs::write(&path, text).unwrap();
        (dir, path)
    }

    #[test]
    fn the_signers_state_becomes_the_nodes_with_its_steps_and_quotes() {
        let (_dir, path) = file(r#"{"height":"57","round":"1","step":2,"block_id":null}"#);
        let mark = Mark::read(&path).unwrap();
        mark.write(&path).unwrap();
        let written = fs::read_to_string(&path).unwrap();
        assert_eq!(
            written,
            "{\n  \"height\": \"57\",\n  \"round\": 1,\n  \"step\": 3\n}"
        );
        assert_eq!(Mark::read(&path).unwrap().place, mark.place);
        assert_eq!(mark.place.to_string(), "h/r/s 57/1/2");
    }

    #[test]
    fn a_nodes_state_is_kept_to_the_byte_for_what_it_says_more() {
        let text = r#"{"height":"7","round":0,"step":3,"signature":"AAAA"}"#;
        let (_dir, path) = file(text);
        let mark = Mark::read(&path).unwrap();
        let same_place = Mark::at(mark.place);
        mark.or_higher(same_place).write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn the_highest_mark_counts() {
        let at = |height, round, step| {
            Mark::at(Place {
                height,
                round,
                step,
            })
        };
        for (low, high) in [
            (at(5, 9, 3), at(6, 0, 1)),
            (at(6, 0, 3), at(6, 1, 1)),
            (at(6, 1, 1), at(6, 1, 2)),
            (at(6, 7, 3), Mark::whole_height(6)),
            (at(0, 0, 0), at(1, 0, 1)),
        ] {
            let place = high.place;
            assert_eq!(low.clone().or_higher(high.clone()).place, place);
            assert_eq!(high.or_higher(low).place, place);
        }
        assert!(at(0, 0, 0).is_zero());
    }

    #[test]
    fn a_file_that_says_nothing_is_an_error() {
        for text in ["", "{", "{\"height\":\"x\",\"round\":0,\"step\":1}"] {
            let (_dir, path) = file(text);
            let told = Mark::read(&path).unwrap_err().to_string();
            assert!(told.contains("does not say what was signed last"), "{told}");
        }
    }
}
