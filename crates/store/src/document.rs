//! The state as JSON: the file that tmkms reads and writes, and the one that CometBFT writes.
//!
//! tmkms: `{"height":"57","round":"0","step":2,"block_id":{"hash":…,"parts":{"total":1,"hash":…}}}`
//! with steps 0, 1, 2. Ours adds `chain_id`, `sign_bytes` and `checksum`, which tmkms skips.
//! CometBFT (`privval/file.go`, `FilePVLastSignState`): `{"height":"57","round":0,"step":3,…}`
//! with steps 1, 2, 3, and 0 for nothing signed. The round tells them apart: text in the one, a
//! number in the other.

use std::fmt::Display;

use guard::{Knowledge, Mark};
use privval::{BlockId, Canonical, ChainId, Height, Hrs, Round, Step};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::error::Category;
use sha2::{Digest as _, Sha256};

/// A state document: of tmkms, of ours, or of CometBFT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// The chain, where the document says it.
    pub chain_id: Option<ChainId>,
    /// What it says.
    pub knowledge: Knowledge,
    /// True when CometBFT wrote it.
    pub is_cometbft: bool,
    /// True when it carries a checksum, which then fits: this signer wrote it.
    pub has_checksum: bool,
}

/// What is wrong with a document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Nothing in it.
    #[error("it is empty")]
    Empty,
    /// Not JSON, or JSON of another shape.
    #[error("it is not a state document ({0})")]
    Shape(String),
    /// A value that cannot be.
    #[error("its {field} is {value}, expected {expected}")]
    Value {
        /// Which field.
        field: &'static str,
        /// What it holds.
        value: String,
        /// What it should hold.
        expected: &'static str,
    },
    /// Sign bytes of another chain or place than the document says.
    #[error("its sign bytes are not those of the chain, height, round and step that it names")]
    OtherSignBytes,
    /// The content is not the one that was written.
    #[error(
        "its checksum does not fit: it was torn by a crash, or edited by hand (an edited one is \
         read once its \"checksum\" and \"sign_bytes\" are taken out)"
    )]
    Checksum,
}

#[derive(Serialize, Deserialize)]
struct Tmkms {
    height: String,
    round: String,
    step: i8,
    #[serde(default)]
    block_id: Option<TmkmsBlockId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    chain_id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    sign_bytes: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    checksum: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct TmkmsBlockId {
    hash: String,
    parts: TmkmsParts,
}

#[derive(Serialize, Deserialize)]
struct TmkmsParts {
    total: u32,
    hash: String,
}

#[derive(Deserialize)]
struct CometBft {
    height: String,
    round: i32,
    step: i8,
    #[serde(default)]
    signbytes: Option<String>,
}

impl Document {
    /// Reads a document of either kind.
    ///
    /// Height 0 says that nothing is known. tmkms writes it when it starts without a state, and a
    /// node of the Cosmos SDK when it makes a new key file in the place of one that was moved.
    ///
    /// # Errors
    /// [`DocumentError`] when it is empty, cut, or holds what cannot be.
    pub fn parse(bytes: &[u8]) -> Result<Self, DocumentError> {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        if text.is_empty() {
            return Err(DocumentError::Empty);
        }
        let value: Value = serde_json::from_str(text).map_err(shape)?;
        if value.get("round").is_some_and(Value::is_number) {
            from_cometbft(&serde_json::from_value(value).map_err(shape)?)
        } else {
            from_tmkms(serde_json::from_value(value).map_err(shape)?)
        }
    }

    /// The document as one line of JSON that tmkms 0.15 reads.
    #[must_use]
    pub fn to_json(chain_id: &ChainId, knowledge: &Knowledge) -> String {
        let mut document = match knowledge {
            Knowledge::Nothing | Knowledge::Imported(_) => Tmkms {
                height: "0".to_owned(),
                round: "0".to_owned(),
                step: 0,
                block_id: None,
                chain_id: Some(chain_id.to_string()),
                sign_bytes: None,
                checksum: None,
            },
            Knowledge::Mark(mark) => Tmkms {
                height: mark.hrs().height.to_string(),
                round: mark.hrs().round.to_string(),
                step: i8::try_from(mark.hrs().step.number()).unwrap_or(i8::MAX),
                block_id: mark.block_id().map(TmkmsBlockId::new),
                chain_id: Some(chain_id.to_string()),
                sign_bytes: mark.signed().map(|c| hex::encode(c.sign_bytes())),
                checksum: None,
            },
        };
        document.checksum = Some(document.checksum());
        document.to_json()
    }
}

impl Tmkms {
    fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// The first half of the SHA-256 of the other fields: enough to tell a torn document, whose
    /// parts are of different ages, from a whole one.
    fn checksum(&self) -> String {
        debug_assert!(self.checksum.is_none());
        let hash = Sha256::digest(self.to_json());
        hex::encode(hash.get(..16).unwrap_or_default())
    }

    /// Takes the checksum out, and tells whether there was one.
    fn check(&mut self) -> Result<bool, DocumentError> {
        let Some(checksum) = self.checksum.take() else {
            return Ok(false);
        };
        if checksum == self.checksum() {
            return Ok(true);
        }
        Err(DocumentError::Checksum)
    }
}

impl TmkmsBlockId {
    fn new(block_id: &BlockId) -> Self {
        Self {
            hash: hex::encode_upper(block_id.hash),
            parts: TmkmsParts {
                total: block_id.parts_total,
                hash: hex::encode_upper(block_id.parts_hash),
            },
        }
    }

