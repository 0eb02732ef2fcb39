//! Locks that a file system refuses, as some network file systems do.
#![allow(clippy::unwrap_used)] // a test may panic

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use privval::ChainId;
use store::{Directory, FileDisk, FileStore, Home, StateFile};

/// A directory whose file system has no locks.
struct Unlockable(Directory);

impl Home for Unlockable {
    type Disk = FileDisk;

    fn lock(&mut self, _: &mut FileDisk) -> Result<(), TryLockError> {
        // ENOLCK, what NFS says when its lock server does not answer.
        Err(TryLockError::Error(io::Error::from_raw_os_error(37)))
    }

    fn path(&self, file: StateFile) -> &Path {
        self.0.path(file)
    }

    fn read(&mut self, file: StateFile) -> io::Result<Option<Vec<u8>>> {
        self.0.read(file)
    }

    fn open(&mut self, file: StateFile) -> io::Result<FileDisk> {
        self.0.open(file)
    }

    fn create(&mut self, file: StateFile, bytes: &[u8]) -> io::Result<()> {
        self.0.create(file, bytes)
    }

    fn replace(&mut self, file: StateFile, bytes: &[u8]) -> io::Result<()> {
        self.0.replace(file, bytes)
    }

    fn sync_names(&mut self) -> io::Result<()> {
        self.0.sync_names()
    }

    fn holder(&self) -> String {
        self.0.holder()
    }
}

#[test]
fn state_on_a_file_system_without_locks_stops_the_start_and_is_left_as_it_was() {
    let place = tempfile::tempdir().unwrap();
    let state = place.path().join("state.json");
    let chain = ChainId::new("testnet-1").unwrap();
    drop(FileStore::open(&state, &chain).unwrap());
    let files = [state.clone(), store::ring_path(&state)];
    let before = files.each_ref().map(|file| fs::read(file).unwrap());
    let mut home = Unlockable(Directory::of(&state).unwrap());
    let error = FileStore::open_in(&mut home, &chain).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "{}.ring cannot be locked (No locks available (os error 37)): a second signer could \
             start unnoticed; keep the state on a local file system",
            state.display()
        )
    );
    assert_eq!(files.map(|file| fs::read(file).unwrap()), before);
}

#[test]
fn holder_that_left_no_name_is_told_as_such() {
    let place = tempfile::tempdir().unwrap();
    let state = place.path().join("state.json");
    let chain = ChainId::new("testnet-1").unwrap();
    drop(FileStore::open(&state, &chain).unwrap());
    let ring = File::options()
        .read(true)
        .write(true)
        .open(store::ring_path(&state))
        .unwrap();
    ring.write_all_at(&[0; 4096], 4096).unwrap();
    ring.lock().unwrap();
    let error = FileStore::open(&state, &chain).unwrap_err().to_string();
    assert!(
        error.contains("is in use by another signer (it left no name): "),
        "{error}"
    );
}
