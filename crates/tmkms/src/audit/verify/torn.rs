//! What a crash left half written, as the record after it tells.

use super::super::record::Record;

/// A record that says what the bytes before it are.
pub(super) struct Torn {
    pub(super) record: Record,
    /// Where those bytes begin, as it says.
    pub(super) offset: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// All such records of a file, found in one go.
pub(super) fn torn_records(bytes: &[u8]) -> Vec<Torn> {
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
