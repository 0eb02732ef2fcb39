//! `wg0.conf`: one tunnel, in the form that wg(8) and wg-quick(8) read.
//!
//! ```text
//! [Interface]
//! PrivateKey = …
//! Address = 10.200.0.2/32
//!
//! [Peer]
//! PublicKey = …
//! PresharedKey = …
//! AllowedIPs = 10.200.0.1/32
//! Endpoint = validator.example.com:51820
//! PersistentKeepalive = 25
//! ```
//!
//! Invariants:
//! - A [`Conf`] is right as a whole: see [`Spec`].
//! - All mistakes are reported at once, in the order of the file, each with its place and what to
//!   do. No input panics.
//! - No message shows a key, whole or in part, wherever in the file it stands.
//!
//! It is stricter than wg(8) where a file can only be a mistake: a setting given twice, a peer
//! without AllowedIPs, the own key as a peer.

mod checks;
mod draft;
mod endpoint;
mod interface;
mod lines;
mod mask;
mod network;
mod peer;
mod render;
mod settings;

use std::fmt;
use std::path::Path;

use diagnostics::{LineIndex, Report, Severity};

pub use endpoint::EndpointError;
pub use network::own_address as address;
pub use settings::{DEFAULT_PORT, MTU_RANGE, MTU_RANGE_IPV6};

use crate::spec::Spec;

/// A `wg0.conf` that can be used, and what its owner should know about it.
pub struct Conf {
    /// The tunnel.
    pub spec: Spec,
    /// Warnings only; empty if there are none.
    pub warnings: Report,
    /// Settings that have no effect here, in the order of the file.
    pub ignored: Vec<Ignored>,
}

/// A setting for an interface of the kernel, which is passed over. Shown as a sentence with its
/// line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ignored {
    /// Its name.
    pub key: &'static str,
    /// Its line, from 1.
    pub line: usize,
    /// Why it has no effect.
    pub why: &'static str,
}

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {}: {} is ignored: {}",
            self.line, self.key, self.why
        )
    }
}

impl Conf {
    /// Reads the text of a `wg0.conf`. `file` only names it in messages; no disk is touched.
    ///
    /// # Errors
    /// The [`Report`] of all mistakes and warnings; it holds a masked copy of the text.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Report> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut found = Vec::new();
        let lines = lines::read(text, &mut found);
        let draft = draft::read(&lines, &mut found);
        checks::run(&draft, &mut found);
        let report = Report::new(file.into(), &mask::masked(text), found);
        match draft.finish() {
            Some(spec) if report.count(Severity::Error) == 0 => Ok(Self {
                spec,
                warnings: report,
                ignored: ignored(text, &lines.sections),
            }),
            _ => Err(report),
        }
    }
}

fn ignored(text: &str, sections: &[lines::Section<'_>]) -> Vec<Ignored> {
    let index = LineIndex::new(text);
    let entries = sections.iter().flat_map(|section| &section.entries);
    entries
        .filter_map(|entry| {
            Some(Ignored {
                key: entry.setting.name,
                line: index.line(entry.key.start),
                why: entry.setting.ignored?,
            })
        })
        .collect()
}
