//! Where the two files of a chain's state are: a directory, or what a simulator makes of one.
//!
//! Recovery and commits are written against this, so that the simulator runs the same code as
//! the signer does.

use std::fs::TryLockError;
use std::io;
use std::path::Path;

use crate::disk::Disk;

/// One of the two files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateFile {
    /// The ring, which the signer trusts.
    Ring,
    /// The document beside it, for people and for tmkms.
    Document,
}

/// The place of a ring and a document.
pub trait Home {
    /// An open file.
    type Disk: Disk;

    /// The name of a file, for messages.
    fn path(&self, file: StateFile) -> &Path;

    /// All bytes of a file; `None` when there is none.
    ///
    /// # Errors
    /// What the file system says.
    fn read(&mut self, file: StateFile) -> io::Result<Option<Vec<u8>>>;

    /// Opens a file that is there for reading and writing.
    ///
    /// # Errors
    /// What the file system says.
    fn open(&mut self, file: StateFile) -> io::Result<Self::Disk>;

    /// Locks an open ring for as long as it is open, against every other process.
    ///
    /// # Errors
    /// [`TryLockError::WouldBlock`] when another process has it.
    fn lock(&mut self, ring: &mut Self::Disk) -> Result<(), TryLockError>;

    /// Makes a file with this content, whole or not at all, and durable when this returns.
    /// Leaves one that another process made meanwhile as it is.
    ///
    /// # Errors
    /// What the file system says.
    fn create(&mut self, file: StateFile, bytes: &[u8]) -> io::Result<()>;

    /// Puts a file with this content in the place of one, or of none, whole or not at all, and
    /// durable when this returns.
    ///
    /// # Errors
    /// What the file system says.
    fn replace(&mut self, file: StateFile, bytes: &[u8]) -> io::Result<()>;

    /// Returns when the names of both files, as they lead now, survive a loss of power.
    ///
    /// # Errors
    /// What the file system says.
    fn sync_names(&mut self) -> io::Result<()>;

    /// Who opens the files, in a few words for whoever finds them locked.
    fn holder(&self) -> String;
}
