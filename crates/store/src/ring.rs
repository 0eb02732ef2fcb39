//! The ring: a fixed number of slots, written one after the other in place.
//!
//! Invariants:
//! - Record `n` is in slot `n mod 16`, so the next write goes to the slot of the oldest record.
//! - One record is written and synced before the next, so a crash spoils at most one slot: the
//!   one after the newest whole record. Any other spoiled slot is damage.

use std::io;

use guard::{Knowledge, Mark};

use crate::disk::Disk;
use crate::record::{BLOCK, FIRST_SLOT_BLOCK, Record, SLOTS, decode_header, encode_header, padded};

/// The marks of one chain, newest last.
#[derive(Debug)]
pub struct Ring<D> {
    disk: D,
    newest: Record,
}

/// What a whole ring says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) chain_id: String,
    pub(crate) newest: Record,
}

impl<D: Disk> Ring<D> {
    /// Goes on after what `content` says is the newest record on `disk`.
    pub(crate) fn new(disk: D, content: &Content) -> Self {
        Self {
            disk,
            newest: content.newest.clone(),
        }
    }

    /// What it is written to.
    pub(crate) fn disk(&self) -> &D {
        &self.disk
    }

    /// Writes the newest record once more and returns when it is durable.
    ///
    /// After a failed sync a record may be there to read and never reach the disk, because the
    /// kernel takes its page for written; the next loss of power would take it away.
    ///
    /// # Errors
    /// What the disk says.
    pub(crate) fn refresh(&mut self) -> io::Result<()> {
        self.disk
            .write_at(slot_offset(self.newest.sequence), &self.newest.encode())?;
        self.disk.sync()
    }

    /// Writes the next record and returns when it is durable.
    ///
    /// # Errors
    /// What the disk says. The record may then be there or not, so the ring must be read again
    /// before anything else is written.
    pub fn append(&mut self, mark: &Mark) -> io::Result<()> {
        self.disk.check_in_place()?;
        let sequence = self
            .newest
            .sequence
            .checked_add(1)
            .ok_or_else(|| io::Error::other("the ring's sequence number is used up"))?;
        let record = Record {
            sequence,
            knowledge: Knowledge::Mark(mark.clone()),
        };
        self.disk
            .write_at(slot_offset(sequence), &record.encode())?;
        self.disk.sync()?;
        self.newest = record;
        Ok(())
    }
}

/// The bytes of a new ring.
pub(crate) fn new_ring(chain_id: &str, knowledge: &Knowledge) -> Vec<u8> {
    let first = Record {
        sequence: 1,
        knowledge: knowledge.clone(),
    };
    let mut bytes = padded(&encode_header(chain_id), 0, ring_len());
    let start = usize::try_from(slot_offset(1)).unwrap_or_default();
    if let Some(slot) = bytes.get_mut(start..start + BLOCK) {
        slot.copy_from_slice(&first.encode());
    }
    bytes
}

/// Where the text about the lock's holder is.
pub(crate) const HOLDER_OFFSET: u64 = BLOCK as u64;

/// The text about the lock's holder, as it was written at the start of that process.
pub(crate) fn holder(bytes: &[u8]) -> String {
    let block = bytes.get(BLOCK..2 * BLOCK).unwrap_or_default();
    let text: Vec<u8> = block.iter().copied().take_while(|b| *b != 0).collect();
    match String::from_utf8(text) {
        Ok(text) if !text.is_empty() => text,
        _ => "it left no name".to_owned(),
    }
}

/// Reads a ring.
///
/// # Errors
/// What is wrong, in words, when a crash does not explain it.
pub(crate) fn read(bytes: &[u8]) -> Result<Content, String> {
    if bytes.len() != ring_len() {
        return Err(format!(
            "it has {} bytes instead of {}",
            bytes.len(),
            ring_len()
        ));
    }
    let mut blocks = bytes.chunks_exact(BLOCK);
    let chain_id = decode_header(blocks.next().unwrap_or_default())?;
    let slots: Vec<Slot> = blocks.skip(1).map(Slot::read).collect();
    let newest = newest(&slots)?;
    check_older(&slots, &newest)?;
    check_chain(&slots, &chain_id)?;
    Ok(Content { chain_id, newest })
}

enum Slot {
    Empty,
    Spoiled,
    Record(Record),
}

impl Slot {
    fn read(block: &[u8]) -> Self {
        if block == [0; BLOCK] {
            return Self::Empty;
        }
        Record::decode(block).map_or(Self::Spoiled, Self::Record)
    }
}

/// The record with the highest number. One that is in another slot than its own is found by
/// [`check_older`], whatever its number.
fn newest(slots: &[Slot]) -> Result<Record, String> {
    let records = slots.iter().filter_map(|slot| match slot {
        Slot::Record(record) => Some(record),
        Slot::Empty | Slot::Spoiled => None,
    });
    records
        .max_by_key(|record| record.sequence)
        .cloned()
        .ok_or_else(|| "it has no whole record".to_owned())
}

/// Every slot must hold the record that the newest one implies, but for the one that a crash may
/// have spoiled.
fn check_older(slots: &[Slot], newest: &Record) -> Result<(), String> {
    let mut later = newest;
    for back in 1..SLOTS {
        let may_be_torn = back == SLOTS - 1;
        let sequence = newest.sequence.checked_sub(back).filter(|s| *s > 0);
        // Numbers wrap at a multiple of the slots.
        let index = newest.sequence.wrapping_sub(back) % SLOTS;
        let slot = usize::try_from(index).ok().and_then(|i| slots.get(i));
        match (slot, sequence) {
            (Some(Slot::Record(record)), Some(sequence)) if record.sequence == sequence => {
                check_order(record, later)?;
                later = record;
            }
            (Some(Slot::Empty), None) => {}
            (Some(Slot::Spoiled), _) if may_be_torn => {}
            _ => return Err(format!("the record in slot {index} is not whole")),
        }
    }
    Ok(())
}

fn check_order(earlier: &Record, later: &Record) -> Result<(), String> {
    match (&earlier.knowledge, &later.knowledge) {
        (Knowledge::Mark(a), Knowledge::Mark(b)) if a.hrs() <= b.hrs() => Ok(()),
        (Knowledge::Nothing, _) => Ok(()),
        _ => Err(format!(
            "its records {} and {} are not in order",
            earlier.sequence, later.sequence
        )),
    }
}

/// A record that was copied here from another chain's ring is whole, but says nothing about this
/// chain.
fn check_chain(slots: &[Slot], chain_id: &str) -> Result<(), String> {
    for slot in slots {
        if let Slot::Record(Record {
            sequence,
            knowledge: Knowledge::Mark(Mark::Signed(signed)),
        }) = slot
            && signed.chain_id().as_str() != chain_id
        {
            return Err(format!(
                "its record {sequence} is of chain {}, not of {chain_id}",
                signed.chain_id()
            ));
        }
    }
    Ok(())
}

fn slot_offset(sequence: u64) -> u64 {
    (FIRST_SLOT_BLOCK + sequence % SLOTS) * BLOCK as u64
}

fn ring_len() -> usize {
    usize::try_from(FIRST_SLOT_BLOCK + SLOTS).unwrap_or_default() * BLOCK
}
