//! What a start makes of a ring and a document in any state: it goes on from the highest mark
//! that is there, or it does not start. It never goes back.
//!
//! Input: which history, which files are there, changes to the ring one by one, and what the
//! document holds instead.
#![no_main]

use std::sync::LazyLock;

use fuzz::input::Input;
use fuzz::memory_home::MemoryHome;
use fuzz::samples;
use guard::{Knowledge, Mark, Store as _};
use libfuzzer_sys::fuzz_target;
use privval::{Canonical, Height, Hrs, Round, Step};
use sha2::{Digest as _, Sha256};
use store::{Document, FileStore, OpenError, Opened, StateFile};

const BLOCK: usize = 4096;
const PAYLOAD: usize = BLOCK - 32;
const FIRST_SLOT: usize = 2;
/// Past the sixteen slots, so that records are overwritten.
const LONGEST_HISTORY: usize = 19;
const SLOTS: u64 = 16;

/// Ring and document after 0, 1, 2… commits.
static HISTORY: LazyLock<Vec<MemoryHome>> = LazyLock::new(|| {
    let mut home = MemoryHome::default();
    let mut store = open(&mut home).expect("a new state").store;
    let mut history = vec![copy(&home)];
    for place in 0..LONGEST_HISTORY as u8 {
        let bytes = [place, 0];
        // Heights 1, 2, 3, with every step of round 0 and 1.
        let place = samples::place(16 + place / 6 * 16 + place % 6 / 3 * 4 + place % 3);
        let message = samples::message_at(place, &mut Input::new(&bytes), &samples::chain());
        store.commit(&message).expect("a disk in memory");
        history.push(copy(&home));
    }
    history
});

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input::new(bytes);
    let (history, files) = (usize::from(input.byte()), input.byte());
    let mut home = copy(&HISTORY[history % HISTORY.len()]);
    let mut ring = home.content(StateFile::Ring).expect("a ring");
    let mut is_whole = true;
    while files & 1 != 0 && change(&mut ring, &mut input) {
        is_whole = false;
    }
    home.put(StateFile::Ring, ring);
    match files >> 1 & 7 {
        0..=3 => {}
        4 => home.document = None,
        5 => home.ring = None,
        6 => {
            let other = &HISTORY[usize::from(input.byte()) % HISTORY.len()];
            home.document.clone_from(&copy(other).document);
        }
        _ => {
            is_whole = false;
            home.put(StateFile::Document, input.rest().to_vec());
        }
    }
    check(home, is_whole);
});

fn check(mut home: MemoryHome, is_whole: bool) {
    let highest = highest(&home);
    let ring = home.content(StateFile::Ring);
    match open(&mut home) {
        Ok(opened) => {
            let found = place(&opened.knowledge);
            assert!(
                found >= highest,
                "{found:?} is found, {highest:?} was there"
            );
            assert!(ring.is_none_or(|ring| is_explained_by_a_crash(&ring)));
            document_says(&home, &opened.knowledge);
            // Opening is most of the work, so the two things that follow a start take turns.
            if is_whole || found.is_some_and(|place| place.height.value() % 2 == 0) {
                opens_again(&home, &opened.knowledge);
            } else {
                goes_on(&mut home, opened);
            }
        }
        Err(error) => {
            assert!(!is_whole, "a crash explains this: {error}");
            assert!(error.to_string().contains("state.json"), "{error}");
        }
    }
}

/// After a start both files say what it found.
fn document_says(home: &MemoryHome, knowledge: &Knowledge) {
    let document = home.content(StateFile::Document).expect("a document");
    let document = Document::parse(&document).expect("our own document");
    if place(knowledge).is_some_and(|place| place.height.value() > 0) {
        assert_eq!(document.knowledge, *knowledge);
    }
}

fn opens_again(home: &MemoryHome, knowledge: &Knowledge) {
    let again = open(&mut copy(home)).expect("what was opened opens again");
    assert_eq!(again.knowledge, *knowledge);
    assert_eq!(again.notes, Vec::<String>::new());
}

/// The next height is kept like any other.
fn goes_on(home: &mut MemoryHome, mut opened: Opened<fuzz::memory_home::MemoryDisk>) {
    let height = place(&opened.knowledge).map_or(0, |place| place.height.value());
    let Some(height) = height.checked_add(1) else {
        return;
    };
    let next = Hrs {
        height: Height::try_from(height).expect("a height"),
        round: Round::default(),
        step: Step::Prevote,
    };
    let message = samples::message_at(next, &mut Input::new(&[]), &samples::chain());
    match opened.store.commit(&message) {
        Ok(()) => {
            drop(opened);
            let again = open(home).expect("what was committed opens");
            assert_eq!(again.knowledge, Knowledge::Mark(Mark::Signed(message)));
        }
        Err(error) => assert!(error.to_string().contains("is used up"), "{error}"),
    }
}

fn open(home: &mut MemoryHome) -> Result<Opened<fuzz::memory_home::MemoryDisk>, OpenError> {
    FileStore::open_in(home, &samples::chain())
}

