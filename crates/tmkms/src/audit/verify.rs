//! Finds what was changed in an audit log since it was written.
//!
//! Sans-IO: files come as their bytes, in any order, and what is found goes out as text. Nothing in
//! them panics; memory is bounded by their size.

mod torn;

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest as _, Sha256};

use self::torn::{Torn, torn_records};
pub use super::head::Head;
pub use super::name::head_path;
use super::record::{FORMAT, Hash, Link, Record};
use crate::logs::escaped;

/// How many findings are kept; the rest are counted.
const MAX_FINDINGS: usize = 100;

/// A file of a log.
#[derive(Clone, Copy, Debug)]
pub struct LogFile<'a> {
    /// How it is called in findings.
    pub name: &'a str,
    /// All of it.
    pub bytes: &'a [u8],
}

/// What was found in all files of a log.
#[derive(Debug, Default)]
pub struct Verdict {
    /// Changes: what cannot have come about by writing, crashing and starting again.
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub more: usize,
    /// What is as it should be and worth knowing: crashes, gaps.
    pub notes: Vec<Finding>,
    /// A line for each file.
    pub files: Vec<String>,
    /// How many records of each kind.
    pub counts: BTreeMap<String, u64>,
    /// Where the log ends.
    pub end: Link,
}

/// Something found, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// File and line.
    pub at: String,
    /// What.
    pub what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at, self.what)
    }
}

