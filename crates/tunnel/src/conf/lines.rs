//! From text to sections with their settings: everything that can be said line by line.
//!
//! Invariants:
//! - Every entry is in the section it belongs to, and a setting that is no list stands there once.
//! - What stands in a section that is not known is passed over: the section was reported.

use diagnostics::{Diagnostic, Span, closest, quoted};

use super::mask;
use super::settings::{self, Kind, Setting};

/// All lines of a file.
#[derive(Default)]
pub(super) struct Lines<'t> {
    pub(super) sections: Vec<Section<'t>>,
    /// Whether there was a section of another name, which was reported.
    pub(super) astray: bool,
}

/// One section.
pub(super) struct Section<'t> {
    pub(super) kind: Kind,
    pub(super) header: Span,
    pub(super) entries: Vec<Entry<'t>>,
    /// Settings that misspelt names were most likely meant to be.
    misspelt: Vec<&'static str>,
}

/// One line `Key = value`.
pub(super) struct Entry<'t> {
    pub(super) setting: &'static Setting,
    pub(super) key: Span,
    pub(super) value: Piece<'t>,
}

/// A stretch of the text.
#[derive(Clone, Copy)]
pub(super) struct Piece<'t> {
    pub(super) text: &'t str,
    pub(super) start: usize,
}

impl<'t> Piece<'t> {
    pub(super) fn span(self) -> Span {
        self.start..self.start + self.text.len()
    }

    fn trimmed(self) -> Self {
        let text = self.text.trim_start();
        Self {
            text: text.trim_end(),
            start: self.start + (self.text.len() - text.len()),
        }
    }

    /// The part before the first `at`, and the part behind it.
    fn split_once(self, at: char) -> Option<(Self, Self)> {
        let (head, tail) = self.text.split_once(at)?;
        let start = self.start + head.len() + at.len_utf8();
        Some((Piece { text: head, ..self }, Piece { text: tail, start }))
    }

    /// The values between commas.
    pub(super) fn values(self) -> Vec<Self> {
        let mut values = Vec::new();
        let mut rest = self;
        while let Some((value, after)) = rest.split_once(',') {
            values.push(value.trimmed());
            rest = after;
        }
        values.push(rest.trimmed());
        values
    }
}

impl<'t> Section<'t> {
    fn new(kind: Kind, header: Span) -> Self {
        Self {
            kind,
            header,
            entries: Vec::new(),
            misspelt: Vec::new(),
        }
    }

    /// Whether a misspelt setting was most likely this one.
    pub(super) fn misspells(&self, setting: &Setting) -> bool {
        self.misspelt.contains(&setting.name)
    }

    /// All lines of a setting.
    pub(super) fn entries(&self, setting: &'static Setting) -> impl Iterator<Item = &Entry<'t>> {
        let same = |entry: &&Entry<'t>| entry.setting.name == setting.name;
        self.entries.iter().filter(same)
    }
}

/// Where the lines go that are being read.
enum Place<'t> {
    /// No section has begun.
    Head,
    In(Section<'t>),
    /// In a section that is not known.
    Astray,
}

/// Reads all lines.
pub(super) fn read<'t>(text: &'t str, found: &mut Vec<Diagnostic>) -> Lines<'t> {
    let mut lines = Lines::default();
    let mut place = Place::Head;
    let mut start = 0;
    for line in text.split_inclusive('\n') {
        let whole = Piece { text: line, start };
        start += line.len();
        let line = whole
            .split_once('#')
            .map_or(whole, |(before, _)| before)
            .trimmed();
        if line.text.starts_with('[') {
            lines.keep(std::mem::replace(&mut place, header(line, found)));
        } else if !line.text.is_empty() {
            place = entry(place, line, found);
        }
    }
    lines.keep(place);
    lines
}

impl<'t> Lines<'t> {
    fn keep(&mut self, place: Place<'t>) {
        match place {
            Place::In(section) => self.sections.push(section),
            Place::Astray => self.astray = true,
            Place::Head => {}
        }
    }
}

