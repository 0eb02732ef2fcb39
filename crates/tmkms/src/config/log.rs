//! `[log]`: where the log goes, in which form, and how much of it.
//!
//! Invariant: a field that has no effect where the log goes draws a warning.

use toml::Spanned;
use tracing::Level;

use super::schema::LOG;
use super::section::{Section, Wrong, example};
use crate::logs::{Facility, Format, Output, SocketAddress};
use diagnostics::{Diagnostic, quoted};

/// What `[log]` says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `output`, with the fields that belong to it.
    pub output: Output,
    /// `level`: what is told, and all that matters more. Default: `info`.
    pub level: Level,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            output: Output::default(),
            level: Level::INFO,
        }
    }
}

/// The name of the program, unless configured.
const TAG: &str = "tmkms";

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Stdout,
    Syslog,
    Journald,
}

/// The values of `output`, and the fields that have an effect with each.
const OUTPUTS: [(&str, Kind, &[&str]); 3] = [
    ("stdout", Kind::Stdout, &["format"]),
    ("syslog", Kind::Syslog, &["address", "facility", "tag"]),
    ("journald", Kind::Journald, &["address", "tag"]),
];

/// Reads `[log]`.
pub(super) fn read(section: &Section<'_>) -> Log {
    let names = OUTPUTS.map(|(name, kind, _)| (name, kind));
    let output = section.choice("output", &names);
    let is_wrong = output.is_none() && section.value("output").is_some();
    let kind = output.map_or(Kind::Stdout, Spanned::into_inner);
    if !is_wrong {
        warn_of_idle_fields(section, kind);
    }
    let formats = [("text", Format::Text), ("json", Format::Json)];
    let format = section.choice("format", &formats);
    let address = section.parsed("address", address);
    let facility = section.choice("facility", &Facility::NAMES);
    let tag = section.parsed("tag", tag);
    let tag = tag.map_or_else(|| TAG.to_owned(), Spanned::into_inner);
    let address = address.map(Spanned::into_inner);
    Log {
        output: match kind {
            Kind::Stdout => Output::Stdout(format.map_or(Format::Text, Spanned::into_inner)),
            Kind::Syslog => Output::Syslog {
                address: address.unwrap_or_else(SocketAddress::syslog),
                facility: facility.map_or(Facility::default(), Spanned::into_inner),
                tag,
            },
            Kind::Journald => Output::Journald {
                address: address.unwrap_or_else(SocketAddress::journald),
                tag,
            },
        },
        level: level(section),
    }
}

fn level(section: &Section<'_>) -> Level {
    let levels = [
        ("error", Level::ERROR),
        ("warn", Level::WARN),
        ("info", Level::INFO),
        ("debug", Level::DEBUG),
    ];
    let level = section.choice("level", &levels);
    level.map_or(Level::INFO, Spanned::into_inner)
}

fn warn_of_idle_fields(section: &Section<'_>, kind: Kind) {
    let Some((name, _, fields)) = OUTPUTS.iter().find(|(_, it, _)| *it == kind) else {
        return;
    };
    for field in ["format", "address", "facility", "tag"] {
        let Some(span) = section.key_span(field).filter(|_| !fields.contains(&field)) else {
            continue;
        };
        let other = OUTPUTS
            .iter()
            .find(|(_, _, fields)| fields.contains(&field));
        let other = other.map_or("", |(name, _, _)| name);
        section.cx.report(
            Diagnostic::warning(format!("`{field}` has no effect here"))
                .at(span, format!("the log goes to {name}"))
                .help(format!("remove it, or write output = \"{other}\"")),
        );
    }
}

fn address(text: &str) -> Result<SocketAddress, Wrong> {
    text.parse().map_err(|error| Wrong {
        title: format!("`address` cannot be {}", quoted(text)),
        label: format!("{error}"),
        help: format!("for example: {}", example(&LOG, "address")),
    })
}

fn tag(text: &str) -> Result<String, Wrong> {
    let is_plain = text.chars().all(|c| c.is_ascii_graphic());
    if is_plain && (1..=48).contains(&text.len()) {
        return Ok(text.to_owned());
    }
    Err(Wrong {
        title: format!("`tag` cannot be {}", quoted(text)),
        label: "expected 1 to 48 characters of ASCII without spaces".to_owned(),
        help: format!("for example: {}", example(&LOG, "tag")),
    })
}
