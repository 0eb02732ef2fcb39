//! Text that is not TOML: the parser's words, made into words for operators.
//!
//! The parser goes on after a mistake, so several are reported at once.

use toml::de::Error;

use diagnostics::{Diagnostic, Span, quoted};

/// Words that other formats take for `true` and `false`.
const YES: [&str; 3] = ["true", "yes", "on"];
const NO: [&str; 3] = ["false", "no", "off"];

/// The tables that can be lists, and so need two brackets where there are several.
const LISTS: [&str; 4] = ["chain", "validator", "softsign", "wireguard"];

/// A mistake of the parser, in words for operators.
pub(super) struct SyntaxError {
    /// Where it is.
    pub(super) span: Span,
    message: String,
}

/// The mistakes that the parser found, at most one per line. The others on a line, and keys that
/// stand twice only because the header between them is broken, follow from the first.
pub(super) fn first_of_each_line(
    errors: &[Error],
    line: impl Fn(usize) -> usize,
) -> Vec<SyntaxError> {
    let mut found: Vec<SyntaxError> = errors.iter().map(SyntaxError::new).collect();
    found.sort_by_key(|error| error.span.start);
    let broken_header = found
        .iter()
        .position(|error| error.kind().ends_with("table"));
    let mut index = 0;
    found.retain(|error| {
        let follows = broken_header.is_some_and(|header| header < index);
        index += 1;
        !(follows && error.kind() == DUPLICATE)
    });
    found.dedup_by_key(|error| line(error.span.start));
    found
}

impl SyntaxError {
    fn new(error: &Error) -> Self {
        Self {
            span: error.span().unwrap_or(0..0),
            message: error.message().to_owned(),
        }
    }

    /// What the parser calls it, without what it expected.
    fn kind(&self) -> &str {
        self.message.split(',').next().unwrap_or(&self.message)
    }

    pub(super) fn explain(&self, text: &str) -> Diagnostic {
        let found = text.get(self.span.clone()).unwrap_or_default();
        let (title, label, help) = words(self.kind(), found);
        let label = label.unwrap_or(&self.message);
        Diagnostic::error(title)
            .at(widened(text, self.span.clone()), label)
            .help(help)
    }
}

/// The parser's word for a key that stands twice in one table.
const DUPLICATE: &str = "duplicate key";

/// Title, label (if the parser's own would confuse) and help.
fn words(kind: &str, found: &str) -> (String, Option<&'static str>, String) {
    let fixed = |title: &str, label: Option<&'static str>, help: &str| {
        (title.to_owned(), label, help.to_owned())
    };
    match kind {
        _ if kind.starts_with("invalid boolean") || kind.starts_with("string values must") => {
            not_a_value(found)
        }
        DUPLICATE => given_twice(found),
        "missing escaped value" | "too few unicode value digits" => fixed(
            "a backslash in double quotes begins an escape",
            Some("no such escape"),
            "double it (\\\\), or put the text in single quotes",
        ),
        "invalid basic string" | "invalid literal string" => fixed(
            "a text is not closed",
            Some("expected the closing quote"),
            "end it with the same quote that it begins with, on the same line",
        ),
        "unclosed array table" | "unclosed table" => fixed(
            "a bracket is missing",
            None,
            "a table begins with a line like [[chain]], with two brackets on each side",
        ),
        "key with no value" | "missing value for key" | "missing value" => no_value(),
        "missing comma between key-value pairs" | "missing comma between array elements" => fixed(
            "a comma is missing",
            Some("expected a comma"),
            "separate the entries with commas: { a = 1, b = 2 } or [\"a\", \"b\"]",
        ),
        "unclosed array" | "unclosed inline table" => fixed(
            "a bracket is not closed",
            None,
            "close every [ with ] and every { with }",
        ),
        _ => fixed(
            "this is not TOML",
            None,
            "a line has the form: name = value, with texts in quotes; a # begins a comment",
        ),
    }
}

fn no_value() -> (String, Option<&'static str>, String) {
    (
        "a value is missing".to_owned(),
        Some("expected: = value"),
        "a line has the form: name = value".to_owned(),
    )
}

fn not_a_value(found: &str) -> (String, Option<&'static str>, String) {
    let lower = found.to_ascii_lowercase();
    let help = match lower.as_str() {
        "" => return no_value(),
        word if YES.contains(&word) => "write true, in small letters, without quotes",
        word if NO.contains(&word) => "write false, in small letters, without quotes",
        _ => "a text stands in quotes: name = \"text\"",
    };
    (
        format!("{} is not a value", quoted(found)),
        Some("expected a text in quotes, a number, true or false"),
        help.to_owned(),
    )
}

fn given_twice(found: &str) -> (String, Option<&'static str>, String) {
    let help = if LISTS.contains(&found) {
        let brackets = brackets(found);
        format!("write {brackets} with two brackets on each side, every time")
    } else {
        "keep one of the two lines".to_owned()
    };
    (
        format!("{} is given twice", quoted(found)),
        Some("given again here"),
        help,
    )
}

fn brackets(list: &str) -> String {
    match list {
        "softsign" => "[[providers.softsign]]".to_owned(),
        other => format!("[[{other}]]"),
    }
}

/// An empty span becomes the character before it, so that the caret marks something.
fn widened(text: &str, span: Span) -> Span {
    let before = text
        .get(..span.start)
        .and_then(|head| head.chars().next_back());
    match before {
        Some(c) if span.is_empty() && c != '\n' && c != '\r' => span.start - c.len_utf8()..span.end,
        _ => span,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use toml::de::DeTable;

    fn help(text: &str) -> Vec<String> {
        let (_, errors) = DeTable::parse_recoverable(text);
        let reports = first_of_each_line(&errors, |at| at)
            .into_iter()
            .map(|error| {
                let item = error.explain(text);
                let report =
                    diagnostics::Report::new(std::path::Path::new("f").into(), text, vec![item]);
                report.render(false)
            });
        reports.collect()
    }

    #[test]
    fn each_slip_gets_the_words_for_it() {
        for (text, expected) in [
            ("a = True\n", "write true, in small letters"),
            ("a = yes\n", "write true, in small letters"),
            ("a = off\n", "write false, in small letters"),
            ("a = tcp://x:1\n", "a text stands in quotes"),
            ("a = 1\na = 2\n", "keep one of the two lines"),
            ("[chain]\n[[chain]]\n", "write [[chain]] with two brackets"),
            ("a = \"C:\\secrets\"\n", "double it"),
            ("a = \"x\nb = 1\n", "end it with the same quote"),
            ("[[chain]\n", "with two brackets on each side"),
            ("a\n", "name = value"),
            ("a =\n", "name = value"),
            ("a = { b = 1 c = 2 }\n", "separate the entries with commas"),
            ("a = [\"b\" \"c\"]\n", "separate the entries with commas"),
            ("a = [1,\n", "close every ["),
            ("a == 1\n", "name = value"),
        ] {
            let found = help(text);
            assert!(
                found.iter().any(|f| f.contains(expected)),
                "{text:?}: {found:#?}"
            );
        }
    }
}