fn copy(home: &MemoryHome) -> MemoryHome {
    let mut copy = MemoryHome::default();
    for file in [StateFile::Ring, StateFile::Document] {
        if let Some(bytes) = home.content(file) {
            copy.put(file, bytes);
        }
    }
    copy
}

fn place(knowledge: &Knowledge) -> Option<Hrs> {
    match knowledge {
        Knowledge::Mark(mark) => Some(mark.hrs()),
        _ => None,
    }
}

/// One change to the ring; `false` when there are no more.
fn change(ring: &mut Vec<u8>, input: &mut Input<'_>) -> bool {
    let kind = input.byte() % 6;
    let block = usize::from(input.byte()) % 18 * BLOCK;
    match kind {
        // Bytes of a block, which tears it…
        1 => overwrite(ring, block + usize::from(input.number()) % BLOCK, input),
        // …or with its hash made right again, as only a bug or an enemy does it.
        2 => {
            overwrite(ring, block + usize::from(input.number()) % PAYLOAD, input);
            seal(ring, block);
        }
        // A block of another time or another place.
        3 => {
            let other = &HISTORY[usize::from(input.byte()) % HISTORY.len()];
            let from = usize::from(input.byte()) % 18 * BLOCK;
            let other = other.content(StateFile::Ring).expect("a ring");
            if let Some(to) = ring.get_mut(block..block + BLOCK) {
                to.copy_from_slice(&other[from..from + BLOCK]);
            }
        }
        // A block that is gone.
        4 => {
            if let Some(block) = ring.get_mut(block..block + BLOCK) {
                block.fill(0);
            }
        }
        // Another length.
        5 => ring.resize((block + usize::from(input.number())) % (20 * BLOCK), 0),
        _ => return false,
    }
    true
}

fn overwrite(ring: &mut [u8], at: usize, input: &mut Input<'_>) {
    let len = usize::from(input.byte());
    for (to, from) in ring.iter_mut().skip(at).zip(input.take(len)) {
        *to = *from;
    }
}

fn seal(ring: &mut [u8], block: usize) {
    if let Some(block) = ring.get_mut(block..block + BLOCK) {
        let (payload, hash) = block.split_at_mut(PAYLOAD);
        hash.copy_from_slice(&Sha256::digest(payload));
    }
}

/// The highest mark in either file, read a second time by other code.
fn highest(home: &MemoryHome) -> Option<Hrs> {
    let ring = home.content(StateFile::Ring).unwrap_or_default();
    let in_ring = slots(&ring).filter_map(|slot| record(slot)?.place).max();
    let document = home.content(StateFile::Document).unwrap_or_default();
    let in_document = Document::parse(&document)
        .ok()
        .and_then(|document| place(&document.knowledge));
    in_ring.max(in_document)
}

/// The last sixteen records are all there and in order, but for the oldest: that is the one a
/// crash has torn, since its slot is the next to be written.
fn is_explained_by_a_crash(ring: &[u8]) -> bool {
    let records: Vec<Option<Record>> = slots(ring).map(record).collect();
    let in_its_slot = |(slot, record): (u64, &Option<Record>)| {
        let sequence = record.as_ref()?.sequence;
        (sequence % SLOTS == slot).then_some(sequence)
    };
    let Some(newest) = (0..).zip(&records).filter_map(in_its_slot).max() else {
        return false;
    };
    let oldest = newest.saturating_sub(SLOTS - 2).max(1);
    let lap = (oldest..=newest).map(|sequence| records[(sequence % SLOTS) as usize].as_ref());
    let is_whole = (oldest..)
        .zip(lap.clone())
        .all(|(sequence, record)| record.is_some_and(|record| record.sequence == sequence));
    is_whole && lap.flatten().is_sorted_by_key(|record| record.place)
}

fn slots(ring: &[u8]) -> impl Iterator<Item = &[u8; BLOCK]> {
    ring.as_chunks().0.iter().skip(FIRST_SLOT)
}

/// A whole record (`docs/state-file.md`); one that holds nothing has no place.
struct Record {
    sequence: u64,
    place: Option<Hrs>,
}

fn record(block: &[u8; BLOCK]) -> Option<Record> {
    let (payload, hash) = block.split_at(PAYLOAD);
    if Sha256::digest(payload).as_slice() != hash || !payload.starts_with(b"TMKMSREC") {
        return None;
    }
    let place = match payload[16] {
        0 => None,
        1 if payload[30] > 1 => return None,
        1 => Some(Hrs {
            height: Height::try_from(i64::from_le_bytes(payload[17..25].try_into().ok()?)).ok()?,
            round: Round::try_from(i32::from_le_bytes(payload[25..29].try_into().ok()?)).ok()?,
            step: match payload[29] {
                0 => Step::Propose,
                1 => Step::Prevote,
                2 => Step::Precommit,
                _ => return None,
            },
        }),
        2 => {
            let len = usize::from(u16::from_le_bytes([payload[17], payload[18]]));
            let signed = Canonical::parse(payload.get(19..19 + len)?).ok()?;
            Some(signed.hrs())
        }
        _ => return None,
    };
    let sequence = u64::from_le_bytes(payload[8..16].try_into().ok()?);
    Some(Record { sequence, place })
}
