//! Finds what was changed in an audit log since it was written.
//!
//! Sans-IO: files come as their bytes, in any order, and what is found goes out as text. Nothing in
//! them panics; memory is bounded by their size.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest as _, Sha256};

pub use super::file::{Head, head_path};
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

/// A record that says what the bytes before it are.
struct Torn {
    record: Record,
    /// Where those bytes begin, as it says.
    offset: usize,
    start: usize,
    end: usize,
}

/// All such records of a file, found in one go.
fn torn_records(bytes: &[u8]) -> Vec<Torn> {
    let mut found = Vec::new();
    let mut end = 0_usize;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let start = end;
        end = end.saturating_add(line.len());
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let Some(record) = Record::parse(text).filter(|it| it.event() == "torn") else {
            continue;
        };
        let offset = record
            .number("offset")
            .and_then(|it| usize::try_from(it).ok());
        if let Some(offset) = offset {
            found.push(Torn {
                record,
                offset,
                start,
                end,
            });
        }
    }
    found
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
mod tests {
    use super::super::entry::Entry;
    use super::super::record::seal;
    use super::*;
    use proptest::prelude::*;
    use std::time::SystemTime;

    /// A log in so many files of so many records each, all but the first of them `stopped`.
    fn log(files: u64, records: u64) -> (Vec<Vec<u8>>, Head) {
        let mut link = Link::default();
        let mut all = Vec::new();
        for file in 1..=files {
            let mut bytes = Vec::new();
            let opened = Entry::Opened {
                format: FORMAT,
                file,
                previous: hex::encode(link.hash),
            };
            for number in 0..records {
                let entry = if number == 0 {
                    opened.clone()
                } else {
                    Entry::stopped()
                };
                let (line, next) = seal(link, &entry, SystemTime::UNIX_EPOCH);
                bytes.extend(line);
                link = next;
            }
            all.push(bytes);
        }
        (all, Head { file: files, link })
    }

    fn judged(files: &[Vec<u8>], head: Option<Head>) -> Verdict {
        let names: Vec<String> = (1..=files.len()).map(|n| format!("f{n}")).collect();
        let files: Vec<LogFile<'_>> = names
            .iter()
            .zip(files)
            .map(|(name, bytes)| LogFile { name, bytes })
            .collect();
        verify(&files, 1, head)
    }

    fn findings(files: &[Vec<u8>], head: Option<Head>) -> Vec<String> {
        let found = judged(files, head).findings;
        found.iter().map(ToString::to_string).collect()
    }

    fn lines(bytes: &[u8]) -> Vec<Vec<u8>> {
        bytes
            .split_inclusive(|byte| *byte == b'\n')
            .map(<[u8]>::to_vec)
            .collect()
    }

    #[test]
    fn log_as_it_was_written_is_whole_in_any_order_of_its_files() {
        let (mut files, head) = log(3, 5);
        assert_eq!(findings(&files, Some(head)), [""; 0]);
        files.rotate_left(1);
        let verdict = judged(&files, Some(head));
        assert!(verdict.findings.is_empty() && verdict.notes.is_empty());
        assert_eq!(verdict.end, head.link);
    }

    #[test]
    fn what_is_missing_is_named_with_its_place() {
        let (files, head) = log(3, 5);
        let mut taken = lines(&files[1]);
        taken.drain(2..4);
        let changed = [files[0].clone(), taken.concat(), files[2].clone()];
        assert_eq!(
            findings(&changed, Some(head)),
            ["f2:3: records 8 to 9 are missing"]
        );
        let without = [files[0].clone(), files[2].clone()];
        assert_eq!(
            findings(&without, Some(head)),
            ["f2: file 2 is missing before file 3, with records 6 to 10"]
        );
        assert_eq!(
            findings(&files[1..], Some(head)),
            ["f1: file 1 is missing before file 2"]
        );
        let cut = [files[0].clone(), files[1].clone()];
        let told = findings(&cut, Some(head));
        assert!(
            told[0].starts_with("end: records 11 to 15 are missing: the head knows record 15"),
            "{told:?}"
        );
        let mut short = lines(&files[0]);
        short.pop();
        let changed = [short.concat(), files[1].clone(), files[2].clone()];
        let told = findings(&changed, Some(head));
        assert!(
            told[0].contains("does not go on where the file before it ends"),
            "{told:?}"
        );
    }

    #[test]
    fn records_that_change_places_are_named() {
        let (files, head) = log(1, 6);
        let mut moved = lines(&files[0]);
        moved.swap(2, 3);
        assert_eq!(
            findings(&[moved.concat()], Some(head)),
            [
                "f1:3: record 3 is missing",
                "f1:4: record 3 stands here, and record 5 should: moved, or put in again"
            ]
        );
    }

    #[test]
    fn log_that_was_written_anew_is_not_the_one_that_the_head_knows() {
        let (_, head) = log(1, 6);
        let mut link = Link::default();
        let mut bytes = Vec::new();
        let opened = Entry::Opened {
            format: FORMAT,
            file: 1,
            previous: hex::encode(link.hash),
        };
        for entry in std::iter::once(opened).chain((0..7).map(|_| Entry::started())) {
            let (line, next) = seal(link, &entry, SystemTime::UNIX_EPOCH);
            bytes.extend(line);
            link = next;
        }
        let told = findings(&[bytes], Some(head));
        assert!(
            told[0].starts_with("head: record 6 is not the one that was written"),
            "{told:?}"
        );
    }

    proptest! {
        /// One byte, anywhere, changed to anything else.
        #[test]
        fn no_change_of_a_byte_stays_unseen(at in any::<usize>(), to in any::<u8>()) {
            let (mut files, head) = log(2, 4);
            let len = files[1].len();
            let at = at % len;
            prop_assume!(files[1][at] != to);
            files[1][at] = to;
            let verdict = judged(&files, Some(head));
            prop_assert!(!verdict.findings.is_empty(), "{at}");
        }

        #[test]
        fn no_cut_at_the_end_stays_unseen(cut in 1_usize..700) {
            let (mut files, head) = log(2, 4);
            let len = files[1].len().saturating_sub(cut);
            files[1].truncate(len);
            let verdict = judged(&files, Some(head));
            // But for its line end the last record is there.
            prop_assert_eq!(verdict.findings.is_empty(), cut == 1);
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
            let (files, head) = log(1, 3);
            let mixed = [files[0].clone(), bytes].concat();
            let _ = judged(&[mixed], Some(head));
        }
    }
}
