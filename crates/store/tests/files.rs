//! The store on a real file system.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)] // a test may panic

use std::fs;
use std::path::{Path, PathBuf};

use guard::{Knowledge, Mark, Store};
use privval::{BlockId, Canonical, ChainId, Height, Hrs, Round, Step, Timestamp, Vote, VoteType};
use store::{Document, FileStore, OpenError, inspect, ring_path};
use tempfile::TempDir;

fn chain() -> ChainId {
    ChainId::new("testnet-1").unwrap()
}

fn precommit(height: i64, block: u8) -> Canonical {
    Canonical::Vote(Vote {
        vote_type: VoteType::Precommit,
        height: Height::try_from(height).unwrap(),
        round: Round::default(),
        block_id: Some(BlockId {
            hash: [block; 32],
            parts_total: 1,
            parts_hash: [block; 32],
        }),
        timestamp: Timestamp {
            seconds: 1_700_000_000,
            nanos: 5,
        },
        chain_id: chain(),
    })
}

fn place(height: i64, step: Step) -> Hrs {
    Hrs {
        height: Height::try_from(height).unwrap(),
        round: Round::default(),
        step,
    }
}

struct Home {
    _dir: TempDir,
    state: PathBuf,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            state: dir.path().join("testnet-1-consensus.json"),
            _dir: dir,
        }
    }

    fn with_document(text: &str) -> Self {
        let home = Self::new();
        fs::write(&home.state, text).unwrap();
        home
    }

    fn open(&self) -> Result<(FileStore, Knowledge, Vec<String>), OpenError> {
        FileStore::open(&self.state, &chain()).map(|o| (o.store, o.knowledge, o.notes))
    }

    fn error(&self) -> String {
        self.open().expect_err("must not open").to_string()
    }

    fn ring(&self) -> PathBuf {
        ring_path(&self.state)
    }
}

fn signed(canonical: &Canonical) -> Knowledge {
    Knowledge::Mark(Mark::Signed(canonical.clone()))
}

/// Commits these heights one after the other and closes the store.
fn commit(home: &Home, heights: impl IntoIterator<Item = i64>) {
    let (mut store, ..) = home.open().unwrap();
    for height in heights {
        store.commit(&precommit(height, 1)).unwrap();
    }
}

fn json_height(path: &Path) -> String {
    let value: serde_json::Value = serde_json::from_slice(&fs::read(path).unwrap()).unwrap();
    value["height"].as_str().unwrap().to_owned()
}

#[test]
fn what_was_committed_is_what_the_next_start_reads() {
    let home = Home::new();
    for height in 1..=40 {
        commit(&home, [height]);
        let (_, knowledge, notes) = home.open().unwrap();
        assert_eq!(knowledge, signed(&precommit(height, 1)));
        assert!(notes.is_empty(), "{notes:?}");
    }
}

#[test]
fn document_is_current_when_commit_returns() {
    let home = Home::new();
    let (mut store, ..) = home.open().unwrap();
    for height in [5, 6, 7] {
        store.commit(&precommit(height, 1)).unwrap();
        assert_eq!(json_height(&home.state), height.to_string());
    }
}

#[test]
fn first_start_knows_nothing_and_writes_what_tmkms_writes() {
    let home = Home::new();
    let (_, knowledge, _) = home.open().unwrap();
    assert_eq!(knowledge, Knowledge::Nothing);
    assert_eq!(json_height(&home.state), "0");
    assert_eq!(home.open().unwrap().1, Knowledge::Nothing);
}

#[test]
fn document_of_tmkms_becomes_a_mark_without_sign_bytes() {
    let hash = "26C0A41F3243C6BCD7AD2DFF8A8D83A71D29D307B5326C227F734A1A512FE47D";
    let home = Home::with_document(&format!(
        r#"{{"height":"57","round":"0","step":2,"block_id":{{"hash":"{hash}","parts":{{"total":1,"hash":"{hash}"}}}}}}"#
    ));
    let (_, knowledge, _) = home.open().unwrap();
    let Knowledge::Mark(Mark::Floor { hrs, block_id }) = knowledge else {
        panic!("{knowledge:?}");
    };
    assert_eq!(hrs, place(57, Step::Precommit));
    assert_eq!(block_id.unwrap().prefix(), "26C0A41F32");
}

