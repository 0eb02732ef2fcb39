//! Reading the configuration file, and what to say when that fails.
//!
//! Invariants:
//! - At most [`MAX_LEN`] bytes are read, whatever the path leads to.
//! - A file that is a private key is refused before any of it can be shown.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use diagnostics::is_private_key;
use diagnostics::render_plain;

/// Far more than any configuration needs.
pub const MAX_LEN: usize = 1 << 20;

/// A configuration file that could not be read as text.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// There is no such file.
    #[error("there is no configuration file {}", .0.display())]
    Missing(PathBuf),
    /// There is a directory of that name.
    #[error("{} is a directory, not a configuration file", .0.display())]
    Directory(PathBuf),
    /// This user may not read it.
    #[error("{} may not be read by this user", .0.display())]
    Forbidden(PathBuf),
    /// The system could not read it.
    #[error("{} could not be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// It has more than [`MAX_LEN`] bytes.
    #[error("{} is larger than 1 MiB: that is no configuration file", .0.display())]
    TooLarge(PathBuf),
    /// It is a text in UTF-16, as some Windows editors save.
    #[error("{} is in UTF-16, not in UTF-8", .0.display())]
    Utf16(PathBuf),
    /// It is no text in UTF-8.
    #[error("{}:{line}: not a text in UTF-8 (byte 0x{byte:02x})", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
        /// The line of the first byte that is none, from 1.
        line: usize,
        /// That byte.
        byte: u8,
    },
    /// It holds nothing, or only comments.
    #[error("{} is empty: it has no settings", .0.display())]
    Empty(PathBuf),
    /// There is no `gateway.toml`, or nothing in it.
    #[error("there are no settings of a gateway in {}", .0.display())]
    NoGateway(PathBuf),
    /// It is a key; its content is not shown.
    #[error("{} is a private key, not a configuration file", .0.display())]
    PrivateKey(PathBuf),
}

impl FileError {
    /// The text for people: what happened, why, what to do.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let owned = |lines: &[&str]| -> Vec<String> {
            lines.iter().map(|line| (*line).to_owned()).collect()
        };
        let notes = owned(self.notes());
        render_plain(&self.to_string(), &notes, &self.help(), colour)
    }

    fn notes(&self) -> &'static [&'static str] {
        match self {
            Self::Directory(_) => &[
                "Docker makes a directory when the file of a mount (-v, volumes:) is not there yet",
            ],
            _ => &[],
        }
    }

    /// What to do, one step each.
    #[must_use]
    pub fn help(&self) -> Vec<String> {
        let lines: &[&str] = match self {
            Self::Missing(_) | Self::Empty(_) => &[
                "`tmkms init DIR -n kira` writes one with keys beside it",
                "or name another file: `tmkms start -c FILE`, or TMKMS_CONFIG_FILE=FILE",
            ],
            Self::NoGateway(_) => &[
                "`tmkms gateway --wireguard wg0.conf` needs no such file",
                "or name another file: `tmkms gateway -c FILE`",
            ],
            Self::Directory(path) => return directory_help(path),
            Self::Forbidden(path) => return forbidden_help(path),
            Self::Unreadable { .. } => &["check the disk or the mount, then start again"],
            Self::TooLarge(_) | Self::PrivateKey(_) => {
                &["name the configuration file: `tmkms start -c tmkms.toml`"]
            }
            Self::Utf16(path) => {
                let path = path.display();
                return vec![format!(
                    "convert it: iconv -f UTF-16 -t UTF-8 {path} > new.toml && mv new.toml {path}"
                )];
            }
            Self::NotUtf8 { .. } => {
                &["write it anew as plain text in UTF-8; `tmkms init DIR` shows the form"]
            }
        };
        lines.iter().map(|line| (*line).to_owned()).collect()
    }
}

fn directory_help(path: &Path) -> Vec<String> {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let name = Path::new(name).display();
    vec![format!(
        "remove it on the host, put the file there, and make the container anew:\n\
         docker compose down && rmdir {name}\n\
         cp YOUR-CONFIGURATION {name} && docker compose up -d"
    )]
}

fn forbidden_help(path: &Path) -> Vec<String> {
    let path = path.display();
    vec![
        format!("see whose it is: ls -l {path}"),
        format!("give it to the user that runs tmkms: chown USER {path} && chmod 600 {path}"),
    ]
}

/// Reads the file as text, without a byte-order mark.
pub(super) fn read(path: &Path) -> Result<String, FileError> {
    let bytes = read_bytes(path).map_err(|source| classify(path, source))?;
    if bytes.len() > MAX_LEN {
        return Err(FileError::TooLarge(path.into()));
    }
    decode(path, bytes)
}

