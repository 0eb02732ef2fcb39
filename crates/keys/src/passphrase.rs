//! The passphrase of an encrypted key: what it is, and where it is read from.
//!
//! Invariants
//! - It is never an argument or an environment variable, which other processes can see.
//! - It ends at the first line end, wherever it comes from, so that a file made by an editor, by
//!   `echo` and by `printf` are the same passphrase.
//! - It is zeroized on drop, has no `Clone` and no `Debug`.

use crate::{FilePermissions, KeyFileError, Purpose, read_secret_file, terminal};
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags};
use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io::{self, ErrorKind, Read};
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq as _;
use thiserror::Error;
use zeroize::Zeroizing;

/// The most bytes of a passphrase.
pub const MAX_PASSPHRASE: usize = 1024;

/// A passphrase: 1 to [`MAX_PASSPHRASE`] bytes without a line end.
pub struct Passphrase(Zeroizing<Vec<u8>>);

impl Passphrase {
    /// Takes the first line of `content`.
    ///
    /// # Errors
    /// [`PassphraseProblem`] if that is empty or too long.
    pub fn first_line(content: &[u8]) -> Result<Self, PassphraseProblem> {
        let line = content.split(|byte| *byte == b'\n').next();
        let line = line.unwrap_or_default();
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line.len() {
            0 => Err(PassphraseProblem::Empty),
            1..=MAX_PASSPHRASE => Ok(Self(Zeroizing::new(line.to_vec()))),
            _ => Err(PassphraseProblem::TooLong),
        }
    }

    /// Whether two are the same, in a time that tells their lengths at most.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.as_bytes().ct_eq(other.as_bytes()).into()
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Where a passphrase comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum PassphraseSource {
    /// A person at the terminal of this process.
    #[default]
    Prompt,
    /// The first line of a file that others cannot read.
    File(PathBuf),
    /// The first line of what can be read from a file descriptor that this process was given.
    Descriptor(u16),
    /// A credential of the service manager: a file of this name in `$CREDENTIALS_DIRECTORY`
    /// (systemd.exec(5)).
    Credential(String),
}

impl fmt::Display for PassphraseSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prompt => f.write_str("typed at the terminal"),
            Self::File(path) => write!(f, "in {}", path.display()),
            Self::Descriptor(number) => write!(f, "from file descriptor {number}"),
            Self::Credential(name) => write!(f, "in the credential {name}"),
        }
    }
}

/// Why there is no passphrase.
#[derive(Debug, Error)]
#[error("the passphrase {source_name} {problem}")]
pub struct PassphraseError {
    /// Where it should come from, for the text.
    source_name: String,
    /// What is wrong.
    pub problem: PassphraseProblem,
}

/// What is wrong with a passphrase. Holds nothing of it.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum PassphraseProblem {
    /// The first line has no characters.
    #[error("is empty: write it into the first line")]
    Empty,
    /// The first line is too long.
    #[error(
        "is longer than {} bytes: is this the file that was meant?",
        MAX_PASSPHRASE
    )]
    TooLong,
    /// The file cannot be used.
    #[error("cannot be read: {0}")]
    File(Box<KeyFileError>),
    /// The file descriptor cannot be used.
    #[error("cannot be read: {0}. The program that starts this one must open it, as in `3< FILE`")]
    Descriptor(io::Error),
    /// There is nobody to ask.
    #[error(
        "cannot be asked for: there is no terminal. Name where it is: passphrase_file, \
         passphrase_fd or passphrase_credential in [[providers.softsign]], --passphrase-file or \
         --passphrase-fd on the command line"
    )]
    NoTerminal,
    /// The terminal failed.
    #[error("cannot be asked for: {0}")]
    Terminal(io::Error),
    /// The person gave up.
    #[error("was not given")]
    Interrupted,
    /// Typed twice, and not the same.
    #[error("was typed in two different ways: nothing was done")]
    TypedDifferently,
    /// Not started by a service manager that hands out credentials.
    #[error(
        "cannot be read: CREDENTIALS_DIRECTORY is not set. A systemd unit sets it with \
         LoadCredentialEncrypted={0}:FILE"
    )]
    NoCredentials(String),
}

impl PassphraseSource {
    /// Reads an existing passphrase; `what` it opens is shown to a person who is asked.
    ///
    /// # Errors
    /// [`PassphraseError`], whose text says what to do.
    pub fn read(
        &self,
        what: &str,
        permissions: FilePermissions,
    ) -> Result<Passphrase, PassphraseError> {
        self.told(match self {
            Self::Prompt => terminal::ask(&format!("Passphrase of {what}: ")),
            Self::File(path) => from_file(path, permissions),
            Self::Descriptor(number) => from_descriptor(*number),
            Self::Credential(name) => from_credential(name),
        })
    }

    /// Reads a passphrase for something new: a person is asked twice.
    ///
    /// # Errors
    /// [`PassphraseError`], also if the two differ.
    pub fn read_new(
        &self,
        what: &str,
        permissions: FilePermissions,
    ) -> Result<Passphrase, PassphraseError> {
        if *self != Self::Prompt {
            return self.read(what, permissions);
        }
        let twice = || {
            let first = terminal::ask(&format!("New passphrase for {what}: "))?;
            let again = terminal::ask("The same again: ")?;
            if first.is_same(&again) {
                Ok(first)
            } else {
                Err(PassphraseProblem::TypedDifferently)
            }
        };
        self.told(twice())
    }

