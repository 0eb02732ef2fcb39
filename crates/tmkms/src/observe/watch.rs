//! The files of a chain, looked at from outside: whether they are where the signer left them.
//!
//! Looking at names and metadata is allowed in the sandbox and takes no lock of the signing.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use store::Place;

use super::document::KeyFile;

/// What there is to look at.
#[derive(Debug, Default)]
pub struct Watch {
    key: Option<(PathBuf, Option<Look>)>,
    state: Vec<Place>,
}

/// A file as it looks without being opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    inode: (u64, u64),
    len: u64,
    modified: Option<SystemTime>,
}

impl Watch {
    /// Looks at a key file that was just read, and remembers where the state is.
    #[must_use]
    pub fn new(key_file: &Path, state: Vec<Place>) -> Self {
        Self {
            key: Some((key_file.to_owned(), look(key_file))),
            state,
        }
    }

    /// What has become of the key file since.
    pub(super) fn key_file(&self) -> KeyFile {
        let Some((path, then)) = &self.key else {
            return KeyFile::Same;
        };
        match look(path) {
            now if now == *then => KeyFile::Same,
            None => KeyFile::Gone,
            Some(_) => KeyFile::Changed,
        }
    }

    /// Why the state cannot be written, as far as that can be seen without writing.
    pub(super) fn state_trouble(&self) -> Option<String> {
        let mut found = self.state.iter().filter_map(|it| it.check_writable().err());
        found.next().map(|error| error.to_string())
    }
}

fn look(path: &Path) -> Option<Look> {
    let found = std::fs::metadata(path).ok()?;
    Some(Look {
        inode: (found.dev(), found.ino()),
        len: found.len(),
        modified: found.modified().ok(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn key_file_that_is_written_replaced_or_removed_is_told_and_one_put_back_is_not() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("key");
        fs::write(&path, "one").unwrap();
        let watch = Watch::new(&path, Vec::new());
        assert_eq!(watch.key_file(), KeyFile::Same);
        let away = home.path().join("away");
        fs::rename(&path, &away).unwrap();
        assert_eq!(watch.key_file(), KeyFile::Gone);
        fs::copy(&away, &path).unwrap();
        assert_eq!(watch.key_file(), KeyFile::Changed);
        fs::rename(&away, &path).unwrap();
        assert_eq!(watch.key_file(), KeyFile::Same);
        fs::write(&path, "two, longer").unwrap();
        assert_eq!(watch.key_file(), KeyFile::Changed);
    }

    #[test]
    fn nothing_to_look_at_is_no_trouble() {
        let watch = Watch::default();
        assert_eq!(
            (watch.key_file(), watch.state_trouble()),
            (KeyFile::Same, None)
        );
    }
}
