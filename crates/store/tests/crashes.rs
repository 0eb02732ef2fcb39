//! The ring under crashes: torn, lost and failing writes, at every byte.
//!
//! A small form of what the simulator does; the disk here keeps what was synced and lets a crash
//! decide about the rest.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may panic

use std::fs;

use guard::{Knowledge, Mark, Store};
use privval::{Canonical, ChainId, Height, Proposal, Round, Timestamp};
use proptest::prelude::*;
use store::{FileStore, ring_path};

fn chain() -> ChainId {
    ChainId::new("c").unwrap()
}

fn proposal(height: i64) -> Canonical {
    Canonical::Proposal(Proposal {
        height: Height::try_from(height).unwrap(),
        round: Round::default(),
        pol_round: -1,
        block_id: privval::BlockId {
            hash: [7; 32],
            parts_total: 1,
            parts_hash: [7; 32],
        },
        timestamp: Timestamp {
            seconds: height,
            nanos: 0,
        },
        chain_id: chain(),
    })
}

/// The ring before and after the commit of `height`, with the document left out.
fn ring_before_and_after(height: i64) -> (Vec<u8>, Vec<u8>) {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("s.json");
    let mut store = FileStore::open(&state, &chain()).unwrap().store;
    for h in 1..height {
        store.commit(&proposal(h)).unwrap();
    }
    let before = fs::read(ring_path(&state)).unwrap();
    store.commit(&proposal(height)).unwrap();
    (before, fs::read(ring_path(&state)).unwrap())
}

/// What a start finds on this ring.
fn recover(ring: &[u8]) -> Knowledge {
    let dir = tempfile::tempdir().unwrap();
    let state = dir.path().join("s.json");
    fs::write(ring_path(&state), ring).unwrap();
    let opened = FileStore::open(&state, &chain()).unwrap();
    // What was recovered can be gone on from.
    let mut store = opened.store;
    store.commit(&proposal(1_000_000)).unwrap();
    opened.knowledge
}

fn mark(height: i64) -> Knowledge {
    match height {
        0 => Knowledge::Nothing,
        h => Knowledge::Mark(Mark::Signed(proposal(h))),
    }
}

#[test]
fn write_torn_at_any_byte_recovers_the_old_mark_or_the_new_one() {
    // 20 is past the sixteen slots, so the write falls onto an old record.
    for height in [1, 2, 20] {
        let (before, after) = ring_before_and_after(height);
        let changed: Vec<usize> = (0..before.len())
            .filter(|i| before[*i] != after[*i])
            .collect();
        let (first, last) = (changed[0], *changed.last().unwrap());
        // Every byte of the record, and of the hash at its end; between them nothing changes.
        let mut cuts: Vec<usize> = changed.iter().map(|i| i + 1).collect();
        cuts.push(first);
        for cut in cuts {
            let mut torn = before.clone();
            torn[first..cut].copy_from_slice(&after[first..cut]);
            let found = recover(&torn);
            let expected = if cut > last { height } else { height - 1 };
            assert_eq!(found, mark(expected), "height {height}, torn at {cut}");
        }
    }
}

#[test]
fn write_falls_within_one_block_and_spares_the_newest_record() {
    for height in [2, 15, 16, 17, 33] {
        let (before, after) = ring_before_and_after(height);
        let blocks: Vec<usize> = (0..before.len() / 4096)
            .filter(|b| before[b * 4096..(b + 1) * 4096] != after[b * 4096..(b + 1) * 4096])
            .collect();
        assert_eq!(blocks.len(), 1, "height {height} wrote blocks {blocks:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn sectors_that_arrive_in_any_order_recover_the_old_mark_or_the_new_one(
        height in 1_i64..40,
        arrived in any::<u8>(),
    ) {
        let (before, after) = ring_before_and_after(height);
        let block = (0..before.len() / 4096)
            .find(|b| before[b * 4096..(b + 1) * 4096] != after[b * 4096..(b + 1) * 4096])
            .unwrap();
        let mut mixed = before;
        for sector in (0..8).filter(|s| arrived & (1 << s) != 0) {
            let at = block * 4096 + sector * 512;
            mixed[at..at + 512].copy_from_slice(&after[at..at + 512]);
        }
        let found = recover(&mixed);
        prop_assert!(found == mark(height - 1) || (mixed == after && found == mark(height)));
    }

    #[test]
    fn random_rings_and_documents_never_panic(
        ring in prop::collection::vec(any::<u8>(), 0..100),
        document in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("s.json");
        fs::write(ring_path(&state), ring).unwrap();
        fs::write(&state, document).unwrap();
        prop_assert!(FileStore::open(&state, &chain()).is_err());
    }

    #[test]
    fn one_flipped_bit_is_found_or_harmless(bit in 0_usize..18 * 4096 * 8, height in 1_i64..20) {
        let (_, mut ring) = ring_before_and_after(height);
        ring[bit / 8] ^= 1 << (bit % 8);
        let dir = tempfile::tempdir().unwrap();
        let state = dir.path().join("s.json");
        fs::write(ring_path(&state), ring).unwrap();
        match FileStore::open(&state, &chain()) {
            Err(_) => {}
            Ok(opened) => {
                // A flip in the newest record alone looks like a torn write; the document beside
                // the ring covers that. Anything lower would be a forgotten signature.
                let found = opened.knowledge;
                prop_assert!(found == mark(height) || found == mark(height - 1), "{found:?}");
            }
        }
    }
}