    fn parse(&self) -> Result<BlockId, DocumentError> {
        Ok(BlockId {
            hash: hash("block_id.hash", &self.hash)?,
            parts_total: self.parts.total,
            parts_hash: hash("block_id.parts.hash", &self.parts.hash)?,
        })
    }
}

fn from_tmkms(mut document: Tmkms) -> Result<Document, DocumentError> {
    let has_checksum = document.check()?;
    let hrs = Hrs {
        height: height(&document.height)?,
        round: document
            .round
            .parse::<i32>()
            .ok()
            .and_then(|r| Round::try_from(r).ok())
            .ok_or_else(|| value("round", &document.round, "a number from 0 to 2147483647"))?,
        // The guide shows a step 3 in a file of tmkms. Nothing is signed after a precommit, so
        // whoever wrote it can have meant nothing beyond it.
        step: match document.step {
            0 => Step::Propose,
            1 => Step::Prevote,
            2 | 3 => Step::Precommit,
            other => return Err(value("step", other, "0, 1, 2 or 3")),
        },
    };
    let block_id = document
        .block_id
        .as_ref()
        .map(TmkmsBlockId::parse)
        .transpose()?;
    let signed = sign_bytes(document.sign_bytes.as_deref(), hrs)?;
    let chain_id = document
        .chain_id
        .as_deref()
        .map(|id| ChainId::new(id).map_err(|e| value("chain_id", e, "a chain id")))
        .transpose()?;
    if let (Some(chain_id), Some(signed)) = (&chain_id, &signed)
        && chain_id != signed.chain_id()
    {
        return Err(DocumentError::OtherSignBytes);
    }
    Ok(Document {
        chain_id: chain_id.or_else(|| signed.as_ref().map(|c| c.chain_id().clone())),
        knowledge: knowledge(signed, hrs, block_id),
        is_cometbft: false,
        has_checksum,
    })
}

fn from_cometbft(document: &CometBft) -> Result<Document, DocumentError> {
    let hrs = Hrs {
        height: height(&document.height)?,
        round: Round::try_from(document.round)
            .map_err(|_| value("round", document.round, "a number from 0 to 2147483647"))?,
        step: match document.step {
            0 | 1 => Step::Propose,
            2 => Step::Prevote,
            3 => Step::Precommit,
            other => return Err(value("step", other, "0, 1, 2 or 3")),
        },
    };
    // Step 0 at a height means that nothing was signed there, which a floor at its proposal
    // covers: it refuses that proposal, at the cost of one missed proposal.
    let signed = sign_bytes(document.signbytes.as_deref(), hrs)?;
    Ok(Document {
        chain_id: signed.as_ref().map(|c| c.chain_id().clone()),
        knowledge: knowledge(signed, hrs, None),
        is_cometbft: true,
        has_checksum: false,
    })
}

fn knowledge(signed: Option<Canonical>, hrs: Hrs, block_id: Option<BlockId>) -> Knowledge {
    match signed {
        _ if hrs.height.value() == 0 => Knowledge::Nothing,
        Some(canonical) => Knowledge::Mark(Mark::Signed(canonical)),
        None => Knowledge::Mark(Mark::Floor { hrs, block_id }),
    }
}

fn sign_bytes(text: Option<&str>, hrs: Hrs) -> Result<Option<Canonical>, DocumentError> {
    let Some(text) = text.filter(|t| !t.is_empty()) else {
        return Ok(None);
    };
    let bytes = hex::decode(text).map_err(|_| value("sign bytes", text, "hexadecimal"))?;
    let canonical = Canonical::parse(&bytes)
        .map_err(|_| value("sign bytes", text, "those of a vote or a proposal"))?;
    if canonical.hrs() != hrs {
        return Err(DocumentError::OtherSignBytes);
    }
    Ok(Some(canonical))
}

fn height(text: &str) -> Result<Height, DocumentError> {
    text.parse::<i64>()
        .ok()
        .and_then(|h| Height::try_from(h).ok())
        .ok_or_else(|| value("height", text, "a number from 0 to 9223372036854775807"))
}

fn hash(field: &'static str, text: &str) -> Result<[u8; 32], DocumentError> {
    hex::decode(text)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| value(field, text, "64 hexadecimal digits"))
}

/// A value that cannot be. A long one is not shown: somebody may have named a key file.
fn value(field: &'static str, value: impl Display, expected: &'static str) -> DocumentError {
    const MAX_SHOWN: usize = 20;
    let value = value.to_string();
    let len = value.chars().count();
    DocumentError::Value {
        field,
        value: if len <= MAX_SHOWN {
            value
        } else {
            format!("a text of {len} characters")
        },
        expected,
    }
}

/// Where it stops being a document. The parser's own words are left out where they would quote
/// the content.
#[allow(clippy::needless_pass_by_value)] // the shape that map_err wants
fn shape(error: serde_json::Error) -> DocumentError {
    let text = error.to_string();
    let what = match error.classify() {
        Category::Eof => "it ends too early",
        Category::Data if text.starts_with("missing field") => {
            return DocumentError::Shape(text);
        }
        Category::Data => "a field has a value of the wrong kind",
        Category::Syntax | Category::Io => "it is not JSON",
    };
    DocumentError::Shape(match error.line() {
        // Read from a value and not from text, it knows no place.
        0 => what.to_owned(),
        line => format!("{what}, line {line} column {}", error.column()),
    })
}
