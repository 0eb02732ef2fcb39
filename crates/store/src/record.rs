//! The ring's header and records as bytes (`docs/state-file.md`, version 1).
//!
//! All numbers are little-endian. Both kinds of block end in the SHA-256 of what comes before
//! it, so that a torn or foreign block is told from a whole one.

use guard::{Knowledge, Mark};
use privval::{BlockId, Canonical, Height, Hrs, Round, Step};
use sha2::{Digest, Sha256};

/// One block: the unit that is written at once. A disk sector has at most this size, so a write
/// to one block cannot tear another.
pub(crate) const BLOCK: usize = 4096;

/// How many records the ring holds.
pub(crate) const SLOTS: u64 = 16;

/// Blocks before the first slot: the header, and a text about who holds the lock.
pub(crate) const FIRST_SLOT_BLOCK: u64 = 2;

const MAGIC: &[u8; 8] = b"TMKMSRNG";
const VERSION: u32 = 1;
const RECORD_MAGIC: &[u8; 8] = b"TMKMSREC";
const HASH_LEN: usize = 32;
const PAYLOAD: usize = BLOCK - HASH_LEN;

const NOTHING: u8 = 0;
const FLOOR: u8 = 1;
const SIGNED: u8 = 2;

/// A record: what was known after the `sequence`-th change, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) sequence: u64,
    pub(crate) knowledge: Knowledge,
}

/// The header of a chain's ring.
pub(crate) fn encode_header(chain_id: &str) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(VERSION.to_le_bytes());
    put_bytes(&mut bytes, chain_id.as_bytes());
    seal(&bytes)
}

/// The chain id in a header.
pub(crate) fn decode_header(block: &[u8]) -> Result<String, String> {
    let mut rest = unseal(block).ok_or("its header is torn or not a header")?;
    if take::<8>(&mut rest) != Some(*MAGIC) {
        return Err("its header is not that of a ring".to_owned());
    }
    match take::<4>(&mut rest).map(u32::from_le_bytes) {
        Some(VERSION) => {}
        Some(other) => {
            return Err(format!(
                "it has format version {other}, this tmkms knows version {VERSION} (was it \
                 written by a newer one?)"
            ));
        }
        None => return Err("its header is cut short".to_owned()),
    }
    take_bytes(&mut rest)
        .and_then(|id| String::from_utf8(id.to_vec()).ok())
        .ok_or_else(|| "its header names no chain".to_owned())
}

impl Record {
    /// The block to write.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = RECORD_MAGIC.to_vec();
        bytes.extend(self.sequence.to_le_bytes());
        match &self.knowledge {
            // What is held is not kept: after a restart the then first height is held.
            Knowledge::Nothing | Knowledge::Imported(_) => {
                bytes.push(NOTHING);
            }
            Knowledge::Mark(Mark::Floor { hrs, block_id }) => {
                bytes.push(FLOOR);
                put_hrs(&mut bytes, *hrs);
                put_block_id(&mut bytes, block_id.as_ref());
            }
            Knowledge::Mark(Mark::Signed(canonical)) => {
                bytes.push(SIGNED);
                put_bytes(&mut bytes, &canonical.sign_bytes());
            }
        }
        seal(&bytes)
    }

    /// Reads a block; `None` when it is torn, empty or not a record.
    pub(crate) fn decode(block: &[u8]) -> Option<Self> {
        let mut rest = unseal(block)?;
        if take::<8>(&mut rest)? != *RECORD_MAGIC {
            return None;
        }
        let sequence = u64::from_le_bytes(take::<8>(&mut rest)?);
        let knowledge = match take::<1>(&mut rest)? {
            [NOTHING] => Knowledge::Nothing,
            [FLOOR] => Knowledge::Mark(Mark::Floor {
                hrs: take_hrs(&mut rest)?,
                block_id: take_block_id(&mut rest)?,
            }),
            [SIGNED] => {
                let sign_bytes = take_bytes(&mut rest)?;
                Knowledge::Mark(Mark::Signed(Canonical::parse(sign_bytes).ok()?))
            }
            _ => return None,
        };
        Some(Self {
            sequence,
            knowledge,
        })
    }
}

/// Pads to a block and puts the hash at its end. The content is far shorter than a block: sign
/// bytes have under 300 bytes.
fn seal(content: &[u8]) -> Vec<u8> {
    let mut block = padded(content, 0, PAYLOAD);
    let hash = Sha256::digest(&block);
    block.extend_from_slice(&hash);
    block
}

