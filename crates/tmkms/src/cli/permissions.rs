//! `tmkms permissions`: what root has put somewhere becomes the signer's, and nobody else's.
//!
//! Invariants:
//! - Only the owner and the modes of regular files and directories change, and modes only lose.
//! - No link is followed, not even one that is put in place meanwhile: everything is opened from
//!   the directory that it is in.

use std::ffi::OsStr;
use std::fs::{File, Permissions};
use std::io::{self, Write};
use std::num::ParseIntError;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, fchown};
use std::path::Path;
use std::str::FromStr;

use rustix::fs::{CWD, Dir, Mode, OFlags, openat};
use rustix::io::Errno;

use super::args::PermissionsArgs;
use super::{Outcome, cannot};

/// What the owner alone may have.
const PRIVATE: u32 = 0o700;

/// A user and a group, by number: there is no list of names in a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Owner {
    uid: u32,
    gid: u32,
}

impl FromStr for Owner {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Self, ParseIntError> {
        let (uid, gid) = text.split_once(':').unwrap_or((text, text));
        Ok(Self {
            uid: uid.parse()?,
            gid: gid.parse()?,
        })
    }
}

/// Gives all that is named.
pub(super) fn run(args: &PermissionsArgs, out: &mut dyn Write) -> Outcome {
    for path in &args.paths {
        give(CWD, path, path, args.user, out)?;
    }
    Ok(())
}

fn give(
    directory: impl AsFd,
    name: &Path,
    shown: &Path,
    owner: Owner,
    out: &mut dyn Write,
) -> Outcome {
    // `NONBLOCK`, because opening a named pipe would otherwise wait.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(directory, name, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        // A link, and a socket: the signer makes its own anew.
        Err(Errno::LOOP | Errno::NXIO) => return Ok(()),
        Err(e) => return Err(cannot("open", shown, &e.into())),
    };
    let kind = file.metadata().map_err(|e| cannot("read", shown, &e))?;
    if !kind.is_file() && !kind.is_dir() {
        return Ok(());
    }
    if change(&file, owner).map_err(|e| cannot("change the owner or mode of", shown, &e))? {
        let Owner { uid, gid } = owner;
        writeln!(out, "{} now belongs to {uid}:{gid} alone", shown.display())?;
    }
    if kind.is_dir() {
        give_content(&file, shown, owner, out)?;
    }
    Ok(())
}

fn give_content(directory: &File, shown: &Path, owner: Owner, out: &mut dyn Write) -> Outcome {
    let entries = Dir::read_from(directory).map_err(|e| cannot("read", shown, &e.into()))?;
    for entry in entries {
        let entry = entry.map_err(|e| cannot("read", shown, &e.into()))?;
        let name = Path::new(OsStr::from_bytes(entry.file_name().to_bytes()));
        if name != Path::new(".") && name != Path::new("..") {
            give(directory, name, &shown.join(name), owner, out)?;
        }
    }
    Ok(())
}

/// Whether there was anything to change.
fn change(file: &File, owner: Owner) -> io::Result<bool> {
    let found = file.metadata()?;
    let mode = found.mode() & 0o7777;
    let is_owner = (found.uid(), found.gid()) == (owner.uid, owner.gid);
    if mode & !PRIVATE != 0 {
        file.set_permissions(Permissions::from_mode(mode & PRIVATE))?;
    }
    if !is_owner {
        fchown(file, Some(owner.uid), Some(owner.gid))?;
    }
    Ok(!is_owner || mode & !PRIVATE != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_is_one_number_or_two() {
        let owner = |uid, gid| Ok(Owner { uid, gid });
        assert_eq!("65534".parse(), owner(65534, 65534));
        assert_eq!("1000:100".parse(), owner(1000, 100));
        assert!("nobody".parse::<Owner>().is_err());
        assert!("1000:".parse::<Owner>().is_err());
        assert!("-1".parse::<Owner>().is_err());
    }

    #[test]
    fn modes_only_lose_and_links_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let [key, outside, inside] =
            ["key", "outside", "sub/inside"].map(|name| dir.path().join(name));
        std::fs::create_dir(dir.path().join("sub")).unwrap();
        for (path, mode) in [(&key, 0o644), (&outside, 0o644), (&inside, 0o400)] {
            std::fs::write(path, "x").unwrap();
            std::fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
        }
        std::os::unix::fs::symlink(&outside, dir.path().join("sub/link")).unwrap();
        let own = std::fs::metadata(&key).unwrap();
        let args = PermissionsArgs {
            paths: vec![key.clone(), dir.path().join("sub")],
            user: Owner {
                uid: own.uid(),
                gid: own.gid(),
            },
        };
        let mut said = Vec::new();
        run(&args, &mut said).unwrap();
        let mode = |path: &Path| std::fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!(
            [&key, &outside, &inside].map(|path| mode(path)),
            [0o600, 0o644, 0o400]
        );
        let first = String::from_utf8(said).unwrap();
        assert!(first.contains("key now belongs to"), "{first}");
        assert!(!first.contains("outside"), "{first}");
        let mut again = Vec::new();
        run(&args, &mut again).unwrap();
        assert_eq!(again, b"");
    }
}
