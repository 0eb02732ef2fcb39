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
use std::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tracing::warn;

use super::TARGET;
use super::entry::Entry;
use super::record::{FORMAT, Hash, Link, Record, seal};

/// How much of the end of a file is read at the start.
const TAIL: u64 = 1024 * 1024;

/// The length of the head, so that it is always written over in place.
const HEAD_LEN: usize = 256;

/// Why an audit log cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file system refuses.
    #[error("cannot {action} {}: {source}; correct `file` in [audit], or the rights of its directory", .path.display())]
    Io {
        /// "open", "read" and the like.
        action: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// Somebody else writes it.
    #[error("{} is written by another process: give each signer an audit log of its own", .0.display())]
    InUse(PathBuf),
    /// There is something else.
    #[error("{} is no audit log: it does not begin with a record of one, or none of its last lines is a record. It is left as it is: move it away, or name another file in [audit]", .0.display())]
    NotOne(PathBuf),
}

/// The log ends before what the head knew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// What was found.
    pub(super) found: Link,
    /// What the head says.
    pub(super) head: Link,
}

impl Cut {
    /// What the end of a log and its head say of each other.
    fn between(head: Option<Head>, end: Option<&End>) -> Option<Self> {
        let cut = Self {
            found: end.map(|end| end.link).unwrap_or_default(),
            head: head.map(|head| head.link).unwrap_or_default(),
        };
        let Some(head) = head else {
            // One record without a head is a first start that was interrupted.
            return (cut.found.seq > 1).then_some(cut);
        };
        if cut.found.seq < head.link.seq {
            return Some(cut);
        }
        let there = end?.links.iter().find(|link| link.seq == head.link.seq)?;
        (there.hash != head.link.hash).then_some(cut)
    }
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (found, head) = (self.found.seq, self.head.seq);
        if head == 0 {
            write!(f, "the file with its head is gone, which is beside it")
        } else if found < head {
            write!(
                f,
                "it ends with record {found}, and record {head} was written"
            )
        } else {
            write!(f, "record {head} is not the one that was written")
        }
    }
}

/// What `audit.log.head` holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the file that the record is in.
    pub file: u64,
    /// The last record that is synced.
    pub link: Link,
}

#[derive(Serialize, Deserialize)]
struct HeadText {
    format: u32,
    file: u64,
    seq: u64,
    hash: String,
}

impl Head {
    /// Reads a head; `None` if it is none.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let text: HeadText = serde_json::from_slice(text.trim_ascii_end()).ok()?;
        let mut hash = Hash::default();
        hex::decode_to_slice(&text.hash, &mut hash).ok()?;
        Some(Self {
            file: text.file,
            link: Link {
                seq: text.seq,
                hash,
            },
        })
    }

    fn render(&self) -> Vec<u8> {
        let text = HeadText {
            format: FORMAT,
            file: self.file,
            seq: self.link.seq,
            hash: hex::encode(self.link.hash),
        };
        let mut bytes = serde_json::to_vec(&text).unwrap_or_default();
        bytes.resize(HEAD_LEN - 1, b' ');
        bytes.push(b'\n');
        bytes
    }
}

/// Where the head of a log is.
#[must_use]
pub fn head_path(log: &Path) -> PathBuf {
    with_suffix(log, "head")
}

/// Where a file of a log is once it is full.
#[must_use]
fn rotated_path(log: &Path, number: u64) -> PathBuf {
    with_suffix(log, &format!("{number:06}"))
}

fn with_suffix(log: &Path, suffix: &str) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}

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

fn parent(path: &Path) -> &Path {
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
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

/// The head, which stays when files are renamed, is also what is locked.
fn open_locked(head: &Path, log: &Path) -> Result<File, AuditError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(head)
        .map_err(io_error("open", head))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(AuditError::InUse(log.to_owned())),
        Err(TryLockError::Error(source)) => Err(io_error("lock", head)(source)),
    }
}

