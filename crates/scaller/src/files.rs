//! Files that are whole or not there, also after a loss of power.
//!
//! Every function returns once the disk has what it did: file and directory are synced.

use std::fs::{self, File, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, fchown};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use tempfile::NamedTempFile;
use zeroize::Zeroizing;

/// Who may read a new file.
pub(crate) const SECRET: u32 = 0o600;
/// The same for one that is no secret.
pub(crate) const PUBLIC: u32 = 0o644;

/// Writes a file, replacing what was there. Mode and owner stay those of the old one, the owner of
/// a new one is that of its directory.
pub(crate) fn replace(path: &Path, content: &[u8], mode: u32) -> io::Result<()> {
    let directory = parent(path);
    let model = fs::metadata(path);
    let mode = model.as_ref().map_or(mode, |old| old.mode() & 0o7777);
    let owner = model.or_else(|_| fs::metadata(directory))?;
    let file = temporary(directory, content, mode, (owner.uid(), owner.gid()))?;
    file.persist(path).map_err(|error| error.error)?;
    sync_directory(directory)
}

/// Moves a file to a name that is free; `AlreadyExists` if it is not.
///
/// Within a file system the file is always at exactly one of the two places. Between two of them
/// it is copied, synced, compared and only then removed here.
pub(crate) fn move_to(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        // Another file system, or one that cannot rename without replacing.
        Err(Errno::XDEV | Errno::INVAL | Errno::NOSYS) => copy_and_remove(from, to)?,
        Err(error) => return Err(error.into()),
    }
    sync_directory(parent(to))?;
    sync_directory(parent(from))
}

fn copy_and_remove(from: &Path, to: &Path) -> io::Result<()> {
    if to.try_exists()? {
        return Err(io::ErrorKind::AlreadyExists.into());
    }
    let content = Zeroizing::new(fs::read(from)?);
    let old = fs::metadata(from)?;
    // Always the same name, so that what an interruption leaves there is found again.
    let part = part_of(to);
    remove_if_there(&part)?;
    let mut file = File::options()
        .write(true)
        .create_new(true)
        .mode(SECRET)
        .open(&part)?;
    file.write_all(&content)?;
    take_after(&file, old.mode() & 0o7777, (old.uid(), old.gid()))?;
    file.sync_all()?;
    let copied = Zeroizing::new(fs::read(&part)?);
    if *copied != *content {
        return Err(io::Error::other("the copy reads back differently"));
    }
    match renameat_with(CWD, &part, CWD, to, RenameFlags::NOREPLACE) {
        Ok(()) => {}
        Err(Errno::INVAL | Errno::NOSYS) => {
            fs::hard_link(&part, to)?;
            fs::remove_file(&part)?;
        }
        Err(error) => return Err(error.into()),
    }
    sync_directory(parent(to))?;
    fs::remove_file(from)
}

/// Removes what an interrupted move to a name has left beside it.
pub(crate) fn remove_part(to: &Path) -> io::Result<()> {
    remove_if_there(&part_of(to))
}

/// The name of a copy that is not whole yet.
fn part_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// Removes a file that may be gone already.
fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Mode and owner of the file that it stands for.
fn take_after(file: &File, mode: u32, owner: (u32, u32)) -> io::Result<()> {
    let own = file.metadata()?;
    if (own.uid(), own.gid()) != owner {
        match fchown(file, Some(owner.0), Some(owner.1)) {
            // Only root can give files away; for anybody else the file stays theirs.
            Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
            _ => {}
        }
    }
    file.set_permissions(Permissions::from_mode(mode))
}

fn temporary(
    directory: &Path,
    content: &[u8],
    mode: u32,
    owner: (u32, u32),
) -> io::Result<NamedTempFile> {
    let mut file = NamedTempFile::new_in(directory)?;
    file.write_all(content)?;
    take_after(file.as_file(), mode, owner)?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// Makes a directory that only its owner may enter, if it is not there.
pub(crate) fn make_private_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(path)?;
    fs::set_permissions(path, Permissions::from_mode(0o700))?;
    let above = parent(path);
    let owner = fs::metadata(above)?;
    match std::os::unix::fs::chown(path, Some(owner.uid()), Some(owner.gid())) {
        Err(error) if error.kind() != io::ErrorKind::PermissionDenied => return Err(error),
        _ => {}
    }
    sync_directory(above)
}

/// Makes what happened in a directory last.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The directory that a file is in.
pub(crate) fn parent(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_keeps_its_mode_and_a_new_one_gets_the_one_asked_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("f");
        replace(&path, b"1", SECRET).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        replace(&path, b"2", SECRET).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
        assert_eq!(fs::read(&path).unwrap(), b"2");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_move_never_replaces_within_a_file_system_or_between_two() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("from"), dir.path().join("to"));
        replace(&from, b"key", SECRET).unwrap();
        replace(&to, b"other", SECRET).unwrap();
        for refused in [move_to(&from, &to), copy_and_remove(&from, &to)] {
            assert_eq!(refused.unwrap_err().kind(), io::ErrorKind::AlreadyExists);
            assert_eq!(fs::read(&from).unwrap(), b"key");
            assert_eq!(fs::read(&to).unwrap(), b"other");
        }
        fs::remove_file(&to).unwrap();
        move_to(&from, &to).unwrap();
        copy_and_remove(&to, &from).unwrap();
        assert!(!to.exists());
        assert_eq!(fs::read(&from).unwrap(), b"key");
        assert_eq!(fs::metadata(&from).unwrap().mode() & 0o777, 0o600);
    }
}
