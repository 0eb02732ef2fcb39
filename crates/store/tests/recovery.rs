//! What a start makes of files that a crash, a backup or tmkms left.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // a test may panic

use std::fs;
use std::path::PathBuf;

use guard::{Knowledge, Mark, Store};
use privval::{BlockId, Canonical, ChainId, Height, Round, Timestamp, Vote, VoteType};
use store::{FileStore, Opened, ring_path};
use tempfile::TempDir;

const SECTOR: usize = 512;

fn chain() -> ChainId {
    ChainId::new("testnet-1").unwrap()
}

/// A precommit; each height has its own block and time.
fn precommit(height: i64, block_id: Option<BlockId>) -> Canonical {
    Canonical::Vote(Vote {
        vote_type: VoteType::Precommit,
        height: Height::try_from(height).unwrap(),
        round: Round::default(),
        block_id,
        timestamp: Timestamp {
            seconds: 1_700_000_000 + height,
            nanos: i32::try_from(height).unwrap() * 7_777_777,
        },
        chain_id: chain(),
    })
}

fn block(n: i64) -> BlockId {
    BlockId {
        hash: [u8::try_from(n).unwrap().wrapping_mul(37); 32],
        parts_total: 1,
        parts_hash: [u8::try_from(n).unwrap().wrapping_mul(91); 32],
    }
}

fn at(height: i64) -> Canonical {
    precommit(height, Some(block(height)))
}

struct Home {
    _dir: TempDir,
    state: PathBuf,
}

impl Home {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        Self {
            state: dir.path().join("state.json"),
            _dir: dir,
        }
    }

    fn open(&self) -> Opened {
        FileStore::open(&self.state, &chain()).unwrap()
    }

    fn error(&self) -> String {
        FileStore::open(&self.state, &chain())
            .unwrap_err()
            .to_string()
    }

    fn commit(&self, signed: &Canonical) {
        self.open().store.commit(signed).unwrap();
    }

    fn document(&self) -> Vec<u8> {
        fs::read(&self.state).unwrap()
    }
}

fn signed(canonical: &Canonical) -> Knowledge {
    Knowledge::Mark(Mark::Signed(canonical.clone()))
}

/// A home whose ring is at the second of two heights, and the documents of both.
fn torn(heights: [i64; 2]) -> (Home, [Vec<u8>; 2]) {
    let home = Home::new();
    let documents = heights.map(|height| {
        home.commit(&at(height));
        home.document()
    });
    (home, documents)
}

#[test]
fn document_with_any_sector_lost_is_passed_over_for_the_ring() {
    let (home, [old, new]) = torn([57, 58]);
    let mut torn = 0;
    // Beyond the first two sectors there is nothing but padding.
    for arrived in 0..4 {
        let mut mixed = old.clone();
        for sector in (0..2).filter(|s| arrived & (1 << s) != 0) {
            let range = sector * SECTOR..(sector + 1) * SECTOR;
            mixed[range.clone()].copy_from_slice(&new[range]);
        }
        fs::write(&home.state, &mixed).unwrap();
        let opened = home.open();
        assert_eq!(opened.knowledge, signed(&at(58)), "sectors {arrived:b}");
        assert_eq!(home.document(), new, "and it is whole again");
        let is_torn = mixed != old && mixed != new;
        let told = opened.notes.iter().any(|note| note.contains("was torn"));
        assert_eq!(told, is_torn, "sectors {arrived:b}: {:?}", opened.notes);
        torn += u8::from(is_torn);
    }
    assert_eq!(torn, 2, "the documents differ in both sectors");
}

#[test]
fn document_torn_at_any_byte_is_passed_over_for_the_ring() {
    let (home, [old, new]) = torn([57, 58]);
    let differ = (0..old.len()).filter(|i| old[*i] != new[*i]);
    for cut in differ.step_by(7) {
        for (head, tail) in [(&old, &new), (&new, &old)] {
            let mixed = [&head[..cut], &tail[cut..]].concat();
            fs::write(&home.state, &mixed).unwrap();
            assert_eq!(home.open().knowledge, signed(&at(58)), "cut at {cut}");
        }
    }
}

