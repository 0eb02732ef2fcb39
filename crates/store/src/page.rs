//! The document as it stands on disk: padded to a fixed size, and written over in place.
//!
//! Invariants:
//! - What this signer writes always has the same length, beginning and end, and a checksum. So a
//!   crash in the middle of a write leaves something of this shape whose checksum does not fit,
//!   or which is no JSON: a torn page. Nothing else looks like that.
//! - The ring is synced before a page is written, so it holds whatever a torn page held.

use guard::Knowledge;
use privval::{ChainId, Height, Hrs, Round, Step};

use crate::document::{Document, DocumentError};
use crate::record::padded;

/// The size on disk.
const LEN: usize = 4096;

const BEGINNING: &str = r#"{"height":""#;
const END: &[u8] = b" \n";

/// What was found in the place of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    /// Written by this signer.
    Ours(Document),
    /// Written by tmkms, or by hand. Never written over in place: a crash would leave a mixture
    /// that nobody could tell from damage.
    Foreign(Document),
    /// Written by this signer, and torn.
    Torn {
        /// Where it seems to be, if that can be read.
        claim: Option<Hrs>,
        /// What is wrong with it.
        problem: DocumentError,
    },
}

impl Page {
    /// Reads what is on disk.
    ///
    /// # Errors
    /// [`DocumentError`] when it is damaged in a way that no crash explains.
    pub(crate) fn read(bytes: &[u8]) -> Result<Self, DocumentError> {
        let torn = |problem| Self::Torn {
            claim: claim(bytes),
            problem,
        };
        match (Document::parse(bytes), is_of_our_shape(bytes)) {
            (Ok(document), true) if document.has_checksum => Ok(Self::Ours(document)),
            (Ok(_), true) => Ok(torn(DocumentError::Checksum)),
            (Ok(document), false) => Ok(Self::Foreign(document)),
            (Err(problem), true) => Ok(torn(problem)),
            (Err(problem), false) => Err(problem),
        }
    }

    /// The bytes to write.
    pub(crate) fn bytes(chain_id: &ChainId, knowledge: &Knowledge) -> Vec<u8> {
        let json = Document::to_json(chain_id, knowledge);
        let mut bytes = padded(json.as_bytes(), b' ', LEN - END.len());
        bytes.extend_from_slice(END);
        bytes
    }
}

fn is_of_our_shape(bytes: &[u8]) -> bool {
    bytes.len() == LEN && bytes.starts_with(BEGINNING.as_bytes()) && bytes.ends_with(END)
}

/// The place that a page names, even if the rest of it is torn.
fn claim(bytes: &[u8]) -> Option<Hrs> {
    let text = String::from_utf8_lossy(bytes);
    let rest = text.strip_prefix(BEGINNING)?;
    let (height, rest) = rest.split_once(r#"","round":""#)?;
    let (round, rest) = rest.split_once(r#"","step":"#)?;
    let (step, _) = rest.split_once(',')?;
    Some(Hrs {
        height: Height::try_from(height.parse::<i64>().ok()?).ok()?,
        round: Round::try_from(round.parse::<i32>().ok()?).ok()?,
        step: match step {
            "0" => Step::Propose,
            "1" => Step::Prevote,
            _ => Step::Precommit,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use guard::Mark;

    fn place(height: i64, round: i32, step: Step) -> Hrs {
        Hrs {
            height: Height::try_from(height).unwrap(),
            round: Round::try_from(round).unwrap(),
            step,
        }
    }

    /// A page of ours as text.
    fn page(hrs: Hrs) -> String {
        let mark = Mark::Floor {
            hrs,
            block_id: None,
        };
        let chain_id = ChainId::new("testnet-1").unwrap();
        String::from_utf8(Page::bytes(&chain_id, &Knowledge::Mark(mark))).unwrap()
    }

    #[test]
    fn torn_page_says_where_it_seems_to_be() {
        for step in [Step::Propose, Step::Prevote, Step::Precommit] {
            let hrs = place(57, 2, step);
            let torn = page(hrs).replace("testnet-1", "testnet-2");
            let Ok(Page::Torn { claim, problem }) = Page::read(torn.as_bytes()) else {
                panic!("it is taken for whole or foreign");
            };
            assert_eq!((claim, problem), (Some(hrs), DocumentError::Checksum));
        }
        let nowhere = page(place(57, 2, Step::Prevote)).replace("57", "5x");
        let read = Page::read(nowhere.as_bytes());
        assert!(
            matches!(read, Ok(Page::Torn { claim: None, .. })),
            "{read:?}"
        );
    }

    #[test]
    fn page_of_ours_without_a_checksum_is_torn() {
        let whole = page(place(57, 2, Step::Prevote));
        assert!(matches!(Page::read(whole.as_bytes()), Ok(Page::Ours(_))));
        let (head, tail) = whole.split_once(r#","checksum":""#).unwrap();
        let (checksum, tail) = tail.split_once('"').unwrap();
        let room = " ".repeat(r#","checksum":"""#.len() + checksum.len());
        let without = format!("{head}{room}{tail}");
        let read = Page::read(without.as_bytes());
        assert!(matches!(read, Ok(Page::Torn { .. })), "{read:?}");
    }

    /// Whatever lacks one mark of our shape was not torn out of a page of ours.
    #[test]
    fn damage_is_explained_by_a_crash_only_in_the_whole_shape_of_a_page() {
        let torn = page(place(57, 2, Step::Prevote)).replacen("step", "s\0ep", 1);
        assert!(matches!(Page::read(torn.as_bytes()), Ok(Page::Torn { .. })));
        let end = torn.len() - END.len();
        for (other, what) in [
            (format!("{} {}", &torn[..end], &torn[end..]), "longer"),
            (format!("{}{}", &torn[..end - 1], &torn[end..]), "shorter"),
            (
                torn.replacen("{\"", "{ \"", 1).replacen("   ", "  ", 1),
                "another beginning",
            ),
            (format!("{}\n ", &torn[..end]), "another end"),
        ] {
            let read = Page::read(other.as_bytes());
            assert!(read.is_err(), "{what}: {read:?}");
        }
    }
}