fn read_head(head: &File) -> io::Result<Option<Head>> {
    let mut bytes = vec![0; HEAD_LEN];
    let len = head.read_at(&mut bytes, 0)?;
    bytes.truncate(len);
    Ok(Head::parse(&bytes))
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

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn io_error(action: &'static str, path: &Path) -> impl Fn(io::Error) -> AuditError {
    let path = path.to_owned();
    move |source| AuditError::Io {
        action,
        path: path.clone(),
        source,
    }
}

/// The full file with the highest number.
fn last_rotated(path: &Path) -> Result<Option<End>, AuditError> {
    let parent = parent(path);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let entries = fs::read_dir(parent).map_err(io_error("read", parent))?;
    let numbers = entries.filter_map(|entry| {
        let file = entry.ok()?.file_name().into_string().ok()?;
        let digits = file.strip_prefix(&*name)?.strip_prefix('.')?;
        let is_number = digits.len() >= 6 && digits.bytes().all(|digit| digit.is_ascii_digit());
        is_number.then(|| digits.parse::<u64>().ok())?
    });
    match numbers.max() {
        Some(number) => End::of(&rotated_path(path, number)),
        None => Ok(None),
    }
}

/// The end of a file.
struct End {
    number: u64,
    link: Link,
    len: u64,
    fragment: Vec<u8>,
    open_line: bool,
    /// The last records of the file, for the comparison with the head.
    links: Vec<Link>,
}

impl End {
    /// Reads the end of a file; `None` if there is none, or nothing in it.
    fn of(path: &Path) -> Result<Option<Self>, AuditError> {
        let mut file = match File::open(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(io_error("open", path))?,
        };
        let read = io_error("read", path);
        let len = file.metadata().map_err(&read)?.len();
        if len == 0 {
            return Ok(None);
        }
        let first = first_line(&file).map_err(&read)?;
        let is_begun = first.starts_with(b"{\"seq\":") && Record::parse(&first).is_none();
        if is_begun && length(&first) == len {
            // A crash while the first record was written: there is none yet.
            let file = OpenOptions::new().write(true).open(path);
            file.and_then(|file| file.set_len(0)).map_err(&read)?;
            return Ok(None);
        }
        let first = Record::parse(&first).filter(|record| record.event() == "opened");
        let number = first.and_then(|record| record.number("file"));
        let number = number.ok_or_else(|| AuditError::NotOne(path.to_owned()))?;
        let from = len.saturating_sub(TAIL);
        file.seek(SeekFrom::Start(from)).map_err(&read)?;
        let mut tail = Vec::new();
        file.read_to_end(&mut tail).map_err(&read)?;
        let end = Self::in_tail(&tail, from, number);
        end.map(Some)
            .ok_or_else(|| AuditError::NotOne(path.to_owned()))
    }

    /// The last record that follows the one before it.
    fn in_tail(tail: &[u8], from: u64, number: u64) -> Option<Self> {
        let mut records: Vec<(Record, usize, bool)> = Vec::new();
        let mut at = 0;
        for line in tail.split_inclusive(|byte| *byte == b'\n') {
            let (text, ended) = match line.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (line, false),
            };
            at += line.len();
            if let Some(record) = Record::parse(text) {
                records.push((record, at, ended));
            }
        }
        let links = records.iter().map(|(record, ..)| record.link()).collect();
        let is_sound = |index: usize| {
            let record = &records.get(index)?.0;
            if let Some(previous) = record.hash_in("previous") {
                return record.follows(&previous).then_some(index);
            }
            let before = index.checked_sub(1).and_then(|it| records.get(it))?;
            record.follows(&before.0.hash).then_some(index)
        };
        let last = (0..records.len()).rev().find_map(is_sound)?;
        let (record, end, ended) = records.get(last)?;
        Some(Self {
            number,
            link: record.link(),
            len: from.saturating_add(u64::try_from(*end).ok()?),
            fragment: tail.get(*end..)?.to_vec(),
            open_line: !ended,
            links,
        })
    }
}