#[test]
fn document_that_claims_more_than_the_ring_without_its_checksum_stops_the_start() {
    let (home, [_, new]) = torn([57, 58]);
    let text = String::from_utf8(new).unwrap();
    let edited = text.replacen(r#""height":"58""#, r#""height":"99""#, 1);
    fs::write(&home.state, edited).unwrap();
    let error = home.error();
    assert!(error.contains("its checksum does not fit"), "{error}");
    assert!(error.contains("is whole and says 58/0/2"), "{error}");
}

#[test]
fn torn_document_without_a_ring_stops_the_start() {
    let (home, [old, new]) = torn([57, 58]);
    fs::remove_file(ring_path(&home.state)).unwrap();
    fs::write(&home.state, [&new[..300], &old[300..]].concat()).unwrap();
    let error = home.error();
    assert!(error.contains("is damaged"), "{error}");
    assert!(!ring_path(&home.state).exists());
}

#[test]
fn document_cut_short_or_of_zeros_stops_the_start_beside_a_whole_ring() {
    let (home, [_, new]) = torn([57, 58]);
    for damaged in [
        new[..512].to_vec(),
        vec![0; new.len()],
        vec![b' '; new.len()],
    ] {
        fs::write(&home.state, damaged).unwrap();
        let error = home.error();
        assert!(error.contains("is whole and says 58/0/2"), "{error}");
    }
}

/// What tmkms 0.15 writes: no sign bytes, null for nil.
fn tmkms_document(height: i64, block_id: &str) -> String {
    format!(r#"{{"height":"{height}","round":"0","step":2,"block_id":{block_id}}}"#)
}

#[test]
fn nil_that_tmkms_signed_where_a_vote_was_committed_and_not_released_is_never_contradicted() {
    let home = Home::new();
    home.commit(&at(58));
    fs::write(&home.state, tmkms_document(58, "null")).unwrap();
    let Knowledge::Mark(Mark::Floor { hrs, .. }) = home.open().knowledge else {
        unreachable!("what tmkms signed at this place is not known");
    };
    assert_eq!(hrs, at(58).hrs());
    let found_again = home.open().knowledge;
    assert!(matches!(found_again, Knowledge::Mark(Mark::Floor { .. })));
}

#[test]
fn block_that_tmkms_signed_where_nil_was_committed_stops_the_start() {
    let home = Home::new();
    home.commit(&precommit(58, None));
    let hash = "26C0A41F3243C6BCD7AD2DFF8A8D83A71D29D307B5326C227F734A1A512FE47D";
    let block_id = format!(r#"{{"hash":"{hash}","parts":{{"total":1,"hash":"{hash}"}}}}"#);
    fs::write(&home.state, tmkms_document(58, &block_id)).unwrap();
    let error = home.error();
    assert!(error.contains("block 26C0A41F32 against nil"), "{error}");
}

#[test]
fn document_of_tmkms_is_replaced_as_a_whole() {
    use std::os::unix::fs::MetadataExt;

    let home = Home::new();
    let short = tmkms_document(58, "null");
    fs::write(&home.state, &short).unwrap();
    let inode = fs::metadata(&home.state).unwrap().ino();
    // Kept open, so that the file system cannot give its number to the new file.
    let before = fs::File::open(&home.state).unwrap();
    home.open();
    assert_ne!(fs::metadata(&home.state).unwrap().ino(), inode);
    assert_eq!(before.metadata().unwrap().len(), short.len() as u64);
    let ours = fs::metadata(&home.state).unwrap().ino();
    home.open();
    assert_eq!(fs::metadata(&home.state).unwrap().ino(), ours, "in place");
}

#[test]
fn document_carries_a_checksum_that_tmkms_skips_and_an_edit_breaks() {
    let json = store::Document::to_json(&chain(), &signed(&at(58)));
    let document = store::Document::parse(json.as_bytes()).unwrap();
    assert!(document.has_checksum);
    let edited = json.replacen("58", "59", 1);
    assert_eq!(
        store::Document::parse(edited.as_bytes())
            .unwrap_err()
            .to_string(),
        "its checksum does not fit: it was torn by a crash, or edited by hand (an edited one is \
         read once its \"checksum\" and \"sign_bytes\" are taken out)"
    );
    let value: serde_json::Value = serde_json::from_str(&edited).unwrap();
    let mut fields = value.as_object().unwrap().clone();
    fields.remove("checksum");
    fields.remove("sign_bytes");
    let by_hand = serde_json::to_vec(&fields).unwrap();
    let document = store::Document::parse(&by_hand).unwrap();
    assert!(!document.has_checksum);
    assert_ne!(document.knowledge, Knowledge::Nothing);
}

#[test]
fn document_replaced_underneath_stops_the_signing() {
    let home = Home::new();
    let mut store = home.open().store;
    store.commit(&at(57)).unwrap();
    let copy = home.document();
    fs::remove_file(&home.state).unwrap();
    fs::write(&home.state, &copy).unwrap();
    let error = store.commit(&at(58)).unwrap_err().to_string();
    assert!(error.contains("was replaced by another one"), "{error}");
    assert_eq!(home.document(), copy, "and it is left alone");
}