#[test]
fn step_three_in_a_document_of_tmkms_is_past_every_step() {
    let home = Home::with_document(r#"{"height":"57","round":"0","step":3,"block_id":null}"#);
    let (_, knowledge, _) = home.open().unwrap();
    let Knowledge::Mark(mark) = knowledge else {
        panic!("{knowledge:?}")
    };
    assert_eq!(mark.hrs(), place(57, Step::Precommit));
}

#[test]
fn height_that_tmkms_reached_in_between_wins_over_the_ring() {
    let home = Home::new();
    commit(&home, [10]);
    fs::write(
        &home.state,
        r#"{"height":"90","round":"0","step":1,"block_id":null}"#,
    )
    .unwrap();
    let (_, knowledge, notes) = home.open().unwrap();
    let Knowledge::Mark(mark) = knowledge else {
        panic!("{knowledge:?}")
    };
    assert_eq!(mark.hrs(), place(90, Step::Prevote));
    assert!(notes[0].contains("moved on to 90/0/1"), "{notes:?}");
    assert_eq!(
        inspect(&home.state, &chain()).unwrap().unwrap(),
        Knowledge::Mark(mark)
    );
}

#[test]
fn older_document_put_back_does_not_lower_the_mark() {
    let home = Home::new();
    commit(&home, [10]);
    let old = fs::read(&home.state).unwrap();
    commit(&home, [11, 12]);
    fs::write(&home.state, old).unwrap();
    let (_, knowledge, notes) = home.open().unwrap();
    assert_eq!(knowledge, signed(&precommit(12, 1)));
    assert!(notes[0].contains("says 10/0/2"), "{notes:?}");
    assert_eq!(json_height(&home.state), "12");
}

#[test]
fn older_ring_put_back_does_not_lower_the_mark() {
    let home = Home::new();
    commit(&home, [10]);
    let old = fs::read(home.ring()).unwrap();
    commit(&home, [11, 12]);
    fs::write(home.ring(), old).unwrap();
    assert_eq!(home.open().unwrap().1, signed(&precommit(12, 1)));
}

#[test]
fn removed_document_is_made_again_from_the_ring() {
    let home = Home::new();
    commit(&home, [10]);
    fs::remove_file(&home.state).unwrap();
    let (_, knowledge, notes) = home.open().unwrap();
    assert_eq!(knowledge, signed(&precommit(10, 1)));
    assert!(notes[0].contains("is missing; going on from"), "{notes:?}");
    assert_eq!(json_height(&home.state), "10");
}

#[test]
fn removed_ring_is_made_again_from_the_document_with_its_sign_bytes() {
    let home = Home::new();
    commit(&home, [10]);
    fs::remove_file(home.ring()).unwrap();
    assert_eq!(home.open().unwrap().1, signed(&precommit(10, 1)));
}

#[test]
fn second_process_is_told_who_holds_the_state() {
    let home = Home::new();
    let _first = home.open().unwrap();
    let error = home.error();
    assert!(
        error.contains(&format!("process {}", std::process::id())),
        "{error}"
    );
    assert!(error.contains("in use by another signer"), "{error}");
}

#[test]
fn state_can_be_looked_at_while_it_is_in_use() {
    let home = Home::new();
    let (mut store, ..) = home.open().unwrap();
    store.commit(&precommit(3, 1)).unwrap();
    assert_eq!(
        inspect(&home.state, &chain()).unwrap(),
        Some(signed(&precommit(3, 1)))
    );
}

#[test]
fn empty_document_stops_the_start_and_leaves_nothing_behind() {
    let home = Home::with_document("");
    let error = home.error();
    assert!(
        error.contains("is damaged: it is empty. Nothing is signed"),
        "{error}"
    );
    assert!(error.contains("`tmkms state import`"), "{error}");
    assert!(!home.ring().exists());
}

#[test]
fn damaged_document_beside_a_whole_ring_names_the_way_out() {
    let home = Home::new();
    commit(&home, [10]);
    for damaged in ["", "{\"height\":\"1", "\0\0\0\0"] {
        fs::write(&home.state, damaged).unwrap();
        let error = home.error();
        assert!(error.contains("is whole and says 10/0/2"), "{error}");
        assert!(
            error.contains(&format!("`rm {}`", home.state.display())),
            "{error}"
        );
    }
}

#[test]
fn damaged_ring_stops_the_start() {
    let home = Home::new();
    commit(&home, 1..=5);
    let whole = fs::read(home.ring()).unwrap();
    for (cut, what) in [(0, "it has 0 bytes"), (whole.len() - 1, "bytes instead of")] {
        fs::write(home.ring(), &whole[..cut]).unwrap();
        assert!(home.error().contains(what), "{}", home.error());
    }
    let mut zeroed = whole;
    zeroed[8192..].fill(0);
    fs::write(home.ring(), zeroed).unwrap();
    assert!(home.error().contains("it has no whole record"));
}

#[test]
fn newest_record_with_one_bit_flipped_is_not_taken_for_a_crash_when_older_ones_are_too() {
    let home = Home::new();
    commit(&home, 1..=5);
    fs::remove_file(&home.state).unwrap();
    let mut bytes = fs::read(home.ring()).unwrap();
    // Sequence numbers 1 to 6 are in slots 1 to 6, after two blocks.
    for slot in [5, 6] {
        bytes[(2 + slot) * 4096 + 100] ^= 1;
    }
    fs::write(home.ring(), bytes).unwrap();
    let error = home.error();
    assert!(
        error.contains("the record in slot 6 is not whole"),
        "{error}"
    );
}

#[test]
fn ring_of_a_newer_format_stops_the_start() {
    use sha2::{Digest as _, Sha256};
    let home = Home::new();
    commit(&home, [10]);
    let mut ring = fs::read(home.ring()).unwrap();
    ring[8..12].copy_from_slice(&2_u32.to_le_bytes());
    let checksum = Sha256::digest(&ring[..4064]);
    ring[4064..4096].copy_from_slice(&checksum);
    fs::write(home.ring(), ring).unwrap();
    let error = home.error();
    assert!(
        error.contains(
            "it has format version 2, this tmkms knows version 1 (was it written by a newer one?)"
        ),
        "{error}"
    );
}

#[test]
fn record_in_another_slot_than_its_own_stops_the_start() {
    // One that is newer than all others there, and one that is older.
    for (from, to) in [(4, 9), (2, 9), (2, 4)] {
        let home = Home::new();
        commit(&home, 1..=3);
        let mut ring = fs::read(home.ring()).unwrap();
        let [from, to] = [from, to].map(|slot| (2 + slot) * 4096..(3 + slot) * 4096);
        ring.copy_within(from, to.start);
        fs::write(home.ring(), ring).unwrap();
        let error = home.error();
        assert!(error.contains("is damaged: the record in slot"), "{error}");
    }
}

#[test]
fn record_of_an_earlier_lap_stops_the_start() {
    let home = Home::new();
    commit(&home, 1..=15);
    let earlier = fs::read(home.ring()).unwrap();
    commit(&home, 16..=31);
    // But for the newest: an old record in its place is what a write that was lost leaves.
    let later = fs::read(home.ring()).unwrap();
    let slots = (2..18).map(|block| block * 4096..(block + 1) * 4096);
    let mut stopped = 0;
    for slot in slots.filter(|slot| earlier[slot.clone()] != [0; 4096]) {
        let mut ring = later.clone();
        ring[slot.clone()].copy_from_slice(&earlier[slot]);
        fs::write(home.ring(), ring).unwrap();
        let is_stopped = home.open().is_err();
        stopped += u8::from(is_stopped);
        fs::write(home.ring(), &later).unwrap();
    }
    assert_eq!(stopped, 15);
}

#[test]
fn records_whose_places_go_down_stop_the_start() {
    let [home, other] = [Home::new(), Home::new()];
    commit(&home, 1..=3);
    commit(&other, 11..=13);
    let mut ring = fs::read(home.ring()).unwrap();
    let third = (2 + 3) * 4096..(2 + 4) * 4096;
    ring[third.clone()].copy_from_slice(&fs::read(other.ring()).unwrap()[third]);
    fs::write(home.ring(), ring).unwrap();
    let error = home.error();
    assert!(
        error.contains("its records 3 and 4 are not in order"),
        "{error}"
    );
}

#[test]
fn ring_has_the_size_that_is_documented() {
    let home = Home::new();
    commit(&home, 1..=40);
    assert_eq!(fs::metadata(home.ring()).unwrap().len(), 73_728);
    assert_eq!(fs::metadata(&home.state).unwrap().len(), 4_096);
}

#[test]
fn record_of_another_chain_stops_the_start() {
    let home = Home::new();
    commit(&home, 1..=3);
    fs::remove_file(&home.state).unwrap();
    let other = Home::new();
    let other_chain = ChainId::new("testnet-2").unwrap();
    let opened = FileStore::open(&other.state, &other_chain).unwrap();
    let mut other_store = opened.store;
    for height in 1..=3 {
        let mut message = precommit(height, 1);
        let Canonical::Vote(vote) = &mut message else {
            panic!("a precommit is a vote");
        };
        vote.chain_id = other_chain.clone();
        other_store.commit(&message).unwrap();
    }
    let foreign = fs::read(other.ring()).unwrap();
    let mut ring = fs::read(home.ring()).unwrap();
    let newest = (2 + 4) * 4096..(2 + 5) * 4096;
    ring[newest.clone()].copy_from_slice(&foreign[newest]);
    fs::write(home.ring(), ring).unwrap();
    let error = home.error();
    assert!(
        error.contains("its record 4 is of chain testnet-2, not of testnet-1"),
        "{error}"
    );
}

#[test]
fn state_of_another_chain_is_refused() {
    let home = Home::new();
    commit(&home, [10]);
    let other = ChainId::new("testnet-2").unwrap();
    let error = FileStore::open(&home.state, &other)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("holds the state of chain testnet-1, not of testnet-2"),
        "{error}"
    );
}

