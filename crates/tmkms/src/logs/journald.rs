//! Entries of systemd-journald, in its own protocol (systemd's `JOURNAL_NATIVE_PROTOCOL`).

use super::event::Event;
use super::syslog::severity;

/// An entry: a field a line. One whose value has a line end is written with its length instead.
pub(super) fn entry(event: &Event, tag: &str) -> Vec<u8> {
    let mut entry = Vec::new();
    put(&mut entry, "MESSAGE", &event.message);
    put(&mut entry, "PRIORITY", &severity(event.level).to_string());
    put(&mut entry, "SYSLOG_IDENTIFIER", tag);
    put(&mut entry, "TARGET", event.target);
    for (name, value) in &event.fields {
        put(&mut entry, &name.to_ascii_uppercase(), &value.to_string());
    }
    entry
}

fn put(entry: &mut Vec<u8>, name: &str, value: &str) {
    entry.extend(name.as_bytes());
    if value.contains('\n') {
        let len = u64::try_from(value.len()).unwrap_or(u64::MAX);
        entry.push(b'\n');
        entry.extend(len.to_le_bytes());
    } else {
        entry.push(b'=');
    }
    entry.extend(value.as_bytes());
    entry.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Value;
    use tracing::Level;

    #[test]
    fn fields_are_in_capitals_and_none_is_forged_by_a_line_end() {
        let mut event = Event::new(Level::WARN, "tmkms::session", "a\nPRIORITY=0".to_owned());
        event
            .fields
            .push(("chain", Value::Text("testnet-1".to_owned())));
        event.fields.push(("height", Value::Number(521)));
        let mut expected = b"MESSAGE\n\x0c\0\0\0\0\0\0\0a\nPRIORITY=0\n".to_vec();
        expected.extend(b"PRIORITY=4\nSYSLOG_IDENTIFIER=tmkms\nTARGET=tmkms::session\n");
        expected.extend(b"CHAIN=testnet-1\nHEIGHT=521\n");
        assert_eq!(entry(&event, "tmkms"), expected);
    }
}
