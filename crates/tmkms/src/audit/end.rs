//! Where an audit log ends, as a start finds it, and whether its head knew more.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use super::error::{AuditError, io_error};
use super::head::Head;
use super::name::{parent, rotated_path};
use super::record::{Link, Record};

/// How much of the end of a file is read at the start.
const TAIL: u64 = 1024 * 1024;

/// The end of a file.
pub(super) struct End {
    pub(super) number: u64,
    pub(super) link: Link,
    pub(super) len: u64,
    pub(super) fragment: Vec<u8>,
    pub(super) open_line: bool,
    /// The last records of the file, for the comparison with the head.
    pub(super) links: Vec<Link>,
}

impl End {
    /// Reads the end of a file; `None` if there is none, or nothing in it.
    pub(super) fn of(path: &Path) -> Result<Option<Self>, AuditError> {
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
    pub(super) fn between(head: Option<Head>, end: Option<&End>) -> Option<Self> {
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

/// The end of the full file with the highest number.
pub(super) fn last_rotated(path: &Path) -> Result<Option<End>, AuditError> {
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

fn first_line(file: &File) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(4_096).read_to_end(&mut bytes)?;
    let end = bytes.iter().position(|byte| *byte == b'\n');
    bytes.truncate(end.unwrap_or(bytes.len()));
    Ok(bytes)
}

pub(super) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}
