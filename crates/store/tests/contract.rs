//! The file store under the contract that every store must keep.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may panic

use guard::Knowledge;
use guard::contract::{Shelf, check};
use privval::ChainId;
use store::{FileStore, OpenError, Opened};
use tempfile::TempDir;

struct Files(TempDir);

impl Shelf for Files {
    type Store = FileStore;

    fn open(&self, chain_id: &ChainId) -> Option<(FileStore, Knowledge)> {
        match FileStore::open(&self.0.path().join("state.json"), chain_id) {
            Ok(Opened {
                store, knowledge, ..
            }) => Some((store, knowledge)),
            Err(OpenError::Locked { .. }) => None,
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn file_store_keeps_the_contract() {
    check(|| Files(tempfile::tempdir().unwrap()));
}
