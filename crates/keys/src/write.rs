//! Writing secret files so that none is ever lost, torn, or open to others.
//!
//! Invariants
//! - The file has mode 0600 from its first byte on, and belongs to the owner of the directory
//!   where root makes it.
//! - The name shows the whole content or what was there before, also after a
//!   crash: a temporary file in the same directory is synced, then put in place.
//!   (Filesystems with neither `RENAME_NOREPLACE` nor hard links get an exclusive
//!   create instead; a crash may leave a short file there, never a lost one.)
//! - Without [`Overwrite::Force`] an existing name stays what it is, even if it
//!   appears while we write: the kernel decides, not a check made earlier.

use crate::quote::quoted;
use crate::{KeyMaterial, base64_text, give_to_owner};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, RenameFlags};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use thiserror::Error;
use zeroize::Zeroizing;

/// Whether an existing file may be replaced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overwrite {
    /// Keep it and report an error.
    #[default]
    Refuse,
    /// Replace it (`--force`). A symbolic link is replaced, not its target.
    Force,
}

/// Why a secret file was not written. Whatever was there is still there.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The name is taken.
    #[error(
        "{} exists already and was left as it is. Choose another path, or move it aside; --force \
         replaces it and its content is lost",
        .path.display()
    )]
    Exists {
        /// The file asked for.
        path: PathBuf,
    },
    /// The name is a directory's, or names no file.
    #[error("{} is a directory, but a file is to be written. Add a file name", .path.display())]
    Directory {
        /// The path asked for.
        path: PathBuf,
    },
    /// The directory to write into is not there.
    #[error(
        "{} was not written: the directory {} does not exist. Run `mkdir -p {}` and try again",
        .path.display(), .directory.display(), quoted(.directory)
    )]
    MissingDirectory {
        /// The file asked for.
        path: PathBuf,
        /// The directory that is missing.
        directory: PathBuf,
    },
    /// The system refuses.
    #[error(
        "{} was not written: uid {uid} may not write into {}. Run the command as the owner of \
         that directory, or run `chown {uid} {}`",
        .path.display(), .directory.display(), quoted(.directory)
    )]
    PermissionDenied {
        /// The file asked for.
        path: PathBuf,
        /// The directory it would be in.
        directory: PathBuf,
        /// The effective user of this process.
        uid: u32,
    },
    /// The mount is read-only.
    #[error(
        "{} was not written: it is on a read-only filesystem. Mount it writable for this command \
         (a Docker volume without `:ro`)",
        .path.display()
    )]
    ReadOnly {
        /// The file asked for.
        path: PathBuf,
    },
    /// Any other error of the system.
    #[error(
        "{} was not written: {error}. Check the disk that holds {}, then try again",
        .path.display(), .directory.display()
    )]
    Io {
        /// The file asked for.
        path: PathBuf,
        /// The directory it would be in.
        directory: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

/// Writes a private key as tmkms' base64 file: 44 characters for 32 bytes, no line end.
///
/// # Errors
/// [`WriteError`]; an existing file is kept unless `overwrite` says otherwise.
pub fn write_key(path: &Path, key: &KeyMaterial, overwrite: Overwrite) -> Result<(), WriteError> {
    let text = base64_text::encode(&key.secret_bytes());
    write_secret_file(path, text.as_bytes(), overwrite)
}

/// Writes a secret file with mode 0600 and returns once it is on the disk.
///
/// # Errors
/// [`WriteError`]. Nothing is left behind, and an existing file is kept unless
/// `overwrite` says otherwise. Only if the directory's own sync fails is the
/// complete file in place although an error is returned.
pub fn write_secret_file(
    path: &Path,
    content: &[u8],
    overwrite: Overwrite,
) -> Result<(), WriteError> {
    let place = Place::open(path)?;
    place
        .check_free(overwrite)
        .and_then(|()| place.write(content, overwrite))
        .map_err(|errno| place.error(errno))
}

/// Replaces a file with one that is read back from the disk first. `false` if `check` says that
/// this is not what it should be: then the file is what it was.
pub(crate) fn replace_checked(
    path: &Path,
    content: &[u8],
    check: impl FnOnce(&[u8]) -> bool,
) -> Result<bool, WriteError> {
    let place = Place::open(path)?;
    place
        .replace_checked(content, check)
        .map_err(|errno| place.error(errno))
}

/// A name in an open directory, so that the directory cannot be swapped meanwhile.
struct Place {
    path: PathBuf,
    parent: PathBuf,
    directory: File,
    name: OsString,
}

/// A temporary file's name, removed on drop; after a rename there is nothing to remove.
struct Temporary<'a> {
    place: &'a Place,
    name: String,
}

impl Place {
    fn open(path: &Path) -> Result<Self, WriteError> {
        let no_file = path.as_os_str().as_bytes().ends_with(b"/");
        let (Some(name), false) = (path.file_name(), no_file) else {
            return Err(WriteError::Directory {
                path: path.to_owned(),
            });
        };
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        match rustix::fs::open(parent, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(directory) => Ok(Self {
                path: path.to_owned(),
                parent: parent.to_owned(),
                directory: File::from(directory),
                name: name.to_owned(),
            }),
            Err(Errno::NOENT) => Err(WriteError::MissingDirectory {
                path: path.to_owned(),
                directory: parent.to_owned(),
            }),
            Err(errno) => Err(write_error(path, parent, errno)),
        }
    }

