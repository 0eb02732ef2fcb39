//! A node's config.toml, changed in place line by line, so that what a version
//! wrote for itself stays as it wrote it.

use std::path::{Path, PathBuf};

/// A TOML file with `key = value` lines in `[sections]`.
pub struct ConfigFile {
    path: PathBuf,
    lines: Vec<String>,
}

impl ConfigFile {
    /// Reads the file.
    pub fn open(path: &Path) -> Self {
        let text = std::fs::read_to_string(path)
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self {
            path: path.to_owned(),
            lines: text.lines().map(str::to_owned).collect(),
        }
    }

    /// Sets `key` of `section` (`""` is the part before the first section) to
    /// `value`, which is TOML already: text needs its quotes.
    ///
    /// # Panics
    /// When the file has no such key: a setting that a version renamed must not
    /// be lost without a word.
    pub fn set(mut self, section: &str, key: &str, value: &str) -> Self {
        let mut inside = section.is_empty();
        for line in &mut self.lines {
            let trimmed = line.trim();
            if trimmed.starts_with('[') {
                inside = trimmed == format!("[{section}]");
            } else if inside && has_key(trimmed, key) {
                *line = format!("{key} = {value}");
                return self;
            }
        }
        panic!("{} has no {key} in [{section}]", self.path.display());
    }

    /// The first value of `key`, whatever section it is in, without quotes.
    pub fn first(&self, key: &str) -> Option<String> {
        let line = self.lines.iter().find(|line| has_key(line.trim(), key))?;
        let (_, value) = line.split_once('=')?;
        Some(value.trim().trim_matches('"').to_owned())
    }

    /// Writes the file back.
    pub fn save(self) {
        std::fs::write(&self.path, self.lines.join("\n") + "\n").unwrap();
    }
}

fn has_key(line: &str, key: &str) -> bool {
    line.strip_prefix(key)
        .is_some_and(|rest| rest.trim_start().starts_with('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> (tempfile::TempDir, ConfigFile) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        let config = ConfigFile::open(&path);
        (dir, config)
    }

    #[test]
    fn only_the_key_of_the_named_section_changes() {
        let (dir, config) = file("laddr = 0\n[rpc]\nladdr = 1\n[p2p]\nladdr_old = 2\nladdr = 3\n");
        config.set("p2p", "laddr", "\"x\"").save();
        assert_eq!(
            std::fs::read_to_string(dir.path().join("config.toml")).unwrap(),
            "laddr = 0\n[rpc]\nladdr = 1\n[p2p]\nladdr_old = 2\nladdr = \"x\"\n"
        );
    }

    #[test]
    #[should_panic(expected = "has no laddr in [p2p]")]
    fn a_missing_key_is_an_error() {
        let (_dir, config) = file("[rpc]\nladdr = 1\n[p2p]\n");
        let _ = config.set("p2p", "laddr", "2");
    }
}
