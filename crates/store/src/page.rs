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
