//! One record: a line of JSON that ends with its hash.
//!
//! The hash is SHA-256 over the hash of the record before it (32 bytes, zeros before the first)
//! and the line up to `,"hash":"`.

use std::time::SystemTime;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use super::entry::Entry;
use crate::date::utc_micros;

/// The version of the format.
pub const FORMAT: u32 = 1;

/// Begins the end of each line.
const HASH: &[u8] = b",\"hash\":\"";

/// How long the end is: the above, 64 digits, a quote and a brace.
const END: usize = HASH.len() + 64 + 2;

/// The hash of a record.
pub(super) type Hash = [u8; 32];

/// Where a chain of records has got to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// The number of its last record; 0 before the first.
    pub seq: u64,
    /// That record's hash.
    pub hash: [u8; 32],
}

#[derive(Serialize)]
struct Body<'a> {
    seq: u64,
    time: String,
    #[serde(flatten)]
    entry: &'a Entry,
}

/// The line of an entry, with its line end, and the link after it.
pub(super) fn seal(link: Link, entry: &Entry, time: SystemTime) -> (Vec<u8>, Link) {
    let seq = link.seq.saturating_add(1);
    let time = utc_micros(time);
    // A record has no keys that are not texts, so it can be written.
    let mut line = serde_json::to_vec(&Body { seq, time, entry }).unwrap_or_default();
    line.pop();
    let hash = hash(&link.hash, &line);
    line.extend(HASH);
    line.extend(hex::encode(hash).as_bytes());
    line.extend(b"\"}\n");
    (line, Link { seq, hash })
}

fn hash(before: &Hash, body: &[u8]) -> Hash {
    let mut sha = Sha256::new();
    sha.update(before);
    sha.update(body);
    sha.finalize().into()
}

/// A record as it stands in a file.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Record {
    /// Its number.
    pub(super) seq: u64,
    /// The hash that it ends with.
    pub(super) hash: Hash,
    /// All that it says.
    pub(super) fields: Value,
    body: Vec<u8>,
}

impl Record {
    /// Reads a line, without its line end; `None` if it is no record.
    #[must_use]
    pub(super) fn parse(line: &[u8]) -> Option<Self> {
        let (body, end) = line.split_at_checked(line.len().checked_sub(END)?)?;
        let digits = end.strip_prefix(HASH)?.strip_suffix(b"\"}")?;
        let is_lower = |digit: &u8| digit.is_ascii_digit() || (b'a'..=b'f').contains(digit);
        if !digits.iter().all(is_lower) {
            return None;
        }
        let mut hash = Hash::default();
        hex::decode_to_slice(digits, &mut hash).ok()?;
        let fields: Value = serde_json::from_slice(line).ok()?;
        Some(Self {
            seq: fields.get("seq")?.as_u64()?,
            hash,
            fields,
            body: body.to_vec(),
        })
    }

    /// Whether it is the one that was written after a record of this hash.
    #[must_use]
    pub(super) fn follows(&self, before: &Hash) -> bool {
        self.hash == self.hash_after(before)
    }

    /// The hash that its text has after a record of this hash.
    #[must_use]
    pub(super) fn hash_after(&self, before: &Hash) -> Hash {
        hash(before, &self.body)
    }

    /// The chain up to and with it.
    #[must_use]
    pub(super) fn link(&self) -> Link {
        Link {
            seq: self.seq,
            hash: self.hash,
        }
    }

    /// The kind of record.
    #[must_use]
    pub(super) fn event(&self) -> &str {
        self.text("event")
    }

    /// A text; empty if there is none of that name.
    #[must_use]
    pub(super) fn text(&self, name: &str) -> &str {
        let value = self.fields.get(name).and_then(Value::as_str);
        value.unwrap_or_default()
    }

    /// A number.
    #[must_use]
    pub(super) fn number(&self, name: &str) -> Option<u64> {
        self.fields.get(name)?.as_u64()
    }

    /// A hash.
    #[must_use]
    pub(super) fn hash_in(&self, name: &str) -> Option<Hash> {
        let mut hash = Hash::default();
        hex::decode_to_slice(self.text(name), &mut hash).ok()?;
        Some(hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_is_read_and_follows_its_predecessor_only() {
        let start = Link::default();
        let (line, first) = seal(start, &Entry::started(), SystemTime::now());
        let record = Record::parse(line.strip_suffix(b"\n").unwrap()).unwrap();
        assert_eq!((record.link(), record.event()), (first, "started"));
        assert!(record.follows(&start.hash) && !record.follows(&first.hash));
    }

    #[test]
    fn hash_is_the_one_that_a_person_can_calculate() {
        let (line, link) = seal(Link::default(), &Entry::stopped(), SystemTime::UNIX_EPOCH);
        let line = String::from_utf8(line).unwrap();
        let body = r#"{"seq":1,"time":"1970-01-01T00:00:00.000000Z","event":"stopped""#;
        let mut bytes = vec![0; 32];
        bytes.extend(body.as_bytes());
        let hash = hex::encode(Sha256::digest(&bytes));
        assert_eq!(line, format!("{body},\"hash\":\"{hash}\"}}\n"));
        assert_eq!(hex::encode(link.hash), hash);
    }

    #[test]
    fn lines_that_are_no_records_are_none() {
        let (line, _) = seal(Link::default(), &Entry::stopped(), SystemTime::UNIX_EPOCH);
        let whole = line.strip_suffix(b"\n").unwrap();
        for cut in 0..whole.len() {
            assert_eq!(Record::parse(&whole[..cut]), None, "{cut}");
            assert_eq!(Record::parse(&whole[whole.len() - cut..]), None, "{cut}");
        }
        assert_eq!(Record::parse(&whole.to_ascii_uppercase()), None);
    }
}
