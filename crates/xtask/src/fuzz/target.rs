//! The fuzz targets, found where cargo finds them.

use crate::paths;
use std::fs;
use std::path::{Path, PathBuf};

/// Stands in the header of a target that does not take [`DEFAULT_MAX_LEN`].
const MAX_LEN_LINE: &str = "//! Longest input: ";
const DEFAULT_MAX_LEN: u32 = 1024;

/// A fuzz target: `fuzz/src/bin/NAME.rs`.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: String,
    /// The longest input that is worth its time, in bytes.
    pub(super) max_len: u32,
}

impl Target {
    /// All there are, by name.
    pub(super) fn all() -> Result<Vec<Self>, String> {
        let folder = folder().join("src/bin");
        let failed = |error| format!("{}: {error}", folder.display());
        let mut all = Vec::new();
        for entry in fs::read_dir(&folder).map_err(failed)? {
            all.extend(Self::read(&entry.map_err(failed)?.path())?);
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(all)
    }

    /// Where the inputs of the repository are.
    pub(super) fn seeds(&self) -> PathBuf {
        folder().join("corpus").join(&self.name)
    }

    /// Words of the format, where there are any.
    pub(super) fn dictionary(&self) -> Option<PathBuf> {
        Some(folder().join("dictionaries").join(&self.name)).filter(|path| path.is_file())
    }

    fn read(path: &Path) -> Result<Option<Self>, String> {
        let Some(name) = path
            .file_name()
            .and_then(|name| name.to_str()?.strip_suffix(".rs"))
        else {
            return Ok(None);
        };
        let failed = |error| format!("{}: {error}", path.display());
        let text = fs::read_to_string(path).map_err(failed)?;
        Ok(Some(Self {
            name: name.to_owned(),
            max_len: max_len(&text).map_err(|line| format!("{}: `{line}`", path.display()))?,
        }))
    }
}

/// The fuzz workspace.
pub(super) fn folder() -> PathBuf {
    paths::workspace().join("fuzz")
}

/// `//! Longest input: 320 bytes.`
fn max_len(text: &str) -> Result<u32, &str> {
    let Some(line) = text.lines().find(|line| line.starts_with(MAX_LEN_LINE)) else {
        return Ok(DEFAULT_MAX_LEN);
    };
    line.strip_prefix(MAX_LEN_LINE)
        .and_then(|rest| rest.strip_suffix(" bytes."))
        .and_then(|number| number.parse().ok())
        .ok_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_input_is_read_from_the_header() {
        assert_eq!(max_len("//! A file.\n#![no_main]\n"), Ok(1024));
        let text = "//! A file.\n//!\n//! Longest input: 320 bytes.\n#![no_main]\n";
        assert_eq!(max_len(text), Ok(320));
        let wrong = "//! Longest input: many bytes.";
        assert_eq!(max_len(wrong), Err(wrong));
    }

    #[test]
    fn every_target_has_inputs_to_begin_with() {
        for target in Target::all().unwrap() {
            let seeds = fs::read_dir(target.seeds()).map_or(0, Iterator::count);
            assert!(seeds > 0, "fuzz/corpus/{} is empty", target.name);
        }
    }

    #[test]
    fn every_folder_and_dictionary_belongs_to_a_target() {
        let names: Vec<String> = Target::all().unwrap().into_iter().map(|t| t.name).collect();
        for place in ["corpus", "dictionaries"] {
            for entry in fs::read_dir(folder().join(place)).unwrap() {
                let name = entry.unwrap().file_name().into_string().unwrap();
                assert!(names.contains(&name), "{place}/{name} has no target");
            }
        }
    }

    /// What is fuzzed is what is shipped. `docs/fuzzing.md` says how to bring them in step.
    #[test]
    fn both_lock_files_name_the_same_versions() {
        let (ours, shipped) = (locked("fuzz/Cargo.lock"), locked("Cargo.lock"));
        let shipped_name = |name: &str| shipped.iter().any(|(other, _)| other == name);
        for package in ours {
            assert!(
                !shipped_name(&package.0) || shipped.contains(&package),
                "fuzz/Cargo.lock has {} {}, Cargo.lock another",
                package.0,
                package.1
            );
        }
    }

    fn locked(file: &str) -> Vec<(String, String)> {
        let text = fs::read_to_string(paths::workspace().join(file)).unwrap();
        let field = |line: &str, key: &str| {
            let rest = line.strip_prefix(key)?.strip_prefix(" = \"")?;
            rest.strip_suffix('"').map(str::to_owned)
        };
        let mut lines = text.lines();
        let mut packages = Vec::new();
        while let Some(line) = lines.next() {
            if let Some(name) = field(line, "name") {
                let version = lines.next().and_then(|line| field(line, "version"));
                packages.push((name, version.unwrap()));
            }
        }
        assert!(packages.len() > 50, "{file} is not read");
        packages
    }
}
