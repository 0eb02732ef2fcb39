//! Whose a new file is.

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt as _, fchown};

/// Gives what root has just made to the owner of the directory that it is in. A command that runs
/// as root, as in a container, makes files for a signer that does not; anybody else owns what
/// they make already.
///
/// # Errors
/// What the system says: root without the right to give files away, for one.
pub fn give_to_owner(directory: &File, made: &File) -> io::Result<()> {
    let (directory, own) = (directory.metadata()?, made.metadata()?);
    if own.uid() != 0 || directory.uid() == 0 {
        return Ok(());
    }
    fchown(made, Some(directory.uid()), Some(directory.gid()))
}
