//! The memory of this boot: the last place that a key signed at on a chain, in a file that lives
//! in memory (`/run` and the like).
//!
//! A backup or a snapshot that is put back takes ring and document with it, and they agree with
//! each other. This file is not among what was backed up, so it shows that they are old. It is
//! named after the key and the chain, not after the state file, so it also shows two signers with
//! one key and two state files.
//!
//! Invariants:
//! - It never knows more than the disk did: it is written after the ring was synced.
//! - It is locked for as long as it is open, and no other process of this user can open it.
//! - What it says only ever stops a start; nothing is signed because of it.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use privval::{ChainId, Hrs, NotHrs};
use rustix::fs::OFlags;
use rustix::process::geteuid;
use sha2::{Digest, Sha256};

/// Bytes of the line with the place; the words after it are for people.
const PLACE_LEN: usize = 64;

/// Bytes of the whole file: less than a page, so that no death of the process tears a write.
const LEN: usize = 1024;

/// The memory of one key on one chain.
#[derive(Debug)]
pub struct Memory {
    file: File,
    path: PathBuf,
    state_file: PathBuf,
    chain_id: ChainId,
    seen: Option<Hrs>,
}

/// What a memory stands against.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// Another process signs with the same key.
    #[error(
        "the key of chain {chain_id} is in use by another signer ({holder}): two signers with one key are how validators double-sign; stop that one first"
    )]
    InUse {
        /// The chain.
        chain_id: ChainId,
        /// Who has it, as far as it said so.
        holder: String,
    },
    /// The state is older than what was signed since the machine has booted.
    #[error("the state {} of chain {chain_id} is old: it {found}, and this key has signed up to {seen} since this machine booted ({}). It was put back from a backup or a snapshot, removed, or another one was configured. Nothing is signed. Put the newest state back, or run `tmkms state import --chain-id {chain_id} --height {}` to go on after everything that was signed. Only if the chain itself began anew: remove {}", .state_file.display(), .file.display(), .seen.height, .file.display())]
    Behind {
        /// The state file.
        state_file: PathBuf,
        /// The chain.
        chain_id: ChainId,
        /// What the state says.
        found: String,
        /// The last place that was signed.
        seen: Hrs,
        /// The memory.
        file: PathBuf,
    },
    /// The file is there and cannot be understood.
    #[error("{} is damaged: it should begin with height, round and step of the last signature. Nothing is signed, because what was signed last is not certain. Compare the state with the last block that this validator signed, then remove it", .0.display())]
    Unreadable(PathBuf),
    /// The file system refused.
    #[error("cannot {action} {}: {source}", .file.display())]
    Io {
        /// "open", "lock" and the like.
        action: &'static str,
        /// The file or directory.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Memory {
    /// Opens the memory of a key on a chain in a directory, which is made if its parent is there,
    /// and locks it. `state_file` is told to whoever finds it locked.
    ///
    /// # Errors
    /// [`MemoryError`], but for [`MemoryError::Behind`].
    pub fn open(
        directory: &Path,
        chain_id: &ChainId,
        public_key: &[u8],
        state_file: &Path,
    ) -> Result<Self, MemoryError> {
        own_directory(directory).map_err(io_error("use the directory", directory))?;
        let path = directory.join(file_name(chain_id, public_key));
        let file = open_own(&path).map_err(io_error("open", &path))?;
        let text = read(&file).map_err(io_error("read", &path))?;
        file.try_lock().map_err(|error| match error {
            TryLockError::WouldBlock => MemoryError::InUse {
                chain_id: chain_id.clone(),
                holder: holder(&text),
            },
            TryLockError::Error(source) => io_error("lock", &path)(source),
        })?;
        // Again: whoever had it may have signed until it let it go.
        let text = read(&file).map_err(io_error("read", &path))?;
        let seen = parse(&text).map_err(|_| MemoryError::Unreadable(path.clone()))?;
        let words = format!("process {}, {}", std::process::id(), state_file.display());
        write_words(&file, &words).map_err(io_error("write", &path))?;
        Ok(Self {
            file,
            path,
            state_file: state_file.to_owned(),
            chain_id: chain_id.clone(),
            seen,
        })
    }

    /// Checks that a state goes as far as this key has signed since the machine booted.
    ///
    /// # Errors
    /// [`MemoryError::Behind`].
    pub fn check(&self, found: Option<Hrs>) -> Result<(), MemoryError> {
        match self.seen {
            Some(seen) if found < Some(seen) => Err(MemoryError::Behind {
                state_file: self.state_file.clone(),
                chain_id: self.chain_id.clone(),
                found: match found {
                    Some(found) => format!("ends at {found}"),
                    None => "holds no signature".to_owned(),
                },
                seen,
                file: self.path.clone(),
            }),
            _ => Ok(()),
        }
    }

    /// Remembers a place that is on disk already.
    ///
    /// # Errors
    /// What the file system says; the text names the file.
    pub(crate) fn note(&mut self, hrs: Hrs) -> io::Result<()> {
        let place = padded(&place_line(hrs), PLACE_LEN);
        self.file.write_all_at(&place, 0).map_err(|error| {
            io::Error::new(error.kind(), format!("{}: {error}", self.path.display()))
        })?;
        self.seen = Some(hrs);
        Ok(())
    }
}

