//! Prometheus' text format, version 0.0.4.
//!
//! Its crates for Rust keep counters of their own, where here the records are asked; and what they
//! write is OpenMetrics, in which `promtool check metrics` finds no help for any counter.

use std::fmt::{Display, Write as _};

/// The kind of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only grows.
    Counter,
    /// It goes up and down.
    Gauge,
    /// Counts by length, with sum and count.
    Histogram,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// A text that grows.
#[derive(Debug, Default)]
pub(super) struct Text {
    written: String,
    family: &'static str,
}

// Writing to a text cannot fail.
impl Text {
    /// Begins a family; samples follow.
    pub(super) fn family(&mut self, name: &'static str, kind: Kind, help: &str) {
        let _ = writeln!(
            self.written,
            "# HELP {name} {help}\n# TYPE {name} {}",
            kind.name()
        );
        self.family = name;
    }

    /// A sample of the last family.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.sample_of("", labels, value);
    }

    /// The same with labels that were made for it.
    pub(super) fn sample_owned(&mut self, labels: &[(&str, String)], value: impl Display) {
        let labels: Vec<_> = labels
            .iter()
            .map(|(name, it)| (*name, it.as_str()))
            .collect();
        self.sample(&labels, value);
    }

    /// Milliseconds as seconds.
    pub(super) fn sample_ms(&mut self, labels: &[(&str, &str)], ms: u64) {
        self.sample(labels, format_args!("{}.{:03}", ms / 1_000, ms % 1_000));
    }

    /// A sample of a histogram: its name is the family's with an ending.
    pub(super) fn sample_of(&mut self, ending: &str, labels: &[(&str, &str)], value: impl Display) {
        let _ = write!(self.written, "{}{ending}", self.family);
        for (index, (name, label)) in labels.iter().enumerate() {
            let before = if index == 0 { '{' } else { ',' };
            let _ = write!(self.written, "{before}{name}=\"{}\"", escaped(label));
        }
        let after = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.written, "{after} {value}");
    }

    pub(super) fn into_string(self) -> String {
        self.written
    }
}

fn escaped(label: &str) -> String {
    let mut text = String::with_capacity(label.len());
    for c in label.chars() {
        match c {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            c => text.push(c),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_and_samples_are_written_and_labels_escaped() {
        let mut text = Text::default();
        text.family("a_total", Kind::Counter, "What it is.");
        text.sample(&[], 7_u64);
        text.sample(&[("x", "1"), ("y", "a\"b\\c\nd")], -1_i64);
        text.family("b_seconds", Kind::Histogram, "Long.");
        text.sample_of("_sum", &[("x", "")], 0.25);
        text.sample_ms(&[], 1_700_000_000_042);
        let expected = "\
# HELP a_total What it is.
# TYPE a_total counter
a_total 7
a_total{x=\"1\",y=\"a\\\"b\\\\c\\nd\"} -1
# HELP b_seconds Long.
# TYPE b_seconds histogram
b_seconds_sum{x=\"\"} 0.25
b_seconds 1700000000.042
";
        assert_eq!(text.into_string(), expected);
    }
}