fn first_line(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(4_096).read_to_end(&mut bytes)?;
    let end = bytes.iter().position(|byte| *byte == b'\n');
    bytes.truncate(end.unwrap_or(bytes.len()));
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::verify::{LogFile, Verdict, verify};
    use super::*;

    fn open(path: &Path, rotate_len: u64) -> (AuditFile, Option<Cut>) {
        AuditFile::open(path, rotate_len).unwrap()
    }

    fn add(log: &mut AuditFile, count: usize) {
        let entry = || (SystemTime::now(), Entry::started());
        let mut entries: VecDeque<_> = (0..count).map(|_| entry()).collect();
        log.append(&mut entries).unwrap();
        assert!(entries.is_empty());
    }

    fn judged(path: &Path) -> Verdict {
        let directory = fs::read_dir(path.parent().unwrap()).unwrap();
        let mut files = Vec::new();
        for entry in directory {
            let file = entry.unwrap().path();
            if file.extension().is_none_or(|ext| ext != "head") {
                files.push((file.display().to_string(), fs::read(&file).unwrap()));
            }
        }
        let files: Vec<LogFile<'_>> = files
            .iter()
            .map(|(name, bytes)| LogFile { name, bytes })
            .collect();
        let head = Head::parse(&fs::read(head_path(path)).unwrap());
        verify(&files, 1, head)
    }

    #[test]
    fn files_follow_each_other_and_a_restart_goes_on() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("audit/audit.log");
        for round in 1..=3 {
            let (mut log, cut) = open(&path, 4_000);
            assert_eq!(cut, None);
            add(&mut log, 40);
            log.sync().unwrap();
            assert_eq!(log.own_directory().as_deref(), path.parent());
            assert!(log.number > round);
        }
        let verdict = judged(&path);
        assert_eq!((verdict.findings, verdict.counts["started"]), (vec![], 120));
    }

    #[test]
    fn of_a_write_that_was_not_finished_the_next_record_tells() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("audit.log");
        for cut in [1, 2, 90, 250] {
            let (mut log, _) = open(&path, 1 << 20);
            add(&mut log, 3);
            drop(log);
            let bytes = fs::read(&path).unwrap();
            fs::write(&path, &bytes[..bytes.len() - cut]).unwrap();
        }
        // As a loss of power leaves it, and as another program does.
        let mut file = open_append(&path).unwrap();
        file.write_all(&[0; 300]).unwrap();
        file.write_all(b"\nnot a record\n").unwrap();
        let (mut log, cut) = open(&path, 1 << 20);
        add(&mut log, 1);
        log.sync().unwrap();
        let verdict = judged(&path);
        assert_eq!((cut, verdict.findings), (None, vec![]));
        assert_eq!(verdict.counts["torn"], 3, "{:?}", verdict.notes);
    }

    #[test]
    fn crash_at_any_point_of_a_rotation_loses_no_record() {
        for stage in 0..4 {
            let home = tempfile::tempdir().unwrap();
            let path = home.path().join("audit.log");
            let (mut log, _) = open(&path, 1 << 20);
            add(&mut log, 5);
            log.sync().unwrap();
            let full = rotated_path(&path, 1);
            if stage > 0 {
                fs::rename(&path, &full).unwrap();
            }
            if stage > 1 {
                log.write_one(&Entry::Rotated { next: 2 }).unwrap();
            }
            if stage > 2 {
                fs::write(&path, "{\"seq\":7,\"ti").unwrap();
            }
            drop(log);
            let (mut log, cut) = open(&path, 1 << 20);
            assert_eq!(cut, None, "{stage}");
            add(&mut log, 2);
            log.sync().unwrap();
            let verdict = judged(&path);
            assert_eq!(
                (verdict.findings, verdict.counts["started"]),
                (vec![], 7),
                "{stage}"
            );
        }
    }

    #[test]
    fn name_that_is_taken_keeps_the_file_growing() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("audit.log");
        let (mut log, _) = open(&path, 2_000);
        fs::write(rotated_path(&path, 1), "precious").unwrap();
        add(&mut log, 60);
        assert_eq!(log.number, 1);
        assert_eq!(fs::read(rotated_path(&path, 1)).unwrap(), b"precious");
        fs::remove_file(rotated_path(&path, 1)).unwrap();
        add(&mut log, 60);
        log.sync().unwrap();
        assert!(log.number > 1);
        let verdict = judged(&path);
        assert_eq!((verdict.findings, verdict.counts["started"]), (vec![], 120));
    }

    #[test]
    fn removed_files_and_a_removed_head_are_noticed() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("audit.log");
        let (mut log, _) = open(&path, 1 << 20);
        add(&mut log, 5);
        log.sync().unwrap();
        let link = log.link;
        drop(log);
        fs::remove_file(&path).unwrap();
        let (mut log, cut) = open(&path, 1 << 20);
        let cut = cut.unwrap();
        assert_eq!((cut.found, cut.head), (Link::default(), link));
        assert_eq!(log.number, 2);
        add(&mut log, 1);
        log.sync().unwrap();
        drop(log);
        fs::remove_file(head_path(&path)).unwrap();
        let (_, cut) = open(&path, 1 << 20);
        assert_eq!(
            cut.unwrap().to_string(),
            "the file with its head is gone, which is beside it"
        );
    }
}
