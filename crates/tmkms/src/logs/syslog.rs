//! Messages of syslog, as RFC 5424 has them.

use std::fmt::Write as _;

use tracing::Level;

use super::event::{Event, Value};
use super::text::escaped;
use crate::date::utc_micros;

/// The element that the fields go into. 32473 is the number that RFC 5612 gives to whoever has
/// none of their own.
const ELEMENT: &str = "tmkms@32473";

/// The kinds of programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facility(u8);

impl Facility {
    /// All that a program may take, by name; the kernel's is left out.
    pub const NAMES: [(&'static str, Self); 16] = [
        ("user", Self(1)),
        ("mail", Self(2)),
        ("daemon", Self(3)),
        ("auth", Self(4)),
        ("syslog", Self(5)),
        ("cron", Self(9)),
        ("authpriv", Self(10)),
        ("ftp", Self(11)),
        ("local0", Self(16)),
        ("local1", Self(17)),
        ("local2", Self(18)),
        ("local3", Self(19)),
        ("local4", Self(20)),
        ("local5", Self(21)),
        ("local6", Self(22)),
        ("local7", Self(23)),
    ];
}

impl Default for Facility {
    /// local0.
    fn default() -> Self {
        Self(16)
    }
}

/// What is the same in each message of a process.
pub(crate) struct Header {
    facility: Facility,
    host: String,
    tag: String,
    pid: u32,
}

impl Header {
    pub(super) fn new(facility: Facility, tag: &str) -> Self {
        let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        Self {
            facility,
            host: plain(host.trim(), 255),
            tag: plain(tag, 48),
            pid: std::process::id(),
        }
    }

    /// The whole message, without a line end: each is a datagram of its own.
    pub(super) fn message(&self, event: &Event) -> Vec<u8> {
        let priority = u16::from(self.facility.0) * 8 + u16::from(severity(event.level));
        let mut text = format!(
            "<{priority}>1 {} {} {} {} {} ",
            utc_micros(event.time),
            self.host,
            self.tag,
            self.pid,
            kind(event),
        );
        text.push_str(&structured(event));
        text.push(' ');
        let message = escaped(&event.message);
        if !message.is_ascii() {
            // Says that the text is UTF-8 (RFC 5424, 6.4).
            text.push('\u{feff}');
        }
        text.push_str(&message);
        text.into_bytes()
    }
}

/// Also journald's.
pub(super) fn severity(level: Level) -> u8 {
    match level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

/// MSGID: the field `event`.
fn kind(event: &Event) -> String {
    let kind = event.fields.iter().find(|(name, _)| *name == "event");
    plain(
        &kind.map_or_else(String::new, |(_, value)| value.to_string()),
        32,
    )
}

/// Printable ASCII without spaces, at most that long; `-` for nothing.
fn plain(text: &str, limit: usize) -> String {
    let plain: String = text
        .chars()
        .filter(char::is_ascii_graphic)
        .take(limit)
        .collect();
    if plain.is_empty() {
        "-".to_owned()
    } else {
        plain
    }
}

fn structured(event: &Event) -> String {
    let mut text = format!("[{ELEMENT} target=\"{}\"", event.target);
    for (name, value) in event.fields.iter().filter(|(name, _)| *name != "event") {
        // Writing to a string does not fail.
        let _ = match value {
            Value::Number(number) => write!(text, " {name}=\"{number}\""),
            Value::Text(value) => write!(text, " {name}=\"{}\"", quoted(value)),
        };
    }
    text.push(']');
    text
}

/// Three characters take a backslash before them (RFC 5424, 6.3.3).
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in escaped(text).chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    fn header() -> Header {
        Header {
            facility: Facility::default(),
            host: plain("signer 1", 255),
            tag: plain("tmkms", 48),
            pid: 4242,
        }
    }

    fn event(message: &str) -> Event {
        Event {
            time: UNIX_EPOCH + Duration::from_micros(1_763_845_729_231_561),
            level: Level::ERROR,
            target: "tmkms::session",
            message: message.to_owned(),
            fields: vec![
                ("event", Value::Text("refused".to_owned())),
                ("chain", Value::Text("a\"b]c\\d\n".to_owned())),
                ("height", Value::Number(521)),
            ],
        }
    }

    #[test]
    fn message_is_that_of_the_rfc_and_nothing_in_a_field_ends_it_early() {
        let text = String::from_utf8(header().message(&event("no"))).unwrap();
        assert_eq!(
            text,
            "<131>1 2025-11-22T21:08:49.231561Z signer1 tmkms 4242 refused [tmkms@32473 \
             target=\"tmkms::session\" chain=\"a\\\"b\\]c\\\\d\\\\n\" height=\"521\"] no"
        );
    }

    #[test]
    fn text_that_is_not_ascii_says_that_it_is_utf8() {
        let bytes = header().message(&event("naïve"));
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.ends_with("] \u{feff}naïve"), "{text}");
    }

    #[test]
    fn what_is_unknown_is_a_dash() {
        let mut event = event("no");
        event.fields.clear();
        event.level = Level::DEBUG;
        let header = Header {
            host: plain("", 255),
            ..header()
        };
        let text = String::from_utf8(header.message(&event)).unwrap();
        assert!(
            text.starts_with("<135>1 ") && text.contains(" - tmkms 4242 - ["),
            "{text}"
        );
    }
}