/// The content, and so many times `with` after it that all has this length.
pub(crate) fn padded(content: &[u8], with: u8, len: usize) -> Vec<u8> {
    debug_assert!(content.len() <= len);
    let mut bytes = vec![with; len];
    for (to, from) in bytes.iter_mut().zip(content) {
        *to = *from;
    }
    bytes
}

fn unseal(block: &[u8]) -> Option<&[u8]> {
    let (content, hash) = block.split_at_checked(PAYLOAD)?;
    (Sha256::digest(content).as_slice() == hash).then_some(content)
}

fn put_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    out.extend(len.to_le_bytes());
    out.extend(bytes.iter().take(len.into()));
}

fn put_hrs(out: &mut Vec<u8>, hrs: Hrs) {
    out.extend(hrs.height.value().to_le_bytes());
    out.extend(hrs.round.value().to_le_bytes());
    out.push(hrs.step.number());
}

fn put_block_id(out: &mut Vec<u8>, block_id: Option<&BlockId>) {
    let Some(block_id) = block_id else {
        out.push(0);
        return;
    };
    out.push(1);
    out.extend(block_id.hash);
    out.extend(block_id.parts_total.to_le_bytes());
    out.extend(block_id.parts_hash);
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (head, tail) = rest.split_first_chunk::<N>()?;
    *rest = tail;
    Some(*head)
}

fn take_bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let len = u16::from_le_bytes(take::<2>(rest)?);
    let (head, tail) = rest.split_at_checked(len.into())?;
    *rest = tail;
    Some(head)
}

fn take_hrs(rest: &mut &[u8]) -> Option<Hrs> {
    Some(Hrs {
        height: Height::try_from(i64::from_le_bytes(take::<8>(rest)?)).ok()?,
        round: Round::try_from(i32::from_le_bytes(take::<4>(rest)?)).ok()?,
        step: match take::<1>(rest)? {
            [0] => Step::Propose,
            [1] => Step::Prevote,
            [2] => Step::Precommit,
            _ => return None,
        },
    })
}

/// The outer `Option` is whether it could be read, the inner one whether there is a block id.
#[allow(clippy::option_option)]
fn take_block_id(rest: &mut &[u8]) -> Option<Option<BlockId>> {
    match take::<1>(rest)? {
        [0] => Some(None),
        [1] => Some(Some(BlockId {
            hash: take::<32>(rest)?,
            parts_total: u32::from_le_bytes(take::<4>(rest)?),
            parts_hash: take::<32>(rest)?,
        })),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use privval::{ChainId, Timestamp, Vote, VoteType};

    fn floor(height: i64, step: Step, block_id: Option<BlockId>) -> Knowledge {
        Knowledge::Mark(Mark::Floor {
            hrs: Hrs {
                height: Height::try_from(height).unwrap(),
                round: Round::try_from(3).unwrap(),
                step,
            },
            block_id,
        })
    }

    fn block_id() -> BlockId {
        BlockId {
            hash: [0xab; 32],
            parts_total: 0x0102_0304,
            parts_hash: [0xcd; 32],
        }
    }

    fn records() -> Vec<Knowledge> {
        vec![
            Knowledge::Nothing,
            floor(i64::MAX, Step::Propose, Some(block_id())),
            floor(1, Step::Prevote, None),
            floor(57, Step::Precommit, Some(block_id())),
            Knowledge::Mark(Mark::Signed(Canonical::Vote(Vote {
                vote_type: VoteType::Precommit,
                height: Height::try_from(57).unwrap(),
                round: Round::default(),
                block_id: Some(block_id()),
                timestamp: Timestamp {
                    seconds: 1,
                    nanos: 2,
                },
                chain_id: ChainId::new("testnet-1").unwrap(),
            }))),
        ]
    }

    #[test]
    fn every_record_is_read_as_it_was_written() {
        for (sequence, knowledge) in (u64::MAX - 4..=u64::MAX).zip(records()) {
            let record = Record {
                sequence,
                knowledge,
            };
            let block = record.encode();
            assert_eq!(block.len(), BLOCK);
            assert_eq!(Record::decode(&block), Some(record));
        }
    }

    #[test]
    fn block_with_a_right_checksum_and_other_content_is_no_record() {
        let record = Record {
            sequence: 1,
            knowledge: floor(57, Step::Prevote, Some(block_id())),
        };
        let block = record.encode();
        // A foreign magic; an unknown kind; an unknown step; neither with nor without a block id.
        for (at, byte) in [(0, b'X'), (16, 9), (29, 3), (30, 2)] {
            let mut changed = block[..PAYLOAD].to_vec();
            changed[at] = byte;
            assert_eq!(Record::decode(&seal(&changed)), None, "byte {at}");
        }
        assert_eq!(Record::decode(&block[1..]), None, "a part of a block");
    }
}
