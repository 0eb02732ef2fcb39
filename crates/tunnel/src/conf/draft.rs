//! What could be read of a file, with the places, for the checks over the whole of it.

use diagnostics::{Diagnostic, Span};

use super::interface::{self, InterfaceDraft};
use super::lines::{Entry, Lines, Piece, Section};
use super::peer::{self, PeerDraft};
use super::settings::{Kind, Setting};
use crate::spec::Spec;

/// A value and where it is written.
#[derive(Clone)]
pub(super) struct At<T> {
    pub(super) value: T,
    pub(super) span: Span,
}

/// Everything that was read.
pub(super) struct Draft {
    /// Whether a whole section could not be read: then one that is missing proves nothing.
    pub(super) astray: bool,
    pub(super) interfaces: Vec<InterfaceDraft>,
    pub(super) peers: Vec<PeerDraft>,
}

/// Reads all sections.
pub(super) fn read(lines: &Lines<'_>, found: &mut Vec<Diagnostic>) -> Draft {
    let mut draft = Draft {
        astray: lines.astray,
        interfaces: Vec::new(),
        peers: Vec::new(),
    };
    for section in &lines.sections {
        match section.kind {
            Kind::Interface => draft.interfaces.push(interface::read(section, found)),
            Kind::Peer => draft.peers.push(peer::read(section, found)),
        }
    }
    draft
}

impl Draft {
    /// The tunnel, if nothing that it needs is missing.
    pub(super) fn finish(self) -> Option<Spec> {
        let peers: Option<Vec<_>> = self.peers.into_iter().map(PeerDraft::finish).collect();
        let interface = self.interfaces.into_iter().next()?;
        Some(Spec {
            interface: interface.finish()?,
            peers: peers?,
        })
    }
}

/// Why a value is not what a setting expects: what is wrong with it, in a few words under it.
pub(super) type Wrong = String;

/// The value of a setting that stands at most once.
pub(super) fn one<T, E: ToString>(
    section: &Section<'_>,
    setting: &'static Setting,
    found: &mut Vec<Diagnostic>,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Option<At<T>> {
    let entry = section.entries(setting).next()?;
    value(entry, entry.value, found, read)
}

/// All values of a setting that is a list.
pub(super) fn list<T, E: ToString>(
    section: &Section<'_>,
    setting: &'static Setting,
    found: &mut Vec<Diagnostic>,
    mut read: impl FnMut(&str) -> Result<T, E>,
) -> Vec<At<T>> {
    let mut values = Vec::new();
    for entry in section.entries(setting) {
        for piece in entry.value.values() {
            values.extend(value(entry, piece, found, &mut read));
        }
    }
    values
}

/// Reports that a setting is not there, unless a misspelt one was reported that is most likely it.
pub(super) fn require(
    section: &Section<'_>,
    setting: &'static Setting,
    found: &mut Vec<Diagnostic>,
) {
    if section.entries(setting).next().is_none() && !section.misspells(setting) {
        found.push(
            Diagnostic::error(format!(
                "this {} has no `{}`",
                section.kind.title(),
                setting.name
            ))
            .at(
                section.header.clone(),
                format!("`{}` is missing here", setting.name),
            )
            .help(format!("add a line like: {}", setting.example)),
        );
    }
}

fn value<T, E: ToString>(
    entry: &Entry<'_>,
    piece: Piece<'_>,
    found: &mut Vec<Diagnostic>,
    read: impl FnOnce(&str) -> Result<T, E>,
) -> Option<At<T>> {
    let setting = entry.setting;
    if piece.text.is_empty() {
        found.push(no_value(entry, piece));
        return None;
    }
    match read(piece.text) {
        Ok(value) => Some(At {
            value,
            span: piece.span(),
        }),
        Err(wrong) => {
            found.push(
                Diagnostic::error(format!("`{}` has a bad value", setting.name))
                    .at(piece.span(), wrong.to_string())
                    .help(format!("write it like: {}", setting.example)),
            );
            None
        }
    }
}

fn no_value(entry: &Entry<'_>, piece: Piece<'_>) -> Diagnostic {
    let setting = entry.setting;
    let diagnostic = if entry.value.text.is_empty() {
        Diagnostic::error(format!("`{}` lacks a value", setting.name))
            .at(entry.key.clone(), format!("expected {}", setting.expects))
    } else {
        Diagnostic::error(format!("`{}` has a comma too many", setting.name))
            .at(piece.span(), "nothing stands here")
    };
    diagnostic.help(format!("write it like: {}", setting.example))
}

/// A whole number within a range.
pub(super) fn number(
    text: &str,
    range: std::ops::RangeInclusive<u16>,
    setting: &Setting,
) -> Result<u16, Wrong> {
    let digits = text.chars().all(|c| c.is_ascii_digit());
    let number = text.parse().ok().filter(|number| range.contains(number));
    number
        .filter(|_| digits)
        .ok_or_else(|| format!("expected {}", setting.expects))
}