fn io_error(action: &'static str, file: &Path) -> impl Fn(io::Error) -> MemoryError {
    let file = file.to_owned();
    move |source| MemoryError::Io {
        action,
        file: file.clone(),
        source,
    }
}

/// Makes the directory, or checks that the one that is there is ours alone: `/dev/shm` is open to
/// every user.
fn own_directory(directory: &Path) -> io::Result<()> {
    // Not made where it is there: a process in its sandbox can make none.
    if !directory.is_dir() {
        match DirBuilder::new().mode(0o700).create(directory) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => {}
        }
    }
    let there = std::fs::symlink_metadata(directory)?;
    let is_ours = there.is_dir() && there.uid() == geteuid().as_raw() && there.mode() & 0o022 == 0;
    if is_ours {
        return Ok(());
    }
    Err(io::Error::other(
        "it is not a directory of this user that others cannot write to",
    ))
}

fn open_own(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default())
        .open(path)
}

fn file_name(chain_id: &ChainId, public_key: &[u8]) -> String {
    let mut hash = Sha256::new();
    hash.update(chain_id.as_str());
    hash.update([0]);
    hash.update(public_key);
    let mut name = hex::encode(hash.finalize());
    name.truncate(32);
    name
}

fn read(file: &File) -> io::Result<String> {
    let mut bytes = vec![0; LEN];
    let len = file.read_at(&mut bytes, 0)?;
    bytes.truncate(len);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// Height, round and step, with spaces between them.
fn place_line(hrs: Hrs) -> String {
    hrs.to_string().replace('/', " ")
}

/// The place in a memory; `None` in one that has seen no signature yet.
fn parse(text: &str) -> Result<Option<Hrs>, NotHrs> {
    let line = text.lines().next().unwrap_or_default().trim_end();
    if line.is_empty() {
        return Ok(None);
    }
    let hrs: Hrs = line.replace(' ', "/").parse()?;
    if place_line(hrs) == line {
        return Ok(Some(hrs));
    }
    Err(NotHrs)
}

fn holder(text: &str) -> String {
    match text.lines().nth(1).unwrap_or_default().trim_end() {
        "" => "unknown".to_owned(),
        words => words.to_owned(),
    }
}

/// What follows the place, without touching it.
fn write_words(file: &File, words: &str) -> io::Result<()> {
    if file.metadata()?.len() == 0 {
        file.write_all_at(&padded("", PLACE_LEN), 0)?;
    }
    let offset = u64::try_from(PLACE_LEN).unwrap_or_default();
    file.write_all_at(&padded(words, LEN - PLACE_LEN), offset)
}

/// A line of this length; its end takes the place of the last byte.
fn padded(text: &str, len: usize) -> Vec<u8> {
    let text = text.as_bytes();
    let mut line = crate::record::padded(text.get(..len).unwrap_or(text), b' ', len);
    if let Some(last) = line.last_mut() {
        *last = b'\n';
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use privval::{Height, Round, Step};
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    const KEY: [u8; 32] = [7; 32];

    fn chain(id: &str) -> ChainId {
        ChainId::new(id).unwrap()
    }

    fn at(height: i64, round: i32, step: Step) -> Hrs {
        Hrs {
            height: Height::try_from(height).unwrap(),
            round: Round::try_from(round).unwrap(),
            step,
        }
    }

    fn open(directory: &Path) -> Result<Memory, MemoryError> {
        let state_file = Path::new("/var/lib/tmkms/state.json");
        Memory::open(directory, &chain("testnet-1"), &KEY, state_file)
    }

    #[test]
    fn state_that_goes_as_far_as_was_signed_starts_and_an_older_one_does_not() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("tmkms");
        let mut memory = open(&directory).unwrap();
        memory.check(None).unwrap();
        memory.note(at(57, 1, Step::Prevote)).unwrap();
        drop(memory);
        let memory = open(&directory).unwrap();
        memory.check(Some(at(57, 1, Step::Prevote))).unwrap();
        memory.check(Some(at(57, 1, Step::Precommit))).unwrap();
        memory.check(Some(at(58, 0, Step::Propose))).unwrap();
        for old in [
            at(57, 1, Step::Propose),
            at(57, 0, Step::Precommit),
            at(56, 9, Step::Precommit),
        ] {
            assert!(
                matches!(memory.check(Some(old)), Err(MemoryError::Behind { .. })),
                "{old}"
            );
        }
        let file = memory.path.display();
        assert_eq!(
            memory.check(None).unwrap_err().to_string(),
            format!(
                "the state /var/lib/tmkms/state.json of chain testnet-1 is old: it holds no \
                 signature, and this key has \
                 signed up to 57/1/1 since this machine booted ({file}). It was put back from a \
                 backup or a snapshot, removed, or another one was configured. Nothing is signed. \
                 Put the newest state back, or run `tmkms state import --chain-id testnet-1 \
                 --height 57` to go on after everything that was signed. Only if the chain itself \
                 began anew: remove {file}"
            )
        );
    }

    #[test]
    fn second_signer_with_the_same_key_is_refused_whatever_its_state_file() {
        let place = tempfile::tempdir().unwrap();
        let first = open(place.path()).unwrap();
        let other = Path::new("/elsewhere/state.json");
        let error = Memory::open(place.path(), &chain("testnet-1"), &KEY, other).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "the key of chain testnet-1 is in use by another signer (process {}, \
                 /var/lib/tmkms/state.json): two signers with one key are how validators \
                 double-sign; stop that one first",
                std::process::id()
            )
        );
        drop(first);
        Memory::open(place.path(), &chain("testnet-1"), &KEY, other).unwrap();
    }

    #[test]
    fn file_has_its_length_whatever_the_state_file_is_called() {
        let place = tempfile::tempdir().unwrap();
        for name_len in [1, 2_000] {
            let state_file = "s".repeat(name_len);
            let id = chain("testnet-1");
            let mut memory = Memory::open(place.path(), &id, &KEY, Path::new(&state_file)).unwrap();
            memory.note(at(9, 0, Step::Propose)).unwrap();
            let text = fs::read_to_string(&memory.path).unwrap();
            assert_eq!(text.len(), LEN);
            assert_eq!(text.lines().count(), 2);
            assert!(text.starts_with("9 0 0 ") && text.ends_with('\n'), "{text}");
        }
    }

    #[test]
    fn other_chains_and_other_keys_are_remembered_apart() {
        let place = tempfile::tempdir().unwrap();
        let mut memory = open(place.path()).unwrap();
        memory.note(at(9, 0, Step::Propose)).unwrap();
        let state_file = Path::new("state.json");
        for (id, key) in [("testnet-2", KEY), ("testnet-1", [8; 32])] {
            let other = Memory::open(place.path(), &chain(id), &key, state_file).unwrap();
            other.check(None).unwrap();
        }
    }

    #[test]
    fn memory_that_cannot_be_read_stops_the_start() {
        let place = tempfile::tempdir().unwrap();
        let mut memory = open(place.path()).unwrap();
        memory.note(at(9, 0, Step::Propose)).unwrap();
        let path = memory.path.clone();
        drop(memory);
        for text in [
            "9 0\n",
            "9 0 3\n",
            "-9 0 1\n",
            "09 0 1\n",
            "9 0 1 1\n",
            "gone",
        ] {
            fs::write(&path, text).unwrap();
            let error = open(place.path()).unwrap_err().to_string();
            assert!(
                error.contains("is damaged: it should begin with"),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn file_is_for_its_user_alone() {
        let place = tempfile::tempdir().unwrap();
        let directory = place.path().join("tmkms");
        let memory = open(&directory).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&directory), mode(&memory.path)), (0o700, 0o600));
    }

    #[test]
    fn directory_or_file_that_somebody_else_could_have_made_is_not_used() {
        let place = tempfile::tempdir().unwrap();
        let open_to_all = place.path().join("open");
        fs::create_dir(&open_to_all).unwrap();
        fs::set_permissions(&open_to_all, fs::Permissions::from_mode(0o777)).unwrap();
        let link = place.path().join("link");
        symlink(place.path(), &link).unwrap();
        for directory in [&open_to_all, &link] {
            let error = open(directory).unwrap_err().to_string();
            assert!(error.contains("not a directory of this user"), "{error}");
        }
        let own = place.path().join("own");
        let memory = open(&own).unwrap();
        let path = memory.path.clone();
        drop(memory);
        fs::remove_file(&path).unwrap();
        symlink("/dev/null", &path).unwrap();
        assert!(matches!(
            open(&own),
            Err(MemoryError::Io { action: "open", .. })
        ));
    }
}