fn header<'t>(line: Piece<'t>, found: &mut Vec<Diagnostic>) -> Place<'t> {
    let name = line
        .text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'));
    match name.map(str::trim).and_then(Kind::named) {
        Some(kind) => Place::In(Section::new(kind, line.span())),
        None => {
            let inside = line.text.trim_matches(['[', ']', ' ']);
            let help = match closest(inside, Kind::ALL.map(Kind::name)) {
                Some(name) => format!("did you mean [{name}]?"),
                None => "the sections are [Interface], once, and [Peer], once for each".to_owned(),
            };
            found.push(
                Diagnostic::error("this is not a section of a WireGuard file")
                    .at(line.span(), "expected [Interface] or [Peer]")
                    .help(help),
            );
            Place::Astray
        }
    }
}

fn entry<'t>(place: Place<'t>, line: Piece<'t>, found: &mut Vec<Diagnostic>) -> Place<'t> {
    match place {
        Place::In(mut section) => {
            section.read(line, found);
            Place::In(section)
        }
        Place::Astray => Place::Astray,
        Place::Head => {
            found.push(
                Diagnostic::error("this stands before the first section")
                    .at(line.span(), "expected [Interface] above it")
                    .help("begin the file with a line [Interface]"),
            );
            Place::Astray
        }
    }
}

impl<'t> Section<'t> {
    fn read(&mut self, line: Piece<'t>, found: &mut Vec<Diagnostic>) {
        let Some((key, value)) = line.split_once('=') else {
            return found.push(no_setting(line));
        };
        let (key, value) = (key.trimmed(), value.trimmed());
        match settings::named(key.text) {
            None => self.unknown(key, found),
            Some(setting) if setting.section != self.kind => found.push(
                Diagnostic::error(format!("{} has no `{}`", self.kind.title(), setting.name))
                    .at(key.span(), "in the wrong section")
                    .help(format!("move the line below {}", setting.section.title())),
            ),
            Some(setting) => self.keep(setting, key, value, found),
        }
    }

    fn keep(
        &mut self,
        setting: &'static Setting,
        key: Piece<'t>,
        value: Piece<'t>,
        found: &mut Vec<Diagnostic>,
    ) {
        let first = self.entries(setting).next().map(|entry| entry.key.clone());
        if let Some(first) = first.filter(|_| !setting.list) {
            return found.push(
                Diagnostic::error(format!("`{}` is given twice", setting.name))
                    .at(key.span(), "given again here")
                    .also(first, "first given here")
                    .help(twice(setting)),
            );
        }
        self.entries.push(Entry {
            setting,
            key: key.span(),
            value,
        });
    }

    fn unknown(&mut self, key: Piece<'t>, found: &mut Vec<Diagnostic>) {
        let all = || settings::ALL.into_iter();
        let here = all().filter(|setting| setting.section == self.kind);
        let meant = closest(key.text, here.map(|setting| setting.name))
            .or_else(|| closest(key.text, all().map(|setting| setting.name)));
        let help = match meant.and_then(settings::named) {
            Some(setting) if setting.section == self.kind => {
                self.misspelt.push(setting.name);
                format!("did you mean `{}`?", setting.name)
            }
            Some(setting) => format!(
                "did you mean `{}`, which belongs in {}?",
                setting.name,
                setting.section.title()
            ),
            None => format!("remove it; the settings here are {}", self.names()),
        };
        let title = format!(
            "{} has no setting {}",
            self.kind.title(),
            quoted(&mask::masked_name(key.text))
        );
        found.push(
            Diagnostic::error(title)
                .at(key.span(), "unknown setting")
                .help(help),
        );
    }

    /// The settings that have an effect here.
    fn names(&self) -> String {
        let all = settings::ALL.into_iter();
        let names: Vec<&str> = all
            .filter(|setting| setting.section == self.kind && setting.ignored.is_none())
            .map(|setting| setting.name)
            .collect();
        names.join(", ")
    }
}

fn no_setting(line: Piece<'_>) -> Diagnostic {
    let help = if line.text.starts_with([';', '/']) {
        "a comment begins with #"
    } else {
        "write it as Key = value; a comment begins with #"
    };
    Diagnostic::error("this line is no setting")
        .at(line.span(), "expected Key = value")
        .help(help)
}

fn twice(setting: &Setting) -> &'static str {
    match setting.section {
        Kind::Interface => "keep one of the two lines",
        Kind::Peer => "keep one of the two lines; another peer begins with its own line [Peer]",
    }
}
