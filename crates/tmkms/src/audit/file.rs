//! The files of an audit log: the one that is written to, those before it, and the head.
//!
//! `audit.log` grows until it is long enough, is renamed to `audit.log.000001` and so on, and a new
//! one begins with the hash of the last record before. `audit.log.head` holds number and hash of
//! the last record that is synced.
//!
//! Invariants:
//! - A file is only appended to. What a crash left half written stays, and the next record says
//!   where it is.
//! - The head is written after the sync of what it tells.

use std::collections::VecDeque;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use sha2::{Digest as _, Sha256};
use tracing::warn;

use super::TARGET;
use super::end::{Cut, End, last_rotated, length};
use super::entry::Entry;
use super::error::{AuditError, io_error};
use super::head::{Head, open_locked, read_head};
use super::name::{head_path, parent, rotated_path};
use super::record::{FORMAT, Link, seal};

/// An audit log that is open for more.
pub(super) struct AuditFile {
    path: PathBuf,
    directory: File,
    file: File,
    head: File,
    number: u64,
    link: Link,
    /// How long the file is, up to the end of its last record.
    len: u64,
    /// Bytes after that which are no record.
    fragment: Vec<u8>,
    /// The last record lacks its line end.
    open_line: bool,
    rotate_len: u64,
    /// The length at which it is tried next.
    rotate_at: u64,
    may_rotate: bool,
    /// The file has its final name already.
    renamed: bool,
    dirty: bool,
}

impl AuditFile {
    /// Opens a log, or makes it with its directory, and finds its end.
    ///
    /// # Errors
    /// [`AuditError`].
    pub(super) fn open(path: &Path, rotate_len: u64) -> Result<(Self, Option<Cut>), AuditError> {
        let parent = parent(path);
        make_directory(parent).map_err(io_error("make the directory", parent))?;
        let directory = File::open(parent).map_err(io_error("open", parent))?;
        let head_path = head_path(path);
        let head = open_locked(&head_path, path)?;
        let known = read_head(&head).map_err(io_error("read", &head_path))?;
        let current = End::of(path)?;
        let is_new = current.is_none();
        let found = match current {
            Some(end) => Some(end),
            None => last_rotated(path)?,
        };
        let cut = Cut::between(known, found.as_ref());
        let mut log = Self {
            path: path.to_owned(),
            directory,
            file: open_append(path).map_err(io_error("open", path))?,
            head,
            number: 1,
            link: Link::default(),
            len: 0,
            fragment: Vec::new(),
            open_line: false,
            rotate_len,
            rotate_at: rotate_len,
            may_rotate: true,
            renamed: false,
            dirty: false,
        };
        match found {
            Some(end) if is_new => {
                log.number = end.number.saturating_add(1);
                log.link = end.link;
            }
            Some(end) => log.take(end),
            // Every file is gone: the chain goes on where the head says that it was.
            None => {
                if let Some(head) = known {
                    log.number = head.file.saturating_add(1);
                    log.link = head.link;
                }
            }
        }
        if log.len == 0 && log.fragment.is_empty() {
            // As everything else that is written at a start: tried again where it fails.
            let _ = log.begin().and_then(|()| log.sync());
        }
        Ok((log, cut))
    }

