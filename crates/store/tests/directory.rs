//! The two files on a real file system, and what it may refuse.
#![allow(clippy::unwrap_used)] // a test may panic

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;

use privval::ChainId;
use store::{Directory, Disk as _, FileDisk, FileStore, Home as _, StateFile, ring_path};

/// A user without rights.
const NOBODY: u32 = 65534;

#[test]
fn state_file_without_a_directory_is_in_the_working_directory() {
    let home = Directory::of(Path::new("state.json")).unwrap();
    assert_eq!(home.path(StateFile::Document), Path::new("state.json"));
    assert_eq!(home.path(StateFile::Ring), Path::new("state.json.ring"));
}

#[test]
fn file_that_cannot_be_read_is_not_taken_for_a_missing_one() {
    for broken in [StateFile::Document, StateFile::Ring] {
        let place = tempfile::tempdir().unwrap();
        let state = place.path().join("state.json");
        let chain = ChainId::new("testnet-1").unwrap();
        drop(FileStore::open(&state, &chain).unwrap());
        let file = match broken {
            StateFile::Document => state.clone(),
            StateFile::Ring => ring_path(&state),
        };
        fs::remove_file(&file).unwrap();
        // A name that leads to itself: closed even to root.
        symlink(&file, &file).unwrap();
        let error = Directory::of(&state).unwrap().read(broken).unwrap_err();
        let too_many_links = rustix::io::Errno::LOOP.raw_os_error();
        assert_eq!(error.raw_os_error(), Some(too_many_links));
        let error = FileStore::open(&state, &chain).unwrap_err().to_string();
        assert!(error.starts_with("cannot "), "{broken:?}: {error}");
    }
}

#[test]
fn ring_that_cannot_be_opened_is_told_before_the_document_is_read() {
    let place = tempfile::tempdir().unwrap();
    let state = place.path().join("state.json");
    fs::write(&state, "").unwrap();
    let ring = ring_path(&state);
    symlink(&ring, &ring).unwrap();
    let chain = ChainId::new("testnet-1").unwrap();
    let error = FileStore::open(&state, &chain).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("cannot open {}: ", ring.display())),
        "{error}"
    );
}

#[test]
fn new_file_leaves_one_that_was_made_meanwhile_as_it_is() {
    let place = tempfile::tempdir().unwrap();
    let mut home = Directory::of(&place.path().join("state.json")).unwrap();
    home.create(StateFile::Ring, b"first").unwrap();
    home.create(StateFile::Ring, b"second").unwrap();
    assert_eq!(home.read(StateFile::Ring).unwrap().unwrap(), b"first");
    home.replace(StateFile::Ring, b"third").unwrap();
    assert_eq!(home.read(StateFile::Ring).unwrap().unwrap(), b"third");
}

#[test]
fn new_file_that_cannot_get_its_name_is_an_error() {
    let place = tempfile::tempdir().unwrap();
    // With `.ring` at its end it is longer than a name may be.
    let mut home = Directory::of(&place.path().join("s".repeat(252))).unwrap();
    assert!(home.create(StateFile::Ring, b"ring").is_err());
    home.create(StateFile::Document, b"document").unwrap();
}

#[test]
fn sync_that_the_system_refuses_is_an_error() {
    // There is nothing behind it that could be synced (EINVAL).
    let mut nothing = FileDisk::open(Path::new("/dev/null")).unwrap();
    assert_eq!(nothing.sync().unwrap_err().kind(), ErrorKind::InvalidInput);

    let place = tempfile::tempdir().unwrap();
    let mut home = Directory::of(&place.path().join("state.json")).unwrap();
    home.sync_names().unwrap();
    place.close().unwrap();
    assert_eq!(home.sync_names().unwrap_err().kind(), ErrorKind::NotFound);
}

/// Runs one test of this file again as a user without rights, in a directory that is open to all
/// and belongs to neither that user nor root.
fn run_as_nobody(test: &str) {
    let place = tempfile::tempdir().unwrap();
    fs::set_permissions(place.path(), Permissions::from_mode(0o777)).unwrap();
    chown(place.path(), Some(NOBODY - 1), Some(NOBODY - 1)).unwrap();
    let copy = place.path().join("test");
    fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let mut command = Command::new(&copy);
    command.args(["--exact", test]).current_dir(place.path());
    let output = command.uid(NOBODY).gid(NOBODY).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[test]
fn what_root_makes_belongs_to_the_owner_of_the_directory() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let place = tempfile::tempdir().unwrap();
    chown(place.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let state = place.path().join("state.json");
    drop(FileStore::open(&state, &ChainId::new("testnet-1").unwrap()).unwrap());
    for file in [ring_path(&state), state] {
        let made = fs::metadata(&file).unwrap();
        assert_eq!((made.uid(), made.gid()), (NOBODY, NOBODY), "{file:?}");
    }
}

#[test]
fn what_another_user_makes_stays_its_own() {
    if rustix::process::geteuid().is_root() {
        return run_as_nobody("what_another_user_makes_stays_its_own");
    }
    let name = format!("tmkms-store-test-{}.json", std::process::id());
    let mut home = Directory::of(Path::new(&name)).unwrap();
    home.create(StateFile::Document, b"document").unwrap();
    fs::remove_file(home.path(StateFile::Document)).unwrap();
}
