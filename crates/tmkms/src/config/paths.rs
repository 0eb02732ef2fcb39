//! Paths in the configuration file.
//!
//! Invariant: a relative path is meant from the directory of the configuration file, whatever
//! the working directory is (tmkms takes the working directory).

use std::path::{Component, Path, PathBuf};

use toml::Spanned;

use super::section::{Marked, Section, Wrong};
use diagnostics::quoted;

/// A path, resolved.
pub(super) fn path(section: &Section<'_>, name: &'static str) -> Option<Marked<PathBuf>> {
    let written = section.parsed(name, |text| usable(name, text))?;
    let resolved = section.cx.resolve(written.get_ref());
    Some(Spanned::new(written.span(), resolved))
}

fn usable(name: &str, text: &str) -> Result<PathBuf, Wrong> {
    let wrong = |title: String, label: &str, help: &str| Wrong {
        title,
        label: label.to_owned(),
        help: help.to_owned(),
    };
    if text.is_empty() {
        return Err(wrong(
            format!("`{name}` is an empty path"),
            "expected the path of a file",
            "write the path, absolute or from the directory of this file",
        ));
    }
    if text.starts_with(['~', '$']) {
        return Err(wrong(
            format!("`{name}` cannot be {}", quoted(text)),
            "`~` and variables stand for nothing here",
            "write the path in full, or from the directory of this file",
        ));
    }
    if text.contains('\0') || text.ends_with('/') {
        return Err(wrong(
            format!("`{name}` cannot be {}", quoted(text)),
            "expected the path of a file",
            "write the path of the file, without NUL and without `/` at the end",
        ));
    }
    Ok(PathBuf::from(text))
}

/// The path without `.` and with `..` taken back, for finding two spellings of one file. It does
/// not look at the disk: symbolic links stay what they are.
pub(super) fn normalised(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for component in path.components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir
                if matches!(out.components().next_back(), Some(Component::Normal(_))) =>
            {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_spellings_of_a_path_are_one() {
        let same = |a: &str, b: &str| normalised(Path::new(a)) == normalised(Path::new(b));
        assert!(same("a/./b", "a/b"));
        assert!(same("a/x/../b", "a/b"));
        assert!(same("/a//b", "/a/b"));
        assert!(!same("../a", "a"));
        assert!(!same("../../a", "../a"));
    }

    #[test]
    fn paths_that_the_system_or_a_shell_would_need_are_refused() {
        for bad in ["", "~/k", "$HOME/k", "a\0b", "secrets/"] {
            assert!(usable("path", bad).is_err(), "{bad:?}");
        }
        for good in ["k", "./k", "../k", "/a b/ké", "a~b", "a$b"] {
            assert!(usable("path", good).is_ok(), "{good:?}");
        }
    }
}
