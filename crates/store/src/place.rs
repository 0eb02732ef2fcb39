//! The name of an open file, which must go on leading to it.

use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatVfsMountFlags, StatxFlags, makedev, statvfs, statx};

/// A name, and the file that it led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    path: PathBuf,
    inode: (u64, u64),
}

impl Place {
    pub(crate) fn new(path: &Path, metadata: &std::fs::Metadata) -> Self {
        Self {
            path: path.to_owned(),
            inode: (metadata.dev(), metadata.ino()),
        }
    }

    /// Checks that the name still leads to the file.
    ///
    /// # Errors
    /// When the file was removed or replaced.
    pub fn check(&self) -> io::Result<()> {
        let there = inode_at(&self.path).map_err(|e| {
            io::Error::new(e.kind(), format!("{} is gone: {e}", self.path.display()))
        })?;
        if there == self.inode {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{} was replaced by another one",
            self.path.display()
        )))
    }

    /// Checks besides that its file system takes writes, as far as that can be seen without one.
    ///
    /// # Errors
    /// As [`check`](Self::check), and when the file system has become read-only, as it does after
    /// an error of its disk.
    pub fn check_writable(&self) -> io::Result<()> {
        self.check()?;
        // Where the system does not tell, the next write will.
        let flags = statvfs(&self.path).map(|found| found.f_flag);
        if flags.is_ok_and(|flags| flags.contains(StatVfsMountFlags::RDONLY)) {
            return Err(io::Error::new(
                io::ErrorKind::ReadOnlyFilesystem,
                format!("the file system of {} is read-only", self.path.display()),
            ));
        }
        Ok(())
    }
}

/// Device and number of the inode that a name leads to.
///
/// Asks for nothing else: when the times of a file were read, Linux since 6.13 gives the next
/// write to it a time of its own, and a file system without a journal then writes the inode out
/// with every sync.
fn inode_at(path: &Path) -> io::Result<(u64, u64)> {
    match statx(CWD, path, AtFlags::empty(), StatxFlags::INO) {
        Ok(found) => Ok((
            makedev(found.stx_dev_major, found.stx_dev_minor),
            found.stx_ino,
        )),
        // A missing file, or a system that does not know or allow statx(2).
        Err(_) => std::fs::metadata(path).map(|found| (found.dev(), found.ino())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn place(path: &Path) -> Place {
        Place::new(path, &fs::metadata(path).unwrap())
    }

    #[test]
    fn file_that_was_removed_or_replaced_is_named_and_one_put_back_is_in_its_place() {
        let home = tempfile::tempdir().unwrap();
        let (path, away) = (home.path().join("state"), home.path().join("away"));
        fs::write(&path, "").unwrap();
        let place = place(&path);
        place.check_writable().unwrap();
        fs::rename(&path, &away).unwrap();
        let gone = place.check_writable().unwrap_err().to_string();
        assert!(
            gone.starts_with(&format!("{} is gone: ", path.display())),
            "{gone}"
        );
        fs::write(&path, "").unwrap();
        let replaced = place.check_writable().unwrap_err().to_string();
        assert_eq!(
            replaced,
            format!("{} was replaced by another one", path.display())
        );
        fs::rename(&away, &path).unwrap();
        place.check_writable().unwrap();
    }

    /// One that is mounted so already: most containers have some.
    #[test]
    fn file_system_that_takes_no_writes_is_named() {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let is_read_only = |line: &&str| {
            let options = line.split(' ').nth(3).unwrap_or_default();
            options.split(',').any(|option| option == "ro")
        };
        let mut read_only = mounts.lines().filter(is_read_only);
        let found = read_only.find_map(|line| {
            let path = Path::new(line.split(' ').nth(1)?);
            fs::metadata(path).ok().map(|_| place(path))
        });
        let Some(place) = found else {
            println!("skipped: nothing is mounted read-only here");
            return;
        };
        let text = place.check_writable().unwrap_err().to_string();
        assert!(text.ends_with(" is read-only"), "{text}");
    }
}
