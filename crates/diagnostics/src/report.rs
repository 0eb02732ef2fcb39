//! One mistake or warning, and the report that shows all of them.
//!
//! Invariants:
//! - Each diagnostic says what is wrong, where, and (under `help:`) what to do.
//! - A report is in the order of the file. Its text quotes the file only through
//!   [`mask_secrets`], and its control characters, of seven bits or eight, never reach the
//!   terminal.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{
    AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet, normalize_untrusted_str,
};

use crate::mask::{mask_piece, mask_secrets};

/// More than this many are not shown: the rest mostly follows from the first.
const MAX_SHOWN: usize = 50;

/// A stretch of the file, in bytes.
pub type Span = Range<usize>;

/// Whether the signer may start in spite of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It does not start.
    Error,
    /// It starts; the operator should know.
    Warning,
}

/// One mistake or warning.
#[derive(Clone, Debug)]
pub struct Diagnostic {
    severity: Severity,
    title: String,
    primary: Option<(Span, String)>,
    context: Vec<(Span, String)>,
    notes: Vec<String>,
    help: Vec<String>,
}

impl Diagnostic {
    /// A mistake; the title is one line without the place.
    #[must_use]
    pub fn error(title: impl Into<String>) -> Self {
        Self::new(Severity::Error, title.into())
    }

    /// A warning; the title is one line without the place.
    #[must_use]
    pub fn warning(title: impl Into<String>) -> Self {
        Self::new(Severity::Warning, title.into())
    }

    fn new(severity: Severity, title: String) -> Self {
        Self {
            severity,
            title,
            primary: None,
            context: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    /// Points at the mistake; the label says what was expected there.
    #[must_use]
    pub fn at(mut self, span: Span, label: impl Into<String>) -> Self {
        self.primary = Some((span, label.into()));
        self
    }

    /// Points at another place that belongs to it.
    #[must_use]
    pub fn also(mut self, span: Span, label: impl Into<String>) -> Self {
        self.context.push((span, label.into()));
        self
    }

    /// Adds a reason.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.notes.push(note.into());
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }

    /// Whether it stops the signer.
    #[must_use]
    pub fn severity(&self) -> Severity {
        self.severity
    }

    /// What is wrong, in one line without the place.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Where the mistake is.
    #[must_use]
    pub fn span(&self) -> Option<&Span> {
        self.primary.as_ref().map(|(span, _)| span)
    }

    /// Order of the file; what has no place comes last.
    fn order(&self) -> (usize, Severity) {
        (
            self.span().map_or(usize::MAX, |span| span.start),
            self.severity,
        )
    }
}

/// Everything that was found in one configuration file, in the order of the file.
#[derive(Clone)]
pub struct Report {
    file: Arc<Path>,
    source: String,
    items: Vec<Diagnostic>,
}

impl Report {
    /// The diagnostics for one file with this text. Whatever looks like a key is masked in what
    /// is shown of it.
    #[must_use]
    pub fn new(file: Arc<Path>, text: &str, mut items: Vec<Diagnostic>) -> Self {
        items.sort_by_key(Diagnostic::order);
        let source = if items.is_empty() {
            String::new()
        } else {
            without_c1(&mask_secrets(text))
        };
        Self {
            file,
            source,
            items,
        }
    }

    /// Whether there is nothing to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The diagnostics, in the order of the file.
    #[must_use]
    pub fn diagnostics(&self) -> &[Diagnostic] {
        &self.items
    }

    /// How many there are of one severity.
    #[must_use]
    pub fn count(&self, severity: Severity) -> usize {
        let of_it = |item: &&Diagnostic| item.severity == severity;
        self.items.iter().filter(of_it).count()
    }

    /// The text for people, one block per diagnostic, ending in a line end unless empty. With
    /// `colour` it holds terminal escapes; without, it is plain text.
    #[must_use]
    pub fn render(&self, colour: bool) -> String {
        let renderer = renderer(colour);
        let mut out = String::new();
        for item in self.shown() {
            out += &renderer.render(&[self.group(item)]);
            out += "\n\n";
        }
        out += &self.summary(&renderer);
        out
    }

    /// All of them, or the first of the mistakes if they are too many.
    fn shown(&self) -> impl Iterator<Item = &Diagnostic> {
        let all = self.items.len() <= MAX_SHOWN;
        let wanted = move |item: &&Diagnostic| all || item.severity == Severity::Error;
        self.items.iter().filter(wanted).take(MAX_SHOWN)
    }

