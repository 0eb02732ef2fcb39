//! Paths as words of a shell command, so that a remedy can be pasted.

use std::path::Path;

/// The path as one word for a POSIX shell.
pub(crate) fn quoted(path: &Path) -> String {
    let text = path.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@%=".contains(c);
    let word = !text.is_empty() && text.chars().all(plain) && !text.starts_with('-');
    if word {
        text.into_owned()
    } else if text.starts_with('-') {
        format!("'./{}'", text.replace('\'', r"'\''"))
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_path_stays_as_it_is() {
        assert_eq!(quoted(Path::new("/a/b-c.key")), "/a/b-c.key");
    }

    #[test]
    fn a_path_that_a_shell_would_split_or_run_is_quoted() {
        assert_eq!(quoted(Path::new("/a b/$(id)")), "'/a b/$(id)'");
        assert_eq!(quoted(Path::new("it's")), r"'it'\''s'");
        assert_eq!(quoted(Path::new("-rf")), "'./-rf'");
        assert_eq!(quoted(Path::new("")), "''");
    }
}
