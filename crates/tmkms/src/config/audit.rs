//! `[audit]`: the file in which each signature and each refusal is recorded.

use std::path::PathBuf;

use toml::Spanned;

use super::paths;
use super::section::{Marked, Section};
use diagnostics::Located;

/// How long a file may get, in MiB, unless configured.
const ROTATE_MIB: u64 = 64;

/// What `[audit]` says.
#[derive(Clone, Debug)]
pub struct Audit {
    /// `file`.
    pub file: Located<PathBuf>,
    /// `rotate_mib`, in bytes: when a file is renamed and another one begun.
    pub rotate_len: u64,
}

/// What could be read of it.
#[derive(Default)]
pub(super) struct AuditDraft {
    pub(super) file: Option<Marked<PathBuf>>,
    pub(super) audit: Option<Audit>,
}

/// Reads `[audit]`.
pub(super) fn read(section: &Section<'_>) -> AuditDraft {
    let present = section.require("file");
    let file = present.then(|| paths::path(section, "file")).flatten();
    let mib = section.integer("rotate_mib", 1..=1_048_576);
    let mib = mib.and_then(|mib| u64::try_from(mib.into_inner()).ok());
    let audit = file.as_ref().map(|file: &Spanned<PathBuf>| Audit {
        file: section.cx.located(file),
        rotate_len: mib.unwrap_or(ROTATE_MIB).saturating_mul(1024 * 1024),
    });
    AuditDraft { file, audit }
}
