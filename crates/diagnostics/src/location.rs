//! Places in the configuration file: where a value was written, as people count it.
//!
//! Invariants:
//! - Lines and columns start at 1; a column counts characters, not bytes.
//! - Any byte offset has a place, even one past the end of the text.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A place in a configuration file. Shown as `tmkms.toml:12:8`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file, as it was named on the command line.
    pub file: Arc<Path>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.file.display(), self.line, self.column)
    }
}

/// A value together with the place where it was written, so that an error which shows up later
/// (a key file that cannot be read) can still point at the line to change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it was written. For a default: the header of its table.
    pub at: Location,
}

/// Finds lines and columns of byte offsets in one text.
#[derive(Debug)]
pub struct LineIndex {
    /// The byte offset at which each line starts; the first is 0.
    starts: Vec<usize>,
}

impl LineIndex {
    /// The lines of a text.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let after_newline = text.match_indices('\n').map(|(at, _)| at + 1);
        Self {
            starts: std::iter::once(0).chain(after_newline).collect(),
        }
    }

    /// The line of `offset`, from 1.
    #[must_use]
    pub fn line(&self, offset: usize) -> usize {
        self.starts.partition_point(|start| *start <= offset).max(1)
    }

    /// The line and the column of `offset`, both from 1.
    #[must_use]
    pub fn place(&self, text: &str, offset: usize) -> (usize, usize) {
        let line = self.line(offset);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let before = text.as_bytes().get(start..offset.min(text.len()));
        let column = before.map_or(0, |bytes| String::from_utf8_lossy(bytes).chars().count());
        (line, column + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let text = "a = 1\nbé = 2\n";
        let index = LineIndex::new(text);
        assert_eq!(index.place(text, 0), (1, 1));
        assert_eq!(index.place(text, 5), (1, 6));
        assert_eq!(index.place(text, 6), (2, 1));
        assert_eq!(index.place(text, 10), (2, 4), "é is one column");
        assert_eq!(index.place(text, text.len()), (3, 1));
    }

    #[test]
    fn an_offset_past_the_end_has_a_place_too() {
        let index = LineIndex::new("ab");
        assert_eq!(index.place("ab", 99), (1, 3));
        assert_eq!(LineIndex::new("").place("", 0), (1, 1));
    }

    #[test]
    fn a_location_reads_like_a_compilers() {
        let at = Location {
            file: Path::new("tmkms.toml").into(),
            line: 12,
            column: 8,
        };
        assert_eq!(at.to_string(), "tmkms.toml:12:8");
    }
}
