//! Reading a small secret file whole.
//!
//! Invariants
//! - Type, mode and size are those of the file that was opened, not of the name:
//!   nothing can be swapped in between.
//! - Opening never blocks (a named pipe), reading is bounded, and the buffer is
//!   zeroized and never reallocated.

use crate::{FilePermissions, KeyFileError, Origin, Problem, Purpose};
use std::fs::{File, Metadata, OpenOptions};
use std::io::{self, ErrorKind, Read};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// The most bytes that are read. The largest key that CometBFT writes, an
/// ML-DSA-65 one, stays below 8 KiB.
pub(crate) const MAX_BYTES: usize = 16 * 1024;

/// Reads the file at `path`; symbolic links are followed.
///
/// # Errors
/// [`KeyFileError`] if it is missing, not a regular file, closed to this user,
/// open to others (see [`FilePermissions`]), or larger than 16 KiB.
pub fn read_secret_file(
    path: &Path,
    purpose: Purpose,
    permissions: FilePermissions,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    open_and_read(path, permissions).map_err(|problem| KeyFileError {
        origin: Origin::from(path),
        purpose,
        format: None,
        problem,
    })
}

/// Reads a secret from standard input or another stream, up to 16 KiB.
///
/// # Errors
/// [`KeyFileError`] if reading fails or there is more.
pub fn read_secret_stream(
    stream: &mut dyn Read,
    purpose: Purpose,
) -> Result<Zeroizing<Vec<u8>>, KeyFileError> {
    read_bounded(stream).map_err(|problem| KeyFileError {
        origin: Origin::StandardInput,
        purpose,
        format: None,
        problem,
    })
}

fn open_and_read(path: &Path, permissions: FilePermissions) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let mut file = open(path).map_err(|error| classify(error, path))?;
    let metadata = file.metadata().map_err(Problem::Io)?;
    check_type(&metadata)?;
    check_mode(metadata.mode() & 0o7777, permissions)?;
    read_bounded(&mut file)
}

/// `NONBLOCK`, because opening a named pipe would otherwise wait for a writer.
fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    OpenOptions::new()
        .read(true)
        .custom_flags(flags.bits().cast_signed())
        .open(path)
}

fn classify(error: io::Error, path: &Path) -> Problem {
    match error.kind() {
        ErrorKind::NotFound => Problem::Missing {
            directory: missing_directory(path),
        },
        ErrorKind::PermissionDenied => Problem::PermissionDenied {
            uid: rustix::process::geteuid().as_raw(),
            owner: path
                .metadata()
                .ok()
                .map(|metadata| (metadata.uid(), metadata.mode() & 0o7777)),
        },
        ErrorKind::IsADirectory => Problem::Directory,
        _ if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
            Problem::NotRegular { kind: "a socket" }
        }
        _ => Problem::Io(error),
    }
}

/// The parent directory, if that is what is missing.
fn missing_directory(path: &Path) -> Option<PathBuf> {
    let parent = path.parent().filter(|p| !p.as_os_str().is_empty())?;
    (!parent.exists()).then(|| parent.to_owned())
}

fn check_type(metadata: &Metadata) -> Result<(), Problem> {
    let file_type = metadata.file_type();
    if file_type.is_file() {
        Ok(())
    } else if file_type.is_dir() {
        Err(Problem::Directory)
    } else if file_type.is_fifo() {
        Err(Problem::NotRegular { kind: "a pipe" })
    } else {
        Err(Problem::NotRegular { kind: "a device" })
    }
}

/// Group and others must have neither read nor write access; of a credential, others.
fn check_mode(mode: u32, permissions: FilePermissions) -> Result<(), Problem> {
    match permissions {
        FilePermissions::RequirePrivate if mode & 0o066 != 0 => Err(Problem::Insecure { mode }),
        FilePermissions::RequireNotWorld if mode & 0o006 != 0 => Err(Problem::Insecure { mode }),
        _ => Ok(()),
    }
}

/// Fills one fixed buffer: a growing one would leave copies of the key behind.
fn read_bounded(stream: &mut dyn Read) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let mut content = Zeroizing::new(vec![0; MAX_BYTES + 1]);
    let mut filled = 0;
    while let Some(rest) = content.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match stream.read(rest) {
            Ok(0) => break,
            Ok(count) => filled = filled.saturating_add(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(Problem::Io(error)),
        }
    }
    if filled > MAX_BYTES {
        return Err(Problem::TooLarge { limit: MAX_BYTES });
    }
    content.truncate(filled);
    Ok(content)
}
