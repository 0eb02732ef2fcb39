//! How the files of an audit log are called.

use std::path::{Path, PathBuf};

/// Where the head of a log is.
#[must_use]
pub fn head_path(log: &Path) -> PathBuf {
    with_suffix(log, "head")
}

/// Where a file of a log is once it is full.
pub(super) fn rotated_path(log: &Path, number: u64) -> PathBuf {
    with_suffix(log, &format!("{number:06}"))
}

/// The directory of a log.
pub(super) fn parent(path: &Path) -> &Path {
    let parent = path.parent().filter(|it| !it.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

fn with_suffix(log: &Path, suffix: &str) -> PathBuf {
    let mut name = log.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}
