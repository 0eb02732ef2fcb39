//! Reading one table of the file: typed fields, and a diagnostic for each that is not right.
//!
//! Invariants:
//! - A reader never stops at the first mistake: it reports it and returns `None`.
//! - `None` without a report means that an optional field is absent.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::schema::{Field, GATEWAY_TABLES, Schema, TABLES};
use diagnostics::closest;
use diagnostics::{Diagnostic, Span, quoted};
use diagnostics::{LineIndex, Located, Location};

/// A value and the stretch of text it was read from.
pub(super) type Marked<T> = Spanned<T>;

/// What all readers of one file share.
pub(super) struct Context<'a> {
    text: &'a str,
    file: Arc<Path>,
    lines: LineIndex,
    /// Whether parts of the file could not be read as TOML: then absence proves nothing.
    damaged: bool,
    found: RefCell<Vec<Diagnostic>>,
}

impl<'a> Context<'a> {
    pub(super) fn new(text: &'a str, file: &Path, damaged: bool) -> Self {
        Self {
            text,
            file: file.into(),
            lines: LineIndex::new(text),
            damaged,
            found: RefCell::default(),
        }
    }

    pub(super) fn report(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic);
    }

    /// Reports that something is not there; in a damaged file that proves nothing.
    pub(super) fn report_absence(&self, diagnostic: Diagnostic) {
        if !self.damaged {
            self.report(diagnostic);
        }
    }

    pub(super) fn file(&self) -> Arc<Path> {
        Arc::clone(&self.file)
    }

    /// Whether parts of the file could not be read as TOML.
    pub(super) fn damaged(&self) -> bool {
        self.damaged
    }

    pub(super) fn line(&self, offset: usize) -> usize {
        self.lines.line(offset)
    }

    pub(super) fn locate(&self, span: &Span) -> Location {
        let (line, column) = self.lines.place(self.text, span.start);
        Location {
            file: self.file(),
            line,
            column,
        }
    }

    pub(super) fn located<T: Clone>(&self, value: &Marked<T>) -> Located<T> {
        Located {
            value: value.get_ref().clone(),
            at: self.locate(&value.span()),
        }
    }

    /// A path of the file, taken from the directory of the file if it is relative.
    pub(super) fn resolve(&self, path: &Path) -> PathBuf {
        match self.file.parent() {
            Some(dir) => dir.join(path),
            None => path.to_path_buf(),
        }
    }

    /// Takes what was reported so far.
    pub(super) fn found(&self) -> Vec<Diagnostic> {
        self.found.take()
    }
}

/// One table with its schema.
#[derive(Clone, Copy)]
pub(super) struct Section<'a> {
    pub(super) cx: &'a Context<'a>,
    schema: &'static Schema,
    table: &'a DeTable<'a>,
    start: usize,
    end: usize,
}

impl<'a> Section<'a> {
    /// Opens a table and reports every field that the schema does not know.
    pub(super) fn open(
        cx: &'a Context<'a>,
        schema: &'static Schema,
        table: &'a DeTable<'a>,
        header: Span,
    ) -> Self {
        let unknown = table
            .keys()
            .filter(|key| schema.field(key.get_ref()).is_none());
        for key in unknown {
            // A header that is no TOML moves its fields into the table before it.
            let astray = cx.damaged && home(key.get_ref()).is_some();
            if !astray {
                cx.report(unknown_field(schema, key.get_ref(), key.span()));
            }
        }
        Self {
            cx,
            schema,
            table,
            start: header.start,
            end: header.end,
        }
    }

    /// Whether some field has a name that the schema does not know.
    pub(super) fn has_unknown_fields(&self) -> bool {
        let mut keys = self.table.keys();
        keys.any(|key| self.schema.field(key.get_ref()).is_none())
    }

    /// Where the table begins: its header.
    pub(super) fn header(&self) -> Span {
        self.start..self.end
    }

    /// The value of a field, if present.
    pub(super) fn value(&self, name: &str) -> Option<&'a Spanned<DeValue<'a>>> {
        self.table.get(name)
    }

    /// Where the name of a field stands.
    pub(super) fn key_span(&self, name: &str) -> Option<Span> {
        self.table.get_key_value(name).map(|(key, _)| key.span())
    }

