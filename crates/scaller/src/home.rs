//! The node's home directory: where what is, and who may change it now.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::failure::Failure;
use crate::files;
use crate::node_config::NodeConfig;

/// How often the lock is tried, and how long between two tries.
const LOCK_TRIES: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(30);

/// The home directory of a node.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    root: PathBuf,
}

/// The right to run the node or to change its keys, for one process at a time.
///
/// A sekaid that was started under it holds it too, so it lasts as long as that sekaid even if
/// scaller is killed.
#[derive(Debug)]
pub(crate) struct Lock {
    file: File,
}

impl Home {
    pub(crate) fn new(root: &Path) -> Self {
        // sekaid runs elsewhere, so the path must not depend on the working directory.
        Self {
            root: std::path::absolute(root).unwrap_or_else(|_| root.to_owned()),
        }
    }

    /// The directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A path below it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(crate) fn genesis_file(&self) -> PathBuf {
        self.path("config/genesis.json")
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.path("config/config.toml")
    }

    /// Reads config.toml.
    pub(crate) fn config(&self) -> Result<NodeConfig, Failure> {
        NodeConfig::open(&self.config_file())
    }

    /// A file of our own, in a directory that is made for it.
    pub(crate) fn own_file(&self, name: &str) -> Result<PathBuf, Failure> {
        let directory = self.path(".scaller");
        files::make_private_directory(&directory)
            .map_err(|e| Failure::file("make", &directory, &e))?;
        Ok(directory.join(name))
    }

    /// The genesis; `None` before `init`.
    pub(crate) fn genesis(&self) -> Result<Option<Value>, Failure> {
        let file = self.genesis_file();
        let text = match fs::read(&file) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Failure::file("read", &file, &error)),
        };
        let genesis = serde_json::from_slice(&text).map_err(|error| {
            Failure::new(format!(
                "{} is damaged ({error}). Put a whole one in its place, or remove it and run \
                 `scaller init` again",
                file.display()
            ))
        })?;
        Ok(Some(genesis))
    }

    /// The genesis, which has to be there.
    pub(crate) fn made_genesis(&self) -> Result<Value, Failure> {
        self.genesis()?.ok_or_else(|| {
            Failure::new(format!(
                "{} holds no node yet ({} is missing). Make one with `scaller init`, or join a \
                 network with `scaller join`",
                self.root.display(),
                self.genesis_file().display()
            ))
        })
    }

    /// Whether the chain has begun here: from then on its genesis must not change.
    pub(crate) fn has_begun(&self) -> bool {
        self.path("data/blockstore.db").exists()
    }

    /// Takes the right to run the node or change it.
    pub(crate) fn lock(&self) -> Result<Lock, Failure> {
        let path = self.own_file("lock")?;
        let mut tries = 0;
        // Somebody who only looks holds it for a moment.
        let file = loop {
            match try_lock(&path)? {
                Some(file) => break file,
                None if tries < LOCK_TRIES => std::thread::sleep(LOCK_PAUSE),
                None => return Err(self.busy(&path)),
            }
            tries += 1;
        };
        self.check_no_other_sekaid()?;
        let mut lock = Lock { file };
        lock.note("a scaller command");
        Ok(lock)
    }

    /// Whether somebody has the lock.
    pub(crate) fn is_locked(&self) -> Result<bool, Failure> {
        let path = self.own_file("lock")?;
        is_locked(&path)
    }

    fn busy(&self, path: &Path) -> Failure {
        let mut holder = String::new();
        // Only to say more: without it the text is still right.
        let _ = File::open(path).and_then(|file| file.take(200).read_to_string(&mut holder));
        let holder = match holder.trim() {
            "" => "another process".to_owned(),
            text => text.to_owned(),
        };
        Failure::new(format!(
            "{} is in use by {holder}. Stop it first (`scaller stop`, or stop its container or \
             service)",
            self.root.display()
        ))
    }

    /// A sekaid that was started without scaller has its database locked.
    fn check_no_other_sekaid(&self) -> Result<(), Failure> {
        let lock = self.path("data/application.db/LOCK");
        if lock.exists() && is_locked(&lock)? {
            return Err(Failure::new(format!(
                "a sekaid that scaller did not start runs on {} (it has {} locked). Stop it first",
                self.root.display(),
                lock.display()
            )));
        }
        Ok(())
    }
}

fn open(path: &Path) -> Result<File, Failure> {
    File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .map_err(|e| Failure::file("open", path, &e))
}

/// Whether somebody holds a lock on a file.
pub(crate) fn is_locked(path: &Path) -> Result<bool, Failure> {
    Ok(try_lock(path)?.is_none())
}

/// Takes the lock on a file of ours; `None` if somebody has it.
pub(crate) fn try_lock(path: &Path) -> Result<Option<File>, Failure> {
    let file = open(path)?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Ok(None),
        Err(TryLockError::Error(error)) => Err(Failure::file("lock", path, &error)),
    }
}

impl Lock {
    /// Leaves a word about who has it, for the message to whoever comes in vain.
    pub(crate) fn note(&mut self, holder: &str) {
        // It is for a message only, and the lock holds without it.
        let _ = self
            .file
            .set_len(0)
            .and_then(|()| self.file.seek(SeekFrom::Start(0)))
            .and_then(|_| self.file.write_all(holder.as_bytes()));
    }

    /// Lets processes that are started from now on hold the lock too.
    pub(crate) fn share_with_children(&self) -> Result<(), Failure> {
        rustix::io::fcntl_setfd(&self.file, rustix::io::FdFlags::empty())
            .map_err(|error| Failure::new(format!("cannot pass the lock to sekaid: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_is_changed_by_one_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        let mut lock = home.lock().unwrap();
        lock.note("sekaid (process 7)");
        let text = home.lock().unwrap_err().to_string();
        assert!(
            text.contains("is in use by sekaid (process 7). Stop it first"),
            "{text}"
        );
        assert!(home.is_locked().unwrap());
        drop(lock);
        assert!(!home.is_locked().unwrap());
        home.lock().unwrap();
    }

    #[test]
    fn a_sekaid_of_somebody_else_is_noticed_by_its_database() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        let database = home.path("data/application.db");
        fs::create_dir_all(&database).unwrap();
        let theirs = File::create(database.join("LOCK")).unwrap();
        theirs.lock().unwrap();
        let text = home.lock().unwrap_err().to_string();
        assert!(
            text.contains("a sekaid that scaller did not start runs on"),
            "{text}"
        );
        theirs.unlock().unwrap();
        home.lock().unwrap();
    }

    #[test]
    fn a_torn_genesis_is_said_to_be_damaged() {
        let dir = tempfile::tempdir().unwrap();
        let home = Home::new(dir.path());
        assert!(home.genesis().unwrap().is_none());
        let text = home.made_genesis().unwrap_err().to_string();
        assert!(text.contains("holds no node yet"), "{text}");
        fs::create_dir_all(home.path("config")).unwrap();
        fs::write(home.genesis_file(), "{\"chain_id\":").unwrap();
        let text = home.genesis().unwrap_err().to_string();
        assert!(text.contains("is damaged"), "{text}");
    }
}