    /// An early answer, before anything is written. Placing the file decides.
    fn check_free(&self, overwrite: Overwrite) -> Result<(), Errno> {
        match rustix::fs::statat(&self.directory, &self.name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
                Err(Errno::ISDIR)
            }
            Ok(_) if overwrite == Overwrite::Refuse => Err(Errno::EXIST),
            Ok(_) | Err(Errno::NOENT) => Ok(()),
            Err(errno) => Err(errno),
        }
    }

    fn write(&self, content: &[u8], overwrite: Overwrite) -> Result<(), Errno> {
        let temporary = self.temporary(content)?;
        match overwrite {
            Overwrite::Force => self.rename_over(&temporary)?,
            Overwrite::Refuse => self.place_new(&temporary, content)?,
        }
        drop(temporary);
        self.sync_directory()
    }

    fn replace_checked(
        &self,
        content: &[u8],
        check: impl FnOnce(&[u8]) -> bool,
    ) -> Result<bool, Errno> {
        self.check_free(Overwrite::Force)?;
        let temporary = self.temporary(content)?;
        if !check(&self.read(&temporary, content.len())?) {
            return Ok(false);
        }
        self.rename_over(&temporary)?;
        drop(temporary);
        self.sync_directory().map(|()| true)
    }

    /// All that is in the file, and one byte more if there is one.
    fn read(&self, temporary: &Temporary<'_>, length: usize) -> Result<Zeroizing<Vec<u8>>, Errno> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let name = temporary.name.as_str();
        let file = rustix::fs::openat(&self.directory, name, flags, Mode::empty())?;
        let mut content = Zeroizing::new(Vec::with_capacity(length.saturating_add(64)));
        let limit = u64::try_from(length).unwrap_or(u64::MAX).saturating_add(1);
        File::from(file)
            .take(limit)
            .read_to_end(&mut content)
            .map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
        Ok(content)
    }

    fn temporary(&self, content: &[u8]) -> Result<Temporary<'_>, Errno> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|_| Errno::IO)?;
        let name = format!(".tmkms-{}.tmp", hex::encode(random));
        let mut file = self.create(name.as_ref())?;
        let temporary = Temporary { place: self, name };
        self.fill(&mut file, content)?;
        Ok(temporary)
    }

    /// Creates a name that must not exist, closed to everybody else.
    fn create(&self, name: &Path) -> Result<File, Errno> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        rustix::fs::openat(&self.directory, name, flags, mode).map(File::from)
    }

    fn rename_over(&self, temporary: &Temporary<'_>) -> Result<(), Errno> {
        let name = temporary.name.as_str();
        rustix::fs::renameat(&self.directory, name, &self.directory, &self.name)
    }

    /// Three ways to place a file only where none is, for what filesystems can do.
    fn place_new(&self, temporary: &Temporary<'_>, content: &[u8]) -> Result<(), Errno> {
        match self.rename_new(temporary) {
            Err(Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP) => {}
            decided => return decided,
        }
        match self.link_new(temporary) {
            Err(Errno::PERM | Errno::NOSYS | Errno::OPNOTSUPP | Errno::INVAL) => {}
            decided => return decided,
        }
        self.create_new(content)
    }

    fn rename_new(&self, temporary: &Temporary<'_>) -> Result<(), Errno> {
        let (from, to) = (temporary.name.as_str(), &self.name);
        let flags = RenameFlags::NOREPLACE;
        rustix::fs::renameat_with(&self.directory, from, &self.directory, to, flags)
    }

    /// Network and FUSE mounts may know no `RENAME_NOREPLACE`.
    fn link_new(&self, temporary: &Temporary<'_>) -> Result<(), Errno> {
        let (from, to) = (temporary.name.as_str(), &self.name);
        rustix::fs::linkat(&self.directory, from, &self.directory, to, AtFlags::empty())
    }

    /// FAT and some desktop mounts have no hard links either.
    fn create_new(&self, content: &[u8]) -> Result<(), Errno> {
        let mut file = self.create(self.name.as_ref())?;
        self.fill(&mut file, content).inspect_err(|_| {
            let _ = rustix::fs::unlinkat(&self.directory, &self.name, AtFlags::empty());
        })
    }

    fn fill(&self, file: &mut File, content: &[u8]) -> Result<(), Errno> {
        let written = give_to_owner(&self.directory, file)
            .and_then(|()| file.write_all(content))
            .and_then(|()| file.sync_all());
        written.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))
    }

    /// Some network mounts cannot sync a directory and say `EINVAL`.
    fn sync_directory(&self) -> Result<(), Errno> {
        match rustix::fs::fsync(&self.directory) {
            Err(Errno::INVAL) => Ok(()),
            synced => synced,
        }
    }

    fn error(&self, errno: Errno) -> WriteError {
        write_error(&self.path, &self.parent, errno)
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        let name = self.name.as_str();
        let _ = rustix::fs::unlinkat(&self.place.directory, name, AtFlags::empty());
    }
}