    /// Whether the field is present; reports its absence, unless a misspelt field that is most
    /// likely this one was reported already.
    pub(super) fn require(&self, name: &'static str) -> bool {
        let present = self.table.contains_key(name);
        if !present && !self.has_misspelt(name) {
            self.cx.report_absence(self.missing(name));
        }
        present
    }

    fn has_misspelt(&self, name: &str) -> bool {
        let meant = |key: &str| closest(key, self.schema.names()) == Some(name);
        let mut keys = self.table.keys();
        keys.any(|key| self.schema.field(key.get_ref()).is_none() && meant(key.get_ref()))
    }

    fn missing(&self, name: &'static str) -> Diagnostic {
        let diagnostic = Diagnostic::error(format!("{} has no `{name}`", self.schema.title))
            .at(self.header(), format!("`{name}` is missing here"));
        match self.schema.field(name) {
            Some(field) => diagnostic.help(format!("add a line like: {}", field.example)),
            None => diagnostic,
        }
    }

    /// A text.
    pub(super) fn text(&self, name: &'static str) -> Option<Marked<&'a str>> {
        let value = self.value(name)?;
        let text = value.get_ref().as_str();
        self.typed(name, value, text)
    }

    /// A text that `read` makes sense of.
    pub(super) fn parsed<T>(
        &self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, Wrong>,
    ) -> Option<Marked<T>> {
        let text = self.text(name)?;
        match read(text.get_ref()) {
            Ok(value) => Some(Spanned::new(text.span(), value)),
            Err(wrong) => {
                self.cx.report(wrong.into_diagnostic(text.span()));
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(
        &self,
        name: &'static str,
        choices: &[(&'static str, T)],
    ) -> Option<Marked<T>> {
        self.parsed(name, |text| {
            let found = choices.iter().find(|(word, _)| *word == text);
            found.map(|(_, value)| *value).ok_or_else(|| {
                let words = choices.iter().map(|(word, _)| *word);
                self.not_a_choice(name, text, closest(text, words))
            })
        })
    }

    fn not_a_choice(&self, name: &str, text: &str, meant: Option<&str>) -> Wrong {
        let field = self.schema.field(name);
        let expects = field.map_or("", |field| field.expects);
        let help = match (meant, field) {
            (Some(word), _) => format!("did you mean \"{word}\"?"),
            (None, Some(field)) => format!("for example: {}", field.example),
            (None, None) => String::new(),
        };
        Wrong {
            title: format!("`{name}` cannot be {}", quoted(text)),
            label: format!("expected {expects}"),
            help,
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, name: &'static str) -> Option<Marked<bool>> {
        let value = self.value(name)?;
        self.typed(name, value, value.get_ref().as_bool())
    }

    /// A whole number within a range; anything else is reported with the field's expectation.
    pub(super) fn integer(
        &self,
        name: &'static str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Option<Marked<i64>> {
        let value = self.value(name)?;
        let written = self.typed(name, value, value.get_ref().as_integer())?;
        let digits = written.get_ref();
        let number = i64::from_str_radix(digits.as_str(), digits.radix()).ok();
        match number.filter(|number| range.contains(number)) {
            Some(number) => Some(Spanned::new(value.span(), number)),
            None => {
                let shown = quoted(&digits.to_string());
                self.cx
                    .report(self.out_of_range(name, &shown, value.span()));
                None
            }
        }
    }

    pub(super) fn out_of_range(&self, name: &'static str, shown: &str, span: Span) -> Diagnostic {
        let diagnostic = Diagnostic::error(format!("`{name}` cannot be {shown}"));
        match self.schema.field(name) {
            Some(field) => diagnostic
                .at(span, format!("expected {}", field.expects))
                .help(format!("for example: {}", field.example)),
            None => diagnostic.at(span, ""),
        }
    }

    /// A list of texts; elements that are none are reported one by one.
    pub(super) fn texts(&self, name: &'static str) -> Option<Marked<Vec<Marked<&'a str>>>> {
        let value = self.value(name)?;
        let array = self.typed(name, value, value.get_ref().as_array())?;
        let items = array.get_ref().iter();
        let texts = items.filter_map(|item| self.typed(name, item, item.get_ref().as_str()));
        Some(Spanned::new(value.span(), texts.collect()))
    }

    /// A table inside this one.
    pub(super) fn table(&self, name: &'static str, schema: &'static Schema) -> Option<Section<'a>> {
        let value = self.value(name)?;
        let table = self.typed(name, value, value.get_ref().as_table())?;
        Some(Section::open(
            self.cx,
            schema,
            table.get_ref(),
            value.span(),
        ))
    }

    /// A list of tables (`[[name]]`). One plain table (`[name]`) is reported and then read, so
    /// that its own mistakes show up too.
    pub(super) fn tables(&self, name: &'static str) -> Vec<(&'a DeTable<'a>, Span)> {
        if let Some(value) = self.value(name).filter(|value| value.get_ref().is_table()) {
            self.cx.report(self.single_brackets(name, value.span()));
        }
        self.one_or_more_tables(name)
    }

    /// One table (`[name]`), or a list of them (`[[name]]`).
    pub(super) fn one_or_more_tables(&self, name: &'static str) -> Vec<(&'a DeTable<'a>, Span)> {
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        match value.get_ref() {
            DeValue::Array(items) => items
                .iter()
                .filter_map(|item| self.typed(name, item, item.get_ref().as_table()))
                .map(|table| (*table.get_ref(), table.span()))
                .collect(),
            DeValue::Table(table) => vec![(table, value.span())],
            _ => {
                self.cx.report(self.wrong_type(name, value));
                Vec::new()
            }
        }
    }

    fn single_brackets(&self, name: &'static str, span: Span) -> Diagnostic {
        let expects = self.schema.field(name).map_or("", |field| field.expects);
        let example = self.schema.field(name).map_or("", |field| field.example);
        Diagnostic::error(format!("`{name}` is one table, but there can be several"))
            .at(span, format!("expected {expects}"))
            .help(format!("write {example}, with two brackets on each side"))
    }

    /// Reports a value of the wrong type.
    fn typed<T>(
        &self,
        name: &'static str,
        value: &Spanned<DeValue<'_>>,
        read: Option<T>,
    ) -> Option<Marked<T>> {
        if read.is_none() {
            self.cx.report(self.wrong_type(name, value));
        }
        read.map(|read| Spanned::new(value.span(), read))
    }

    pub(super) fn wrong_type(
        &self,
        name: &'static str,
        value: &Spanned<DeValue<'_>>,
    ) -> Diagnostic {
        let kind = value.get_ref().type_str();
        let article = if kind.starts_with(['a', 'i']) {
            "an"
        } else {
            "a"
        };
        let title = format!(
            "`{name}` in {} cannot be {article} {kind}",
            self.schema.title
        );
        let diagnostic = Diagnostic::error(title);
        match self.schema.field(name) {
            Some(field) => diagnostic
                .at(value.span(), format!("expected {}", field.expects))
                .help(format!("for example: {}", field.example)),
            None => diagnostic.at(value.span(), ""),
        }
    }
}

/// A text that a field cannot take.
pub(super) struct Wrong {
    pub(super) title: String,
    pub(super) label: String,
    pub(super) help: String,
}

impl Wrong {
    pub(super) fn into_diagnostic(self, span: Span) -> Diagnostic {
        Diagnostic::error(self.title)
            .at(span, self.label)
            .help(self.help)
    }
}

/// The first table that has a field of that name.
fn home(name: &str) -> Option<&'static Schema> {
    TABLES
        .iter()
        .chain(&GATEWAY_TABLES)
        .find(|table| table.field(name).is_some())
        .copied()
}

fn unknown_field(schema: &'static Schema, name: &str, span: Span) -> Diagnostic {
    let title = format!("{} has no field {}", schema.title, quoted(name));
    let diagnostic = Diagnostic::error(title).at(span, "unknown field");
    if let Some(meant) = closest(name, schema.names()) {
        return diagnostic.help(format!("did you mean `{meant}`?"));
    }
    if let Some(home) = home(name) {
        return diagnostic.help(format!("`{name}` belongs in {}", home.title));
    }
    let names: Vec<&str> = schema.names().collect();
    diagnostic.help(format!(
        "remove it; the fields here are {}",
        names.join(", ")
    ))
}

/// The example line of a field, for messages.
pub(super) fn example(schema: &'static Schema, name: &str) -> &'static str {
    schema
        .field(name)
        .map_or("", |Field { example, .. }| example)
}
