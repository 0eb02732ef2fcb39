//! The status socket: a Unix socket that only its user can open.
//!
//! Invariants:
//! - It has mode 0600 from the first moment on.
//! - A socket on which somebody listens is never taken, and no other kind of file replaced.
//! - What is removed at the end is the socket that was made here, not a successor's.

use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{DirBuilderExt as _, FileTypeExt as _, MetadataExt as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags, fchmod, flock, open};
use rustix::io::Errno;
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use rustix::net::{bind, connect as connect_to, listen, socket_with};

/// How many may wait for their answer.
const BACKLOG: i32 = 8;

/// Why there is no status socket.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Somebody has it.
    #[error("another process listens on {}: give this one a socket of its own, [status] socket = \"PATH\" in the configuration", .0.display())]
    InUse(PathBuf),
    /// There is something else.
    #[error("{} is not a socket and is left as it is: move it away, or name another path, [status] socket = \"PATH\" in the configuration", .0.display())]
    NotASocket(PathBuf),
    /// The system refuses.
    #[error("cannot listen on {}: {source}; name a path in a directory that can be written and takes sockets, [status] socket = \"PATH\" in the configuration", .path.display())]
    Io {
        /// The path.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// A socket that listens. Its file is removed when this is dropped.
#[derive(Debug)]
pub struct Socket {
    listener: UnixListener,
    path: PathBuf,
    id: (u64, u64),
}

impl Socket {
    /// Listens at a path. Makes its directory, with mode 0700, where there is none; a socket that
    /// was left behind by a killed process is replaced.
    ///
    /// # Errors
    /// [`SocketError`].
    pub fn bind(path: &Path) -> Result<Self, SocketError> {
        let io = |source| SocketError::Io {
            path: path.to_owned(),
            source,
        };
        let directory = Directory::of(path).map_err(io)?;
        // Until the end of this function: of two that start at once, one finds the other's.
        let lock = File::open(directory.path).map_err(io)?;
        wait_for(&lock).map_err(io)?;
        make_way(path)?;
        let listener = directory.listen().map_err(io)?;
        let metadata = fs::symlink_metadata(path).map_err(io)?;
        Ok(Self {
            listener,
            path: path.to_owned(),
            id: (metadata.dev(), metadata.ino()),
        })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The directory, where it holds nothing but this socket: then a process may be left the right
    /// to remove files there.
    #[must_use]
    pub fn own_directory(&self) -> Option<&Path> {
        let directory = self.path.parent()?;
        let mut entries = fs::read_dir(directory).ok()?;
        let own = self.path.file_name();
        entries
            .all(|entry| entry.is_ok_and(|entry| Some(entry.file_name().as_os_str()) == own))
            .then_some(directory)
    }

    /// A second handle on the listener.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn listener(&self) -> io::Result<UnixListener> {
        self.listener.try_clone()
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let metadata = fs::symlink_metadata(&self.path);
        if metadata.is_ok_and(|found| (found.dev(), found.ino()) == self.id) {
            // The sandbox may forbid it; then the next start replaces it.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Connects to a status socket, and waits for no longer than this for anything.
///
/// # Errors
/// What the system says.
pub(super) fn connect(path: &Path, patience: Duration) -> io::Result<UnixStream> {
    let socket = stream()?;
    set_socket_timeout(&socket, Timeout::Send, Some(patience))?;
    let directory = Directory::existing(path)?;
    connect_to(&socket, &directory.address()?.address)?;
    let stream = UnixStream::from(socket);
    stream.set_read_timeout(Some(patience))?;
    Ok(stream)
}

fn stream() -> io::Result<OwnedFd> {
    Ok(socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?)
}

/// Others hold it for a moment. A start never hangs on whoever does not.
fn wait_for(lock: &File) -> io::Result<()> {
    const TRIES: u32 = 100;
    const TRY_EVERY: Duration = Duration::from_millis(10);
    for _ in 0..TRIES {
        match flock(lock, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => std::thread::sleep(TRY_EVERY),
            other => return Ok(other?),
        }
    }
    let text = "another process holds a lock on its directory";
    Err(io::Error::new(ErrorKind::WouldBlock, text))
}

/// Removes a socket that nobody listens on.
fn make_way(path: &Path) -> Result<(), SocketError> {
    let io = |source| SocketError::Io {
        path: path.to_owned(),
        source,
    };
    let found = match fs::symlink_metadata(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.map_err(io)?,
    };
    if !found.file_type().is_socket() {
        return Err(SocketError::NotASocket(path.to_owned()));
    }
    match connect(path, Duration::from_millis(500)) {
        Err(e) if e.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path).map_err(io),
        // Busy is not gone.
        Ok(_) => Err(SocketError::InUse(path.to_owned())),
        Err(e) if e.kind() == ErrorKind::WouldBlock => Err(SocketError::InUse(path.to_owned())),
        Err(e) => Err(io(e)),
    }
}

/// A path, taken apart.
struct Directory<'a> {
    path: &'a Path,
    name: &'a OsStr,
    whole: &'a Path,
}

/// An address, and what keeps it valid.
struct Address {
    address: SocketAddrUnix,
    _directory: Option<OwnedFd>,
}

impl<'a> Directory<'a> {
    fn of(whole: &'a Path) -> io::Result<Self> {
        let directory = Self::existing(whole)?;
        match DirBuilder::new().mode(0o700).create(directory.path) {
            Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
            _ => Ok(directory),
        }
    }

    fn existing(whole: &'a Path) -> io::Result<Self> {
        let no_name = || io::Error::new(ErrorKind::InvalidInput, "the path has no file name");
        let parent = whole.parent().filter(|path| !path.as_os_str().is_empty());
        Ok(Self {
            path: parent.unwrap_or(Path::new(".")),
            name: whole.file_name().ok_or_else(no_name)?,
            whole,
        })
    }

    /// With a mode that is set before there is a file (unix(7)).
    fn listen(&self) -> io::Result<UnixListener> {
        let socket = stream()?;
        fchmod(&socket, Mode::RUSR | Mode::WUSR)?;
        bind(&socket, &self.address()?.address)?;
        listen(&socket, BACKLOG)?;
        Ok(UnixListener::from(socket))
    }

    /// An address takes 107 bytes. A longer path is taken by way of its directory.
    fn address(&self) -> io::Result<Address> {
        if let Ok(address) = SocketAddrUnix::new(self.whole) {
            return Ok(Address {
                address,
                _directory: None,
            });
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = open(self.path, flags, Mode::empty())?;
        let short = Path::new("/proc/self/fd")
            .join(directory.as_raw_fd().to_string())
            .join(self.name);
        Ok(Address {
            address: SocketAddrUnix::new(short)?,
            _directory: Some(directory),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn only_its_user_can_open_it_and_it_is_gone_afterwards() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("state.json.run/status.sock");
        let socket = Socket::bind(&path).unwrap();
        assert_eq!(mode(&path), 0o600);
        assert_eq!(mode(path.parent().unwrap()), 0o700);
        connect(&path, Duration::from_secs(5)).unwrap();
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn socket_left_behind_is_replaced_and_one_in_use_is_not() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("status.sock");
        // As a killed process leaves it: a file, and nobody listens.
        drop(UnixListener::bind(&path).unwrap());
        let socket = Socket::bind(&path).unwrap();
        let error = Socket::bind(&path).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "another process listens on {}: give this one a socket of its own, [status] \
                 socket = \"PATH\" in the configuration",
                path.display()
            )
        );
        connect(&path, Duration::from_secs(5)).unwrap();
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn of_two_that_start_at_once_one_has_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("status.sock");
        for _ in 0..20 {
            // A killed process was here before.
            drop(UnixListener::bind(&path).unwrap());
            let bound: Vec<_> = std::thread::scope(|scope| {
                let starts: Vec<_> = (0..4)
                    .map(|_| scope.spawn(|| Socket::bind(&path)))
                    .collect();
                starts.into_iter().map(|it| it.join().unwrap()).collect()
            });
            assert_eq!(bound.iter().filter(|it| it.is_ok()).count(), 1, "{bound:?}");
            connect(&path, Duration::from_secs(5)).unwrap();
        }
    }

    #[test]
    fn directory_that_somebody_keeps_locked_is_given_up_on() {
        let home = tempfile::tempdir().unwrap();
        let lock = File::open(home.path()).unwrap();
        flock(&lock, FlockOperation::LockExclusive).unwrap();
        let error = Socket::bind(&home.path().join("status.sock")).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("another process holds a lock on its directory;"),
            "{text}"
        );
    }

    #[test]
    fn other_files_are_left_as_they_are() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("status.sock");
        fs::write(&path, "precious").unwrap();
        let error = Socket::bind(&path).unwrap_err();
        assert!(matches!(error, SocketError::NotASocket(_)), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[test]
    fn successors_socket_is_not_removed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("status.sock");
        let first = Socket::bind(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let _second = Socket::bind(&path).unwrap();
        drop(first);
        assert!(path.exists());
    }

    #[test]
    fn path_longer_than_an_address_works_all_the_same() {
        let home = tempfile::tempdir().unwrap();
        let deep = home.path().join("d".repeat(120));
        fs::create_dir(&deep).unwrap();
        let path = deep.join("status.sock");
        let socket = Socket::bind(&path).unwrap();
        connect(&path, Duration::from_secs(5)).unwrap();
        assert!(matches!(Socket::bind(&path), Err(SocketError::InUse(_))));
        drop(socket);
        assert!(!path.exists());
    }

    #[test]
    fn directory_is_its_own_while_nothing_else_is_in_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("run/status.sock");
        let socket = Socket::bind(&path).unwrap();
        assert_eq!(socket.own_directory(), path.parent());
        fs::write(home.path().join("run/key"), "").unwrap();
        assert_eq!(socket.own_directory(), None);
    }
}