fn read_bytes(path: &Path) -> io::Result<Vec<u8>> {
    let file = File::open(path)?;
    if file.metadata()?.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_LEN).unwrap_or(u64::MAX);
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn classify(path: &Path, source: io::Error) -> FileError {
    match source.kind() {
        io::ErrorKind::NotFound => FileError::Missing(path.into()),
        io::ErrorKind::IsADirectory => FileError::Directory(path.into()),
        io::ErrorKind::PermissionDenied => FileError::Forbidden(path.into()),
        _ => FileError::Unreadable {
            path: path.into(),
            source,
        },
    }
}

fn decode(path: &Path, bytes: Vec<u8>) -> Result<String, FileError> {
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(FileError::Utf16(path.into()));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let (good, rest) = error
            .as_bytes()
            .split_at_checked(error.utf8_error().valid_up_to())
            .unwrap_or_default();
        FileError::NotUtf8 {
            path: path.into(),
            line: good.iter().filter(|byte| **byte == b'\n').count() + 1,
            byte: rest.first().copied().unwrap_or_default(),
        }
    })?;
    check(path, &text)?;
    Ok(text)
}

/// Refuses texts of which no line should be shown or explained.
pub(super) fn check(path: &Path, text: &str) -> Result<(), FileError> {
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    if lines.all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Err(FileError::Empty(path.into()));
    }
    if is_private_key(text) {
        return Err(FileError::PrivateKey(path.into()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(bytes: &[u8]) -> String {
        let path = Path::new("tmkms.toml");
        decode(path, bytes.to_vec()).unwrap_err().to_string()
    }

    #[test]
    fn what_is_no_text_is_named() {
        assert_eq!(refused(b""), "tmkms.toml is empty: it has no settings");
        assert_eq!(
            refused(b" \n# x\n"),
            "tmkms.toml is empty: it has no settings"
        );
        assert_eq!(
            refused(b"\xff\xfea\0"),
            "tmkms.toml is in UTF-16, not in UTF-8"
        );
        assert_eq!(
            refused(b"a = 1\nb = \"\xe9\"\n"),
            "tmkms.toml:2: not a text in UTF-8 (byte 0xe9)"
        );
    }

    #[test]
    fn a_key_is_refused_unseen() {
        let key = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n";
        let error = decode(Path::new("id.key"), key.into()).unwrap_err();
        assert_eq!(
            error.to_string(),
            "id.key is a private key, not a configuration file"
        );
        assert!(!error.render(false).contains("MDEy"));
    }

    #[test]
    fn reading_tells_the_cases_of_the_disk_apart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tmkms.toml");
        assert!(matches!(read(&path), Err(FileError::Missing(_))));
        assert!(matches!(read(dir.path()), Err(FileError::Directory(_))));
        assert!(matches!(read(&path.join("x")), Err(FileError::Missing(_))));
        std::fs::write(&path, "a = 1\n").unwrap();
        assert_eq!(read(&path).unwrap(), "a = 1\n");
        assert!(matches!(
            read(&path.join("x")),
            Err(FileError::Unreadable { .. })
        ));
    }

    #[test]
    fn every_refusal_says_what_to_do() {
        let path = || PathBuf::from("/etc/tmkms/tmkms.toml");
        let source = io::Error::other("disk on fire");
        for (error, remedy) in [
            (FileError::Missing(path()), "tmkms init DIR"),
            (FileError::Directory(path()), "rmdir tmkms.toml"),
            (
                FileError::Forbidden(path()),
                "chown USER /etc/tmkms/tmkms.toml",
            ),
            (
                FileError::Unreadable {
                    path: path(),
                    source,
                },
                "check the disk",
            ),
            (FileError::TooLarge(path()), "-c tmkms.toml"),
            (FileError::Utf16(path()), "iconv -f UTF-16"),
            (FileError::PrivateKey(path()), "-c tmkms.toml"),
        ] {
            let text = error.render(false);
            assert!(
                text.starts_with("error: ") && text.contains(remedy),
                "{text}"
            );
        }
    }

    #[test]
    fn the_length_is_limited_at_its_boundary() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tmkms.toml");
        let mut text = "a=1\n".to_owned() + &"#".repeat(MAX_LEN - 4);
        std::fs::write(&path, &text).unwrap();
        assert!(read(&path).is_ok());
        text.push('#');
        std::fs::write(&path, &text).unwrap();
        assert!(matches!(read(&path), Err(FileError::TooLarge(_))));
        assert!(matches!(
            read(Path::new("/dev/zero")),
            Err(FileError::TooLarge(_))
        ));
    }
}
