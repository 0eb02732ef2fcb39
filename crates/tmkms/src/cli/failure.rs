//! Why a command failed, and how that is told.

use std::fmt::{self, Display};
use std::path::Path;

/// Why a command failed, in words for the person who typed it.
///
/// Its `Display` is the whole text, with `error:` in front of each thing that went wrong.
#[derive(Debug)]
pub enum Failure {
    /// Things that went wrong, each told by itself.
    Errors(Vec<String>),
    /// A text that has its headings already.
    Rendered(String),
    /// The arguments contradict each other in a way that only the command could see.
    Usage(String),
    /// The command could not do its work at all, through no fault of what it works on.
    CouldNotRun(String),
    /// Told already, on standard output: what is left is the exit code.
    Told(u8),
}

impl Failure {
    /// One thing that went wrong.
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self::Errors(vec![text.into()])
    }

    /// Several things that went wrong.
    pub(super) fn listed(errors: &[impl Display]) -> Self {
        Self::Errors(errors.iter().map(ToString::to_string).collect())
    }

    /// What the process should exit with: 2 when the arguments are wrong, as clap does, or nothing
    /// could be done; else 1.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::CouldNotRun(_) => 2,
            Self::Errors(_) | Self::Rendered(_) => 1,
            Self::Told(code) => *code,
        }
    }
}

impl Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Errors(texts) => f.write_str(
                &texts
                    .iter()
                    .map(|text| format!("error: {text}"))
                    .collect::<Vec<_>>()
                    .join("\n"),
            ),
            Self::Rendered(text) => f.write_str(text),
            Self::CouldNotRun(text) => write!(f, "error: {text}"),
            Self::Told(_) => Ok(()),
            Self::Usage(text) => write!(f, "error: {text}\n\nFor more information, try '--help'."),
        }
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::new(error.to_string())
    }
}

/// The path as one word for a shell, so that a printed command can be pasted.
pub(super) fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%=".contains(c);
    if text.chars().all(plain) {
        text.into_owned()
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_error_has_its_heading_once() {
        let failure = Failure::listed(&["errors are many", "b"]);
        assert_eq!(failure.to_string(), "error: errors are many\nerror: b");
        let rendered = Failure::Rendered("error: as it is".to_owned());
        assert_eq!(rendered.to_string(), "error: as it is");
    }

    #[test]
    fn a_path_that_a_shell_would_split_or_run_is_quoted() {
        assert_eq!(quoted(Path::new("/a/b-c.key")), "/a/b-c.key");
        assert_eq!(quoted(Path::new("/a b/$(id)")), "'/a b/$(id)'");
        assert_eq!(quoted(Path::new("it's")), r"'it'\''s'");
    }
}
