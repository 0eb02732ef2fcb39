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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Overwrite, write_secret_file};
    use std::fs;
    use std::os::unix::fs::chown;

    /// Anybody but root makes files of their own, and cannot give them away.
    #[test]
    fn a_file_that_root_makes_belongs_to_the_owner_of_its_directory() {
        let dir = tempfile::tempdir().unwrap();
        let is_root = fs::metadata(dir.path()).unwrap().uid() == 0;
        if is_root {
            chown(dir.path(), Some(65_534), Some(65_533)).unwrap();
        }
        let file = dir.path().join("a.key");
        write_secret_file(&file, b"secret", Overwrite::Refuse).unwrap();
        let (directory, file) = (fs::metadata(dir.path()), fs::metadata(&file));
        let (directory, file) = (directory.unwrap(), file.unwrap());
        assert_eq!(file.uid(), directory.uid());
        assert!(!is_root || file.gid() == directory.gid());
        assert_eq!(file.mode() & 0o7777, 0o600);
    }
}
