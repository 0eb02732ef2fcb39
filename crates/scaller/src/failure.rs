//! Why a command failed, and how it is said.

use std::fmt::{self, Display};
use std::io;
use std::path::Path;

/// Why a command failed, in words for the person who typed it.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// What happened, where, and what to do.
    pub(crate) fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// An error of the system about a file: `cannot read /x: no such file`.
    pub(crate) fn file(what: &str, path: &Path, error: &io::Error) -> Self {
        let remedy = match error.kind() {
            io::ErrorKind::PermissionDenied => ". Run this as the user that owns it",
            io::ErrorKind::ReadOnlyFilesystem => ". Mount it writable for this command",
            _ => "",
        };
        Self(format!("cannot {what} {}: {error}{remedy}", path.display()))
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Says something to the person: on standard error, because standard output is for data.
macro_rules! say {
    ($($text:tt)*) => {{
        use std::io::Write as _;
        // Without a standard error there is nobody to tell.
        let _ = writeln!(std::io::stderr(), $($text)*);
    }};
}
pub(crate) use say;