    /// The last line: how many mistakes there are. Nothing when there are only warnings.
    fn summary(&self, renderer: &Renderer) -> String {
        let errors = self.count(Severity::Error);
        if errors == 0 {
            return String::new();
        }
        let shown = match self.items.len().saturating_sub(self.shown().count()) {
            0 => String::new(),
            hidden => format!(" ({hidden} messages are not shown)"),
        };
        let title = format!(
            "{} has {}{shown}",
            self.file.display(),
            counted(errors, self.count(Severity::Warning))
        );
        renderer.render(&[Group::with_title(Level::ERROR.primary_title(title))]) + "\n"
    }

    fn group<'a>(&'a self, item: &'a Diagnostic) -> Group<'a> {
        let level = match item.severity {
            Severity::Error => Level::ERROR,
            Severity::Warning => Level::WARNING,
        };
        let group = level
            .primary_title(without_c1(&item.title))
            .element(self.place(item));
        let notes = item.notes.iter().map(|text| (Level::NOTE, text));
        let help = item.help.iter().map(|text| (Level::HELP, text));
        let messages = notes
            .chain(help)
            .map(|(level, text)| level.message(printable(text)));
        group.elements(messages)
    }

    fn place<'a>(&'a self, item: &'a Diagnostic) -> Element<'a> {
        let path = self.file.display().to_string();
        let Some((span, label)) = &item.primary else {
            return Origin::path(path).into();
        };
        let context = item.context.iter().map(|(span, label)| {
            let span = self.clamp(span);
            AnnotationKind::Context.span(span).label(printable(label))
        });
        let primary = AnnotationKind::Primary
            .span(self.clamp(span))
            .label(printable(label));
        Snippet::source(self.source.as_str())
            .path(path)
            .annotation(primary)
            .annotations(context)
            .into()
    }

    /// The part of a span that lies on its first line, within the text, on character boundaries.
    fn clamp(&self, span: &Span) -> Span {
        let text = self.source.as_str();
        let start = text.floor_char_boundary(span.start);
        let rest = text.get(start..).unwrap_or_default();
        let line = rest.split(['\n', '\r']).next().unwrap_or_default();
        let end = span.end.clamp(start, start + line.len());
        start..text.floor_char_boundary(end)
    }
}

impl fmt::Debug for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.render(false).trim_end())
    }
}

/// An error without a place in the file, in the same look: a title, notes and help.
#[must_use]
pub fn render_plain(title: &str, notes: &[String], help: &[String], colour: bool) -> String {
    let group = Group::with_title(Level::ERROR.primary_title(without_c1(title)));
    let notes = notes.iter().map(|text| (Level::NOTE, text));
    let help = help.iter().map(|text| (Level::HELP, text));
    let messages = notes
        .chain(help)
        .map(|(level, text)| level.message(printable(text)));
    renderer(colour).render(&[group.elements(messages)]) + "\n"
}

/// A piece of the operator's text inside a message: in backticks, escaped, not too long.
#[must_use]
pub fn quoted(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    let masked = mask_piece(text);
    let head: String = masked.chars().take(MAX_CHARS).collect();
    let dots = if head.len() < masked.len() { "…" } else { "" };
    format!(
        "`{}{dots}`",
        head.escape_debug()
            .to_string()
            .replace("\\\"", "\"")
            .replace("\\'", "'")
    )
}