/// Checks files of one log. `first` is the number of the first file that should be among them.
#[must_use]
pub fn verify(files: &[LogFile<'_>], first: u64, head: Option<Head>) -> Verdict {
    let mut check = Check::default();
    let mut numbered: Vec<(u64, Link, &LogFile<'_>)> = Vec::new();
    for file in files {
        match opening(file.bytes) {
            Some((number, before)) => numbered.push((number, before, file)),
            None => check.finding(
                file.name,
                "it does not begin as an audit log: its first record is changed or missing",
            ),
        }
    }
    numbered.sort_by_key(|(number, ..)| *number);
    let mut expected = first;
    for (number, before, file) in numbered {
        check.begin(file, number, expected, before);
        check.file(file);
        expected = number.saturating_add(1);
    }
    if let Some(head) = head {
        check.head(head);
    }
    check.verdict.end = check.link;
    check.verdict
}

/// The number of a file, and the link before its first record.
fn opening(bytes: &[u8]) -> Option<(u64, Link)> {
    let line = bytes.split(|byte| *byte == b'\n').next()?;
    let record = Record::parse(line).filter(|record| record.event() == "opened")?;
    let hash = record.hash_in("previous")?;
    let seq = record.seq.checked_sub(1)?;
    Some((record.number("file")?, Link { seq, hash }))
}

#[derive(Default)]
struct Check {
    verdict: Verdict,
    link: Link,
    /// The hash that the text of the last record has, where it ends with another one.
    computed: Option<Hash>,
    /// The last record of each file that the head may be in.
    known: BTreeMap<u64, Hash>,
    /// The last place of each key on each chain.
    marks: BTreeMap<String, Option<Place>>,
    running: bool,
    begun: bool,
}

/// Height, round and step.
type Place = (i64, i64, i64);

impl Check {
    fn finding(&mut self, at: &str, what: &str) {
        let what = escaped(what);
        if self.verdict.findings.len() >= MAX_FINDINGS {
            self.verdict.more += 1;
            return;
        }
        let at = at.to_owned();
        self.verdict.findings.push(Finding { at, what });
    }

    fn note(&mut self, at: &str, what: &str) {
        if self.verdict.notes.len() < MAX_FINDINGS {
            // Texts of the log are in it, and may be anybody's.
            let what = escaped(what);
            let at = at.to_owned();
            self.verdict.notes.push(Finding { at, what });
        }
    }

    /// Whether a file follows the one before.
    fn begin(&mut self, file: &LogFile<'_>, number: u64, expected: u64, before: Link) {
        let at = file.name;
        if number < expected {
            self.finding(at, &format!(
                "file {number} stands again, or is earlier than the first one that was asked for"));
        } else if number > expected {
            let missing = match number - expected {
                1 => format!("file {expected} is missing"),
                _ => format!("files {expected} to {} are missing", number - 1),
            };
            let records = match self.begun {
                true => format!(
                    ", with records {} to {}",
                    self.link.seq.saturating_add(1),
                    before.seq
                ),
                false => String::new(),
            };
            self.finding(at, &format!("{missing} before file {number}{records}"));
        } else if self.begun && before != self.link {
            self.finding(
                at,
                &format!(
                    "file {number} does not go on where the file before it ends: that is record \
                     {}, and this one begins after record {}",
                    self.link.seq, before.seq
                ),
            );
        }
        self.link = before;
        self.computed = None;
        self.begun = true;
    }

    fn file(&mut self, file: &LogFile<'_>) {
        let first = self.link.seq.saturating_add(1);
        let explained = torn_records(file.bytes);
        let before = self.verdict.findings.len() + self.verdict.more;
        let (mut offset, mut number) = (0, 0);
        while offset < file.bytes.len() {
            let rest = file.bytes.get(offset..).unwrap_or_default();
            number += 1;
            let end = rest.iter().position(|byte| *byte == b'\n');
            let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
            let at = format!("{}:{number}", file.name);
            let next = offset + line.len() + 1;
            match Record::parse(line).filter(|record| self.is_next(record)) {
                Some(record) => self.accept(&at, &record),
                None => {
                    if let Some((torn, after)) = self.torn(&explained, file.bytes, offset) {
                        let bytes = torn.number("bytes").unwrap_or_default();
                        self.note(
                            &at,
                            &format!(
                                "{bytes} bytes of a write that was not finished, as record {} \
                                 says: a crash, or a full disk",
                                torn.seq
                            ),
                        );
                        let skipped = file.bytes.get(offset..after).unwrap_or_default();
                        let ends = skipped.iter().filter(|byte| **byte == b'\n').count();
                        number += ends.saturating_sub(1);
                        self.accept(&at, &torn);
                        offset = after;
                        continue;
                    }
                    self.refuse(&at, line, end.is_none());
                }
            }
            offset = next;
        }
        self.verdict.files.push(format!(
            "{}: records {first} to {}, {}",
            file.name,
            self.link.seq,
            match self.verdict.findings.len() + self.verdict.more - before {
                0 => "whole",
                _ => "not whole",
            }
        ));
    }

    fn is_next(&self, record: &Record) -> bool {
        let follows = |hash: &Hash| record.follows(hash);
        record.seq == self.link.seq.saturating_add(1)
            && (follows(&self.link.hash) || self.computed.as_ref().is_some_and(follows))
    }

    /// The record that explains the bytes from here on, and where it ends.
    fn torn(&self, explained: &[Torn], bytes: &[u8], offset: usize) -> Option<(Record, usize)> {
        let torn = explained.iter().find(|it| it.offset == offset)?;
        let fragment = bytes.get(offset..torn.start.checked_sub(1)?)?;
        let len = u64::try_from(fragment.len()).ok();
        let explains = torn.record.number("bytes") == len
            && torn.record.hash_in("sha256") == Some(Sha256::digest(fragment).into())
            && self.is_next(&torn.record);
        explains.then(|| (torn.record.clone(), torn.end))
    }

    fn accept(&mut self, at: &str, record: &Record) {
        self.link = record.link();
        self.computed = None;
        self.known.insert(record.seq, record.hash);
        // Enough for the head, which is written every few seconds.
        if self.known.len() > 100_000 {
            self.known.pop_first();
        }
        self.count(at, record);
    }

    fn count(&mut self, at: &str, record: &Record) {
        let count = self.verdict.counts.entry(record.event().to_owned());
        *count.or_default() += 1;
        match record.event() {
            "opened" => {
                let format = record.number("format").unwrap_or_default();
                if format != u64::from(FORMAT) {
                    self.note(
                        at,
                        &format!("format {format}, of which this program knows {FORMAT} only"),
                    );
                }
            }
            "started" => {
                if self.running {
                    self.note(
                        at,
                        "the signer before did not end as it was asked to: it was killed or \
                         crashed, and its last records may be missing",
                    );
                }
                self.running = true;
            }
            "stopped" => self.running = false,
            "gap" => {
                let lost = record.number("lost").unwrap_or_default();
                self.note(
                    at,
                    &format!("{lost} records are missing here: {}", record.text("why")),
                );
            }
            "cut" => {
                let number = |name| record.number(name).unwrap_or_default();
                self.finding(
                    at,
                    &format!(
                        "the log was found cut or changed when the signer started: it ended with \
                         record {}, and its head knew record {}",
                        number("found"),
                        number("head")
                    ),
                );
            }
            "mark" => self.mark(at, record),
            "signed" => {
                if let Some(place) = place(record) {
                    let last = self.marks.entry(owner(record)).or_default();
                    *last = (*last).max(Some(place));
                }
            }
            _ => {}
        }
    }

    /// A state that is ahead of the records: some were never written.
    fn mark(&mut self, at: &str, record: &Record) {
        let (key, place) = (owner(record), place(record));
        let last = self.marks.get(&key).copied();
        if let Some(last) = last.filter(|last| *last < place) {
            let (from, to) = (shown(last), shown(place));
            let chain = record.text("chain").to_owned();
            self.note(
                at,
                &format!(
                    "{chain} was signed up to {to}, as the state says, and the last record is of \
                     {from}: the last moments before a crash, a state that was raised by hand, or a \
                     time without this log"
                ),
            );
        }
        self.marks.insert(key, last.flatten().max(place));
    }

    fn refuse(&mut self, at: &str, line: &[u8], is_open: bool) {
        let Some(record) = Record::parse(line) else {
            if is_open {
                self.note(
                    at,
                    &format!(
                        "the last line is torn after {} bytes: a crash while it was written, or it \
                         is being written. The next start says so in a record",
                        line.len()
                    ),
                );
            } else {
                self.finding(
                    at,
                    &format!(
                        "this line is no record: it was changed, or it is not of this log \
                         (expected record {})",
                        self.link.seq.saturating_add(1)
                    ),
                );
            }
            return;
        };
        let expected = self.link.seq.saturating_add(1);
        if record.seq < expected {
            self.finding(
                at,
                &format!(
                    "record {} stands here, and record {expected} should: moved, or put in again",
                    record.seq
                ),
            );
            return;
        }
        if record.seq > expected {
            let missing = match record.seq - expected {
                1 => format!("record {expected} is missing"),
                _ => format!("records {expected} to {} are missing", record.seq - 1),
            };
            self.finding(at, &missing);
        } else {
            self.finding(
                at,
                &format!(
                    "record {expected} does not follow record {}: one of the two was changed",
                    self.link.seq
                ),
            );
        }
        let computed = record.hash_after(&self.link.hash);
        self.accept(at, &record);
        self.computed = Some(computed);
    }

    fn head(&mut self, head: Head) {
        let (seq, end) = (head.link.seq, self.link.seq);
        if seq > end {
            let missing = match seq - end {
                1 => format!("record {seq} is missing"),
                _ => format!("records {} to {seq} are missing", end.saturating_add(1)),
            };
            self.finding(
                "end",
                &format!(
                    "{missing}: the head knows record {seq}, in file {}. The log was cut, or its \
                     last file is not among those that were named",
                    head.file
                ),
            );
            return;
        }
        match self.known.get(&seq) {
            Some(hash) if *hash != head.link.hash => {
                self.finding(
                    "head",
                    &format!(
                        "record {seq} is not the one that was written: the log was written anew \
                         from there, or from before"
                    ),
                );
            }
            _ => {}
        }
    }
}

/// Whose signatures a record is about.
fn owner(record: &Record) -> String {
    format!("{} {}", record.text("chain"), record.text("key"))
}

fn place(record: &Record) -> Option<Place> {
    let number = |name: &str| record.fields.get(name)?.as_i64();
    Some((number("height")?, number("round")?, number("step")?))
}

fn shown(place: Option<Place>) -> String {
    match place {
        Some((height, round, step)) => format!("{height}/{round}/{step}"),
        None => "nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests;