#[test]
fn document_and_ring_that_name_different_blocks_stop_the_start() {
    let home = Home::new();
    commit(&home, [10]);
    let forged = Document::to_json(&chain(), &signed(&precommit(10, 2)));
    fs::write(&home.state, forged).unwrap();
    let error = home.error();
    assert!(
        error.contains("disagree about what was signed at 10/0/2"),
        "{error}"
    );
    assert!(
        error.contains("block 0202020202 against block 0101010101"),
        "{error}"
    );
}

#[test]
fn state_file_of_cometbft_is_left_to_the_node() {
    let home = Home::with_document(r#"{"height":"5","round":0,"step":3}"#);
    let error = home.error();
    assert!(
        error.contains("is a priv_validator_state.json of CometBFT"),
        "{error}"
    );
    assert!(!home.ring().exists());
}

#[test]
fn directory_in_place_of_the_state_file_is_named() {
    let home = Home::new();
    fs::create_dir(&home.state).unwrap();
    let error = home.error();
    assert!(
        error.contains("is a directory") && error.contains("rmdir"),
        "{error}"
    );
}

#[test]
fn missing_directory_is_named_with_the_command_that_makes_it() {
    let home = Home::new();
    let file = home.state.parent().unwrap().join("state/x.json");
    let error = FileStore::open(&file, &chain()).unwrap_err().to_string();
    assert!(error.contains("mkdir -p"), "{error}");
}

#[test]
fn ring_replaced_underneath_stops_the_signing() {
    let home = Home::new();
    let (mut store, ..) = home.open().unwrap();
    store.commit(&precommit(1, 1)).unwrap();
    let copy = fs::read(home.ring()).unwrap();
    fs::remove_file(home.ring()).unwrap();
    fs::write(home.ring(), copy).unwrap();
    let error = store.commit(&precommit(2, 1)).unwrap_err().to_string();
    assert!(error.contains("was replaced by another one"), "{error}");
}

#[test]
fn cometbft_documents_are_read_with_their_own_steps() {
    for (step, expected) in [(1, Step::Propose), (2, Step::Prevote), (3, Step::Precommit)] {
        let text = format!(r#"{{"height":"5","round":0,"step":{step}}}"#);
        let document = Document::parse(text.as_bytes()).unwrap();
        let Knowledge::Mark(mark) = document.knowledge else {
            panic!("a mark was expected")
        };
        assert_eq!(mark.hrs(), place(5, expected));
    }
    let fresh = Document::parse(br#"{"height":"0","round":0,"step":0}"#).unwrap();
    assert_eq!(fresh.knowledge, Knowledge::Nothing);
}

#[test]
fn documents_with_impossible_values_say_which() {
    for (text, expected) in [
        (
            r#"{"height":"-1","round":"0","step":0}"#,
            "its height is -1",
        ),
        (r#"{"height":"x","round":"0","step":0}"#, "its height is x"),
        (r#"{"height":"1","round":"-1","step":0}"#, "its round is -1"),
        (
            r#"{"height":"1","round":"0","step":4}"#,
            "its step is 4, expected 0, 1, 2 or 3",
        ),
        (r#"{"height":"1","round":0,"step":9}"#, "its step is 9"),
        (r#"{"round":"0","step":0}"#, "missing field `height`"),
        ("[]", "it is not a state document"),
        (
            r#"{"height":"1","round":"0","step":0,"block_id":{"hash":"00","parts":{"total":1,"hash":""}}}"#,
            "its block_id.hash is 00, expected 64 hexadecimal digits",
        ),
    ] {
        let error = Document::parse(text.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(expected), "{text}: {error}");
    }
}

#[test]
fn a_watcher_is_told_both_names_and_how_long_the_disk_took() {
    let home = Home::new();
    let (mut store, ..) = home.open().unwrap();
    store.commit(&precommit(5, 1)).unwrap();
    assert!(!store.synced_in().is_zero());
    let places = store.places();
    assert_eq!(places.len(), 2);
    assert!(places.iter().all(|place| place.check().is_ok()));
    for path in [ring_path(&home.state), home.state.clone()] {
        let away = path.with_extension("away");
        fs::rename(&path, &away).unwrap();
        let gone = places.iter().filter(|place| place.check().is_err());
        assert_eq!(gone.count(), 1, "{}", path.display());
        fs::rename(&away, &path).unwrap();
    }
}