fn write_error(path: &Path, directory: &Path, errno: Errno) -> WriteError {
    let (path, directory) = (path.to_owned(), directory.to_owned());
    match errno {
        Errno::EXIST => WriteError::Exists { path },
        Errno::ISDIR => WriteError::Directory { path },
        Errno::ROFS => WriteError::ReadOnly { path },
        Errno::ACCESS | Errno::PERM => WriteError::PermissionDenied {
            path,
            directory,
            uid: rustix::process::geteuid().as_raw(),
        },
        _ => WriteError::Io {
            path,
            directory,
            error: errno.into(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    fn names(directory: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_new_file_is_private_and_leaves_nothing_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.key");
        write_secret_file(&path, b"secret", Overwrite::Refuse).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"secret");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert_eq!(names(dir.path()), ["a.key"]);
    }

    #[test]
    fn an_existing_file_is_kept_without_force_and_replaced_with_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.key");
        fs::write(&path, b"old").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();

        let error = write_secret_file(&path, b"new", Overwrite::Refuse).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "{} exists already and was left as it is. Choose another path, or move it aside; \
                 --force replaces it and its content is lost",
                path.display()
            )
        );
        assert_eq!(fs::read(&path).unwrap(), b"old");

        write_secret_file(&path, b"new", Overwrite::Force).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600);
        assert_eq!(names(dir.path()), ["a.key"]);
    }

    #[test]
    fn a_symbolic_link_is_a_taken_name_and_force_spares_its_target() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("target");
        let dangling = dir.path().join("dangling");
        symlink(&target, &dangling).unwrap();
        let refused = write_secret_file(&dangling, b"new", Overwrite::Refuse);
        assert!(matches!(refused, Err(WriteError::Exists { .. })));

        fs::write(&target, b"old").unwrap();
        write_secret_file(&dangling, b"new", Overwrite::Force).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"old");
        assert_eq!(fs::read(&dangling).unwrap(), b"new");
    }

    /// Each way must work on its own: which one runs depends on the filesystem.
    #[test]
    fn every_way_of_placing_writes_the_file_and_keeps_a_later_rival() {
        type Way = fn(&Place, &Temporary<'_>) -> Result<(), Errno>;
        let ways: [Way; 3] = [
            |place, temporary| place.rename_new(temporary),
            |place, temporary| place.link_new(temporary),
            |place, _| place.create_new(b"new"),
        ];
        for way in ways {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("a.key");
            let place = Place::open(&path).unwrap();

            let temporary = place.temporary(b"new").unwrap();
            way(&place, &temporary).unwrap();
            drop(temporary);
            assert_eq!(fs::read(&path).unwrap(), b"new");
            assert_eq!(names(dir.path()), ["a.key"]);
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, 0o600);

            // The rival appeared after the early check.
            fs::write(&path, b"rival").unwrap();
            let temporary = place.temporary(b"new").unwrap();
            assert_eq!(way(&place, &temporary), Err(Errno::EXIST));
            drop(temporary);
            assert_eq!(fs::read(&path).unwrap(), b"rival");
            assert_eq!(names(dir.path()), ["a.key"]);
        }
    }

    #[test]
    fn a_missing_directory_names_the_command_that_makes_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("no such/a.key");
        let error = write_secret_file(&path, b"x", Overwrite::Force).unwrap_err();
        let directory = dir.path().join("no such");
        assert_eq!(
            error.to_string(),
            format!(
                "{} was not written: the directory {} does not exist. Run `mkdir -p '{}'` and try \
                 again",
                path.display(),
                directory.display(),
                directory.display()
            )
        );
    }

    #[test]
    fn a_directory_is_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        for path in [dir.path().to_owned(), dir.path().join("new/"), "..".into()] {
            let error = write_secret_file(&path, b"x", Overwrite::Force).unwrap_err();
            assert_eq!(
                error.to_string(),
                format!(
                    "{} is a directory, but a file is to be written. Add a file name",
                    path.display()
                )
            );
        }
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn the_systems_refusals_name_the_next_step() {
        let text = |errno| write_error(Path::new("/k/a.key"), Path::new("/k"), errno).to_string();
        let uid = rustix::process::geteuid().as_raw();
        assert_eq!(
            text(Errno::ACCESS),
            format!(
                "/k/a.key was not written: uid {uid} may not write into /k. Run the command as \
                 the owner of that directory, or run `chown {uid} /k`"
            )
        );
        assert_eq!(
            text(Errno::ROFS),
            "/k/a.key was not written: it is on a read-only filesystem. Mount it writable for \
             this command (a Docker volume without `:ro`)"
        );
        assert_eq!(
            text(Errno::NOSPC),
            "/k/a.key was not written: No space left on device (os error 28). Check the disk \
             that holds /k, then try again"
        );
    }

    #[test]
    fn a_relative_name_is_written_into_the_working_directory() {
        let place = Place::open(Path::new("a.key")).unwrap();
        assert_eq!(place.parent, Path::new("."));
    }
}
