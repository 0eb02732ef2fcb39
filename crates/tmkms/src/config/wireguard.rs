//! `[wireguard]` and `[[wireguard]]`: the files of tunnels.
//!
//! Invariant: no file is named twice.

use std::collections::BTreeMap;
use std::path::PathBuf;

use diagnostics::{Diagnostic, Located, Span};

use super::paths::{self, normalised};
use super::schema::WIREGUARD;
use super::section::{Marked, Section};

/// What could be read of all tables.
#[derive(Default)]
pub(super) struct WireguardDraft {
    pub(super) paths: Vec<Marked<PathBuf>>,
    pub(super) files: Vec<Located<PathBuf>>,
}

/// Reads all tables of that name.
pub(super) fn read<'a>(root: &Section<'a>) -> WireguardDraft {
    let cx = root.cx;
    let tables = root.one_or_more_tables("wireguard").into_iter();
    let paths: Vec<_> = tables
        .filter_map(|(table, header)| {
            let section = Section::open(cx, &WIREGUARD, table, header);
            let present = section.require("config");
            present.then(|| paths::path(&section, "config")).flatten()
        })
        .collect();
    twice(root, &paths);
    WireguardDraft {
        files: paths.iter().map(|path| cx.located(path)).collect(),
        paths,
    }
}

fn twice(root: &Section<'_>, paths: &[Marked<PathBuf>]) {
    let mut first: BTreeMap<PathBuf, Span> = BTreeMap::new();
    for path in paths {
        match first.get(&normalised(path.get_ref())) {
            Some(span) => root.cx.report(
                Diagnostic::error("this tunnel is named twice")
                    .at(path.span(), "the same file again")
                    .also(span.clone(), "first named here")
                    .help("keep one of the two"),
            ),
            None => {
                first.insert(normalised(path.get_ref()), path.span());
            }
        }
    }
}