fn renderer(colour: bool) -> Renderer {
    let base = if colour {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    base.decor_style(DecorStyle::Ascii)
}

/// The text without control characters, line by line (the renderer trusts messages).
fn printable(text: &str) -> String {
    let lines: Vec<String> = text.lines().map(normalize_untrusted_str).collect();
    without_c1(&lines.join("\n"))
}

/// The text without the control characters of ISO 6429 that have eight bits, which the renderer
/// lets through. What stands for them is as long as they are, so offsets stay valid.
fn without_c1(text: &str) -> String {
    text.replace(|c| matches!(c, '\u{80}'..='\u{9f}'), "¿")
}

fn counted(errors: usize, warnings: usize) -> String {
    let plural = |n: usize, word: &str| format!("{n} {word}{}", if n == 1 { "" } else { "s" });
    match warnings {
        0 => plural(errors, "mistake"),
        _ => format!(
            "{} and {}",
            plural(errors, "mistake"),
            plural(warnings, "warning")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str, items: Vec<Diagnostic>) -> Report {
        Report::new(Path::new("f.toml").into(), text, items)
    }

    #[test]
    fn a_report_is_in_the_order_of_the_file() {
        let late = Diagnostic::error("late").at(6..7, "here");
        let early = Diagnostic::warning("early").at(0..1, "here");
        let nowhere = Diagnostic::error("nowhere");
        let report = report("a = 1\nb = 2\n", vec![nowhere, late, early]);
        let titles: Vec<_> = report.diagnostics().iter().map(Diagnostic::title).collect();
        assert_eq!(titles, ["early", "late", "nowhere"]);
        let text = report.render(false);
        assert!(
            text.ends_with("error: f.toml has 2 mistakes and 1 warning\n"),
            "{text}"
        );
    }

    #[test]
    fn colour_is_only_there_when_asked_for() {
        let report = report(
            "a = 1\n",
            vec![Diagnostic::error("x").at(0..1, "y").help("z")],
        );
        assert!(report.render(true).contains('\u{1b}'));
        assert!(!report.render(false).contains('\u{1b}'));
        assert!(report.render(false).contains("= help: z"));
    }

    #[test]
    fn warnings_alone_have_no_summary() {
        let report = report("a = 1\n", vec![Diagnostic::warning("x").at(0..1, "y")]);
        assert!(!report.render(false).contains("mistake"));
        assert_eq!(report.count(Severity::Warning), 1);
    }

    #[test]
    fn a_span_anywhere_renders() {
        for text in ["", "é", "é\r\n", "a\nb", "\n\n", "\u{1b}[31m"] {
            for start in 0..6 {
                for end in 0..9 {
                    let item = Diagnostic::error("x")
                        .at(start..end, "l")
                        .also(end..start, "c");
                    let out = report(text, vec![item]).render(false);
                    assert!(out.contains("error: x") && !out.contains('\u{1b}'), "{out}");
                }
            }
        }
    }

    #[test]
    fn the_file_cannot_write_to_the_terminal() {
        assert_eq!(quoted("a\u{1b}[0m\n\"q\""), "`a\\u{1b}[0m\\n\"q\"`");
        assert_eq!(quoted(&"é".repeat(61)), format!("`{}…`", "é".repeat(60)));
        let item = Diagnostic::error("a\u{1b}b")
            .help("c\u{1b}d")
            .at(0..1, "e\u{1b}f");
        assert!(!report("x\n", vec![item]).render(false).contains('\u{1b}'));
    }

    /// U+009B begins a terminal escape just as ESC and `[` do.
    #[test]
    fn eight_bit_control_characters_do_not_reach_the_terminal_either() {
        for c in '\u{80}'..='\u{9f}' {
            let item = Diagnostic::error(format!("a{c}b"))
                .help(format!("c{c}d"))
                .at(3..4, format!("e{c}f"));
            let out = report(&format!("g{c}h = 1\n"), vec![item]).render(false);
            let lines: Vec<&str> = out.lines().collect();
            assert!(
                !out.contains(|c: char| c.is_control() && c != '\n'),
                "{out}"
            );
            assert_eq!(lines[3..5], ["1 | g¿h = 1", "  |   ^ e¿f"]);
        }
    }

    #[test]
    fn a_flood_of_mistakes_is_cut_and_counted() {
        let text = "a".repeat(120);
        let item = |i: usize| match i {
            0..60 => Diagnostic::warning("w").at(i..i, "y"),
            _ => Diagnostic::error("x").at(i..i, "y"),
        };
        let shown = report(&text, (0..120).map(item).collect()).render(false);
        assert_eq!(shown.matches("error: x").count(), MAX_SHOWN);
        assert_eq!(shown.matches("warning: w").count(), 0);
        let summary = "f.toml has 60 mistakes and 60 warnings (70 messages are not shown)";
        assert!(shown.contains(summary), "{shown}");
        let few = report(&text, (35..85).map(item).collect()).render(false);
        assert_eq!(few.matches("warning: w").count(), 25);
        assert!(!few.contains("not shown"), "{few}");
    }
}