    fn told(
        &self,
        read: Result<Passphrase, PassphraseProblem>,
    ) -> Result<Passphrase, PassphraseError> {
        read.map_err(|problem| PassphraseError {
            source_name: self.to_string(),
            problem,
        })
    }
}

fn from_file(path: &Path, permissions: FilePermissions) -> Result<Passphrase, PassphraseProblem> {
    let content = read_secret_file(path, Purpose::Passphrase, permissions)
        .map_err(|error| PassphraseProblem::File(Box::new(error)))?;
    Passphrase::first_line(&content)
}

/// systemd makes credentials as 0400, or 0440 with an access list, in a directory that only the
/// service can enter: only the rest of the world is looked at.
fn from_credential(name: &str) -> Result<Passphrase, PassphraseProblem> {
    let directory: OsString = std::env::var_os("CREDENTIALS_DIRECTORY")
        .filter(|directory| !directory.is_empty())
        .ok_or_else(|| PassphraseProblem::NoCredentials(name.to_owned()))?;
    from_file(
        &PathBuf::from(directory).join(name),
        FilePermissions::RequireNotWorld,
    )
}

fn from_descriptor(number: u16) -> Result<Passphrase, PassphraseProblem> {
    let mut stream = open_descriptor(number).map_err(PassphraseProblem::Descriptor)?;
    let content = until_line_end(&mut stream).map_err(PassphraseProblem::Descriptor)?;
    Passphrase::first_line(&content)
}

/// A second descriptor of the same open file. Opening it through /proc asks for the permissions
/// again, and fails for sockets, but is left where a container forbids `pidfd_getfd(2)`.
fn open_descriptor(number: u16) -> io::Result<File> {
    duplicate(rustix::process::getpid(), number)
        .or_else(|error| File::open(format!("/proc/self/fd/{number}")).map_err(|_| error))
}

fn duplicate(own: Pid, number: u16) -> io::Result<File> {
    let process = rustix::process::pidfd_open(own, PidfdFlags::empty())?;
    let none = PidfdGetfdFlags::empty();
    let descriptor = rustix::process::pidfd_getfd(process, number.into(), none)?;
    Ok(File::from(descriptor))
}

/// One byte at a time, so that what follows the line is left to the next reader.
fn until_line_end(stream: &mut impl Read) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut content = Zeroizing::new(Vec::with_capacity(MAX_PASSPHRASE + 8));
    let mut byte = [0];
    while content.len() <= MAX_PASSPHRASE + 1 {
        match stream.read(&mut byte) {
            Ok(0) => break,
            Ok(_) if byte == *b"\n" => break,
            Ok(_) => content.extend_from_slice(&byte),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;
    use std::os::fd::AsRawFd as _;

    fn text(passphrase: &Passphrase) -> &[u8] {
        passphrase.as_bytes()
    }

    #[test]
    fn a_passphrase_ends_at_the_first_line_end() {
        for content in ["a b", "a b\n", "a b\r\n", "a b\nsecond", "a b\n\n"] {
            let read = Passphrase::first_line(content.as_bytes()).ok().unwrap();
            assert_eq!(text(&read), b"a b", "{content:?}");
        }
        for empty in ["", "\n", "\r\n", "\nsecond"] {
            let problem = Passphrase::first_line(empty.as_bytes()).err().unwrap();
            assert_eq!(
                problem.to_string(),
                "is empty: write it into the first line"
            );
        }
        let longest = vec![b'x'; MAX_PASSPHRASE];
        assert!(Passphrase::first_line(&longest).is_ok());
        let problem = Passphrase::first_line(&[longest, b"x".to_vec()].concat());
        assert!(matches!(problem.err(), Some(PassphraseProblem::TooLong)));
    }

    #[test]
    fn two_passphrases_are_compared_whole() {
        let of = |text: &[u8]| Passphrase::first_line(text).ok().unwrap();
        assert!(of(b"secret").is_same(&of(b"secret\n")));
        assert!(!of(b"secret").is_same(&of(b"secreT")));
        assert!(!of(b"secret").is_same(&of(b"secret ")));
    }

    #[test]
    fn a_descriptor_is_read_to_its_first_line_end_and_no_further() {
        let (reader, mut writer) = io::pipe().unwrap();
        writer.write_all(b"first\nsecond\n").unwrap();
        let source = PassphraseSource::Descriptor(reader.as_raw_fd().try_into().unwrap());
        let read = || {
            let read = source.read("x", FilePermissions::RequirePrivate);
            text(&read.unwrap()).to_vec()
        };
        assert_eq!(read(), b"first");
        assert_eq!(read(), b"second");
    }

    #[test]
    fn a_descriptor_that_is_not_open_is_named() {
        let source = PassphraseSource::Descriptor(9_999);
        let error = source
            .read("x", FilePermissions::RequirePrivate)
            .err()
            .unwrap();
        assert_eq!(
            error.to_string(),
            "the passphrase from file descriptor 9999 cannot be read: Bad file descriptor (os \
             error 9). The program that starts this one must open it, as in `3< FILE`"
        );
    }
}