    fn take(&mut self, end: End) {
        self.number = end.number;
        self.link = end.link;
        self.len = end.len;
        self.fragment = end.fragment;
        self.open_line = end.open_line;
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// For the log line of the start.
    pub(super) fn describe(&self) -> String {
        let hash = hex::encode(self.link.hash);
        format!(
            "file {}, record {}, hash {hash}",
            self.number, self.link.seq
        )
    }

    /// Whether files may be made and renamed from now on.
    pub(super) fn may_rotate(&mut self, may: bool) {
        self.may_rotate = may;
    }

    /// Its directory, if it holds nothing but this log.
    pub(super) fn own_directory(&self) -> Option<PathBuf> {
        let name = self.path.file_name()?.to_str()?;
        let parent = parent(&self.path);
        let mut entries = fs::read_dir(parent).ok()?;
        let is_own = |file: &str| {
            let rest = file.strip_prefix(name);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        entries
            .all(|entry| entry.is_ok_and(|it| it.file_name().to_str().is_some_and(is_own)))
            .then(|| parent.to_owned())
    }

    /// Writes entries, and takes those that are written off the queue.
    ///
    /// # Errors
    /// What the system says; the rest can be tried again.
    pub(super) fn append(&mut self, entries: &mut VecDeque<(SystemTime, Entry)>) -> io::Result<()> {
        while !entries.is_empty() {
            self.make_ready()?;
            // A piece at a time, so that a file ends where it should.
            let room = match self.may_rotate {
                true => self.rotate_at.saturating_sub(self.len),
                false => u64::MAX,
            };
            let mut lines = Vec::new();
            let (mut link, mut len) = (self.link, 0_u64);
            for (time, entry) in entries.iter() {
                if len > 0 && len >= room {
                    break;
                }
                let (line, next) = seal(link, entry, *time);
                link = next;
                len = len.saturating_add(length(&line));
                lines.push((line, next));
            }
            self.write(&lines, || {
                entries.pop_front();
            })?;
        }
        Ok(())
    }

    /// Ends what is half written, and a file that is long enough.
    fn make_ready(&mut self) -> io::Result<()> {
        self.mend()?;
        if self.len == 0 {
            self.begin()?;
        }
        if !self.may_rotate || self.len < self.rotate_at {
            return Ok(());
        }
        if let Err(error) = self.rotate() {
            // The file goes on growing: no record waits for this.
            self.rotate_at = self.len.saturating_add(self.rotate_len / 8 + 1);
            warn!(
                target: TARGET,
                "the audit log {} is full and cannot be renamed: {error}. It goes on growing, and \
                 this is tried again",
                self.path.display()
            );
            return self.mend();
        }
        Ok(())
    }

    /// The first record of a file.
    fn begin(&mut self) -> io::Result<()> {
        let entry = Entry::Opened {
            format: FORMAT,
            file: self.number,
            previous: hex::encode(self.link.hash),
        };
        self.write_one(&entry)
    }

    /// Says what the bytes are that a write left behind when it was not finished.
    fn mend(&mut self) -> io::Result<()> {
        if self.open_line {
            self.file.write_all(b"\n")?;
            self.open_line = false;
            self.len = self.len.saturating_add(1);
        }
        if self.fragment.is_empty() {
            return Ok(());
        }
        if self.len == 0 {
            // No record is in it yet, and it has to begin with the right one.
            self.file.set_len(0)?;
            self.fragment.clear();
            return Ok(());
        }
        let entry = Entry::Torn {
            offset: self.len,
            bytes: length(&self.fragment),
            sha256: hex::encode(Sha256::digest(&self.fragment)),
        };
        let (line, link) = seal(self.link, &entry, SystemTime::now());
        let mut bytes = vec![b'\n'];
        bytes.extend(line);
        let (written, result) = write_some(&mut self.file, &bytes);
        if written + 1 < bytes.len() {
            let part = bytes.get(..written).unwrap_or_default();
            self.fragment.extend(part);
            return result;
        }
        // But for its line end it may be whole, and then it counts.
        self.open_line = written < bytes.len();
        let all = length(&self.fragment).saturating_add(u64::try_from(written).unwrap_or(u64::MAX));
        self.fragment.clear();
        self.len = self.len.saturating_add(all);
        self.link = link;
        self.dirty = true;
        result
    }

    fn write_one(&mut self, entry: &Entry) -> io::Result<()> {
        let line = seal(self.link, entry, SystemTime::now());
        self.write(&[line], || {})
    }

    /// Writes lines; `done` is called for each that is written whole.
    fn write(&mut self, lines: &[(Vec<u8>, Link)], mut done: impl FnMut()) -> io::Result<()> {
        let bytes: Vec<u8> = lines.iter().flat_map(|(line, _)| line).copied().collect();
        let (mut written, result) = write_some(&mut self.file, &bytes);
        for (line, link) in lines {
            if written == 0 {
                break;
            }
            let whole = written >= line.len();
            if !whole && written + 1 < line.len() {
                self.fragment = line.get(..written).unwrap_or_default().to_vec();
                break;
            }
            // But for its line end it may be whole, and then it counts.
            self.open_line = !whole;
            let len = written.min(line.len());
            self.len = self
                .len
                .saturating_add(u64::try_from(len).unwrap_or(u64::MAX));
            self.link = *link;
            self.dirty = true;
            written -= len;
            done();
        }
        result
    }

    /// Renames a full file and begins the next one.
    fn rotate(&mut self) -> io::Result<()> {
        let next = self.number.saturating_add(1);
        if !self.renamed {
            let full = rotated_path(&self.path, self.number);
            if full.exists() {
                let text = format!("{} is there already", full.display());
                return Err(io::Error::new(ErrorKind::AlreadyExists, text));
            }
            self.sync()?;
            fs::rename(&self.path, &full)?;
            self.renamed = true;
        }
        // Into the file under its new name, so that it says itself that another one follows.
        self.write_one(&Entry::Rotated { next })?;
        self.file.sync_data()?;
        self.file = open_new(&self.path)?;
        self.number = next;
        self.len = 0;
        self.renamed = false;
        self.rotate_at = self.rotate_len;
        self.begin()?;
        self.directory.sync_all()?;
        self.sync()
    }

    /// Asks the disk to keep what was written, then tells the head.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn sync(&mut self) -> io::Result<()> {
        if !self.dirty {
            return Ok(());
        }
        self.file.sync_data()?;
        let head = Head {
            file: self.number,
            link: self.link,
        };
        self.head.write_all_at(&head.render(), 0)?;
        self.dirty = false;
        Ok(())
    }
}

fn make_directory(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(e) if e.kind() != ErrorKind::AlreadyExists => Err(e),
        _ => Ok(()),
    }
}

fn open_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true).mode(0o600).open(path)
}

fn open_new(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create_new(true).mode(0o600).open(path)
}

/// How much was written, and why no more.
fn write_some(file: &mut File, mut bytes: &[u8]) -> (usize, io::Result<()>) {
    let mut written = 0;
    while !bytes.is_empty() {
        match file.write(bytes) {
            Ok(0) => return (written, Err(ErrorKind::WriteZero.into())),
            Ok(count) => {
                written += count;
                bytes = bytes.get(count..).unwrap_or_default();
            }
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return (written, Err(e)),
        }
    }
    (written, Ok(()))
}

#[cfg(test)]
mod tests;
