//! `passphrase_file`, `passphrase_fd`, `passphrase_credential` of `[[providers.softsign]]`.
//!
//! Invariant: a key has one place for its passphrase.

use std::path::PathBuf;

use keys::PassphraseSource;
use toml::Spanned;

use super::paths;
use super::schema::SOFTSIGN;
use super::section::{Marked, Section, Wrong, example};
use diagnostics::{Diagnostic, Span, quoted};

const FIELDS: [&str; 3] = ["passphrase_file", "passphrase_fd", "passphrase_credential"];

/// Where a key's passphrase is.
pub(super) struct PassphraseDraft {
    pub(super) source: PassphraseSource,
    /// The file, for the checks over the whole configuration.
    pub(super) file: Option<Marked<PathBuf>>,
}

/// Reads the three fields.
pub(super) fn read(section: &Section<'_>) -> PassphraseDraft {
    report_several(section);
    let file = paths::path(section, "passphrase_file");
    let descriptor = descriptor(section);
    let credential = section.parsed("passphrase_credential", credential);
    let of_file = file.as_ref().map(|file| file.get_ref().clone());
    let source = of_file
        .map(PassphraseSource::File)
        .or(descriptor.map(PassphraseSource::Descriptor))
        .or(credential.map(|name| PassphraseSource::Credential(name.into_inner())))
        .unwrap_or_default();
    PassphraseDraft { source, file }
}

fn report_several(section: &Section<'_>) {
    let given: Vec<(&str, Span)> = FIELDS
        .iter()
        .filter_map(|name| Some((*name, section.value(name)?.span())))
        .collect();
    let [(first, at_first), (second, at_second), ..] = given.as_slice() else {
        return;
    };
    section.cx.report(
        Diagnostic::error(format!("`{first}` and `{second}` are both given"))
            .at(at_second.clone(), "a second place for the passphrase")
            .also(at_first.clone(), "the first one")
            .help("keep one of them"),
    );
}

/// 1 and 2 are where the signer writes.
fn descriptor(section: &Section<'_>) -> Option<u16> {
    let number = section.integer("passphrase_fd", 0..=1023)?;
    if matches!(number.get_ref(), 1 | 2) {
        let shown = number.get_ref().to_string();
        section
            .cx
            .report(section.out_of_range("passphrase_fd", &shown, number.span()));
        return None;
    }
    u16::try_from(Spanned::into_inner(number)).ok()
}

/// The name of a file in a directory, and no way out of it.
fn credential(text: &str) -> Result<String, Wrong> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !text.is_empty() && text.len() <= 255 && text.chars().all(plain) && !text.starts_with('.') {
        return Ok(text.to_owned());
    }
    Err(Wrong {
        title: format!("`passphrase_credential` cannot be {}", quoted(text)),
        label: "expected letters, digits, `.`, `_` and `-`, not a path".to_owned(),
        help: format!(
            "for example: {}",
            example(&SOFTSIGN, "passphrase_credential")
        ),
    })
}
