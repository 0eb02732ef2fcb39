//! The store and the memory of the boot beside it.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may panic

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use guard::{Knowledge, Mark, Store as _};
use privval::{Canonical, ChainId, Height, Hrs, Round, Step, Timestamp, Vote, VoteType};
use store::{FileStore, Memory, MemoryError};
use tempfile::TempDir;

struct Place {
    _dir: TempDir,
    state: PathBuf,
    chain: ChainId,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            state: dir.path().join("state.json"),
            _dir: dir,
            chain: ChainId::new("testnet-1").unwrap(),
        }
    }

    fn memory(&self) -> Memory {
        let directory = self.state.with_file_name("run");
        Memory::open(&directory, &self.chain, &[7; 32], &self.state).unwrap()
    }

    fn open(&self) -> (FileStore, Knowledge) {
        let opened = FileStore::open(&self.state, &self.chain).unwrap();
        (opened.store, opened.knowledge)
    }

    fn prevote(&self, height: i64) -> Canonical {
        Canonical::Vote(Vote {
            vote_type: VoteType::Prevote,
            height: Height::try_from(height).unwrap(),
            round: Round::default(),
            block_id: None,
            timestamp: Timestamp {
                seconds: 1,
                nanos: 0,
            },
            chain_id: self.chain.clone(),
        })
    }
}

fn prevote_at(height: i64) -> Hrs {
    Hrs {
        height: Height::try_from(height).unwrap(),
        round: Round::default(),
        step: Step::Prevote,
    }
}

fn knows(memory: &Memory, height: i64) -> bool {
    let before = Some(prevote_at(height - 1));
    memory.check(before).is_err() && memory.check(Some(prevote_at(height))).is_ok()
}

#[test]
fn every_commit_is_remembered_from_the_last_mark_on() {
    let place = Place::new();
    let (mut store, _) = place.open();
    store.commit(&place.prevote(5)).unwrap();
    let mark = Mark::Signed(place.prevote(5));
    store.remember(place.memory(), Some(&mark)).unwrap();
    drop(store);
    assert!(knows(&place.memory(), 5), "the mark that was there");

    let (mut store, _) = place.open();
    store.remember(place.memory(), None).unwrap();
    store.commit(&place.prevote(6)).unwrap();
    drop(store);
    assert!(knows(&place.memory(), 6), "the new mark");
}

#[test]
fn mark_that_was_raised_is_on_disk_and_remembered() {
    let place = Place::new();
    let (mut store, _) = place.open();
    store.remember(place.memory(), None).unwrap();
    let floor = Mark::Floor {
        hrs: prevote_at(9),
        block_id: None,
    };
    store.raise(&floor).unwrap();
    drop(store);
    assert!(knows(&place.memory(), 9));
    assert_eq!(place.open().1, Knowledge::Mark(floor));
}

#[test]
fn directory_that_cannot_be_made_is_told_in_the_words_of_the_system() {
    let place = Place::new();
    // Nobody makes directories there, not even root.
    let error = Memory::open(
        Path::new("/sys/tmkms"),
        &place.chain,
        &[7; 32],
        &place.state,
    );
    let MemoryError::Io { action, source, .. } = error.unwrap_err() else {
        panic!("it was made");
    };
    assert_eq!(action, "use the directory");
    assert_ne!(source.kind(), ErrorKind::NotFound, "{source}");
}

#[test]
fn file_in_the_place_of_the_directory_is_told_as_what_it_is() {
    let place = Place::new();
    let directory = place.state.with_file_name("run");
    std::fs::write(&directory, "").unwrap();
    let error = Memory::open(&directory, &place.chain, &[7; 32], &place.state).unwrap_err();
    let MemoryError::Io { source, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(
        source.to_string(),
        "it is not a directory of this user that others cannot write to"
    );
}
