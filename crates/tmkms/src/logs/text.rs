//! Lines for standard output: text for people, JSON for programs.

use std::fmt::Write as _;

use serde_json::Value as Json;
use tracing::Level;

use super::event::Event;
use crate::date::utc_micros;

/// `TIME LEVEL TARGET: MESSAGE`, as tmkms writes it.
pub(super) fn line(event: &Event, colour: bool) -> Vec<u8> {
    let (time, target) = (utc_micros(event.time), event.target);
    let mut line = if colour {
        let paint = paint(event.level);
        format!(
            "\u{1b}[2m{time}\u{1b}[0m \u{1b}[{paint}m{:>5}\u{1b}[0m \u{1b}[2m{target}\u{1b}[0m\u{1b}[2m:\u{1b}[0m ",
            event.level.as_str()
        )
    } else {
        format!("{time} {:>5} {target}: ", event.level.as_str())
    };
    line.push_str(&escaped(&event.message));
    line.push('\n');
    line.into_bytes()
}

fn paint(level: Level) -> u8 {
    match level {
        Level::ERROR => 31,
        Level::WARN => 33,
        Level::INFO => 32,
        _ => 34,
    }
}

/// Neither forges a line nor commands the terminal.
pub(crate) fn escaped(text: &str) -> String {
    if !text.contains(char::is_control) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if c.is_control() {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// One object: time, level, message, target, and the fields, in that order.
pub(super) fn json(event: &Event) -> Vec<u8> {
    let text = |text: &str| Json::String(text.to_owned());
    let own = [
        ("timestamp", Json::String(utc_micros(event.time))),
        ("level", text(event.level.as_str())),
        ("message", text(&event.message)),
        ("target", text(event.target)),
    ];
    let fields = event
        .fields
        .iter()
        .map(|(name, value)| (*name, value.into()));
    let mut line = String::from("{");
    for (name, value) in own.into_iter().chain(fields) {
        let comma = if line.len() > 1 { "," } else { "" };
        // Names are constants without anything to escape; writing to a string does not fail.
        let _ = write!(line, "{comma}\"{name}\":{value}");
    }
    line.push_str("}\n");
    line.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::logs::Value;
    use std::time::{Duration, UNIX_EPOCH};

    fn event() -> Event {
        Event {
            time: UNIX_EPOCH + Duration::from_micros(1_763_845_729_231_561),
            level: Level::INFO,
            target: "tmkms::session",
            message: "a \"quoted\" word\nand\u{1b}[31m more".to_owned(),
            fields: vec![
                ("chain", Value::Text("testnet-1".to_owned())),
                ("height", Value::Number(521)),
            ],
        }
    }

    #[test]
    fn text_is_one_line_without_the_fields_whatever_is_in_it() {
        assert_eq!(
            String::from_utf8(line(&event(), false)).unwrap(),
            "2025-11-22T21:08:49.231561Z  INFO tmkms::session: a \"quoted\" word\\nand\\u{1b}[31m \
             more\n"
        );
    }

    #[test]
    fn colour_is_around_the_text_and_never_from_it() {
        let line = String::from_utf8(line(&event(), true)).unwrap();
        assert!(line.contains("\u{1b}[32m INFO\u{1b}[0m"), "{line:?}");
        assert!(line.ends_with("word\\nand\\u{1b}[31m more\n"), "{line:?}");
    }

    #[test]
    fn json_is_one_line_with_the_fields_and_numbers_as_numbers() {
        let line = String::from_utf8(json(&event())).unwrap();
        assert_eq!(line.matches('\n').count(), 1);
        let object: Json = serde_json::from_str(&line).unwrap();
        assert_eq!(object["timestamp"], "2025-11-22T21:08:49.231561Z");
        assert_eq!(object["message"], event().message);
        assert_eq!(
            (&object["chain"], &object["height"]),
            (&"testnet-1".into(), &521.into())
        );
    }
}
